//! `seltzer call`: one call of any method, JSON in, JSON out.

mod details;
mod fields;
mod metadata;
mod outcome;
mod requests;
mod target;
mod utf8;

use seltzer::Request;
use seltzer::dynamic::{DynamicClient, DynamicMessage, MethodDescriptor, message_to_json};
use seltzer::{Channel, Endpoint, Response, Status, Streaming};
use tokio::runtime;

use crate::arguments::CallArguments;
use crate::call::outcome::Outcome;
use crate::call::requests::{RequestStream, Requests};
use crate::catalogue;
use crate::error::Failure;
use crate::output::{Lines, Reader};
use crate::signals::Signals;

/// How many turns the tasks of a connection get after its call: a reset takes three, from task to task. It is not worth
/// waiting for a peer that does not read.
const FAREWELL_TURNS: usize = 16;

/// Makes the call; gives the code of its status.
///
/// # Errors
/// The call was never made because of its arguments, or replies could not be written.
pub(crate) fn run(arguments: &CallArguments) -> Result<u8, Failure> {
    target::check_order(&arguments.address, &arguments.method)?;
    let method = catalogue::find(&arguments.method, &arguments.schemas)?;
    let requests = Requests::read(&arguments.data, &method)?;
    let endpoint = target::endpoint(&arguments.address, &arguments.tls)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start to make calls: {error}")))?;
    let outcome = runtime.block_on(make(arguments, &method, requests, endpoint));
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    let code = match outcome? {
        Outcome::Over { status, elapsed } => outcome::report(&status, elapsed, &method, arguments.verbose),
        Outcome::NobodyReads => 0,
    };
    Ok(code)
}

/// Makes the call until it is over, the input turns out to be wrong, or Ctrl-C.
async fn make(
    arguments: &CallArguments,
    method: &MethodDescriptor,
    requests: Requests,
    endpoint: Endpoint,
) -> Result<Outcome, Failure> {
    let mut signals = Signals::listen()?;
    let (stream, failed) = requests.into_stream(method.input());
    let started = std::time::Instant::now();
    let ended = tokio::select! {
        ended = converse(arguments, method, stream, endpoint.connect_lazy()) => ended,
        failure = failed.wait() => Err(failure),
        _ = signals.next() => Ok(Some(Status::cancelled("interrupted here"))),
    };
    let elapsed = started.elapsed();
    say_goodbye().await;
    Ok(ended?.map_or(Outcome::NobodyReads, |status| Outcome::Over { status, elapsed }))
}

/// Lets the connection write what the end of a call made it say. A server that is told of a cancelled call knows more
/// than one that sees a connection break.
async fn say_goodbye() {
    for _ in 0..FAREWELL_TURNS {
        tokio::task::yield_now().await;
    }
}

/// Sends and receives to the end, and gives the status; `None` if nobody reads the replies any more.
async fn converse(
    arguments: &CallArguments,
    method: &MethodDescriptor,
    requests: RequestStream,
    channel: Channel,
) -> Result<Option<Status>, Failure> {
    let mut client = DynamicClient::new(channel);
    if let Some(encoding) = arguments.compression {
        client = client.send_compressed(encoding);
    }
    if let Some(bytes) = arguments.max_message_bytes {
        client = client.max_decoding_message_size(bytes);
    }
    match client.call(method, request(arguments, requests)).await {
        Ok(response) => print_replies(arguments, method, response).await,
        Err(status) => Ok(Some(status)),
    }
}

fn request(arguments: &CallArguments, requests: RequestStream) -> Request<RequestStream> {
    let mut request = Request::new(requests);
    for header in &arguments.header {
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

async fn print_replies(
    arguments: &CallArguments,
    method: &MethodDescriptor,
    response: Response<Streaming<DynamicMessage>>,
) -> Result<Option<Status>, Failure> {
    let is_verbose = arguments.verbose > 0;
    if is_verbose {
        metadata::print('<', 1, response.metadata());
    }
    let mut replies = response.into_inner();
    let lines = Lines::to_stdout();
    let status = copy(method, &mut replies, &lines).await;
    // What was printed comes before the trailers and the status.
    if lines.finish().await? == Reader::Gone {
        return Ok(None);
    }
    let Some(status) = status? else { return Ok(None) };
    if is_verbose && let Ok(Some(trailers)) = replies.trailers().await {
        metadata::print('<', 2, &trailers);
    }
    Ok(Some(status))
}

/// Prints replies to the end of the call, and gives its status; `None` if nobody reads them any more.
async fn copy(
    method: &MethodDescriptor,
    replies: &mut Streaming<DynamicMessage>,
    lines: &Lines,
) -> Result<Option<Status>, Failure> {
    if !method.is_server_streaming() {
        return copy_one(replies, lines).await;
    }
    let mut count = 0_u64;
    loop {
        count += 1;
        match replies.message().await {
            Ok(Some(reply)) => {
                if lines.write(json(&reply, count)?).await.is_err() {
                    return Ok(None);
                }
            }
            Ok(None) => return Ok(Some(Status::ok(""))),
            Err(status) => return Ok(Some(status)),
        }
    }
}

/// The same where exactly one reply belongs. Servers may send one before they fail, which then means nothing.
async fn copy_one(replies: &mut Streaming<DynamicMessage>, lines: &Lines) -> Result<Option<Status>, Failure> {
    let reply = match replies.message().await {
        Ok(Some(reply)) => reply,
        Ok(None) => return Ok(Some(wrong_count("none came"))),
        Err(status) => return Ok(Some(status)),
    };
    match replies.message().await {
        Ok(None) => {}
        Ok(Some(_)) => return Ok(Some(wrong_count("more than one came"))),
        Err(status) => return Ok(Some(status)),
    }
    match lines.write(json(&reply, 1)?).await {
        Ok(()) => Ok(Some(Status::ok(""))),
        Err(_) => Ok(None),
    }
}

fn json(reply: &DynamicMessage, count: u64) -> Result<String, Failure> {
    message_to_json(reply).map_err(|error| Failure::output(format!("reply {count}: {error}")))
}

/// gRPC's `doc/statuscodes.md` asks for this code.
fn wrong_count(came: &str) -> Status {
    Status::unimplemented(format!("the method answers with exactly one message, and {came}"))
}
