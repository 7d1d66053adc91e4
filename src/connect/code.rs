//! Codes as Connect writes them.

#[cfg(feature = "connect")]
use http::StatusCode;

use crate::status::Code;
#[cfg(feature = "connect")]
use crate::status::http_status_for_code;

/// Codes and their names.
const CODES: [(Code, &str); 16] = [
    (Code::Cancelled, "canceled"),
    (Code::Unknown, "unknown"),
    (Code::InvalidArgument, "invalid_argument"),
    (Code::DeadlineExceeded, "deadline_exceeded"),
    (Code::NotFound, "not_found"),
    (Code::AlreadyExists, "already_exists"),
    (Code::PermissionDenied, "permission_denied"),
    (Code::ResourceExhausted, "resource_exhausted"),
    (Code::FailedPrecondition, "failed_precondition"),
    (Code::Aborted, "aborted"),
    (Code::OutOfRange, "out_of_range"),
    (Code::Unimplemented, "unimplemented"),
    (Code::Internal, "internal"),
    (Code::Unavailable, "unavailable"),
    (Code::DataLoss, "data_loss"),
    (Code::Unauthenticated, "unauthenticated"),
];

/// The name of a code. There is none for success, which is no error.
#[cfg(feature = "connect")]
pub(crate) fn name(code: Code) -> &'static str {
    CODES.iter().find(|(known, _)| *known == code).map_or("unknown", |(_, name)| name)
}

/// The code of a name, in the small letters that it has; `None` for what is no name of an error.
#[cfg(feature = "connect-client")]
pub(crate) fn from_name(name: &str) -> Option<Code> {
    CODES.iter().find(|(_, known)| *known == name).map(|(code, _)| *code)
}

/// The HTTP status of a unary answer that failed.
#[cfg(feature = "connect")]
pub(crate) fn http_status(code: Code) -> StatusCode {
    match code {
        // A handler that fails with success has no word for it.
        Code::Ok => StatusCode::INTERNAL_SERVER_ERROR,
        failed => http_status_for_code(failed),
    }
}

#[cfg(all(test, feature = "connect"))]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_and_statuses_of_the_protocol() {
        let table = [
            (1, "canceled", 499),
            (2, "unknown", 500),
            (3, "invalid_argument", 400),
            (4, "deadline_exceeded", 504),
            (5, "not_found", 404),
            (6, "already_exists", 409),
            (7, "permission_denied", 403),
            (8, "resource_exhausted", 429),
            (9, "failed_precondition", 400),
            (10, "aborted", 409),
            (11, "out_of_range", 400),
            (12, "unimplemented", 501),
            (13, "internal", 500),
            (14, "unavailable", 503),
            (15, "data_loss", 500),
            (16, "unauthenticated", 401),
            // A handler that fails with success has no word for it.
            (0, "unknown", 500),
        ];
        for (number, expected, status) in table {
            let code = Code::from_i32(number);
            assert_eq!((name(code), http_status(code).as_u16()), (expected, status), "{number}");
        }
    }
}
