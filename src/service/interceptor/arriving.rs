//! A call that interceptors stand around, from its bytes to the bytes of its answer.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use http::{Extensions, HeaderValue};

use crate::codec::{ByteSource, Codec, CompressionEncoding, EncodedStream, Filled, MessageReader, Part, Quota, Rope};
use crate::context::Context;
use crate::metadata::{self, MetadataMap};
use crate::service::call::Answering;
use crate::service::interceptor::call::Requests;
use crate::service::interceptor::watch::{Traffic, Watch};
use crate::service::interceptor::{Handler, Interceptors, Next, ServerCall, ServerReply};
use crate::service::reply::Answer;
use crate::service::{
    BoxCodec, BoxReplies, CallSettings, Message, MethodDescriptor, PollReplies, Replies, ReplyBody, ReplyFuture,
    ReplyPart, failure,
};
use crate::status::Status;

/// A call as it arrives.
pub(in crate::service) struct Arriving {
    pub(in crate::service) descriptor: Option<&'static MethodDescriptor>,
    pub(in crate::service) takes_one: bool,
    pub(in crate::service) answers_once: bool,
    pub(in crate::service) metadata: MetadataMap,
    pub(in crate::service) extensions: Extensions,
    pub(in crate::service) source: Pin<Box<dyn ByteSource>>,
    pub(in crate::service) context: Context,
    pub(in crate::service) settings: Arc<CallSettings>,
    pub(in crate::service) request_encoding: Option<CompressionEncoding>,
    pub(in crate::service) caller_accepts: Option<HeaderValue>,
}

impl Arriving {
    /// Leads the call through its interceptors to the handler, and the answer back. One codec reads, one writes.
    pub(in crate::service) fn run(
        self,
        interceptors: Interceptors,
        [reading, writing]: [BoxCodec; 2],
        handler: Handler,
    ) -> ReplyFuture {
        let context = self.context;
        let traffic = Arc::new(Traffic::default());
        let limits = self.settings.limits;
        let counted =
            |codec| Counted { codec, traffic: Arc::clone(&traffic), encoding_bytes_max: limits.encoding_bytes_max };
        let (reading, writing) = (counted(reading), counted(writing));
        #[cfg_attr(not(feature = "telemetry"), allow(unused_mut, reason = "nobody is told"))]
        let mut reader = MessageReader::new(self.source, reading, self.request_encoding, limits.decoding_bytes_max)
            .measured(context.counter());
        #[cfg(feature = "telemetry")]
        reader.tell(context.watch());
        let call = ServerCall {
            context: context.clone(),
            descriptor: self.descriptor,
            takes_one: self.takes_one,
            metadata: self.metadata,
            extensions: self.extensions,
            requests: Requests::Many(Box::pin(Incoming(reader))),
            traffic,
        };
        let answering =
            Answering { context: context.clone(), settings: self.settings, caller_accepts: self.caller_accepts };
        let encoding = answering.usual_encoding();
        let outgoing = Outgoing { answering, codec: writing, once: self.answers_once };
        let next = Next { interceptors, passed: 0, handler: with_trailers(context.clone(), handler) };
        let current = context.clone();
        ReplyFuture::new(context, encoding, async move {
            let answer = async { outgoing.answer(next.run(call).await.map_err(failure)?).await };
            within(&current, answer).await
        })
    }
}

/// Runs a call until it must be over, where an interceptor has brought that forward. The deadline that the call came
/// with is kept by whoever carries it.
async fn within<T>(context: &Context, work: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
    let own = context.deadline();
    let mut work = pin!(work);
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(done) = work.as_mut().poll(cx) {
            return Poll::Ready(done);
        }
        let Some(deadline) = context.deadline().filter(|deadline| Some(*deadline) != own) else { return Poll::Pending };
        let (_, sleep) = match timer.take() {
            Some((known, sleep)) if known == deadline => timer.insert((known, sleep)),
            _ => timer.insert((deadline, Box::pin(tokio::time::sleep_until(deadline.tokio_instant())))),
        };
        sleep.as_mut().poll(cx).map(|()| {
            context.cancel();
            Err(Status::deadline_exceeded("the time that this side gives the call passed before it was over"))
        })
    })
    .await
}

/// Puts what the handler set as trailing metadata where interceptors see it.
fn with_trailers(context: Context, handler: Handler) -> Handler {
    Box::new(|call| {
        Box::pin(async move {
            let mut reply = handler(call).await?;
            reply.messages = match reply.messages {
                Replies::One { message, mut trailers } => {
                    metadata::merge(&mut trailers, context.take_trailing_metadata());
                    Replies::One { message, trailers }
                }
                Replies::Many(replies) => Replies::Many(Box::pin(Ended { replies, context })),
            };
            Ok(reply)
        })
    })
}

/// The same of a stream, when it ends.
struct Ended {
    replies: BoxReplies,
    context: Context,
}

impl PollReplies for Ended {
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<ReplyPart> {
        let mut part = ready!(self.replies.as_mut().poll_reply(cx));
        if let ReplyPart::End(Ok(trailers)) = &mut part {
            metadata::merge(trailers, self.context.take_trailing_metadata());
        }
        Poll::Ready(part)
    }
}

/// The requests as they come.
struct Incoming(MessageReader<Counted>);

impl Stream for Incoming {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let message = ready!(self.0.poll_next_message(cx));
        Poll::Ready(message.map(|message| {
            message.map(|mut message| {
                message.was_compressed = self.0.last_was_compressed();
                message
            })
        }))
    }
}

/// How the answer of the outermost interceptor becomes bytes.
struct Outgoing {
    answering: Answering,
    codec: Counted,
    /// Whether the method answers with one message.
    once: bool,
}

impl Outgoing {
    async fn answer(self, reply: ServerReply) -> Result<Answer, Status> {
        let Outgoing { answering, codec, once } = self;
        let ServerReply { metadata, extensions, messages, watches } = reply;
        let traffic = Arc::clone(&codec.traffic);
        let context = answering.context.clone();
        let encoding = answering.encoding(&extensions);
        let mut encoder = answering.encoder(codec, encoding, &extensions);
        if !once {
            let replies = Sendable { replies: messages.into_parts(), context };
            let bytes = Box::pin(EncodedStream::new(replies, encoder));
            let body = ReplyBody::Stream(Box::pin(Sent { bytes, traffic, _watches: watches }));
            return Ok(Answer { metadata, encoding, body });
        }
        let path = context.method();
        let cardinality = |came: &str| Status::internal(format!("{path} answers with exactly one message, and {came}"));
        let mut output = Rope::default();
        let sent = async {
            let (message, trailers) = messages.into_single(cardinality).await?;
            encoder.encode(&message, &mut output)?;
            Ok(trailers)
        };
        let trailers = sent.await.inspect_err(|status| traffic.fail(status))?;
        context.append_trailing(trailers);
        Ok(Answer { metadata, encoding, body: ReplyBody::Message(output) })
    }
}

/// The messages of an answer, with its trailers where they are sent from.
struct Sendable {
    replies: BoxReplies,
    context: Context,
}

impl Stream for Sendable {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(match ready!(self.replies.as_mut().poll_reply(cx)) {
            ReplyPart::Message(message) => Some(Ok(message)),
            ReplyPart::End(Ok(trailers)) => {
                self.context.append_trailing(trailers);
                None
            }
            ReplyPart::End(Err(status)) => Some(Err(failure(status))),
        })
    }
}

/// The bytes of an answer. What ends it here, those that watch learn.
struct Sent {
    bytes: Pin<Box<EncodedStream<Sendable, Counted>>>,
    traffic: Arc<Traffic>,
    _watches: Vec<Watch>,
}

impl ByteSource for Sent {
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Part> {
        let part = ready!(self.bytes.as_mut().poll_part(cx));
        if let Part::End(Err(status)) = &part {
            self.traffic.fail(status);
        }
        Poll::Ready(part)
    }

    fn poll_fill(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>, output: &mut Rope, quota: Quota) -> Poll<Filled> {
        let filled = ready!(self.bytes.as_mut().poll_fill(cx, output, quota));
        if let Filled::End(Err(status)) = &filled {
            self.traffic.fail(status);
        }
        Poll::Ready(filled)
    }
}

/// A codec that counts what passes.
struct Counted {
    codec: BoxCodec,
    traffic: Arc<Traffic>,
    /// Longer ones are refused after they were encoded.
    encoding_bytes_max: usize,
}

impl Counted {
    fn count_reply(&self, bytes: usize) {
        if bytes <= self.encoding_bytes_max {
            self.traffic.count_reply(bytes);
        }
    }
}

impl Codec for Counted {
    type Encode = Message;
    type Decode = Message;

    fn content_subtype(&self) -> Option<&'static str> {
        self.codec.content_subtype()
    }

    fn encode(&mut self, message: &Message, buffer: &mut BytesMut) -> Result<(), Status> {
        let before = buffer.len();
        self.codec.encode(message, buffer)?;
        self.count_reply(buffer.len() - before);
        Ok(())
    }

    fn encode_shared(&mut self, message: &Message, output: &mut Rope) -> Result<(), Status> {
        let before = output.mark();
        self.codec.encode_shared(message, output)?;
        self.count_reply(output.since(before));
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<Message, Status> {
        self.traffic.count_request(message.len());
        self.codec.decode(message)
    }

    fn decode_slice(&mut self, message: &[u8]) -> Result<Message, Status> {
        self.traffic.count_request(message.len());
        self.codec.decode_slice(message)
    }

    fn decode_front(&mut self, bytes: &mut Bytes, length: usize) -> Result<Message, Status> {
        self.traffic.count_request(length);
        self.codec.decode_front(bytes, length)
    }
}
