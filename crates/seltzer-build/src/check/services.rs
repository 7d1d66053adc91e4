//! Services: the three modules of each, and the names of methods.

use prost_types::ServiceDescriptorProto;

use crate::check::{Context, Scope};
use crate::error::Error;
use crate::names::{service_stem, snake, stream_type, upper_camel};

/// Field numbers of descriptors, which make up the paths of places.
const FILE_SERVICE: i32 = 6;
const SERVICE_METHOD: i32 = 2;

/// Declares the modules of a file's services, and checks what is inside.
pub(crate) fn check_file<'a>(context: &Context<'a>, scope: &mut Scope<'a>) -> Result<(), Error> {
    for (index, service) in (0..).zip(&context.file.service) {
        check_service(context, scope, service, index)?;
    }
    Ok(())
}

fn check_service<'a>(
    context: &Context<'a>,
    scope: &mut Scope<'a>,
    service: &ServiceDescriptorProto,
    index: i32,
) -> Result<(), Error> {
    let name = service.name();
    let path = [FILE_SERVICE, index];
    let rust_name = upper_camel(name);
    if rust_name.is_empty() {
        let item = context.item(format!("service `{name}`"), &path);
        return scope.declare(rust_name, item);
    }
    let stem = service_stem(&rust_name);
    let roles = [
        ("descriptor", true),
        ("server", context.settings.service.build_server),
        ("client", context.settings.service.build_client),
    ];
    for (role, _) in roles.into_iter().filter(|(_, is_built)| *is_built) {
        // The descriptor is always there, so it is what two services clash on.
        let what = match role {
            "descriptor" => format!("service `{name}`"),
            _ => format!("the {role} of service `{name}`"),
        };
        let item = context.item(what, &path);
        scope.declare(format!("{stem}_{role}"), item)?;
    }
    let mut methods = Scope::default();
    for (method_index, method) in (0..).zip(&service.method) {
        let path = [FILE_SERVICE, index, SERVICE_METHOD, method_index];
        let item = context.item(format!("rpc `{}`", method.name()), &path);
        methods.declare(snake(method.name()), item)?;
    }
    let mut streams = Scope::default();
    for (method_index, method) in (0..).zip(&service.method) {
        if method.server_streaming() {
            let path = [FILE_SERVICE, index, SERVICE_METHOD, method_index];
            let item = context.item(format!("the stream of rpc `{}`", method.name()), &path);
            streams.declare(stream_type(method.name()), item)?;
        }
    }
    Ok(())
}
