//! Calls with streams: messages framed as gRPC frames them, and a last frame that says how the call ended.

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use tonic::body::Body;

use crate::client::protocol::{Original, Outgoing, Read};
use crate::client::translated::{Ending, TrailersOutside, answer, waits};
use crate::connect::client::end::{of_user, read_end_of_stream};
use crate::connect::client::json::{received, sent};
use crate::connect::client::{Call, check_content_type};
use crate::connect::{END_FLAG, STREAM_ACCEPT_ENCODING, STREAM_ENCODING};
use crate::metadata::GRPC_ENCODING;
use crate::status::{Status, code_for_http_status};

/// What content types of frames begin with.
const CONTENT_TYPE_PREFIX: &str = "application/connect+";

/// The request of a call.
pub(super) fn translate(call: Call, body: Body) -> Result<Outgoing, Status> {
    let mut headers = call.headers();
    headers.insert(CONTENT_TYPE, call.content_type(CONTENT_TYPE_PREFIX)?);
    if let Some(encoding) = &call.encoding {
        headers.insert(STREAM_ENCODING, encoding.clone());
    }
    if let Some(accepted) = call.accepted() {
        headers.insert(STREAM_ACCEPT_ENCODING, accepted);
    }
    let body = match &call.json {
        Some(json) => sent(body, json, call.encoding.as_ref())?,
        None => body,
    };
    let waits = waits(&call.original);
    let Call { original, json, codec, traits, .. } = call;
    let Parts { method, uri, version, extensions, .. } = original.clone();
    let mut request = http::Request::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    *request.extensions_mut() = extensions;
    let read: Read = Box::new(move |response| {
        Box::pin(async move {
            let response = read(response, &codec, waits).await?;
            match json {
                Some(json) => received(response, json, traits.decoding_bytes_max),
                None => Ok(response),
            }
        })
    });
    Ok(Outgoing { request, original: Original { head: original, body: None }, read })
}

async fn read(response: http::Response<Body>, codec: &str, waits: bool) -> Result<http::Response<Body>, Status> {
    let (mut head, body) = response.into_parts();
    if head.status != StatusCode::OK {
        let text = format!("the server answered with HTTP status {} instead of Connect", head.status);
        return Err(Status::new(code_for_http_status(head.status), text));
    }
    check_content_type(&head.headers, CONTENT_TYPE_PREFIX, codec)?;
    let encoding: Option<HeaderValue> = head.headers.get(STREAM_ENCODING).cloned();
    head.headers = of_user(&head.headers).into_headers();
    head.headers.remove(STREAM_ENCODING);
    head.headers.remove(STREAM_ACCEPT_ENCODING);
    if let Some(encoding) = &encoding {
        head.headers.insert(GRPC_ENCODING, encoding.clone());
    }
    let read = Box::new(|text: bytes::Bytes| read_end_of_stream(&text));
    let ending = Ending { flag: END_FLAG, encoding, read, may_be_missing: false };
    answer(head, TrailersOutside::new(body, ending), waits).await
}
