//! Which methods are bound to which HTTP methods and paths: the rules of `google.api.http`.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use prost::Message;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::gateway::template::{ANY_METHOD, Routes, Template};
use crate::json::{JsonMethod, Messages};
use crate::service::MethodKind;

/// `google.api.HttpRule`, as far as it says something about HTTP.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct HttpRule {
    #[prost(string, tag = "1")]
    pub(crate) selector: String,
    #[prost(oneof = "Pattern", tags = "2, 3, 4, 5, 6, 8")]
    pub(crate) pattern: Option<Pattern>,
    #[prost(string, tag = "7")]
    pub(crate) body: String,
    #[prost(string, tag = "12")]
    pub(crate) response_body: String,
    #[prost(message, repeated, tag = "11")]
    pub(crate) additional_bindings: Vec<HttpRule>,
}

/// The HTTP method of a rule, and its path.
#[derive(Clone, PartialEq, Eq, prost::Oneof)]
pub(crate) enum Pattern {
    #[prost(string, tag = "2")]
    Get(String),
    #[prost(string, tag = "3")]
    Put(String),
    #[prost(string, tag = "4")]
    Post(String),
    #[prost(string, tag = "5")]
    Delete(String),
    #[prost(string, tag = "6")]
    Patch(String),
    #[prost(message, tag = "8")]
    Custom(CustomPattern),
}

/// `google.api.CustomHttpPattern`.
#[derive(Clone, PartialEq, Eq, Message)]
pub(crate) struct CustomPattern {
    #[prost(string, tag = "1")]
    pub(crate) kind: String,
    #[prost(string, tag = "2")]
    pub(crate) path: String,
}

/// What is read of `google.protobuf.MethodOptions`.
#[derive(Clone, PartialEq, Message)]
struct MethodOptions {
    #[prost(message, optional, tag = "72295728")]
    http: Option<HttpRule>,
}

/// A method, and one way to call it by HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Binding {
    /// The HTTP method, in capitals; `*` is any.
    pub(crate) http_method: String,
    pub(crate) template: Template,
    pub(crate) call: JsonMethod,
    /// `/package.Service/Method`.
    pub(crate) path: String,
    pub(crate) kind: MethodKind,
    /// The fields that the template's variables fill, each with those that lead to it; in their order.
    pub(crate) variables: Vec<Vec<FieldDescriptor>>,
    pub(crate) body: BoundBody,
    /// The field that is the answer; all of the message if there is none.
    pub(crate) response_body: Option<FieldDescriptor>,
    /// Nobody wrote this rule: it stands for a method that has none.
    pub(crate) is_implicit: bool,
}

/// What a request's body holds.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum BoundBody {
    /// Nothing.
    None,
    /// All of the message but for what stands in the path.
    Whole,
    /// This field.
    Field(FieldDescriptor),
}

/// A rule that cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RuleError(String);

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for RuleError {}

impl Pattern {
    fn parts(&self) -> (&str, &str) {
        match self {
            Pattern::Get(path) => ("GET", path),
            Pattern::Put(path) => ("PUT", path),
            Pattern::Post(path) => ("POST", path),
            Pattern::Delete(path) => ("DELETE", path),
            Pattern::Patch(path) => ("PATCH", path),
            Pattern::Custom(custom) => (&custom.kind, &custom.path),
        }
    }
}

/// The bindings of all methods of these services, in the order of the schemas. Rules by selector come before those in
/// the schemas; methods that have neither are called by their own names, if `with_implicit`.
///
/// # Errors
/// A rule is not valid, or names a method that there is not.
pub(crate) fn bindings<'a>(
    messages: &Messages,
    services: impl IntoIterator<Item = &'a str>,
    rules: &[HttpRule],
    with_implicit: bool,
) -> Result<Vec<Binding>, RuleError> {
    // Of several for one method the last counts.
    let mut chosen: HashMap<&str, &HttpRule> =
        rules.iter().map(|rule| (rule.selector.trim_start_matches('.'), rule)).collect();
    let mut bindings = Vec::new();
    for service in services {
        let Some(descriptor) = messages.service(service) else { continue };
        for method in descriptor.methods() {
            let path = format!("/{service}/{}", method.name());
            let Some(call) = messages.method(&path) else { continue };
            let annotated = || {
                let options = MethodOptions::decode(method.options().encode_to_vec().as_slice());
                options.unwrap_or_default().http.filter(|rule| rule.pattern.is_some())
            };
            let rule = chosen.remove(method.full_name()).cloned().or_else(annotated);
            match rule {
                Some(rule) => {
                    let all = std::iter::once(&rule).chain(&rule.additional_bindings);
                    for (index, one) in all.enumerate() {
                        let fail = |what: String| {
                            let which =
                                if index == 0 { String::new() } else { format!(", additional binding {index}") };
                            RuleError(format!("the HTTP rule of {}{which}: {what}", method.full_name()))
                        };
                        if index > 0 && !one.additional_bindings.is_empty() {
                            return Err(fail("additional bindings have none of their own".to_owned()));
                        }
                        bindings.push(bind(one, call, &path).map_err(fail)?);
                    }
                }
                None if with_implicit => bindings.push(implicit(call, &path)?),
                None => {}
            }
        }
    }
    match chosen.keys().min() {
        Some(selector) => {
            Err(RuleError(format!("there is an HTTP rule for {selector}, but no service here has such a method")))
        }
        None => Ok(bindings),
    }
}

/// Bindings by what they match.
///
/// # Errors
/// Two match the same requests.
pub(crate) fn routes(bindings: Vec<Binding>) -> Result<Routes<Arc<Binding>>, RuleError> {
    let mut routes = Routes::default();
    for binding in bindings {
        let (http_method, template) = (binding.http_method.clone(), binding.template.clone());
        let name = binding.call.descriptor().full_name().to_owned();
        if let Err(other) = routes.add(&http_method, &template, Arc::new(binding)) {
            return Err(RuleError(format!(
                "{http_method} {template} of {name} matches the same requests as {} {} of {}",
                other.http_method,
                other.template,
                other.call.descriptor().full_name(),
            )));
        }
    }
    Ok(routes)
}

fn implicit(call: &JsonMethod, path: &str) -> Result<Binding, RuleError> {
    let rule = HttpRule { pattern: Some(Pattern::Post(path.to_owned())), body: "*".to_owned(), ..HttpRule::default() };
    let binding = bind(&rule, call, path).map_err(RuleError)?;
    Ok(Binding { is_implicit: true, ..binding })
}

fn bind(rule: &HttpRule, call: &JsonMethod, path: &str) -> Result<Binding, String> {
    let Some(pattern) = &rule.pattern else { return Err("it has neither an HTTP method nor a path".to_owned()) };
    let (http_method, template) = pattern.parts();
    if http_method != ANY_METHOD && http::Method::from_bytes(http_method.as_bytes()).is_err() {
        return Err(format!("{http_method:?} is no HTTP method"));
    }
    let template = Template::parse(template).map_err(|error| error.to_string())?;
    let (input, method) = (call.input(), call.descriptor());
    let variables = template.variables().iter().map(|variable| variable_fields(input, &variable.path));
    let variables = variables.collect::<Result<Vec<_>, _>>()?;
    let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => MethodKind::Unary,
        (true, false) => MethodKind::ClientStreaming,
        (false, true) => MethodKind::ServerStreaming,
        (true, true) => MethodKind::BidiStreaming,
    };
    let body = match rule.body.as_str() {
        "" => BoundBody::None,
        "*" => BoundBody::Whole,
        name => BoundBody::Field(top_field(input, name, "body")?),
    };
    if body != BoundBody::None && matches!(http_method, "GET" | "HEAD") {
        return Err(format!("a {http_method} request has no body: leave `body` out"));
    }
    if body == BoundBody::None && method.is_client_streaming() {
        return Err("a stream of requests comes in the body: set `body`".to_owned());
    }
    let response_body = match rule.response_body.as_str() {
        "" => None,
        name => Some(top_field(call.output(), name, "response_body")?),
    };
    let http_method = http_method.to_owned();
    let (call, path) = (call.clone(), path.to_owned());
    Ok(Binding { http_method, template, call, path, kind, variables, body, response_body, is_implicit: false })
}

/// The fields of a path such as `book.name`, the last one of which can be written as one text.
fn variable_fields(message: &MessageDescriptor, path: &[String]) -> Result<Vec<FieldDescriptor>, String> {
    let shown = || path.join(".");
    let mut message = message.clone();
    let mut fields = Vec::new();
    for (index, name) in path.iter().enumerate() {
        let field = message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name));
        let Some(field) = field else {
            return Err(format!("the variable {}: the message {} has no field {name}", shown(), message.full_name()));
        };
        if field.is_list() || field.is_map() {
            let what = if field.is_map() { "a map" } else { "repeated" };
            return Err(format!("the variable {}: the field {name} is {what}", shown()));
        }
        let is_last = index + 1 == path.len();
        match (field.kind(), is_last) {
            (Kind::Message(inner), false) => message = inner,
            (_, false) => return Err(format!("the variable {}: the field {name} is no message", shown())),
            (Kind::Message(inner), true) if !is_text(&inner) => {
                let inner = inner.full_name();
                return Err(format!("the variable {}: a {inner} cannot be written in a path", shown()));
            }
            (_, true) => {}
        }
        fields.push(field);
    }
    Ok(fields)
}

/// Whether a message is one text, or one number, in JSON.
pub(crate) fn is_text(message: &MessageDescriptor) -> bool {
    let Some(known) = message.full_name().strip_prefix("google.protobuf.") else { return false };
    known.ends_with("Value") && !matches!(known, "Value" | "ListValue")
        || matches!(known, "Timestamp" | "Duration" | "FieldMask")
}

fn top_field(message: &MessageDescriptor, name: &str, option: &str) -> Result<FieldDescriptor, String> {
    let found = message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name));
    found.ok_or_else(|| {
        let hint = if name.contains('.') { "; it must be a field of the message itself" } else { "" };
        format!("`{option}: {name:?}`: the message {} has no such field{hint}", message.full_name())
    })
}
