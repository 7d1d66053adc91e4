//! `seltzer openapi`: schemas to an OpenAPI document.

use std::collections::HashSet;

use seltzer::openapi::{OpenApi, ServiceDescriptor};
use seltzer_build::SchemaFile;

use crate::arguments::{DocumentFormat, OpenApiArguments, builder};
use crate::error::Failure;
use crate::output;

/// Compiles, and writes the document.
///
/// # Errors
/// A schema is wrong or missing, there is no service in them, or the file cannot be written.
pub(crate) fn run(arguments: &OpenApiArguments) -> Result<u8, Failure> {
    let services = services(arguments)?;
    if services.is_empty() {
        return Err(Failure::new("there is no service in these schemas")
            .with_hint("name the files that have one; those that they import are found by themselves"));
    }
    let mut openapi = OpenApi::new().bearer_auth(arguments.bearer);
    if let Some(title) = &arguments.title {
        openapi = openapi.title(title);
    }
    if let Some(version) = &arguments.api_version {
        openapi = openapi.version(version);
    }
    for server in &arguments.server {
        openapi = openapi.server_url(server);
    }
    let document = openapi.document(services).map_err(|error| Failure::new(error.to_string()))?;
    let text = match arguments.document_format() {
        DocumentFormat::Json => document.to_json(),
        DocumentFormat::Yaml => document.to_yaml(),
    };
    output::write_file(&arguments.output, text.as_bytes())?;
    Ok(0)
}

/// The services of the schemas that were named, not of those that these import.
fn services(arguments: &OpenApiArguments) -> Result<Vec<ServiceDescriptor>, Failure> {
    let (builder, includes) = builder(&arguments.include, &arguments.protos);
    let mut services = Vec::new();
    for proto in &arguments.protos {
        // Each by itself: two files without a package may declare the same names.
        let schemas = builder.load(&[proto], &includes)?;
        let named: HashSet<_> = schemas.files().filter(|file| !file.is_import()).map(SchemaFile::name).collect();
        let pool = schemas.descriptor_pool();
        services.extend(pool.services().filter(|service| named.contains(service.parent_file().name())));
    }
    Ok(services)
}
