//! Services without a schema, for messages that are not protobuf.
//!
//! The service is described by hand, each method with the Rust types of its messages and the codec
//! that turns them into bytes. What is generated is the same as from a schema, except that there
//! is nothing for reflection to show.
//!
//! ```no_run
//! use seltzer_build::manual::{Builder, Method, Service};
//!
//! # fn main() -> Result<(), seltzer_build::Error> {
//! let say_hello = Method::builder()
//!     .name("say_hello")
//!     .route_name("SayHello")
//!     .input_type("crate::HelloRequest")
//!     .output_type("crate::HelloReply")
//!     .codec_path("crate::JsonCodec")
//!     .build();
//! let greeter = Service::builder().package("json").name("Greeter").method(say_hello).build();
//! // Writes `json.Greeter.rs`, for `seltzer::include_proto!("json.Greeter")`.
//! Builder::new().compile(&[greeter])
//! # }
//! ```

use std::path::{Path, PathBuf};

use proc_macro2::TokenStream;
use quote::quote;

use crate::error::Error;
use crate::messages::format_rust;
use crate::names;
use crate::output::{self, OutputFile};
use crate::service::{self, Idempotency, Kind, ServiceSettings};

/// Generates services that were described by hand.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing before `compile`"]
pub struct Builder {
    settings: ServiceSettings,
    out_dir: Option<PathBuf>,
}

impl Builder {
    /// A builder with the usual settings: servers and clients, into `OUT_DIR`.
    pub fn new() -> Self {
        let settings = ServiceSettings { has_descriptor_set: false, ..ServiceSettings::default() };
        Builder { settings, out_dir: None }
    }

    /// Whether to generate traits and servers.
    pub fn build_server(mut self, enable: bool) -> Self {
        self.settings.build_server = enable;
        self
    }

    /// Whether to generate clients.
    pub fn build_client(mut self, enable: bool) -> Self {
        self.settings.build_client = enable;
        self
    }

    /// Whether clients get `connect` and seltzer's channel as their default.
    pub fn build_transport(mut self, enable: bool) -> Self {
        self.settings.build_transport = enable;
        self
    }

    /// Whether each client also gets a trait with its methods; see
    /// [`client_trait`](crate::Builder::client_trait).
    pub fn client_trait(mut self, enable: bool) -> Self {
        self.settings.client_trait = enable;
        self
    }

    /// The path of seltzer in generated code, for crates that know it by another name.
    pub fn seltzer_path(mut self, path: impl AsRef<str>) -> Self {
        path.as_ref().clone_into(&mut self.settings.seltzer_path);
        self
    }

    /// Writes to this directory instead of `OUT_DIR`.
    pub fn out_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.out_dir = Some(directory.as_ref().to_owned());
        self
    }

    /// Generates each service into a file of its own, called `package.Service.rs`.
    ///
    /// # Errors
    ///
    /// A name, type or codec is missing or is not Rust, names clash, or a file cannot be written.
    pub fn compile(&self, services: &[Service]) -> Result<(), Error> {
        let files = services.iter().map(|service| self.generate(service)).collect::<Result<Vec<_>, _>>()?;
        let directory = output::directory(self.out_dir.as_ref())?;
        output::claim(&directory, &files, "services described by hand")?;
        output::write(&directory, &files)
    }

    fn generate(&self, service: &Service) -> Result<OutputFile, Error> {
        let model = service.model()?;
        let name = format!("{}.rs", model.full_name());
        let tokens = service::generate(&model, &self.settings)?;
        let rust = format_rust(&tokens.to_string())
            .map_err(|error| Error::new(format!("what was generated for `{name}` is not Rust: {error}")))?;
        Ok(OutputFile { name, content: rust.into_bytes() })
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// A service that was described by hand.
#[derive(Debug, Clone)]
pub struct Service {
    description: ServiceBuilder,
}

impl Service {
    /// Starts the description of a service.
    pub fn builder() -> ServiceBuilder {
        ServiceBuilder::default()
    }

    fn model(&self) -> Result<service::Service, Error> {
        let ServiceBuilder { name, package, comments, methods } = &self.description;
        if name.is_empty() {
            return Err(Error::new("a service has no name").with_hint("give it one with `.name(\"Greeter\")`"));
        }
        let rust_name = names::upper_camel(name);
        identifier(&rust_name)?;
        let methods = methods.iter().map(|method| method.model(name)).collect::<Result<Vec<_>, _>>()?;
        distinct(&methods, name)?;
        Ok(service::Service {
            rust_name,
            proto_name: name.clone(),
            package: package.clone(),
            docs: spaced(comments),
            deprecated: false,
            methods,
        })
    }
}

/// Describes a service.
#[derive(Debug, Clone, Default)]
#[must_use = "a description is finished by `build`"]
pub struct ServiceBuilder {
    name: String,
    package: String,
    comments: Vec<String>,
    methods: Vec<Method>,
}

impl ServiceBuilder {
    /// The service's name, in Rust and on the wire.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        name.as_ref().clone_into(&mut self.name);
        self
    }

    /// The package in front of the name on the wire; none by default.
    pub fn package(mut self, package: impl AsRef<str>) -> Self {
        package.as_ref().clone_into(&mut self.package);
        self
    }

    /// Adds a line to the documentation.
    pub fn comment(mut self, line: impl AsRef<str>) -> Self {
        self.comments.push(line.as_ref().to_owned());
        self
    }

    /// Adds a method.
    pub fn method(mut self, method: Method) -> Self {
        self.methods.push(method);
        self
    }

    /// Finishes the description. [`Builder::compile`] says if something is missing.
    pub fn build(self) -> Service {
        Service { description: self }
    }
}

/// A method that was described by hand.
#[derive(Debug, Clone)]
pub struct Method {
    description: MethodBuilder,
}

impl Method {
    /// Starts the description of a method.
    pub fn builder() -> MethodBuilder {
        MethodBuilder::default()
    }

    fn model(&self, service: &str) -> Result<service::Method, Error> {
        let method = &self.description;
        if method.route_name.is_empty() {
            return Err(Error::new(format!("a method of service `{service}` has no name on the wire"))
                .with_hint("give it one with `.route_name(\"SayHello\")`"));
        }
        let route = format!("{service}/{}", method.route_name);
        let rust_name = names::snake(if method.name.is_empty() { &method.route_name } else { &method.name });
        identifier(&rust_name)?;
        if method.codec_path.is_empty() {
            return Err(Error::new(format!("method `{route}` has no codec"))
                .with_hint("name the type that makes bytes of messages: `.codec_path(\"crate::JsonCodec\")`"));
        }
        Ok(service::Method {
            rust_name,
            proto_name: method.route_name.clone(),
            docs: spaced(&method.comments),
            input: rust_type(&method.input_type, &route, "input_type")?,
            output: rust_type(&method.output_type, &route, "output_type")?,
            messages: None,
            kind: Kind::of(method.client_streaming, method.server_streaming),
            deprecated: method.deprecated,
            idempotency: Idempotency::Unknown,
            codec_path: Some(method.codec_path.clone()),
        })
    }
}

/// Describes a method.
#[derive(Debug, Clone, Default)]
#[must_use = "a description is finished by `build`"]
pub struct MethodBuilder {
    name: String,
    route_name: String,
    comments: Vec<String>,
    input_type: String,
    output_type: String,
    codec_path: String,
    client_streaming: bool,
    server_streaming: bool,
    deprecated: bool,
}

impl MethodBuilder {
    /// The method's name in Rust; by default the one on the wire in snake case.
    pub fn name(mut self, name: impl AsRef<str>) -> Self {
        name.as_ref().clone_into(&mut self.name);
        self
    }

    /// The method's name on the wire.
    pub fn route_name(mut self, name: impl AsRef<str>) -> Self {
        name.as_ref().clone_into(&mut self.route_name);
        self
    }

    /// Adds a line to the documentation.
    pub fn comment(mut self, line: impl AsRef<str>) -> Self {
        self.comments.push(line.as_ref().to_owned());
        self
    }

    /// The type of requests, as seen from the generated module: `crate::HelloRequest`.
    pub fn input_type(mut self, path: impl AsRef<str>) -> Self {
        path.as_ref().clone_into(&mut self.input_type);
        self
    }

    /// The type of replies, as seen from the generated module: `crate::HelloReply`.
    pub fn output_type(mut self, path: impl AsRef<str>) -> Self {
        path.as_ref().clone_into(&mut self.output_type);
        self
    }

    /// The type that turns messages into bytes and back, which must implement `Default`.
    pub fn codec_path(mut self, path: impl AsRef<str>) -> Self {
        path.as_ref().clone_into(&mut self.codec_path);
        self
    }

    /// The caller sends a stream.
    pub fn client_streaming(mut self) -> Self {
        self.client_streaming = true;
        self
    }

    /// The server sends a stream.
    pub fn server_streaming(mut self) -> Self {
        self.server_streaming = true;
        self
    }

    /// Callers shall no longer use it.
    pub fn deprecated(mut self) -> Self {
        self.deprecated = true;
        self
    }

    /// Finishes the description. [`Builder::compile`] says if something is missing.
    pub fn build(self) -> Method {
        Method { description: self }
    }
}

/// Doc comments have a space after the slashes.
fn spaced(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| format!(" {line}")).collect()
}

fn identifier(name: &str) -> Result<(), Error> {
    match syn::parse_str::<syn::Ident>(name) {
        Ok(_) => Ok(()),
        Err(_) => {
            Err(Error::new(format!("`{name}` cannot be a name in Rust"))
                .with_hint("use letters, digits and underscores"))
        }
    }
}

fn rust_type(text: &str, route: &str, setter: &str) -> Result<TokenStream, Error> {
    let parsed: syn::Type = syn::parse_str(text).map_err(|error| {
        Error::new(format!("`{text}` is not a Rust type: {error}"))
            .with_hint(format!("give method `{route}` one with `.{setter}(\"crate::Name\")`"))
    })?;
    Ok(quote! { #parsed })
}

fn distinct(methods: &[service::Method], service: &str) -> Result<(), Error> {
    let mut seen = std::collections::HashSet::new();
    match methods.iter().find(|method| !seen.insert(&method.rust_name)) {
        Some(method) => Err(Error::new(format!("service `{service}` has two methods called `{}`", method.rust_name))
            .with_hint("rename one of them with `.name(..)`")),
        None => Ok(()),
    }
}
