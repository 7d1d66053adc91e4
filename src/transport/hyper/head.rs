//! What hyper lets through of a request's head over HTTP/1.1, and is not to go on.

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE, HOST, HeaderValue, TRANSFER_ENCODING};
use http::{StatusCode, Version};
use http_body_util::Full;
use tonic::body::Body;

use crate::transport::response_body::ResponseBody;

/// What HTTP/2 adds to each header when it counts (RFC 9113, section 6.5.2).
const HEADER_OVERHEAD: usize = 32;

/// The answer to a request over HTTP/1.1 that nobody else shall see. Its connection ends with it: where the next request
/// begins is as uncertain as this one.
pub(crate) fn refusal<B>(
    request: &http::Request<B>,
    header_list_bytes_max: usize,
    has_length: bool,
) -> Option<http::Response<ResponseBody>> {
    if request.version() >= Version::HTTP_2 {
        return None;
    }
    let (status, text) = if header_list_bytes(request) > header_list_bytes_max {
        let text =
            format!("the headers of a request may have {header_list_bytes_max} bytes, counted as HTTP/2 counts them\n");
        (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, text)
    } else if !has_one_host(request) {
        (StatusCode::BAD_REQUEST, "a request has one header Host\n".to_owned())
    } else if has_length && request.headers().contains_key(TRANSFER_ENCODING) {
        (StatusCode::BAD_REQUEST, "a body has a length or comes in chunks, not both\n".to_owned())
    } else if !is_chunked_alone(request) {
        (StatusCode::NOT_IMPLEMENTED, "no transfer coding is understood here but chunked, once\n".to_owned())
    } else {
        return None;
    };
    let mut response = http::Response::new(ResponseBody::Http(Body::new(Full::new(Bytes::from(text)))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    Some(response)
}

/// How large a request's headers are, as HTTP/2 counts them: its limit holds here too.
fn header_list_bytes<B>(request: &http::Request<B>) -> usize {
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    let line = ":method:path".len() + request.method().as_str().len() + target + 2 * HEADER_OVERHEAD;
    let fields = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER_OVERHEAD);
    line + fields.sum::<usize>()
}

/// RFC 9112, section 3.2.
fn has_one_host<B>(request: &http::Request<B>) -> bool {
    let hosts = request.headers().get_all(HOST).iter().count();
    hosts == 1 || (hosts == 0 && request.version() < Version::HTTP_11)
}

/// RFC 9112, section 6.1: bodies in other codings would be taken for what they are not.
fn is_chunked_alone<B>(request: &http::Request<B>) -> bool {
    let mut codings = request.headers().get_all(TRANSFER_ENCODING).iter();
    match (codings.next(), codings.next()) {
        (None, _) => true,
        (Some(coding), None) => coding.as_bytes().eq_ignore_ascii_case(b"chunked"),
        (Some(_), Some(_)) => false,
    }
}
