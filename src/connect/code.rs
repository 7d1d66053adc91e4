//! Codes as Connect writes them, and the HTTP statuses that go with them.

use http::StatusCode;

use crate::status::Code;

/// Codes, their names, and their HTTP statuses.
const CODES: [(Code, &str, u16); 16] = [
    (Code::Cancelled, "canceled", 499),
    (Code::Unknown, "unknown", 500),
    (Code::InvalidArgument, "invalid_argument", 400),
    (Code::DeadlineExceeded, "deadline_exceeded", 504),
    (Code::NotFound, "not_found", 404),
    (Code::AlreadyExists, "already_exists", 409),
    (Code::PermissionDenied, "permission_denied", 403),
    (Code::ResourceExhausted, "resource_exhausted", 429),
    (Code::FailedPrecondition, "failed_precondition", 400),
    (Code::Aborted, "aborted", 409),
    (Code::OutOfRange, "out_of_range", 400),
    (Code::Unimplemented, "unimplemented", 501),
    (Code::Internal, "internal", 500),
    (Code::Unavailable, "unavailable", 503),
    (Code::DataLoss, "data_loss", 500),
    (Code::Unauthenticated, "unauthenticated", 401),
];

/// The name of a code. There is none for success, which is no error.
pub(crate) fn name(code: Code) -> &'static str {
    CODES.iter().find(|(known, ..)| *known == code).map_or("unknown", |(_, name, _)| name)
}

/// The HTTP status of a unary answer that failed.
pub(crate) fn http_status(code: Code) -> StatusCode {
    let status = CODES.iter().find(|(known, ..)| *known == code).map_or(500, |(.., status)| *status);
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

#[cfg(test)]
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
