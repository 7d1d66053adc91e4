//! `seltzer call`: one call of any method, JSON in, JSON out.

mod details;
mod fields;
mod metadata;
pub(crate) mod outcome;
pub(crate) mod preparation;
mod replies;
mod requests;
mod utf8;

use std::time::Instant;

use seltzer::dynamic::{DynamicClient, MethodDescriptor};
use seltzer::{Request, Status};

use crate::arguments::CallArguments;
use crate::call::outcome::Outcome;
use crate::call::preparation::{Prepared, prepare};
use crate::call::requests::RequestStream;
use crate::connection::{self, Connection};
use crate::error::Failure;
use crate::signals::Signals;

/// Makes the call; gives the code of its status.
///
/// # Errors
/// The call was never made because of its arguments, or replies could not be written.
pub(crate) fn run(arguments: &CallArguments) -> Result<u8, Failure> {
    if let Some(method) = &arguments.method {
        connection::check_order(&arguments.address, method)?;
    }
    match connection::run(make(arguments))? {
        Outcome::Over { status, elapsed, types } => {
            Ok(outcome::report(&status, Some(elapsed), types.as_ref(), arguments.verbose))
        }
        Outcome::NotMade => Ok(0),
    }
}

/// Makes the call until it is over, the input turns out to be wrong, or Ctrl-C.
async fn make(arguments: &CallArguments) -> Result<Outcome, Failure> {
    let mut signals = Signals::listen()?;
    let started = Instant::now();
    let prepared = tokio::select! {
        prepared = prepare(arguments) => prepared?,
        _ = signals.next() => return Ok(Outcome::interrupted(started)),
    };
    let (method, requests, connection) = match prepared {
        Prepared::Call(method, requests, connection) => (method, requests, connection),
        Prepared::Nothing(outcome) => return Ok(outcome),
    };
    let types = Some(method.parent_pool().clone());
    let (stream, failed) = requests.into_stream(method.input(), arguments.allow_unknown_fields);
    let started = Instant::now();
    let ended = tokio::select! {
        ended = converse(arguments, &method, stream, &connection) => ended,
        failure = failed.wait() => Err(failure),
        _ = signals.next() => return Ok(Outcome::interrupted(started)),
    };
    let elapsed = started.elapsed();
    Ok(ended?.map_or(Outcome::NotMade, |status| Outcome::Over { status, elapsed, types }))
}

/// Sends and receives to the end, and gives the status; `None` if nobody reads the replies any more.
async fn converse(
    arguments: &CallArguments,
    method: &MethodDescriptor,
    requests: RequestStream,
    connection: &Connection<'_>,
) -> Result<Option<Status>, Failure> {
    let mut client = DynamicClient::new(connection.channel.clone());
    if let Some(encoding) = arguments.compression {
        client = client.send_compressed(encoding);
    }
    if let Some(bytes) = arguments.max_message_bytes {
        client = client.max_decoding_message_size(bytes);
    }
    match client.call(method, request(arguments, connection, requests)).await {
        Ok(response) => replies::print(arguments, method, response).await,
        Err(status) => Ok(Some(status)),
    }
}

fn request(arguments: &CallArguments, connection: &Connection<'_>, requests: RequestStream) -> Request<RequestStream> {
    let mut request = Request::new(requests);
    connection.append_headers(request.metadata_mut());
    for header in &arguments.call_header {
        header.append_to(request.metadata_mut());
    }
    if arguments.verbose > 0 {
        metadata::print('>', 1, request.metadata());
    }
    if let Some(timeout) = arguments.timeout {
        request.set_timeout(timeout);
    }
    request
}
