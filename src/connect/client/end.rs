//! Errors in JSON, alone and as the end of a stream, as gRPC's trailers.

use http::header::{HeaderMap, HeaderName, HeaderValue};
use prost::Message as _;
use prost_types::Any;
use serde_json::Value;

use crate::client::translated::trailers;
use crate::connect::code;
use crate::json::base64;
use crate::metadata::{MetadataMap, is_of_transfer};
use crate::status::{Code, Status};

/// What names of types are written behind.
const TYPE_PREFIX: &str = "type.googleapis.com/";

/// The status that an error in JSON means; `otherwise` is its code where it names none that is known. `None`: it is no
/// error at all.
pub(super) fn read_error(error: &Value, otherwise: Code) -> Option<Status> {
    let error = error.as_object()?;
    let named = error.get("code").and_then(Value::as_str).and_then(code::from_name);
    let code = named.unwrap_or(otherwise);
    let message = error.get("message").and_then(Value::as_str).unwrap_or_default();
    let details: Vec<_> = error.get("details").and_then(Value::as_array).into_iter().flatten().collect();
    let details: Vec<_> = details.into_iter().filter_map(read_detail).collect();
    if details.is_empty() {
        return Some(Status::new(code, message));
    }
    let whole = tonic_types::Status { code: code.into(), message: message.to_owned(), details };
    Some(Status::with_details(code, message, whole.encode_to_vec().into()))
}

/// A detail of an error; one that cannot be read costs nothing else.
fn read_detail(detail: &Value) -> Option<Any> {
    let name = detail.get("type")?.as_str()?;
    let value = base64::decode(detail.get("value")?.as_str()?).ok()?;
    let type_url = if name.contains('/') { name.to_owned() } else { format!("{TYPE_PREFIX}{name}") };
    Some(Any { type_url, value })
}

/// gRPC's trailers of what ends a stream.
///
/// # Errors
/// INTERNAL: it says nothing that can be understood.
pub(super) fn read_end_of_stream(text: &[u8]) -> Result<HeaderMap, Status> {
    let unfit = |what: &dyn std::fmt::Display| {
        Status::internal(format!("the end of the server's answer is not what Connect has there: {what}"))
    };
    let end: Value = serde_json::from_slice(text).map_err(|error| unfit(&error))?;
    let end = end.as_object().ok_or_else(|| unfit(&"it is no object"))?;
    let status = match end.get("error") {
        None | Some(Value::Null) => Status::ok(""),
        Some(error) => read_error(error, Code::Unknown).ok_or_else(|| unfit(&"its error is no object"))?,
    };
    let mut metadata = HeaderMap::new();
    for (name, values) in end.get("metadata").and_then(Value::as_object).into_iter().flatten() {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        for value in values.as_array().into_iter().flatten().filter_map(Value::as_str) {
            if let Ok(value) = HeaderValue::from_str(value) {
                metadata.append(name.clone(), value);
            }
        }
    }
    Ok(trailers(&status, of_user(&metadata)))
}

/// The user's part of what came with an answer.
pub(super) fn of_user(headers: &HeaderMap) -> MetadataMap {
    let mut user = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        if !is_of_transfer(name) {
            user.append(name, value.clone());
        }
    }
    crate::metadata::user_metadata(user)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::MetadataMap;

    #[test]
    fn errors_are_read_as_servers_write_them() {
        let table = [
            (r#"{"code":"not_found","message":"gone"}"#, Some((Code::NotFound, "gone", 0))),
            (r#"{"code":"canceled"}"#, Some((Code::Cancelled, "", 0))),
            (r#"{"message":"gone"}"#, Some((Code::Unavailable, "gone", 0))),
            (r#"{"code":null}"#, Some((Code::Unavailable, "", 0))),
            (r#"{"code":"NOT_FOUND"}"#, Some((Code::Unavailable, "", 0))),
            (r#"{"code":5}"#, Some((Code::Unavailable, "", 0))),
            (r#"{"code":"aborted","details":[{"type":"a.B","value":"//4"}]}"#, Some((Code::Aborted, "", 1))),
            (r#"{"code":"aborted","details":[{"type":"a.B","value":"AA=="}]}"#, Some((Code::Aborted, "", 1))),
            (r#"{"code":"aborted","details":[{"type":"a.B"},{"value":""},1,null]}"#, Some((Code::Aborted, "", 0))),
            (r#"{"code":"aborted","details":{}}"#, Some((Code::Aborted, "", 0))),
            ("{}", Some((Code::Unavailable, "", 0))),
            ("[]", None),
            ("null", None),
        ];
        for (text, expected) in table {
            let value = serde_json::from_str(text).expect("it is JSON");
            let read = read_error(&value, Code::Unavailable);
            let read = read.as_ref().map(|status| {
                let details = tonic_types::Status::decode(status.details()).expect("it is written here").details;
                (status.code(), status.message(), details.len())
            });
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn details_keep_their_types_and_bytes() {
        let table = [("a.B", "type.googleapis.com/a.B"), ("example.org/a.B", "example.org/a.B")];
        for (written, type_url) in table {
            let error = serde_json::json!({ "code": "aborted", "details": [{ "type": written, "value": "//4" }] });
            let status = read_error(&error, Code::Unknown).expect("it is an error");
            let details = tonic_types::Status::decode(status.details()).expect("it is written here").details;
            assert_eq!(details, [Any { type_url: type_url.to_owned(), value: vec![0xff, 0xfe] }]);
        }
    }

    #[test]
    fn streams_end_as_they_say() {
        let table = [
            ("{}", Ok((Code::Ok, "", ""))),
            (r#"{"error":null}"#, Ok((Code::Ok, "", ""))),
            (r#"{"error":{"code":"aborted","message":"100%"}}"#, Ok((Code::Aborted, "100%", ""))),
            (r#"{"error":{}}"#, Ok((Code::Unknown, "", ""))),
            (r#"{"metadata":{"X-Tag":["1","2"],"grpc-status":["7"]}}"#, Ok((Code::Ok, "", "1,2"))),
            (r#"{"metadata":{"x-tag":["\n", 1, "3"],"not a name":["1"]}}"#, Ok((Code::Ok, "", "3"))),
            (r#"{"metadata":[]}"#, Ok((Code::Ok, "", ""))),
            (r#"{"error":"aborted"}"#, Err(())),
            ("[]", Err(())),
            ("", Err(())),
            ("{", Err(())),
        ];
        for (text, expected) in table {
            let Ok((code, message, tags)) = expected else {
                assert_eq!(
                    read_end_of_stream(text.as_bytes()).expect_err("it is no end").code(),
                    Code::Internal,
                    "{text}"
                );
                continue;
            };
            let trailers = read_end_of_stream(text.as_bytes()).expect("an end");
            let status = crate::status::from_headers(&trailers).expect("there is one");
            let metadata: &MetadataMap = status.metadata();
            let found: Vec<_> = metadata.get_all("x-tag").iter().filter_map(|tag| tag.to_str().ok()).collect();
            assert_eq!((status.code(), status.message(), found.join(",")), (code, message, tags.to_owned()), "{text}");
        }
    }
}
