//! Calls of services that are known by name only, those that tonic generated: interceptors see their messages as bytes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::{Body as _, Frame};
use tonic::body::Body;

use crate::codec::{
    ByteSource, Codec, Compression, CompressionEncoding, EncodedStream, MessageEncoder, MessageReader, Part, Rope,
};
use crate::context::Context;
use crate::metadata::{self, GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_STATUS, MetadataMap};
use crate::service::interceptor::{Arriving, Interceptors, ServerCall, ServerReply};
use crate::service::{AnyCodec, CallSettings, Message, PollReplies, Replies, ReplyFuture, ReplyPart, TowerHandler};
use crate::status::{self, Status};

/// A call of a tower service that interceptors stand around.
pub(crate) struct RawCall {
    pub(crate) handler: TowerHandler,
    pub(crate) settings: Arc<CallSettings>,
    pub(crate) context: Context,
}

impl RawCall {
    /// Leads a request through its interceptors to the service.
    ///
    /// # Errors
    /// UNIMPLEMENTED where its messages cannot be read.
    pub(crate) fn run(
        self,
        mut head: http::request::Parts,
        source: Pin<Box<dyn ByteSource>>,
        interceptors: Interceptors,
    ) -> Result<ReplyFuture, Status> {
        let RawCall { handler, settings, context } = self;
        let request_encoding = settings.compression.accepted(head.headers.get(GRPC_ENCODING))?;
        let caller_accepts = head.headers.get(GRPC_ACCEPT_ENCODING).cloned();
        let call = Arriving {
            descriptor: None,
            takes_one: false,
            answers_once: false,
            metadata: metadata::user_metadata(head.headers.clone()),
            extensions: std::mem::take(&mut head.extensions),
            source,
            context,
            settings: Arc::clone(&settings),
            request_encoding,
            caller_accepts,
        };
        let codecs = [(), ()].map(|()| AnyCodec::new(RawCodec, "an answer").boxed());
        let handler = Box::new(|call| -> super::ReplyFuture<'static> {
            Box::pin(async move {
                let request = request(head, call, &settings.compression);
                reply(handler.call(request).await, &settings.compression)
            })
        });
        Ok(call.run(interceptors, codecs, handler))
    }
}

/// The call as the service expects it: its messages plain, and an answer that can be read here.
fn request(mut head: http::request::Parts, mut call: ServerCall, readable: &Compression) -> http::Request<Body> {
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers.iter().filter(|(name, _)| metadata::is_reserved(name)) {
        headers.append(name, value.clone());
    }
    headers.remove(GRPC_ENCODING);
    let accepted = headers.remove(GRPC_ACCEPT_ENCODING);
    let both: Vec<_> = readable.accept.iter().filter(|encoding| encoding.is_among(accepted.as_ref())).collect();
    if !both.is_empty() {
        let names: Vec<_> = both.into_iter().map(|encoding| encoding.name()).collect();
        if let Ok(names) = HeaderValue::from_str(&names.join(",")) {
            headers.insert(GRPC_ACCEPT_ENCODING, names);
        }
    }
    let requests = call.take_requests();
    metadata::append_user_metadata(&mut headers, call.metadata);
    head.headers = headers;
    head.extensions = call.extensions;
    let encoder = MessageEncoder::new(AnyCodec::new(RawCodec, "a request"), &Compression::default(), None, usize::MAX);
    let body = Framed::new(EncodedStream::new(requests, encoder));
    http::Request::from_parts(head, Body::new(body))
}

/// The service's answer.
fn reply(response: http::Response<Body>, readable: &Compression) -> Result<ServerReply, Status> {
    let (head, body) = response.into_parts();
    if !head.headers.get(CONTENT_TYPE).is_some_and(metadata::is_grpc) {
        let status = head.status;
        return Err(Status::internal(format!("the service answered with HTTP {status} instead of gRPC")));
    }
    let encoding = readable.accepted(head.headers.get(GRPC_ENCODING))?;
    let mut reply = if head.headers.contains_key(GRPC_STATUS) {
        ServerReply::from_stream(tokio_stream::empty(), ended(head.headers)?)
    } else {
        let codec = AnyCodec::new(RawCodec, "an answer");
        let reader = MessageReader::new(Box::pin(AnswerSource::new(body)), codec, encoding, usize::MAX);
        let messages = Replies::Many(Box::pin(Read(reader)));
        ServerReply { metadata: metadata::user_metadata(head.headers), ..ServerReply::of(messages) }
    };
    reply.extensions = head.extensions;
    if let Some(encoding) = encoding {
        reply.extensions.insert::<CompressionEncoding>(encoding);
    }
    Ok(reply)
}

/// How a call ends by its trailers.
fn ended(trailers: HeaderMap) -> Result<MetadataMap, Status> {
    match status::from_headers(&trailers) {
        Some(status) if status.code() != status::Code::Ok => Err(status),
        Some(_) => Ok(metadata::user_metadata(trailers)),
        None => Err(Status::unknown("the service ended its answer without a status")),
    }
}

/// Messages that are bytes.
#[derive(Clone)]
pub(crate) struct RawCodec;

impl Codec for RawCodec {
    type Encode = Bytes;
    type Decode = Bytes;

    fn encode(&mut self, message: &Bytes, buffer: &mut BytesMut) -> Result<(), Status> {
        buffer.put_slice(message);
        Ok(())
    }

    fn encode_shared(&mut self, message: &Bytes, output: &mut Rope) -> Result<(), Status> {
        output.put(message.clone());
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<Bytes, Status> {
        Ok(message)
    }
}

/// Messages as the body of a request.
pub(crate) struct Framed<S>(Pin<Box<S>>);

impl<S> Framed<S> {
    pub(crate) fn new(source: S) -> Self {
        Framed(Box::pin(source))
    }
}

impl<S: ByteSource> http_body::Body for Framed<S> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(match ready!(self.0.as_mut().poll_part(cx)) {
            Part::Data(bytes) => Some(Ok(Frame::data(bytes))),
            Part::End(Ok(_)) => None,
            Part::End(Err(status)) => Some(Err(status)),
        })
    }
}

/// The body of a service's answer as the bytes of a call.
pub(crate) struct AnswerSource {
    body: Body,
    /// How the call has ended, where that is known before its body.
    end: Option<Result<MetadataMap, Status>>,
}

impl AnswerSource {
    pub(crate) fn new(body: Body) -> Self {
        AnswerSource { body, end: None }
    }

    /// An answer that is nothing but trailers.
    #[cfg(feature = "server")]
    pub(crate) fn without_messages(trailers: HeaderMap) -> Self {
        AnswerSource { body: Body::empty(), end: Some(ended(trailers)) }
    }

    /// No answer of the service's at all.
    #[cfg(feature = "server")]
    pub(crate) fn failed(status: Status) -> Self {
        AnswerSource { body: Body::empty(), end: Some(Err(status)) }
    }
}

impl ByteSource for AnswerSource {
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Part> {
        if let Some(end) = self.end.take() {
            return Poll::Ready(Part::End(end));
        }
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Part::Data(bytes),
                    Err(frame) => match frame.into_trailers() {
                        Ok(trailers) => Part::End(ended(trailers)),
                        Err(_unknown) => continue,
                    },
                },
                Some(Err(status)) => Part::End(Err(status)),
                None => Part::End(ended(HeaderMap::new())),
            });
        }
    }
}

/// The messages of a service's answer.
struct Read(MessageReader<AnyCodec<RawCodec>>);

impl PollReplies for Read {
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<ReplyPart> {
        self.0.poll_next_message(cx).map(|message: Option<Result<Message, Status>>| match message {
            Some(Ok(message)) => ReplyPart::Message(message),
            Some(Err(status)) => ReplyPart::End(Err(status)),
            None => ReplyPart::End(Ok(self.0.take_trailers().unwrap_or_default())),
        })
    }
}
