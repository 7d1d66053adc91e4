//! How services are called over HTTP: what the gateway does, for documents to say.

use prost_reflect::ServiceDescriptor;

use crate::gateway::rule::{Binding, BoundBody, bindings};
use crate::json::Messages;
use crate::openapi::document::ServiceRoutes;
use crate::openapi::error::OpenApiError;
use crate::openapi::route::{Route, RouteBody, RoutePath};
use crate::openapi::settings::Settings;

/// The services, each with the ways in which its methods are called. Of two with one name the first counts, as it does in
/// the gateway.
///
/// # Errors
/// A rule is wrong.
pub(crate) fn of(
    settings: &Settings,
    services: impl IntoIterator<Item = ServiceDescriptor>,
) -> Result<Vec<ServiceRoutes>, OpenApiError> {
    let mut messages = Messages::new(settings.json.clone());
    let mut found: Vec<ServiceRoutes> = Vec::new();
    for service in services {
        if messages.service(service.full_name()).is_none() {
            messages.add_descriptor(service.clone());
            found.push(ServiceRoutes { service, routes: Vec::new() });
        }
    }
    let names: Vec<_> = found.iter().map(|it| it.service.full_name().to_owned()).collect();
    let bindings = bindings(&messages, names.iter().map(String::as_str), &settings.rules, settings.with_implicit);
    for binding in bindings.map_err(|error| OpenApiError::new(error.to_string()))? {
        let of_service = found.iter_mut().find(|it| it.service == *binding.call.descriptor().parent_service());
        if let Some(of_service) = of_service {
            of_service.routes.push(route(&binding));
        }
    }
    // Those that are hidden were looked at too: rules may name their methods.
    found.retain(|it| !settings.hides(it.service.full_name()));
    Ok(found)
}

fn route(binding: &Binding) -> Route {
    let body = match &binding.body {
        BoundBody::None => RouteBody::None,
        BoundBody::Whole => RouteBody::Whole,
        BoundBody::Field(field) => RouteBody::Field(field.name().to_owned()),
    };
    Route {
        verb: binding.http_method.clone(),
        path: RoutePath::new(&binding.template.to_string()),
        body,
        response_body: binding.response_body.as_ref().map(|field| field.name().to_owned()),
        method: binding.call.descriptor().clone(),
    }
}
