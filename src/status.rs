//! How a call ends: the code, the message, the details, and who said so.
//!
//! [`Status`] and [`Code`] are tonic's, so that code written for tonic keeps its words. Added here are the
//! tables of the gRPC specification that map HTTP to codes, and [`StatusOrigin`], which tells a status that the
//! peer sent from one that was made on this side.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderValue};

use crate::metadata::{GRPC_MESSAGE, GRPC_STATUS, GRPC_STATUS_DETAILS, MetadataMap, user_metadata};

pub use tonic::{Code, Status};

/// Who made a [`Status`]: asked of any status by `use seltzer::StatusOrigin`.
///
/// ```
/// use seltzer::{Status, StatusOrigin};
///
/// assert!(!Status::not_found("no such user").is_from_peer());
/// ```
pub trait StatusOrigin {
    /// Whether the peer sent this status over the wire. `false`: it was made on this side, for example
    /// because a deadline passed or the connection broke.
    fn is_from_peer(&self) -> bool;
}

impl StatusOrigin for Status {
    fn is_from_peer(&self) -> bool {
        let mut source = self.source();
        while let Some(error) = source {
            if error.is::<SentByPeer>() {
                return true;
            }
            source = error.source();
        }
        false
    }
}

#[derive(Debug)]
struct SentByPeer;

impl fmt::Display for SentByPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sent by the peer")
    }
}

impl StdError for SentByPeer {}

/// Makes statuses of the errors of handlers, for `?`: of any type, and with the error as their source.
///
/// A status by itself is UNKNOWN with the error's words; [`ErrorTable`](crate::server::ErrorTable) says what each type of
/// error becomes. A [`Status`] among errors stays what it is.
///
/// ```
/// use seltzer::{Code, OrStatus as _, Request, Response, Status};
///
/// async fn double(request: Request<String>) -> Result<Response<i64>, Status> {
///     let number: i64 = request.get_ref().parse().or_status()?;
///     Ok(Response::new(2 * number))
/// }
///
/// let status = "seven".parse::<i64>().or_status().expect_err("it is no number");
/// assert_eq!((status.code(), status.message()), (Code::Unknown, "invalid digit found in string"));
/// ```
pub trait OrStatus<T> {
    /// The same with a status as its error.
    ///
    /// # Errors
    /// As before.
    fn or_status(self) -> Result<T, Status>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> OrStatus<T> for Result<T, E> {
    fn or_status(self) -> Result<T, Status> {
        self.map_err(|error| Status::from_error(error.into()))
    }
}

/// The status in a block of headers or trailers that a peer sent, `None` if there is none.
///
/// What the peer garbled never costs the code: a message that is not valid UTF-8 is read as far as it goes, details
/// that are not base64 are left out.
pub(crate) fn from_peer(block: &HeaderMap) -> Option<Status> {
    let mut status = from_headers(block)?;
    status.set_source(Arc::new(SentByPeer));
    Some(status)
}

/// The same in a block that was made on this side.
pub(crate) fn from_headers(block: &HeaderMap) -> Option<Status> {
    let code = Code::from_bytes(block.get(GRPC_STATUS)?.as_bytes());
    let message = block
        .get(GRPC_MESSAGE)
        .map(|message| percent_encoding::percent_decode(message.as_bytes()).decode_utf8_lossy().into_owned());
    let metadata = user_metadata(block.clone());
    let details = details(block).unwrap_or_default();
    Some(Status::with_details_and_metadata(code, message.unwrap_or_default(), details, metadata))
}

fn details(block: &HeaderMap) -> Option<Bytes> {
    // A proxy may have joined several values; the first one counts.
    let first = block.get(GRPC_STATUS_DETAILS)?.as_bytes().split(|byte| *byte == b',').next()?;
    let mut single = HeaderMap::new();
    single.insert(GRPC_STATUS_DETAILS, HeaderValue::from_bytes(first.trim_ascii()).ok()?);
    MetadataMap::from_headers(single).get_bin(GRPC_STATUS_DETAILS.as_str())?.to_bytes().ok()
}

/// Takes details out that are not base64: other people's clients panic on them.
#[cfg(feature = "client")]
pub(crate) fn drop_garbled_details(block: &mut HeaderMap) {
    if block.contains_key(GRPC_STATUS_DETAILS) && details(block).is_none() {
        block.remove(GRPC_STATUS_DETAILS);
    }
}

/// The code for an HTTP answer that carries no `grpc-status`
/// (gRPC's `doc/http-grpc-status-mapping.md`).
pub(crate) fn code_for_http_status(status: http::StatusCode) -> Code {
    match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    }
}

/// The HTTP status of an answer in JSON that ends with a code: the table of `google.rpc.Code`, which Connect shares.
#[cfg(any(feature = "gateway", feature = "connect"))]
pub(crate) fn http_status_for_code(code: Code) -> http::StatusCode {
    use http::StatusCode;
    match code {
        Code::Ok => StatusCode::OK,
        // nginx's number for a caller that went away; it has no name.
        Code::Cancelled => StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST),
        Code::InvalidArgument | Code::FailedPrecondition | Code::OutOfRange => StatusCode::BAD_REQUEST,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::AlreadyExists | Code::Aborted => StatusCode::CONFLICT,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unimplemented => StatusCode::NOT_IMPLEMENTED,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Unknown | Code::Internal | Code::DataLoss => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The code for a stream that the peer reset with an HTTP/2 error code
/// (gRPC's `PROTOCOL-HTTP2.md`, "HTTP2 Transport Mapping", and RFC 9113 section 7 for the numbers).
#[cfg(feature = "client")]
pub(crate) fn code_for_reset(error_code: u32) -> Code {
    const REFUSED_STREAM: u32 = 0x7;
    const CANCEL: u32 = 0x8;
    const ENHANCE_YOUR_CALM: u32 = 0xb;
    const INADEQUATE_SECURITY: u32 = 0xc;
    match error_code {
        REFUSED_STREAM => Code::Unavailable,
        CANCEL => Code::Cancelled,
        ENHANCE_YOUR_CALM => Code::ResourceExhausted,
        INADEQUATE_SECURITY => Code::PermissionDenied,
        _ => Code::Internal,
    }
}

/// The name of a code as the specification and the command line write it: `INVALID_ARGUMENT`.
#[must_use]
pub fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_knows_whether_the_peer_sent_it() {
        assert!(!Status::aborted("no").is_from_peer());
        let mut block = HeaderMap::new();
        assert!(from_peer(&block).is_none());
        block.insert(GRPC_STATUS, HeaderValue::from_static("10"));
        assert!(from_peer(&block).expect("there is one").is_from_peer());
    }

    #[test]
    fn what_a_peer_garbled_does_not_cost_the_code() {
        let table = [
            ("caf%E9 not found", "AQI", "caf\u{fffd} not found", &[1, 2][..]),
            ("100%", "!!!!", "100%", &[]),
            ("%E9%99%A4", "AQI, AwQ", "\u{9664}", &[1, 2]),
        ];
        for (message, details, read, bytes) in table {
            let mut block = HeaderMap::new();
            block.insert(GRPC_STATUS, HeaderValue::from_static("5"));
            block.insert(GRPC_MESSAGE, HeaderValue::from_static(message));
            block.insert(GRPC_STATUS_DETAILS, HeaderValue::from_static(details));
            let status = from_peer(&block).expect("there is one");
            assert_eq!((status.code(), status.message(), status.details()), (Code::NotFound, read, bytes));
        }
    }

    #[test]
    fn http_statuses_map_as_the_specification_says() {
        let table = [
            (400, Code::Internal),
            (401, Code::Unauthenticated),
            (403, Code::PermissionDenied),
            (404, Code::Unimplemented),
            (429, Code::Unavailable),
            (502, Code::Unavailable),
            (503, Code::Unavailable),
            (504, Code::Unavailable),
            (500, Code::Unknown),
            (200, Code::Unknown),
        ];
        for (status, code) in table {
            let status = http::StatusCode::from_u16(status).expect("a valid status");
            assert_eq!(code_for_http_status(status), code, "{status}");
        }
    }
}
