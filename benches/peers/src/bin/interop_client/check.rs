//! What is expected, and the words for what came instead.

use std::fmt::Debug;

use seltzer::{Code, Response, Status, Streaming};

use crate::schemas::{Payload, SimpleResponse, StreamingOutputCallResponse};

/// How many characters of an unexpected answer are worth reading.
const SHOWN_MAX: usize = 120;

/// Why a case failed.
pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

/// What comes of a case or a part of it.
pub(crate) type Result<T = ()> = std::result::Result<T, Error>;

/// Fails unless both are the same.
pub(crate) fn equal<T: PartialEq + Debug>(what: &str, came: &T, expected: &T) -> Result {
    if came == expected { Ok(()) } else { Err(format!("{what} is {came:?} and not {expected:?}").into()) }
}

/// Fails unless it is true.
pub(crate) fn ensure(is_true: bool, otherwise: impl Into<String>) -> Result {
    if is_true { Ok(()) } else { Err(otherwise.into().into()) }
}

/// Fails unless a payload is there and consists of so many zeros.
pub(crate) fn payload(payload: Option<&Payload>, bytes: i32) -> Result {
    let Some(payload) = payload else { return Err(format!("there is no payload, but {bytes} were asked for").into()) };
    equal("the payload's type", &payload.r#type, &0)?;
    equal("the payload's size", &payload.body.len(), &usize::try_from(bytes)?)?;
    ensure(payload.body.iter().all(|byte| *byte == 0), "the payload holds something else than zeros")
}

/// Fails unless a call succeeded with a payload of this size.
pub(crate) fn unary(
    answer: std::result::Result<Response<SimpleResponse>, Status>,
    bytes: i32,
) -> Result<Response<SimpleResponse>> {
    let response = answer?;
    payload(response.get_ref().payload.as_ref(), bytes)?;
    Ok(response)
}

/// Fails unless the next message of a stream has a payload of this size.
pub(crate) async fn next(responses: &mut Streaming<StreamingOutputCallResponse>, bytes: i32) -> Result {
    match responses.message().await? {
        Some(message) => payload(message.payload.as_ref(), bytes),
        None => Err(format!("the stream ended in place of a response of {bytes} bytes").into()),
    }
}

/// Fails unless a stream is at its end, in good order.
pub(crate) async fn end<T>(responses: &mut Streaming<T>) -> Result {
    match responses.message().await? {
        Some(_) => Err("there is a response more than was asked for".into()),
        None => Ok(()),
    }
}

/// Fails unless a call failed with this code.
pub(crate) fn code<T: Debug>(answer: std::result::Result<T, Status>, expected: Code) -> Result<Status> {
    match answer {
        Ok(answer) => Err(format!("the call succeeded with {}, but {expected:?} was to come", shown(&answer)).into()),
        Err(status) if status.code() == expected => Ok(status),
        Err(status) => Err(format!("{:?} ({}) came, and not {expected:?}", status.code(), status.message()).into()),
    }
}

/// The beginning of something that may be long.
fn shown(what: &impl Debug) -> String {
    let text = format!("{what:?}");
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text,
    }
}

/// Fails unless a call failed with this code and message.
pub(crate) fn status<T: Debug>(
    answer: std::result::Result<T, Status>,
    expected: Code,
    message: &str,
) -> Result<Status> {
    let status = code(answer, expected)?;
    equal("the status message", &status.message(), &message)?;
    Ok(status)
}
