//! What a request of Connect's asks for, by its head.

use std::time::Duration;

use http::Method;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::codec::{Compression, CompressionEncoding};
use crate::connect::form::Form;
use crate::connect::query::Query;
use crate::connect::{PROTOCOL_VERSION, QUERY_VERSION, TIMEOUT_MS, VERSION};
use crate::metadata::is_of_transfer;
use crate::service::{Idempotency, MethodDescriptor, MethodKind};
use crate::status::Status;

/// A timeout has at most so many digits, about four months.
const TIMEOUT_DIGITS_MAX: usize = 10;

/// What a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// A unary call, its message the body.
    Unary(Form),
    /// A unary call, its message in the query.
    Get,
    /// A call with streams.
    Stream(Form),
    /// A method that is not served.
    NoMethod,
    /// A content type that the method does not take.
    WrongType,
    /// An HTTP method that the method does not take.
    WrongVerb,
}

/// What a request means for a method, or for a service that has no such method; `None` if it is not Connect's.
pub(crate) fn meaning<B>(request: &http::Request<B>, method: Option<&MethodDescriptor>) -> Option<Meaning> {
    let headers = request.headers();
    let content_type = headers.get(CONTENT_TYPE).map(content_type);
    let is_grpc = content_type == Some(ContentType::Grpc);
    let says_connect = headers.contains_key(PROTOCOL_VERSION) || matches!(content_type, Some(ContentType::Stream(_)));
    let Some(method) = method else { return (says_connect && !is_grpc).then_some(Meaning::NoMethod) };
    if request.method() == Method::POST {
        return match (content_type, method.kind) {
            (Some(ContentType::Unary(form)), MethodKind::Unary) => Some(Meaning::Unary(form)),
            (Some(ContentType::Stream(Some(form))), kind) if kind != MethodKind::Unary => Some(Meaning::Stream(form)),
            // gRPC in any of its clothes is somebody else's.
            _ if is_grpc => None,
            _ => says_connect.then_some(Meaning::WrongType),
        };
    }
    let query = Query::of(request.uri());
    let is_get = request.method() == Method::GET && (query.has("connect") || query.has("encoding"));
    if is_get && takes_get(method) {
        return Some(Meaning::Get);
    }
    (is_get || (says_connect && request.method() != Method::OPTIONS)).then_some(Meaning::WrongVerb)
}

/// Whether a method can be called by GET.
pub(crate) fn takes_get(method: &MethodDescriptor) -> bool {
    method.kind == MethodKind::Unary && method.idempotency == Idempotency::NoSideEffects
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ContentType {
    Unary(Form),
    /// Messages in a form that is not known here, or in one that is.
    Stream(Option<Form>),
    Grpc,
    Other,
}

fn content_type(value: &HeaderValue) -> ContentType {
    let text = value.to_str().unwrap_or_default();
    let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.as_str() {
        "application/proto" => ContentType::Unary(Form::Protobuf),
        "application/json" => ContentType::Unary(Form::Json),
        "application/connect+proto" => ContentType::Stream(Some(Form::Protobuf)),
        "application/connect+json" => ContentType::Stream(Some(Form::Json)),
        other if other.starts_with("application/connect+") => ContentType::Stream(None),
        other if other.starts_with("application/grpc") => ContentType::Grpc,
        _ => ContentType::Other,
    }
}

/// Checks the version that a request names, in its headers or in its query.
///
/// # Errors
/// INVALID_ARGUMENT for any but the one there is.
pub(crate) fn check_version(headers: &HeaderMap, query: Option<&Query<'_>>) -> Result<(), Status> {
    let wrong = |what: &str, wanted: &str, got: &str| {
        Err(Status::invalid_argument(format!("{what} must be {wanted:?}, and it is {got:?}")))
    };
    if let Some(query) = query {
        return match query.text("connect") {
            Some(version) if version != QUERY_VERSION => wrong("the parameter connect", QUERY_VERSION, &version),
            _ => Ok(()),
        };
    }
    match headers.get(PROTOCOL_VERSION) {
        Some(version) if version != VERSION => {
            wrong("the header connect-protocol-version", VERSION, &String::from_utf8_lossy(version.as_bytes()))
        }
        _ => Ok(()),
    }
}

/// How long a call may take.
///
/// # Errors
/// INVALID_ARGUMENT for a value that is no number of up to ten digits.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Status> {
    let Some(value) = headers.get(TIMEOUT_MS) else { return Ok(None) };
    let digits = value.as_bytes();
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        let value = String::from_utf8_lossy(digits);
        let wanted = "a number of milliseconds of up to ten digits";
        return Err(Status::invalid_argument(format!(
            "the header connect-timeout-ms must be {wanted}, and it is {value:?}"
        )));
    }
    let millis = digits.iter().fold(0_u64, |millis, digit| millis * 10 + u64::from(digit - b'0'));
    Ok(Some(Duration::from_millis(millis)))
}

/// A request's headers as a call's metadata.
pub(crate) fn metadata(headers: &HeaderMap) -> HeaderMap {
    let mut metadata = HeaderMap::with_capacity(headers.keys_len());
    for (name, value) in headers {
        if *name == http::header::USER_AGENT || !(is_of_transfer(name) || name.as_str().starts_with("connect-")) {
            metadata.append(name, value.clone());
        }
    }
    metadata
}

/// The encoding that a request names.
///
/// # Errors
/// UNIMPLEMENTED for one that is not accepted here.
pub(crate) fn encoding(name: Option<&[u8]>, accepted: &Compression) -> Result<Option<CompressionEncoding>, Status> {
    let Some(name) = name.filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case(b"identity")) else {
        return Ok(None);
    };
    let found = accepted.accept.iter().copied().find(|known| known.name().as_bytes().eq_ignore_ascii_case(name));
    found.map(Some).ok_or_else(|| {
        let names: Vec<_> = accepted.accept.iter().map(|encoding| encoding.name()).collect();
        let (name, names) = (String::from_utf8_lossy(name), names.join(", "));
        Status::unimplemented(format!("messages compressed with {name:?} are not accepted here; identity, {names} are"))
    })
}

#[cfg(test)]
mod tests {
    use http::Uri;
    use http::header::HeaderName;

    use super::*;

    const UNARY: MethodDescriptor = MethodDescriptor::new("/a.B/C", MethodKind::Unary);
    const SAFE: MethodDescriptor = UNARY.with_idempotency(Idempotency::NoSideEffects);
    const STREAM: MethodDescriptor = MethodDescriptor::new("/a.B/D", MethodKind::ServerStreaming);

    #[test]
    fn requests_are_told_apart_by_their_heads() {
        let unary = Some(&UNARY);
        let (safe, stream) = (Some(&SAFE), Some(&STREAM));
        let proto = "application/proto";
        type Row<'a> = (&'a str, &'a str, &'a str, bool, Option<&'a MethodDescriptor>, Option<Meaning>);
        let table: [Row<'_>; 25] = [
            ("POST", "/a.B/C", proto, false, unary, Some(Meaning::Unary(Form::Protobuf))),
            ("POST", "/a.B/C", "application/json", false, unary, Some(Meaning::Unary(Form::Json))),
            ("POST", "/a.B/C", "application/json; charset=utf-8", true, unary, Some(Meaning::Unary(Form::Json))),
            ("POST", "/a.B/C", "Application/JSON", false, unary, Some(Meaning::Unary(Form::Json))),
            ("POST", "/a.B/C", "application/connect+proto", false, unary, Some(Meaning::WrongType)),
            ("POST", "/a.B/C", "image/jpeg", true, unary, Some(Meaning::WrongType)),
            ("POST", "/a.B/C", "image/jpeg", false, unary, None),
            ("POST", "/a.B/C", "application/grpc-web+proto", true, unary, None),
            ("POST", "/a.B/C", "", true, unary, Some(Meaning::WrongType)),
            ("POST", "/a.B/D", "application/connect+proto", false, stream, Some(Meaning::Stream(Form::Protobuf))),
            ("POST", "/a.B/D", "application/connect+json", false, stream, Some(Meaning::Stream(Form::Json))),
            ("POST", "/a.B/D", "application/connect+thrift", false, stream, Some(Meaning::WrongType)),
            ("POST", "/a.B/D", "application/json", false, stream, None),
            ("POST", "/a.B/D", "application/json", true, stream, Some(Meaning::WrongType)),
            ("POST", "/a.B/E", proto, true, None, Some(Meaning::NoMethod)),
            ("POST", "/a.B/E", proto, false, None, None),
            ("POST", "/a.B/E", "application/grpc-web", true, None, None),
            ("GET", "/a.B/C?connect=v1&encoding=json&message={}", "", false, safe, Some(Meaning::Get)),
            ("GET", "/a.B/C?encoding=json&message={}", "", false, safe, Some(Meaning::Get)),
            ("GET", "/a.B/C?message={}", "", false, safe, None),
            ("GET", "/a.B/C?connect=v1&encoding=json&message={}", "", false, unary, Some(Meaning::WrongVerb)),
            ("GET", "/a.B/C", "", false, safe, None),
            ("DELETE", "/a.B/C", proto, true, unary, Some(Meaning::WrongVerb)),
            ("DELETE", "/a.B/C", "", false, unary, None),
            ("OPTIONS", "/a.B/C", "", true, unary, None),
        ];
        for (verb, uri, content_type, says_version, method, expected) in table {
            let mut request = http::Request::builder().method(verb).uri(uri);
            if !content_type.is_empty() {
                request = request.header(CONTENT_TYPE, content_type);
            }
            if says_version {
                request = request.header(PROTOCOL_VERSION, "1");
            }
            let request = request.body(()).expect("a valid request");
            assert_eq!(meaning(&request, method), expected, "{verb} {uri} {content_type} {says_version}");
        }
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn timeouts_are_read_as_the_protocol_says() {
        let table = [
            ("0", Some(0)),
            ("1500", Some(1500)),
            ("9999999999", Some(9_999_999_999)),
            ("10000000000", None),
            ("", None),
            ("-1", None),
            ("+1", None),
            ("1.5", None),
            ("1s", None),
            (" 1", None),
        ];
        for (text, expected) in table {
            let read = timeout(&headers(&[("connect-timeout-ms", text)]));
            match expected {
                Some(millis) => assert_eq!(read.expect("valid"), Some(Duration::from_millis(millis)), "{text:?}"),
                None => assert_eq!(read.expect_err("invalid").code(), crate::Code::InvalidArgument, "{text:?}"),
            }
        }
        assert_eq!(timeout(&HeaderMap::new()).expect("none"), None);
    }

    #[test]
    fn what_is_of_http_or_of_the_protocol_is_no_metadata() {
        let all = headers(&[
            ("host", "a"),
            ("content-type", "application/json"),
            ("content-encoding", "gzip"),
            ("content-length", "2"),
            ("accept-encoding", "gzip"),
            ("connect-protocol-version", "1"),
            ("connect-timeout-ms", "1"),
            ("transfer-encoding", "chunked"),
            ("te", "trailers"),
            ("grpc-timeout", "1S"),
            ("user-agent", "a browser"),
            ("authorization", "Bearer x"),
            ("cookie", "a=b"),
            ("raw-bin", "AQI"),
        ]);
        let metadata = metadata(&all);
        let mut left: Vec<_> = metadata.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "cookie", "raw-bin", "user-agent"]);
    }

    #[test]
    fn one_version_is_spoken() {
        let table = [(None, true), (Some("1"), true), (Some("2"), false), (Some(""), false), (Some("v1"), false)];
        for (version, is_spoken) in table {
            let headers = version.map(|version| headers(&[("connect-protocol-version", version)])).unwrap_or_default();
            assert_eq!(check_version(&headers, None).is_ok(), is_spoken, "{version:?}");
        }
        for (query, is_spoken) in [("/?connect=v1", true), ("/", true), ("/?connect=1", false), ("/?connect=", false)] {
            let uri = Uri::from_static(query);
            assert_eq!(check_version(&HeaderMap::new(), Some(&Query::of(&uri))).is_ok(), is_spoken, "{query}");
        }
    }
}
