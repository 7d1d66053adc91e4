//! How a service's methods are called over HTTP, as its schema says.

use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage as _, ServiceDescriptor, Value};

use crate::openapi::error::OpenApiError;
use crate::openapi::parameters::find;
use crate::openapi::route::{Route, RouteBody, RoutePath};

/// The option of methods.
const OPTION: &str = "google.api.http";

/// The fields of a rule that are a kind of request with its path.
const VERBS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// The ways in which a service's methods are called: those of their options, and `POST /package.Service/Method` of methods
/// without.
pub(crate) fn of(service: &ServiceDescriptor) -> Result<Vec<Route>, OpenApiError> {
    let mut routes = Vec::new();
    for method in service.methods() {
        let before = routes.len();
        if let Some(rule) = rule(&method) {
            routes.extend(route(&method, &rule)?);
            let additional = rule.get_field_by_name("additional_bindings");
            for rule in additional.iter().flat_map(|list| list.as_list().unwrap_or_default()) {
                if let Some(rule) = rule.as_message() {
                    routes.extend(route(&method, rule)?);
                }
            }
        }
        if routes.len() == before {
            let path = RoutePath::new(&format!("/{}/{}", service.full_name(), method.name()));
            let (verb, body) = ("POST".to_owned(), RouteBody::Whole);
            routes.push(Route { verb, path, body, response_body: None, method });
        }
    }
    Ok(routes)
}

fn rule(method: &MethodDescriptor) -> Option<DynamicMessage> {
    let option = method.parent_pool().get_extension_by_name(OPTION)?;
    let options = method.options();
    let said = options.has_extension(&option).then(|| options.get_extension(&option).into_owned())?;
    said.as_message().cloned()
}

fn route(method: &MethodDescriptor, rule: &DynamicMessage) -> Result<Option<Route>, OpenApiError> {
    let text = |name: &str| rule.get_field_by_name(name).and_then(|value| value.as_str().map(str::to_owned));
    let said = VERBS
        .iter()
        .map(|verb| (verb.to_uppercase(), text(verb)))
        .find_map(|(verb, path)| path.filter(|path| !path.is_empty()).map(|path| (verb, path)));
    let Some((verb, template)) = said.or_else(|| custom(rule)) else { return Ok(None) };
    let body = match text("body").as_deref() {
        None | Some("") => RouteBody::None,
        Some("*") => RouteBody::Whole,
        Some(field) => RouteBody::Field(field.to_owned()),
    };
    let response_body = text("response_body").filter(|field| !field.is_empty());
    let path = RoutePath::new(&template);
    let missing = |field: &str, message: &prost_reflect::MessageDescriptor| {
        let (name, message) = (method.full_name(), message.full_name());
        OpenApiError::new(format!(
            "{verb} {template} of {name} names a field `{field}` that {message} has not (mend its google.api.http option)"
        ))
    };
    let named = path.parameters.iter().filter_map(|parameter| parameter.field.as_ref());
    let in_body = match &body {
        RouteBody::Field(field) => Some(field),
        RouteBody::None | RouteBody::Whole => None,
    };
    for field in named.chain(in_body) {
        find(&method.input(), field).ok_or_else(|| missing(field, &method.input()))?;
    }
    if let Some(field) = &response_body {
        find(&method.output(), field).ok_or_else(|| missing(field, &method.output()))?;
    }
    Ok(Some(Route { verb, path, body, response_body, method: method.clone() }))
}

/// A kind of request that has no field of its own.
fn custom(rule: &DynamicMessage) -> Option<(String, String)> {
    let field = rule.descriptor().get_field_by_name("custom")?;
    if !rule.has_field(&field) {
        return None;
    }
    let value = rule.get_field(&field);
    let custom = value.as_message()?;
    let text = |name: &str| match custom.get_field_by_name(name)?.into_owned() {
        Value::String(text) => Some(text),
        _ => None,
    };
    Some((text("kind")?, text("path")?))
}
