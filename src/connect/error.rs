//! Errors in JSON, alone and as the end of a stream.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use http::HeaderMap;
use prost_reflect::DescriptorPool;
use prost_types::Any;
use serde_json::{Map, Value, json};

use crate::connect::code;
use crate::json::details;
use crate::metadata;
use crate::status::Status;

/// The types of a service, if its schema is known.
pub(crate) type Types<'a> = Option<&'a DescriptorPool>;

/// A status as Connect writes it.
pub(crate) fn error(status: &Status, types: Types<'_>) -> Value {
    let mut error = Map::new();
    error.insert("code".to_owned(), code::name(status.code()).into());
    if !status.message().is_empty() {
        error.insert("message".to_owned(), status.message().into());
    }
    let details = written_details(status, types);
    if !details.is_empty() {
        error.insert("details".to_owned(), details.into());
    }
    Value::Object(error)
}

/// The details of a status, and what those of known types say.
fn written_details(status: &Status, types: Types<'_>) -> Vec<Value> {
    let details = details::details(status);
    let write = |detail: &Any| {
        let mut written = json!({ "type": details::type_name(detail), "value": STANDARD_NO_PAD.encode(&detail.value) });
        if let Some(debug) = details::tell(detail, types) {
            written["debug"] = debug;
        }
        written
    };
    details.iter().map(write).collect()
}

/// What ends a stream: how, and the trailing metadata.
pub(crate) fn end_of_stream(trailers: HeaderMap, types: Types<'_>) -> Vec<u8> {
    let mut end = Map::new();
    if let Some(status) = crate::status::from_headers(&trailers)
        && status.code() != crate::Code::Ok
    {
        end.insert("error".to_owned(), error(&status, types));
    }
    let mut entries = Map::new();
    for (name, value) in &metadata::user_metadata(trailers).into_headers() {
        let values = entries.entry(name.as_str()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(String::from_utf8_lossy(value.as_bytes()).into());
        }
    }
    if !entries.is_empty() {
        end.insert("metadata".to_owned(), Value::Object(entries));
    }
    Value::Object(end).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::Code;
    use crate::server::translated::trailers;

    fn with_details(details: &[(&str, &[u8])]) -> Status {
        let details = details
            .iter()
            .map(|(type_url, value)| Any { type_url: (*type_url).to_owned(), value: value.to_vec() })
            .collect();
        let message = tonic_types::Status { code: 5, message: "gone".to_owned(), details };
        Status::with_details(Code::NotFound, "gone", message.encode_to_vec().into())
    }

    #[test]
    fn errors_are_written_with_their_details() {
        let table = [
            (Status::not_found("gone"), r#"{"code":"not_found","message":"gone"}"#),
            (Status::unknown(""), r#"{"code":"unknown"}"#),
            (Status::cancelled("\"\u{9664}\"\n"), "{\"code\":\"canceled\",\"message\":\"\\\"\u{9664}\\\"\\n\"}"),
            (
                with_details(&[("type.googleapis.com/a.B", &[0xff, 0xfe]), ("c.D", b"")]),
                r#"{"code":"not_found","details":[{"type":"a.B","value":"//4"},{"type":"c.D","value":""}],"message":"gone"}"#,
            ),
            (Status::with_details(Code::Aborted, "x", vec![0xff].into()), r#"{"code":"aborted","message":"x"}"#),
        ];
        for (status, expected) in table {
            let written: Value = serde_json::from_str(&error(&status, None).to_string()).expect("it is JSON");
            let expected: Value = serde_json::from_str(expected).expect("it is JSON");
            assert_eq!(written, expected);
        }
    }

    #[test]
    fn details_of_known_types_can_be_read() {
        let retry = tonic_types::pb::RetryInfo { retry_delay: None }.encode_to_vec();
        let status = with_details(&[("type.googleapis.com/google.rpc.RetryInfo", &retry), ("a/b.C", b"2")]);
        let details = &error(&status, None)["details"];
        assert_eq!(details[0]["debug"], json!({}));
        assert_eq!(details[1].get("debug"), None);
    }

    #[test]
    fn streams_end_with_their_error_and_metadata() {
        let mut metadata = crate::metadata::MetadataMap::new();
        metadata.append("x-tag", "1".parse().expect("ascii"));
        metadata.append("x-tag", "2".parse().expect("ascii"));
        metadata.insert_bin("raw-bin", crate::metadata::MetadataValue::from_bytes(&[1, 2]));
        let failed = Status::with_metadata(Code::Aborted, "100%", metadata.clone());
        let table = [
            (trailers(Ok(crate::metadata::MetadataMap::new())), "{}"),
            (trailers(Ok(metadata)), r#"{"metadata":{"raw-bin":["AQI"],"x-tag":["1","2"]}}"#),
            (
                trailers(Err(&failed)),
                r#"{"error":{"code":"aborted","message":"100%"},"metadata":{"raw-bin":["AQI"],"x-tag":["1","2"]}}"#,
            ),
        ];
        for (trailers, expected) in table {
            let written: Value = serde_json::from_slice(&end_of_stream(trailers, None)).expect("it is JSON");
            let expected: Value = serde_json::from_str(expected).expect("it is JSON");
            assert_eq!(written, expected);
        }
    }
}
