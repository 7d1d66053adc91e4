//! The short way of a unary call: its message is at hand, its handler is polled at once, and its answer is written
//! where it is sent from.

use std::fmt;
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::{Bytes, BytesMut};
use http::HeaderValue;
use tonic::{Request, Response};

use crate::codec::{ByteSource, Codec, CompressionEncoding, MessageEncoder, Part, ReceivedCompressed, Rope};
use crate::context::{self, Context};
use crate::metadata::MetadataMap;
use crate::pace::Pace;
use crate::service::call::Answering;
use crate::service::slots::{self, Slot};
use crate::service::{CallSettings, MethodDescriptor, ReplyFuture, Service, StreamCall};
use crate::status::Status;

/// A unary call whose one message has arrived: what generated code turns into a call of the handler.
///
/// Where a call's message is still on its way, or is one of many, generated code gets a [`StreamCall`] instead.
pub struct UnaryCall<'a> {
    pub(crate) method: &'static MethodDescriptor,
    /// What the caller sent with it; most send nothing, and then nothing is copied.
    pub(crate) metadata: &'a MetadataMap,
    pub(crate) extensions: &'a http::Extensions,
    pub(crate) payload: Payload<'a>,
    pub(crate) is_compressed: bool,
    /// The call's context; still there after an answer that was written.
    pub(crate) context: &'a mut Context,
    pub(crate) settings: &'a Arc<CallSettings>,
    pub(crate) request_encoding: Option<CompressionEncoding>,
    pub(crate) caller_accepts: Option<&'a HeaderValue>,
    pub(crate) pace: &'a Pace,
    /// Where the answer's message goes.
    pub(crate) output: &'a mut Rope,
}

/// A message without its prefix.
#[cfg_attr(not(feature = "server"), allow(dead_code, reason = "only our own engine hands messages over"))]
pub(crate) enum Payload<'a> {
    /// It lies where it arrived.
    Slice(&'a [u8]),
    /// It was collected, and parts of it can be shared.
    Shared(Bytes),
}

impl Payload<'_> {
    pub(crate) fn as_slice(&self) -> &[u8] {
        match self {
            Payload::Slice(bytes) => bytes,
            Payload::Shared(bytes) => bytes,
        }
    }
}

/// What became of a [`UnaryCall`]: its answer is written, or on its way. Generated code hands it back unopened.
pub struct UnaryReply(pub(crate) Answered);

#[cfg_attr(not(feature = "server"), allow(dead_code, reason = "only our own engine asks"))]
pub(crate) enum Answered {
    /// One message and its prefix are in the output, there is no metadata, and the status is OK.
    Written,
    /// The answer is not there yet, or it is something else. Nothing is in the output.
    Later { reply: ReplyFuture, is_long: bool },
}

impl UnaryCall<'_> {
    /// Calls the handler with the message, and writes its answer if that is there at once.
    ///
    /// The handler is polled here, once, unless its method is known to take long; a future that has to wait is taken
    /// along in the reply. A handler that panics ends its call with INTERNAL. What is given as `handler` makes a future
    /// and does nothing else: whatever it did would not be part of the call.
    pub fn answer<C, F, Fut>(mut self, mut codec: C, handler: F) -> UnaryReply
    where
        C: Codec + Clone,
        F: FnOnce(Request<C::Decode>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        let message = match self.decode(&mut codec) {
            Ok(message) => message,
            Err(status) => return self.fail(status),
        };
        let request = self.request(message);
        if self.pace.is_long() {
            let answering = self.answering();
            let (context, encoding) = (self.context.clone(), answering.usual_encoding());
            let future = async move { answering.with_message(codec, handler(request).await?) };
            return UnaryReply(Answered::Later { reply: ReplyFuture::new(context, encoding, future), is_long: true });
        }
        let mut slot = slots::take::<Fut>();
        slot.set(Some(handler(request)));
        match self.poll_once(&codec, &mut slot) {
            Polled::Written => {
                slots::give(slot);
                UnaryReply(Answered::Written)
            }
            Polled::Unusual(response) => {
                slots::give(slot);
                let answering = self.answering();
                let encoding = answering.encoding(response.extensions());
                let answer = answering.with_message(codec, response);
                let reply = ReplyFuture::new(self.context.clone(), encoding, ready(answer));
                UnaryReply(Answered::Later { reply, is_long: false })
            }
            Polled::Failed(status) => {
                slots::give(slot);
                self.fail(status)
            }
            Polled::Waits => self.wait(codec, slot),
            Polled::Panicked => {
                self.context.within(|| {
                    let _ = catch_unwind(AssertUnwindSafe(|| slot.set(None)));
                });
                self.fail(Status::internal("the handler panicked"))
            }
        }
    }

    /// Polls the handler, and writes an answer that is nothing but a message. A response is large: it stays where it
    /// was returned.
    fn poll_once<C, Fut>(&mut self, codec: &C, slot: &mut Slot<Fut>) -> Polled<C::Encode>
    where
        C: Codec + Clone,
        Fut: Future<Output = Result<Response<C::Encode>, Status>>,
    {
        let (pace, settings, output) = (self.pace, self.settings, &mut *self.output);
        #[cfg(feature = "telemetry")]
        let watch = self.context.watch();
        self.context.within(|| {
            let polled = pace.measure(|| {
                catch_unwind(AssertUnwindSafe(|| {
                    let polled = slot.as_mut().as_pin_mut()?.poll(&mut TaskContext::from_waker(Waker::noop()));
                    if polled.is_ready() {
                        slot.set(None);
                    }
                    Some(polled)
                }))
            });
            match polled {
                Ok(Some(Poll::Ready(Ok(response)))) if is_plain(&response, settings) => {
                    let limit = settings.limits.encoding_bytes_max;
                    let encoder = MessageEncoder::new(codec.clone(), &settings.compression, None, limit);
                    #[cfg(feature = "telemetry")]
                    let encoder = encoder.telling(watch);
                    let mut encoder = encoder;
                    match encoder.encode(response.get_ref(), output) {
                        Ok(()) => Polled::Written,
                        Err(status) => Polled::Failed(status),
                    }
                }
                Ok(Some(Poll::Ready(Ok(response)))) => Polled::Unusual(response),
                Ok(Some(Poll::Ready(Err(status)))) => Polled::Failed(status),
                Ok(Some(Poll::Pending) | None) => Polled::Waits,
                Err(_panic) => Polled::Panicked,
            }
        })
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let metadata = if self.metadata.is_empty() { MetadataMap::new() } else { self.metadata.clone() };
        let mut extensions = self.extensions.clone();
        if self.is_compressed {
            extensions.insert(ReceivedCompressed);
        }
        Request::from_parts(metadata, extensions, message)
    }

    /// Hands the call to [`Service::call`], for services and methods that know no shorter way. `method` is its index
    /// there.
    pub fn go_the_long_way<S: Service + ?Sized>(self, service: &S, method: usize) -> UnaryReply {
        let parts = [Part::Data(self.framed()), Part::End(Ok(MetadataMap::new()))];
        let call = StreamCall {
            method: self.method,
            metadata: self.metadata.clone(),
            extensions: self.extensions.clone(),
            source: Box::pin(Arrived(parts.into_iter())),
            context: self.context.clone(),
            settings: Arc::clone(self.settings),
            request_encoding: self.request_encoding,
            caller_accepts: self.caller_accepts.cloned(),
            interceptors: None,
        };
        UnaryReply(Answered::Later { reply: service.call(method, call), is_long: false })
    }

    /// Ends the call with a status.
    pub(crate) fn fail(self, status: Status) -> UnaryReply {
        let reply = ReplyFuture::new(self.context.clone(), None, ready(Err(status)));
        UnaryReply(Answered::Later { reply, is_long: false })
    }

    fn decode<C: Codec>(&mut self, codec: &mut C) -> Result<C::Decode, Status> {
        #[cfg(feature = "channelz")]
        if let Some(tally) = self.context.tally() {
            tally.received();
        }
        self.context.count_received(self.payload.as_slice().len());
        if self.is_compressed {
            let Some(encoding) = self.request_encoding else {
                return Err(Status::internal(
                    "a message is flagged as compressed, but grpc-encoding names no encoding",
                ));
            };
            let bytes_max = self.settings.limits.decoding_bytes_max;
            let plain = encoding.decompress(self.payload.as_slice(), bytes_max)?;
            #[cfg(feature = "telemetry")]
            self.tell(plain.len());
            return codec.decode(plain.into());
        }
        #[cfg(feature = "telemetry")]
        self.tell(self.payload.as_slice().len());
        match &mut self.payload {
            Payload::Slice(bytes) => codec.decode_slice(bytes),
            Payload::Shared(bytes) => codec.decode(std::mem::take(bytes)),
        }
    }

    /// Tells of the message, which has this length.
    #[cfg(feature = "telemetry")]
    fn tell(&self, bytes: usize) {
        if let Some(span) = self.context.span() {
            let compressed_bytes = self.is_compressed.then(|| self.payload.as_slice().len());
            span.received(crate::observe::MessageSize { bytes: Some(bytes), compressed_bytes });
        }
    }

    /// Takes the handler's future along until it is ready.
    fn wait<C, Fut>(self, codec: C, slot: Slot<Fut>) -> UnaryReply
    where
        C: Codec + Clone,
        Fut: Future<Output = Result<Response<C::Encode>, Status>> + Send + 'static,
    {
        let answering = self.answering();
        let encoding = answering.usual_encoding();
        let future = async move { answering.with_message(codec, Waiting(slot).await?) };
        let reply = ReplyFuture::new(self.context.clone(), encoding, future);
        UnaryReply(Answered::Later { reply, is_long: false })
    }

    fn answering(&self) -> Answering {
        Answering {
            context: self.context.clone(),
            settings: Arc::clone(self.settings),
            caller_accepts: self.caller_accepts.cloned(),
        }
    }

    /// The message with its prefix again.
    fn framed(&self) -> Bytes {
        let payload = self.payload.as_slice();
        let mut framed = BytesMut::with_capacity(crate::codec::PREFIX_BYTES + payload.len());
        framed.extend_from_slice(&[u8::from(self.is_compressed)]);
        // A message whose length does not fit was never received.
        framed.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
        framed.extend_from_slice(payload);
        framed.freeze()
    }
}

/// What came of the first poll of a handler.
enum Polled<T> {
    /// Its answer is in the output.
    Written,
    /// Its answer is more than a message.
    Unusual(Response<T>),
    Failed(Status),
    Waits,
    Panicked,
}

/// Whether all that there is to say is a message. Asked while the call's context is current.
fn is_plain<T>(response: &Response<T>, settings: &CallSettings) -> bool {
    response.metadata().is_empty()
        && response.extensions().get::<CompressionEncoding>().is_none()
        && settings.compression.send.is_none()
        && !context::current_has_reply_metadata()
}

/// A future in its place, which is never empty before it is ready.
struct Waiting<F>(Slot<F>);

impl<F: Future> Future for Waiting<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<F::Output> {
        self.0.as_mut().as_pin_mut().map_or(Poll::Pending, |future| future.poll(cx))
    }
}

/// A body that is there in full.
struct Arrived(std::array::IntoIter<Part, 2>);

impl ByteSource for Arrived {
    fn poll_part(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Part> {
        Poll::Ready(self.0.next().unwrap_or_else(|| Part::End(Ok(MetadataMap::new()))))
    }
}

impl fmt::Debug for UnaryCall<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnaryCall")
            .field("method", &self.method.path)
            .field("metadata", &self.metadata)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for UnaryReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Answered::Written => f.write_str("Written"),
            Answered::Later { reply, .. } => f.debug_tuple("Later").field(reply).finish(),
        }
    }
}
