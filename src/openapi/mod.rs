//! OpenAPI 3.1 documents of a server's services, and Swagger UI to read and try them. Features `openapi` and
//! `swagger-ui`.
//!
//! [`OpenApi`] writes how a [`Gateway`] answers for the services, after their descriptors and `google.api.http` options: so
//! nothing needs to be generated or kept up to date. A server that speaks it answers
//!
//! - `/openapi.json` and `/openapi.yaml`: the document,
//! - `/swagger-ui/`: Swagger UI with it, with the feature `swagger-ui`.
//!
//! ```
//! use seltzer::Server;
//! use seltzer::openapi::OpenApi;
//!
//! let gateway = seltzer::gateway::Gateway::new();
//! let docs = OpenApi::new().gateway(&gateway).title("Greetings").version("1.2");
//! let server = Server::builder().speak(docs).speak(gateway);
//! # drop(server);
//! ```
//!
//! What documents say in words are the comments of the schemas, if their descriptors have kept them: tell seltzer-build
//! to `include_source_info(true)`.
//!
//! How schemas become schemas:
//!
//! | protobuf | OpenAPI |
//! |---|---|
//! | message, enum | a component by its full name; recursion is a reference |
//! | 64-bit integer | a string with the format `int64` or `uint64` |
//! | `bytes` | a string in base64 |
//! | enum | a string, one of its names |
//! | `oneof` | `oneOf`: one alternative for each field, and one without any |
//! | `map` | an object with `additionalProperties` |
//! | well-known types | what they are in JSON; wrappers may be null |
//! | `google.api.field_behavior` | `required`, `readOnly`, `writeOnly` |
//! | `google.api.HttpBody` | any content |
//! | stream of responses | an array, a message a line, or server-sent events, by `Accept` |

#[cfg(feature = "swagger-ui")]
mod archive;
mod behavior;
mod comments;
mod components;
mod document;
mod error;
mod parameters;
mod route;
mod routes;
mod settings;
mod site;
#[cfg(feature = "swagger-ui")]
mod swagger_ui;
mod value;
mod well_known;
mod yaml;

use std::fmt;
use std::sync::Arc;

pub use prost_reflect::{DescriptorPool, ServiceDescriptor};

pub use self::document::Document;
pub use self::error::OpenApiError;

use crate::gateway::Gateway;
use crate::openapi::settings::Settings;
use crate::openapi::site::{Page, Site};
use crate::server::{BeginError, Body, PageLink, Protocol, ProtocolHandler, Served};

/// Where the document is.
const JSON_PATH: &str = "/openapi.json";
const YAML_PATH: &str = "/openapi.yaml";

/// Describes a server's services to those who call them over HTTP: give it to
/// [`Server::speak`](crate::Server::speak), or write a [`Document`] with it.
#[derive(Clone, Default)]
#[must_use = "it describes nothing until a server speaks it or a document is written"]
pub struct OpenApi {
    settings: Settings,
    #[cfg_attr(not(feature = "swagger-ui"), allow(dead_code, reason = "there is none to leave out"))]
    without_swagger_ui: bool,
    site: Arc<Site>,
}

impl OpenApi {
    /// A description with the defaults.
    pub fn new() -> Self {
        OpenApi::default()
    }

    /// What the whole is called. `gRPC services` unless set.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.settings.title = title.into();
        self
    }

    /// The version of what is described. `1` unless set.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.settings.version = version.into();
        self
    }

    /// What there is to say of the whole, in Markdown.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.settings.description = Some(description.into());
        self
    }

    /// One more address where the services are. Unless there is one it is `/`: wherever the document comes from.
    pub fn server_url(mut self, url: impl Into<String>) -> Self {
        self.settings.servers.push(url.into());
        self
    }

    /// Whether calls need `authorization: Bearer ...`, so that Swagger UI asks for a token.
    pub fn bearer_auth(mut self, is_needed: bool) -> Self {
        self.settings.bearer_auth = is_needed;
        self
    }

    /// Leaves out a service, or all services of a package, by full name. gRPC's reflection and channelz are left out from
    /// the beginning: they are for tools.
    pub fn hide(mut self, service_or_package: impl Into<String>) -> Self {
        self.settings.hidden.push(service_or_package.into());
        self
    }

    /// Describes this gateway: how its messages look as JSON, the rules that it was given beside those of the schemas, and
    /// whether methods without a rule are answered. Unless set it is one with the defaults.
    ///
    /// ```
    /// use seltzer::Server;
    /// use seltzer::gateway::{Gateway, JsonOptions};
    /// use seltzer::openapi::OpenApi;
    ///
    /// let gateway = Gateway::new().json(JsonOptions::new().proto_names(true));
    /// let docs = OpenApi::new().gateway(&gateway);
    /// let server = Server::builder().speak(docs).speak(gateway);
    /// # drop(server);
    /// ```
    pub fn gateway(mut self, gateway: &Gateway) -> Self {
        let (json, rules, with_implicit) = gateway.described();
        self.settings = Settings { json, rules, with_implicit, ..self.settings };
        self
    }

    /// Whether to serve Swagger UI too. It does unless told otherwise.
    #[cfg(feature = "swagger-ui")]
    pub fn swagger_ui(mut self, is_served: bool) -> Self {
        self.without_swagger_ui = !is_served;
        self
    }

    /// Writes the document of these services, without a server.
    ///
    /// # Errors
    /// A method's `google.api.http` option is wrong.
    pub fn document(&self, services: impl IntoIterator<Item = ServiceDescriptor>) -> Result<Document, OpenApiError> {
        Ok(document::document(&self.settings, &routes::of(&self.settings, services)?))
    }

    fn site(&self, document: &Document) -> Result<Site, OpenApiError> {
        let mut site = Site::default();
        site.add(JSON_PATH, Page::new("application/json", document.to_json()));
        site.add(YAML_PATH, Page::new("application/yaml", document.to_yaml()));
        #[cfg(feature = "swagger-ui")]
        if !self.without_swagger_ui {
            for (path, page) in swagger_ui::pages(&self.settings.title, &self.settings.servers)? {
                site.add(path, page);
            }
            site.redirect("/swagger-ui", "swagger-ui/");
        }
        Ok(site)
    }
}

impl fmt::Debug for OpenApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenApi").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Protocol for OpenApi {
    fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError> {
        let document = self.document(descriptors(served)?)?;
        self.site = Arc::new(self.site(&document)?);
        Ok(())
    }

    fn handler(&self, request: &http::Request<Body>) -> Option<ProtocolHandler> {
        if !self.site.has(request.uri().path()) {
            return None;
        }
        let site = Arc::clone(&self.site);
        Some(Box::new(move |request, _| Box::pin(async move { site.answer(&request) })))
    }

    fn links(&self) -> Vec<PageLink> {
        let documents = [PageLink::new(JSON_PATH, "OpenAPI as JSON"), PageLink::new(YAML_PATH, "OpenAPI as YAML")];
        #[cfg(feature = "swagger-ui")]
        if !self.without_swagger_ui {
            let page = PageLink::new(swagger_ui::PATH, "Swagger UI");
            return std::iter::once(page).chain(documents).collect();
        }
        documents.into()
    }
}

/// The services that have schemas, each from its own set: sets may use one name for different things.
fn descriptors(served: &Served<'_>) -> Result<Vec<ServiceDescriptor>, OpenApiError> {
    let mut pools: Vec<(&'static [u8], DescriptorPool)> = Vec::new();
    let mut found = Vec::new();
    for service in served.services() {
        let set = service.file_descriptor_set;
        if set.is_empty() {
            continue;
        }
        // Services of one set share it, bytes and all.
        let index = match pools.iter().position(|(known, _)| std::ptr::eq(*known, set)) {
            Some(index) => index,
            None => {
                let pool = crate::json::pool::decode(set).map_err(|error| {
                    let name = service.name;
                    OpenApiError::new(format!("the descriptor set of {name} cannot be read: {error}"))
                })?;
                pools.push((set, pool));
                pools.len() - 1
            }
        };
        found.extend(pools[index].1.get_service_by_name(service.name));
    }
    Ok(found)
}
