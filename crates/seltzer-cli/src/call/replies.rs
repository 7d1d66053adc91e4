//! Replies, printed as they come.

use seltzer::dynamic::{DynamicMessage, MethodDescriptor};
use seltzer::{Response, Status, Streaming};

use crate::arguments::CallArguments;
use crate::call::metadata;
use crate::error::Failure;
use crate::json;
use crate::output::{Lines, Reader};

/// Prints replies to the end of the call, and gives its status; `None` if nobody reads them any more.
///
/// # Errors
/// A reply has no form in JSON, or cannot be written.
pub(super) async fn print(
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
    let shown = Shown { lines: &lines, emit_defaults: arguments.emit_defaults };
    let status = copy(method, &mut replies, &shown).await;
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

/// Where replies go, and how they look.
struct Shown<'a> {
    lines: &'a Lines,
    emit_defaults: bool,
}

impl Shown<'_> {
    /// Writes the reply of this number.
    async fn write(&self, reply: &DynamicMessage, number: u64) -> Result<Reader, Failure> {
        let json = json::write(reply, self.emit_defaults)
            .map_err(|error| Failure::output(format!("reply {number}: {error}")))?;
        Ok(match self.lines.write(json).await {
            Ok(()) => Reader::There,
            Err(_) => Reader::Gone,
        })
    }
}

/// Prints replies to the end of the call, and gives its status; `None` if nobody reads them any more.
async fn copy(
    method: &MethodDescriptor,
    replies: &mut Streaming<DynamicMessage>,
    shown: &Shown<'_>,
) -> Result<Option<Status>, Failure> {
    if !method.is_server_streaming() {
        return copy_one(replies, shown).await;
    }
    let mut count = 0_u64;
    loop {
        count += 1;
        match replies.message().await {
            Ok(Some(reply)) => {
                if shown.write(&reply, count).await? == Reader::Gone {
                    return Ok(None);
                }
            }
            Ok(None) => return Ok(Some(Status::ok(""))),
            Err(status) => return Ok(Some(status)),
        }
    }
}

/// The same where exactly one reply belongs. Servers may send one before they fail, which then means nothing.
async fn copy_one(replies: &mut Streaming<DynamicMessage>, shown: &Shown<'_>) -> Result<Option<Status>, Failure> {
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
    match shown.write(&reply, 1).await? {
        Reader::There => Ok(Some(Status::ok(""))),
        Reader::Gone => Ok(None),
    }
}

/// gRPC's `doc/statuscodes.md` asks for this code.
fn wrong_count(came: &str) -> Status {
    Status::unimplemented(format!("the method answers with exactly one message, and {came}"))
}
