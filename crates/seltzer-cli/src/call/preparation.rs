//! What is found out and checked before a call is made.

use std::time::Instant;

use seltzer::Status;
use seltzer::dynamic::MethodDescriptor;

use crate::arguments::CallArguments;
use crate::call::outcome::Outcome;
use crate::call::requests::Requests;
use crate::catalogue::{Known, Unknown};
use crate::connection::Connection;
use crate::describe::template;
use crate::diagnosis;
use crate::error::Failure;
use crate::output;

/// What there is before a call.
pub(super) enum Prepared<'a> {
    Call(MethodDescriptor, Requests, Box<Connection<'a>>),
    /// It needs none, or cannot be made.
    Nothing(Outcome),
}

/// Finds the method, reads what can be read of the messages, and finds the way to the server.
///
/// # Errors
/// Something of it makes no sense.
pub(super) async fn prepare(arguments: &CallArguments) -> Result<Prepared<'_>, Failure> {
    let started = Instant::now();
    if arguments.diagnose && diagnosis::walk(arguments).await.is_err() {
        let status = Status::unavailable("the server cannot be reached, as the steps above say");
        return Ok(Prepared::Nothing(Outcome::Over { status, elapsed: started.elapsed(), types: None }));
    }
    let Some(name) = &arguments.method else { return Ok(Prepared::Nothing(Outcome::NotMade)) };
    // What needs no server is checked without one.
    if !arguments.schemas.asks_server() {
        let method = find(arguments, name, None).await;
        return with_method(arguments, method, None, started).await;
    }
    let connection = connect(arguments).await?;
    let method = find(arguments, name, Some(&connection)).await;
    with_method(arguments, method, Some(connection), started).await
}

/// Finds the way to the server.
///
/// # Errors
/// As [`Connection::open`].
pub(crate) async fn connect(arguments: &CallArguments) -> Result<Connection<'_>, Failure> {
    let others = [arguments.call_header.as_slice(), &arguments.schemas.reflection_header];
    Connection::open(&arguments.address, &arguments.connection, &others, arguments.verbose > 0).await
}

async fn find(
    arguments: &CallArguments,
    name: &str,
    connection: Option<&Connection<'_>>,
) -> Result<MethodDescriptor, Unknown> {
    let asked = connection.map(|connection| (connection, arguments.address.as_str()));
    Known::open(&arguments.schemas, asked, arguments.timeout)?.method(name).await
}

async fn with_method<'a>(
    arguments: &'a CallArguments,
    method: Result<MethodDescriptor, Unknown>,
    connection: Option<Connection<'a>>,
    started: Instant,
) -> Result<Prepared<'a>, Failure> {
    let method = match method {
        Ok(method) => method,
        Err(Unknown::Failure(failure)) => return Err(failure),
        Err(Unknown::Status(status)) => {
            let over = Outcome::Over { status, elapsed: started.elapsed(), types: None };
            return Ok(Prepared::Nothing(over));
        }
    };
    if arguments.diagnose {
        diagnosis::tell_method(&method);
    }
    if arguments.template {
        output::print(&template::of(&method.input())?)?;
        return Ok(Prepared::Nothing(Outcome::NotMade));
    }
    let requests = Requests::read(&arguments.data, &method, arguments.allow_unknown_fields)?;
    let connection = match connection {
        Some(connection) => connection,
        None => connect(arguments).await?,
    };
    Ok(Prepared::Call(method, requests, Box::new(connection)))
}
