//! Unary calls: an HTTP request with a message as its body, or in its query, and an answer that is nothing else.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, VARY};
use http::request::Parts;
use http_body::Body as _;
use http_body_util::Full;
use tonic::body::Body;

use crate::codec::CompressionEncoding;
use crate::connect::form::Form;
use crate::connect::protocol::Method;
use crate::connect::query::Query;
use crate::connect::{TRAILER_PREFIX, code, error, request};
use crate::metadata::{MetadataMap, is_of_pages, is_of_transfer};
use crate::server::accepted::takes_coding;
use crate::server::{Calls, ProtocolCall, ReplyMessages};
use crate::service::CallSettings;
use crate::status::Status;
use crate::transport::retained::{RetainedBody, Retainer};

/// Answers a POST.
pub(crate) async fn post(
    request: http::Request<Body>,
    form: Form,
    method: Method,
    calls: Calls,
) -> http::Response<Body> {
    let (mut head, body) = request.into_parts();
    let body = RetainedBody::whole(body, Retainer::take(&mut head.extensions));
    let settings = method.settings(&calls);
    let message = request::check_version(&head.headers, None).and_then(|()| {
        let name = head.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
        let encoding = request::encoding(name, &settings.compression)?;
        let limit = settings.limits.decoding_bytes_max;
        let method = method.clone();
        Ok(async move { method.decode(form, plain(collect(body, limit).await?, encoding, limit)?) })
    });
    match message {
        Ok(message) => answer(&head, form, message, &method, &calls, &settings).await,
        Err(status) => failed(&status, MetadataMap::new(), &method, &settings),
    }
}

/// Answers a GET.
pub(crate) async fn get(request: http::Request<Body>, method: Method, calls: Calls) -> http::Response<Body> {
    let (head, _) = request.into_parts();
    let settings = method.settings(&calls);
    let query = Query::of(&head.uri);
    let message = request::check_version(&head.headers, Some(&query)).and_then(|()| {
        let form = query.form()?;
        let encoding = query.text("compression");
        let encoding = request::encoding(encoding.as_deref().map(str::as_bytes), &settings.compression)?;
        let message = plain(query.message()?.into(), encoding, settings.limits.decoding_bytes_max)?;
        Ok((form, method.decode(form, message)?))
    });
    let mut response = match message {
        Ok((form, message)) => answer(&head, form, async { Ok(message) }, &method, &calls, &settings).await,
        Err(status) => failed(&status, MetadataMap::new(), &method, &settings),
    };
    if settings.compression.send.is_some() {
        response.headers_mut().append(VARY, HeaderValue::from_static("accept-encoding"));
    }
    response
}

/// Makes the call. Its message is read within it, so that the call's deadline covers that.
async fn answer(
    head: &Parts,
    form: Form,
    message: impl Future<Output = Result<Bytes, Status>> + Send + 'static,
    method: &Method,
    calls: &Calls,
    settings: &CallSettings,
) -> http::Response<Body> {
    let timeout = match request::timeout(&head.headers) {
        Ok(timeout) => timeout,
        Err(status) => return failed(&status, MetadataMap::new(), method, settings),
    };
    let mut call = ProtocolCall::streaming(method.descriptor.path, OneMessage(Some(Box::pin(message))));
    call.timeout = timeout;
    call.metadata = MetadataMap::from_headers(request::metadata(&head.headers));
    call.extensions = head.extensions.clone();
    let mut reply = calls.call(call).await;
    let answered = only_message(&mut reply.messages).await;
    let answered = answered.and_then(|message| method.encode(form, message, settings));
    let encoding = settings.compression.send.filter(|send| takes_coding(&head.headers, send.name()));
    match answered.and_then(|message| compressed(message, encoding, settings)) {
        Ok((message, encoding)) => {
            let mut response = http::Response::new(Body::new(Full::new(message)));
            let headers = response.headers_mut();
            append(headers, "", reply.metadata);
            append(headers, TRAILER_PREFIX, reply.messages.take_trailers());
            headers.insert(CONTENT_TYPE, form.unary_content_type());
            headers.insert(ACCEPT_ENCODING, settings.compression.accept_header());
            if let Some(encoding) = encoding {
                headers.insert(CONTENT_ENCODING, HeaderValue::from_static(encoding.name()));
            }
            response
        }
        Err(status) => failed(&status, reply.metadata, method, settings),
    }
}

/// An answer that says how a call failed. What else the status holds is among its headers.
fn failed(status: &Status, metadata: MetadataMap, method: &Method, settings: &CallSettings) -> http::Response<Body> {
    let text = error::error(status, method.types.as_ref()).to_string();
    let mut response = http::Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = code::http_status(status.code());
    let headers = response.headers_mut();
    append(headers, "", metadata);
    append(headers, "", status.metadata().clone());
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(ACCEPT_ENCODING, settings.compression.accept_header());
    response
}

/// Adds a user's metadata to the headers of an answer, its names behind a prefix.
fn append(headers: &mut HeaderMap, prefix: &str, metadata: MetadataMap) {
    for (name, value) in &metadata.into_headers() {
        if is_of_transfer(name) || (prefix.is_empty() && is_of_pages(name)) {
            continue;
        }
        if prefix.is_empty() {
            headers.append(name, value.clone());
        } else if let Ok(name) = HeaderName::try_from(format!("{prefix}{name}")) {
            headers.append(name, value.clone());
        }
    }
}

/// The message of a reply that has one, and all of the reply.
async fn only_message(messages: &mut ReplyMessages) -> Result<Bytes, Status> {
    let Some(message) = messages.next().await? else {
        return Err(Status::internal("the handler answered without a message"));
    };
    match messages.next().await? {
        None => Ok(message),
        Some(_) => Err(Status::internal("the handler answered a unary call with more than one message")),
    }
}

/// All of a body, which is read as it is asked for.
async fn collect(body: RetainedBody, limit: usize) -> Result<Bytes, Status> {
    let too_large = || {
        Status::resource_exhausted(format!("the request's body is larger than {limit} bytes, the limit for receiving"))
    };
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > limit) {
        return Err(too_large());
    }
    let mut body = std::pin::pin!(body);
    let (mut first, mut all) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = poll_fn(|cx| body.as_mut().poll_frame(cx)).await {
        let Ok(piece) = frame?.into_data() else { continue };
        if first.len() + all.len() + piece.len() > limit {
            return Err(too_large());
        }
        if first.is_empty() && all.is_empty() {
            first = piece;
        } else {
            all.extend_from_slice(&std::mem::take(&mut first));
            all.extend_from_slice(&piece);
        }
    }
    Ok(if all.is_empty() { first } else { all.freeze() })
}

/// A request's message as it was before it was compressed.
fn plain(message: Bytes, encoding: Option<CompressionEncoding>, limit: usize) -> Result<Bytes, Status> {
    match encoding {
        // Clients leave a message of no bytes as it is.
        Some(encoding) if !message.is_empty() => {
            let plain = encoding.decompress(&message, limit).map_err(|status| match status.code() {
                crate::Code::Internal => Status::invalid_argument(status.message()),
                _ => status,
            })?;
            Ok(plain.into())
        }
        _ => Ok(message),
    }
}

/// The message of an answer, compressed where that is worth it.
fn compressed(
    message: Bytes,
    encoding: Option<CompressionEncoding>,
    settings: &CallSettings,
) -> Result<(Bytes, Option<CompressionEncoding>), Status> {
    let Some(encoding) = encoding.filter(|_| message.len() >= settings.compression.minimum_bytes.max(1)) else {
        return Ok((message, None));
    };
    let mut output = Vec::new();
    encoding.compressor().compress(&message, settings.compression.level, &mut output).map_err(|error| {
        Status::internal(format!("the answer cannot be compressed with {}: {error}", encoding.name()))
    })?;
    Ok((output.into(), Some(encoding)))
}

/// A stream of one message that is not there yet.
struct OneMessage(Option<MessageFuture>);

type MessageFuture = Pin<Box<dyn Future<Output = Result<Bytes, Status>> + Send>>;

impl Stream for OneMessage {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(message) = &mut self.0 else { return Poll::Ready(None) };
        let message = ready!(message.as_mut().poll(cx));
        self.0 = None;
        Poll::Ready(Some(message))
    }
}
