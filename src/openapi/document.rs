//! A whole document.

use std::collections::{HashMap, HashSet};
use std::fmt;

use prost_reflect::prost_types::MethodOptions;
use prost_reflect::{FieldDescriptor, MessageDescriptor, ServiceDescriptor};

use crate::openapi::comments::Described;
use crate::openapi::components::Components;
use crate::openapi::parameters::parameters;
use crate::openapi::route::{Route, RouteBody};
use crate::openapi::settings::Settings;
use crate::openapi::value::{Object, Value};
use crate::openapi::yaml;

/// The version of OpenAPI that documents are in.
const OPENAPI_VERSION: &str = "3.1.0";

/// The message that is bytes of any kind.
const HTTP_BODY: &str = "google.api.HttpBody";

/// The kinds of request that an OpenAPI document has a word for.
const VERBS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// Where operations of other kinds stand. OpenAPI 3.2 has the same without `x-`.
const OTHER_VERBS: &str = "x-additionalOperations";

/// An OpenAPI document.
///
/// ```
/// # fn example(set: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
/// use seltzer::openapi::{DescriptorPool, OpenApi};
///
/// let pool = DescriptorPool::decode(set)?;
/// let document = OpenApi::new().title("Greetings").document(pool.services())?;
/// println!("{}", document.to_json());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq)]
pub struct Document(Object);

impl Document {
    /// The document as JSON, a line for each value.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(&self.0).expect("a tree of plain values is always JSON");
        text.push('\n');
        text
    }

    /// The same as YAML.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        yaml::to_yaml(&self.0)
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Document").finish_non_exhaustive()
    }
}

/// A service and the ways in which its methods are called.
pub(crate) struct ServiceRoutes {
    pub(crate) service: ServiceDescriptor,
    pub(crate) routes: Vec<Route>,
}

/// Writes the document of these services.
pub(crate) fn document(settings: &Settings, services: &[ServiceRoutes]) -> Document {
    let mut writer = Writer {
        components: Components::new(settings.json.clone()),
        paths: Vec::new(),
        by_shape: HashMap::new(),
        operation_ids: HashSet::new(),
    };
    let mut tags = Vec::new();
    for ServiceRoutes { service, routes } in services {
        let comment = writer.components.comment(&service.parent_file(), service.path());
        tags.push(Object::new().with("name", service.full_name()).with_some("description", comment));
        for route in routes {
            writer.route(route);
        }
    }
    let error = writer.components.well_known("google.rpc.Status");
    let mut paths = Object::new();
    for path in writer.paths {
        paths.insert(path.path, path.item);
    }
    let mut document = Object::new().with("openapi", OPENAPI_VERSION).with("info", settings.info());
    document.insert("servers", settings.servers());
    if settings.bearer_auth {
        document.insert("security", [Object::new().with("bearer", Vec::<Value>::new())]);
    }
    let failed = Object::new()
        .with("description", "The call failed: what went wrong, and its gRPC code.")
        .with("content", Object::new().with("application/json", Object::new().with("schema", error)));
    let mut components = Object::new()
        .with("schemas", writer.components.finish())
        .with("responses", Object::new().with("Error", failed));
    if settings.bearer_auth {
        let bearer = Object::new().with("type", "http").with("scheme", "bearer");
        components.insert("securitySchemes", Object::new().with("bearer", bearer));
    }
    Document(document.with("tags", tags).with("paths", paths).with("components", components))
}

struct Writer {
    components: Components,
    paths: Vec<PathItem>,
    /// Which of them has a shape.
    by_shape: HashMap<String, usize>,
    operation_ids: HashSet<String>,
}

struct PathItem {
    path: String,
    /// What its parameters are called.
    names: Vec<String>,
    item: Object,
}

impl Writer {
    fn route(&mut self, route: &Route) {
        let index = *self.by_shape.entry(route.path.shape()).or_insert_with(|| {
            // Of paths that match the same requests a document has one, with the names of the first.
            let names = route.path.parameters.iter().map(|parameter| parameter.name.clone()).collect();
            self.paths.push(PathItem { path: route.path.path.clone(), names, item: Object::new() });
            self.paths.len() - 1
        });
        let verb = match route.verb.as_str() {
            // Any kind: the usual one.
            "*" if route.body == RouteBody::None => "get".to_owned(),
            "*" => "post".to_owned(),
            verb => verb.to_ascii_lowercase(),
        };
        let names = self.paths[index].names.clone();
        if VERBS.contains(&verb.as_str()) {
            if self.paths[index].item.get(&verb).is_none() {
                let operation = self.operation(route, &names);
                self.paths[index].item.insert(verb, operation);
            }
            return;
        }
        let operation = self.operation(route, &names);
        let item = &mut self.paths[index].item;
        if item.get(OTHER_VERBS).is_none() {
            item.insert(OTHER_VERBS, Object::new());
        }
        if let Some(Value::Object(others)) = item.get_mut(OTHER_VERBS)
            && others.get(&route.verb).is_none()
        {
            others.insert(&route.verb, operation);
        }
    }

    fn operation(&mut self, route: &Route, names: &[String]) -> Object {
        let method = &route.method;
        let comment = self.components.comment(&method.parent_file(), method.path());
        let Described { summary, description } = Described::new(comment);
        let mut operation = Object::new().with("tags", [method.parent_service().full_name()]);
        operation = operation.with_some("summary", summary).with_some("description", description);
        operation.insert("operationId", self.operation_id(method.full_name()));
        let parameters = parameters(&mut self.components, route, names);
        if !parameters.is_empty() {
            operation.insert("parameters", parameters);
        }
        if let Some(body) = self.request_body(route) {
            operation.insert("requestBody", body);
        }
        let error = Object::new().with("$ref", "#/components/responses/Error");
        operation.insert("responses", Object::new().with("200", self.response(route)).with("default", error));
        let options = &method.method_descriptor_proto().options;
        if options.as_ref().is_some_and(MethodOptions::deprecated) {
            operation.insert("deprecated", true);
        }
        operation
    }

    /// A name that no other operation has, of letters that names in programs have: `hello_Greeter_SayHello`.
    fn operation_id(&mut self, full_name: &str) -> String {
        let name = full_name.replace('.', "_");
        let mut id = name.clone();
        let mut number = 1;
        while !self.operation_ids.insert(id.clone()) {
            number += 1;
            id = format!("{name}_{number}");
        }
        id
    }

    fn request_body(&mut self, route: &Route) -> Option<Object> {
        let input = route.method.input();
        let schema = match &route.body {
            RouteBody::None => return None,
            RouteBody::Whole => self.body_schema(&input),
            RouteBody::Field(name) => self.field_schema(&input, name)?,
        };
        let content = match schema {
            None => Object::new().with("*/*", Object::new()),
            Some(schema) if route.method.is_client_streaming() => Object::new()
                .with("application/json", media(list_of(schema.clone())))
                .with("application/x-ndjson", media(schema)),
            Some(schema) => Object::new().with("application/json", media(schema)),
        };
        let object = Object::new();
        let object = match route.method.is_client_streaming() {
            true => object.with("description", "A stream: an array of messages, or a message a line."),
            false => object,
        };
        Some(object.with("content", content).with("required", true))
    }

    fn response(&mut self, route: &Route) -> Object {
        let output = route.method.output();
        let schema = match &route.response_body {
            None => self.body_schema(&output),
            Some(name) => self.field_schema(&output, name).unwrap_or_default(),
        };
        if !route.method.is_server_streaming() {
            let content = match schema {
                None => Object::new().with("*/*", Object::new()),
                Some(schema) => Object::new().with("application/json", media(schema)),
            };
            return Object::new().with("description", "OK").with("content", content);
        }
        let description = "A stream, in the form that `Accept` asks for: an array of messages, a message a line, or \
                           server-sent events.";
        let content = match schema {
            None => Object::new().with("*/*", Object::new()),
            Some(schema) => {
                let events = "Each event's data is a message.";
                let events = Object::new().with("type", "string").with("description", events);
                Object::new()
                    .with("application/json", media(list_of(schema.clone())))
                    .with("application/x-ndjson", media(schema))
                    .with("text/event-stream", media(events))
            }
        };
        Object::new().with("description", description).with("content", content)
    }

    /// A whole message; `None` for one that is bytes of any kind.
    fn body_schema(&mut self, message: &MessageDescriptor) -> Option<Object> {
        (message.full_name() != HTTP_BODY).then(|| self.components.message(message))
    }

    /// One field of a message, if there is such a field.
    fn field_schema(&mut self, message: &MessageDescriptor, name: &str) -> Option<Option<Object>> {
        let field = message.get_field_by_name(name)?;
        Some((!is_http_body(&field)).then(|| self.components.field(&field)))
    }
}

fn is_http_body(field: &FieldDescriptor) -> bool {
    !field.is_list() && field.kind().as_message().is_some_and(|message| message.full_name() == HTTP_BODY)
}

fn media(schema: Object) -> Object {
    Object::new().with("schema", schema)
}

fn list_of(schema: Object) -> Object {
    Object::new().with("type", "array").with("items", schema)
}
