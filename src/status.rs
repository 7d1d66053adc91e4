//! How a call ends: the code, the message, the details, and who said so.
//!
//! [`Status`] and [`Code`] are tonic's, so that code written for tonic keeps its words. Added here are the
//! tables of the gRPC specification that map HTTP to codes, and [`StatusExt`], which tells a status that the
//! peer sent from one that was made on this side.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

pub use tonic::{Code, Status};

/// Who made a [`Status`]: asked of any status by `use seltzer::StatusExt`.
///
/// ```
/// use seltzer::{Status, StatusExt};
///
/// assert!(!Status::not_found("no such user").is_from_peer());
/// ```
pub trait StatusExt {
    /// Whether the peer sent this status over the wire. `false`: it was made on this side, for example
    /// because a deadline passed or the connection broke.
    fn is_from_peer(&self) -> bool;
}

impl StatusExt for Status {
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

/// Marks a status as read from the wire.
pub(crate) fn mark_sent_by_peer(status: &mut Status) {
    status.set_source(Arc::new(SentByPeer));
}

#[derive(Debug)]
struct SentByPeer;

impl fmt::Display for SentByPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sent by the peer")
    }
}

impl StdError for SentByPeer {}

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
        let mut status = Status::aborted("no");
        assert!(!status.is_from_peer());
        mark_sent_by_peer(&mut status);
        assert!(status.is_from_peer());
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
