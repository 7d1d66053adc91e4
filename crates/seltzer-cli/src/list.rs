//! `seltzer list`: what a server serves.

use crate::arguments::ListArguments;
use crate::call::outcome;
use crate::catalogue::{Known, Unknown};
use crate::connection;
use crate::error::Failure;
use crate::output;

/// Lists; gives the exit status.
///
/// # Errors
/// There is no such service, or the arguments make no sense.
pub(crate) fn run(arguments: &ListArguments) -> Result<u8, Failure> {
    let (address, names) = connection::address_and_names(&arguments.words, arguments.schemas.has_files())?;
    if let [_, more, ..] = names {
        return Err(Failure::usage(format!("there is an argument too much: {more:?}"))
            .with_hint("`seltzer list ADDR SERVICE` lists the methods of one service"));
    }
    match connection::run(list(arguments, address, names.first().map(String::as_str))) {
        Ok(lines) if lines.is_empty() => Ok(0),
        Ok(lines) => output::print(&lines.join("\n")).map(|()| 0),
        Err(Unknown::Failure(failure)) => Err(failure),
        Err(Unknown::Status(status)) => Ok(outcome::report(&status, None, None, 0)),
    }
}

async fn list(arguments: &ListArguments, address: Option<&str>, service: Option<&str>) -> Result<Vec<String>, Unknown> {
    let headers = [arguments.schemas.reflection_header.as_slice()];
    let connection = connection::open_if_named(address, &arguments.connection, &headers).await?;
    let asked = connection.as_ref().map(|(connection, address)| (connection, *address));
    let mut known = Known::open(&arguments.schemas, asked, arguments.timeout)?;
    let services = match service {
        Some(service) => vec![service.trim_start_matches('.').to_owned()],
        None => known.services().await?,
    };
    if service.is_none() && !arguments.methods {
        return Ok(services);
    }
    let mut lines = Vec::new();
    for service in services {
        let pool = known.schemas_of(&service).await?;
        let Some(descriptor) = pool.get_service_by_name(&service) else {
            return Err(Failure::usage(format!("{service} is no service"))
                .with_hint("`seltzer describe` shows messages and everything else that has a name")
                .into());
        };
        let mut methods: Vec<_> = descriptor.methods().map(|method| method.full_name().to_owned()).collect();
        methods.sort();
        lines.append(&mut methods);
    }
    Ok(lines)
}
