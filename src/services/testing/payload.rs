//! Payloads of the size that a request asks for.

use crate::services::schemas::grpc::testing::{Payload, PayloadType, SimpleRequest, SimpleResponse};
use crate::status::Status;

/// The largest payload that a request may ask for: well above what any test or benchmark asks, and small enough
/// that a request of a few bytes cannot empty the memory.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest message with such a payload: its other fields are small.
pub(crate) const MESSAGE_BYTES_MAX: usize = PAYLOAD_BYTES_MAX + 64 * 1024;

/// A payload of zeros; none for a size of zero.
///
/// # Errors
/// INVALID_ARGUMENT for a type that does not exist, a negative size, and one above [`PAYLOAD_BYTES_MAX`].
pub(crate) fn payload(kind: i32, size: i32) -> Result<Option<Payload>, Status> {
    if PayloadType::try_from(kind).is_err() {
        return Err(Status::invalid_argument(format!("there is no payload type {kind}")));
    }
    match usize::try_from(size) {
        Ok(0) => Ok(None),
        Ok(size) if size <= PAYLOAD_BYTES_MAX => Ok(Some(Payload { r#type: kind, body: vec![0; size] })),
        _ => Err(Status::invalid_argument(format!(
            "a payload of {size} bytes cannot be had: ask for 0 to {PAYLOAD_BYTES_MAX}"
        ))),
    }
}

/// The plain answer to a request: its payload and nothing else.
///
/// # Errors
/// As [`payload`].
pub(crate) fn response_to(request: &SimpleRequest) -> Result<SimpleResponse, Status> {
    Ok(SimpleResponse { payload: payload(request.response_type, request.response_size)?, ..SimpleResponse::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    #[test]
    fn sizes_are_kept_and_bounded() {
        let size = |size| payload(0, size).map(|payload| payload.map_or(0, |payload| payload.body.len()));
        let largest = i32::try_from(PAYLOAD_BYTES_MAX).expect("it is 16 MiB");
        for bytes in [0, 1, 314_159, largest] {
            assert_eq!(size(bytes).expect("it can be had"), usize::try_from(bytes).expect("it is not negative"));
        }
        for bytes in [-1, largest + 1, i32::MIN, i32::MAX] {
            assert_eq!(size(bytes).expect_err("it cannot be had").code(), Code::InvalidArgument, "{bytes}");
        }
    }

    #[test]
    fn unknown_types_are_refused() {
        assert_eq!(payload(7, 1).expect_err("there is none").code(), Code::InvalidArgument);
    }
}
