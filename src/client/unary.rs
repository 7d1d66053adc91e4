//! The short way of a unary call: from the message to the connection's output and back, without a request of the
//! `http` crate in between. What comes of it is the same as on the general way.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};

use bytes::BytesMut;
use http::{Extensions, Uri};
use seltzer_h2::limits::COPY_BYTES_MAX;
use tonic::{Request, Response};

use crate::client::balance::PickCall;
use crate::client::channel::{CREDENTIALS, RESENDS_MAX};
use crate::client::core::{Observation, Placed};
use crate::client::guard::{self, CallGuard};
use crate::client::heads::HeadOf;
use crate::client::options::CallOptions;
use crate::client::progress::{Progress, Stage, too_late};
use crate::client::{Channel, response};
use crate::codec::{
    Codec, Compression, CompressionEncoding, CompressionSwitch, MessageEncoder, MessageLimits, ReceivedCompressed,
    Rope, plain,
};
use crate::context;
use crate::either::{Either, either};
use crate::metadata::{self, MetadataMap};
use crate::service::MethodDescriptor;
use crate::status::{self, Code, Status};
use crate::transport::carrier::Carrier;
use crate::transport::connection::Connection;
use crate::transport::h2::client::{
    ANSWER, Failed, Head, Refusal, Trailers, UnaryAnswer, UnaryCall as Call, UnaryRequest, deadline_status,
};
use crate::transport::h2::{Message, Payload, Refused, only_message};

/// What a client knows about the unary call that it makes.
pub(super) struct UnaryCall<'a> {
    pub(super) method: &'static MethodDescriptor,
    pub(super) origin: Option<&'a Uri>,
    pub(super) compression: &'a Compression,
    pub(super) limits: MessageLimits,
}

impl Channel {
    /// Whether unary calls can go the short way.
    #[inline]
    pub(super) fn has_short_way(&self) -> bool {
        self.inner.endpoint.connection.carrier == Carrier::Engine
    }

    /// Makes a unary call.
    pub(super) async fn unary<D>(
        &self,
        mut call: UnaryCall<'_>,
        codec: D,
        request: Request<D::Encode>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
    {
        let (mut metadata, extensions, message) = request.into_parts();
        let options = CallOptions::of(&extensions);
        call.limits = options.limits(call.limits);
        let encoding = CallOptions::encoding(&extensions, call.compression.send);
        let switch = extensions.get::<CompressionSwitch>().cloned();
        let current = context::current();
        let deadline = guard::deadline(metadata.as_ref(), options, self.inner.endpoint.timeout, &current);
        let mut guard = CallGuard::without_timer(&current);
        if self.inner.has_credentials(options) {
            guard.start_timer(deadline);
            let credentials = self.credentials(&mut guard, options, &call).await?;
            metadata::merge(&mut metadata, credentials);
        }
        let block = self.inner.heads.get(
            HeadOf {
                path: call.method.path,
                content_subtype: codec.content_subtype(),
                encoding,
                compression: call.compression,
                origin: call.origin,
                authority: options.own_authority(),
            },
            &self.inner.endpoint,
        );
        let outgoing = UnaryRequest {
            block: &block,
            metadata: metadata.as_ref(),
            deadline,
            answer_bytes_max: call.limits.decoding_bytes_max,
        };
        let mut encoder =
            MessageEncoder::new(codec.clone(), call.compression, encoding, call.limits.encoding_bytes_max)
                .with_switch(switch);
        let mut resends = 0;
        let placing = Placing { path: call.method.path, wait_for_ready: options.waits_for_ready() };
        loop {
            let mut bytes = take_scratch();
            encoder.encode(&message, &mut bytes)?;
            let begun = self.begin(&outgoing, &mut bytes, &mut guard, placing).await;
            give_scratch(bytes);
            let failed = match begun {
                Ok(Begun { call: mut begun, observation }) => {
                    let ended = poll_fn(|cx| poll_guarded(&mut guard, &mut begun, cx)).await;
                    if let Some(observation) = observation {
                        report(observation, &ended);
                    }
                    match ended {
                        Ok(answer) => return read(answer, &call, codec),
                        Err(failed) => failed,
                    }
                }
                Err(failed) => failed,
            };
            match failed {
                Failed::Lost { is_unprocessed: true, .. } if resends < RESENDS_MAX => resends += 1,
                Failed::Lost { status, .. } | Failed::Refused(Refused::Status(status)) => return Err(status),
                Failed::Refused(Refused::Cardinality(came)) => {
                    return Err(response::cardinality(call.method.path, came));
                }
            }
        }
    }

    /// The metadata that proves who makes a call. In a box, so that calls without credentials are small.
    fn credentials<'a>(
        &'a self,
        guard: &'a mut CallGuard,
        options: &'a CallOptions,
        call: &'a UnaryCall<'_>,
    ) -> Pin<Box<dyn Future<Output = Result<MetadataMap, Status>> + Send + 'a>> {
        let credentials = self.inner.credentials(options, call.origin, call.method.path);
        Box::pin(guard.within(|| deadline_status(CREDENTIALS), credentials))
    }

    /// Begins a call, at once where the connection is there and has a place for it.
    async fn begin(
        &self,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
        guard: &mut CallGuard,
        placing: Placing,
    ) -> Result<Begun, Failed> {
        if let Poll::Ready(status) = poll_fn(|cx| Poll::Ready(guard.poll_over(cx, too_late))).await {
            return Err(lost(status));
        }
        if request.deadline.is_some_and(|deadline| deadline.has_passed()) {
            return Err(lost(too_late()));
        }
        match poll_fn(|cx| Poll::Ready(self.begin_at_once(request, message, cx.waker()))).await {
            Some(Ok(call)) => Ok(Begun { call, observation: None }),
            Some(Err(Refusal::Unsendable(status))) => Err(lost(status)),
            // In a box, so that calls which need not wait are small.
            None | Some(Err(_)) => Box::pin(self.begin_after_waiting(request, message, guard, placing)).await,
        }
    }

    #[inline]
    fn begin_at_once(
        &self,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
        caller: &Waker,
    ) -> Option<Result<Call, Refusal>> {
        match self.inner.core.only_connection()? {
            Connection::Engine(connection) => Some(connection.begin_unary(request, message, caller)),
            #[cfg(feature = "carrier-hyper")]
            Connection::Hyper(_) => None,
        }
    }

    async fn begin_after_waiting(
        &self,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
        guard: &mut CallGuard,
        placing: Placing,
    ) -> Result<Begun, Failed> {
        guard.start_timer(request.deadline);
        let progress = Progress::new();
        let begin = async {
            let call = PickCall { path: placing.path, metadata: request.metadata };
            let Placed { connection, observation } =
                self.inner.core.connection(call, placing.wait_for_ready).await.map_err(lost)?;
            progress.set(Stage::Place);
            match connection {
                Connection::Engine(connection) => match connection.wait_and_begin_unary(request, message).await {
                    Ok(call) => Ok(Begun { call, observation }),
                    Err(Refusal::Unsendable(status)) => Err(lost(status)),
                    Err(Refusal::Closed(status)) => Err(Failed::Lost { status, is_unprocessed: true }),
                    Err(Refusal::NoPlace) => Err(lost(Status::unavailable("the server permits no more calls"))),
                },
                #[cfg(feature = "carrier-hyper")]
                Connection::Hyper(_) => Err(lost(Status::internal("this connection has no short way"))),
            }
        };
        let late = || self.inner.core.late(progress.stage());
        match either(poll_fn(|cx| guard.poll_over(cx, late)), begin).await {
            Either::First(status) => Err(lost(status)),
            Either::Second(begun) => begun,
        }
    }
}

/// What decides where a call goes.
#[derive(Clone, Copy)]
struct Placing {
    path: &'static str,
    wait_for_ready: bool,
}

/// A call on its way, and who watches it.
struct Begun {
    call: Call,
    observation: Option<Observation>,
}

/// Tells whoever watches how an attempt ended.
fn report(observation: Observation, ended: &Result<UnaryAnswer, Failed>) {
    let block = match ended {
        Ok(UnaryAnswer { trailers: Trailers::Full(trailers), .. }) => Some(&**trailers),
        Ok(UnaryAnswer { trailers: Trailers::None, head: Head::Full(parts), .. }) => Some(&parts.headers),
        _ => None,
    };
    let code = match ended {
        Ok(UnaryAnswer { trailers: Trailers::Plain, .. }) => Code::Ok,
        Ok(_) => block.and_then(status::from_peer).map_or(Code::Unknown, |status| status.code()),
        Err(Failed::Lost { status, .. } | Failed::Refused(Refused::Status(status))) => status.code(),
        Err(Failed::Refused(Refused::Cardinality(_))) => Code::Unimplemented,
    };
    observation.end(code, block);
}

fn lost(status: Status) -> Failed {
    Failed::Lost { status, is_unprocessed: false }
}

#[inline]
fn poll_guarded(
    guard: &mut CallGuard,
    call: &mut Call,
    cx: &mut std::task::Context<'_>,
) -> Poll<Result<UnaryAnswer, Failed>> {
    match guard.poll_over(cx, || deadline_status(ANSWER)) {
        Poll::Ready(status) => Poll::Ready(Err(lost(status))),
        Poll::Pending => Pin::new(call).poll(cx),
    }
}

/// Reads an answer: the head first, then the message, and then what the trailers say about it.
fn read<D: Codec>(answer: UnaryAnswer, call: &UnaryCall<'_>, codec: D) -> Result<Response<D::Decode>, Status> {
    let UnaryAnswer { head, body, trailers } = answer;
    let mut metadata = MetadataMap::new();
    let (mut end, mut encoding) = (None, None);
    if let Head::Full(parts) = head {
        (end, encoding) = response::read_head(parts.status, &parts.headers, call.compression)?;
        metadata = metadata::user_metadata(parts.headers);
    }
    let end = || match (end.take(), trailers) {
        (Some(end), _) => Ok(end),
        (None, Trailers::Plain) => Ok(MetadataMap::new()),
        (None, Trailers::Full(trailers)) => response::ended(&trailers),
        (None, Trailers::None) => Err(response::without_status()),
    };
    let (message, is_compressed) = match decode(body, codec, encoding, call.limits.decoding_bytes_max) {
        Ok(decoded) => decoded?,
        // What there is of a message counts for nothing if the status says why there is no more of it.
        Err(refused) => {
            end()?;
            return Err(match refused {
                Refused::Status(status) => status,
                Refused::Cardinality(came) => response::cardinality(call.method.path, came),
            });
        }
    };
    metadata::merge(&mut metadata, end()?);
    let mut extensions = Extensions::new();
    if is_compressed {
        extensions.insert(ReceivedCompressed);
    }
    Ok(Response::from_parts(metadata, message, extensions))
}

/// The one message of a body, and whether it was compressed. The outer error: it is not whole.
type Decoded<T> = Result<Result<(T, bool), Status>, Refused>;

fn decode<D: Codec>(
    body: BytesMut,
    mut codec: D,
    encoding: Option<CompressionEncoding>,
    bytes_max: usize,
) -> Decoded<D::Decode> {
    // A copy of little is cheaper than to share it.
    let is_small = body.len() <= COPY_BYTES_MAX;
    let payload = if is_small { Payload::Slice(&body) } else { Payload::Shared(body.freeze()) };
    let Message { is_compressed, payload } = only_message(payload, bytes_max)?;
    Ok(match payload {
        Payload::Slice(bytes) if !is_compressed => codec.decode_slice(bytes),
        Payload::Slice(bytes) => {
            plain(true, bytes::Bytes::copy_from_slice(bytes), encoding, bytes_max).and_then(|bytes| codec.decode(bytes))
        }
        Payload::Shared(bytes) => {
            plain(is_compressed, bytes, encoding, bytes_max).and_then(|bytes| codec.decode(bytes))
        }
    }
    .map(|message| (message, is_compressed)))
}

thread_local! {
    /// Where messages are encoded before they go to their connection, so that nothing of a user's runs under its lock.
    static SCRATCH: Cell<Rope> = Cell::default();
}

fn take_scratch() -> Rope {
    SCRATCH.take()
}

/// Keeps the memory of small messages for the next one; that of a large one is gone with it.
fn give_scratch(mut bytes: Rope) {
    bytes.clear();
    if bytes.written().capacity() <= COPY_BYTES_MAX {
        SCRATCH.set(bytes);
    }
}
