//! The short way of a unary call: from the message to the connection's output and back, without a request of the
//! `http` crate in between. What comes of it is the same as on the general way.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use bytes::BytesMut;
use http::{Extensions, HeaderMap, Uri};
use seltzer_h2::limits::COPY_BYTES_MAX;
use tonic::{Request, Response};

use crate::client::balance::PickCall;
use crate::client::channel::CREDENTIALS;
use crate::client::core::{Observation, Placed};
use crate::client::counted::CountedUnary;
use crate::client::guard::{self, CallGuard};
use crate::client::heads::{HeadOf, Known};
use crate::client::options::CallOptions;
use crate::client::plan::CallPlan;
use crate::client::retry::{Retries, Transparent, code_of_head, note_attempts};
use crate::client::stage::{Stage, StageCell, too_late};
use crate::client::unary_trace::UnaryTrace;
use crate::client::{Channel, response};
use crate::codec::{
    Codec, Compression, CompressionEncoding, CompressionSwitch, MessageEncoder, MessageLimits, ReceivedCompressed,
    Rope, plain,
};
use crate::context::{self, Context};
use crate::deadline::Deadline;
use crate::either::{Either, either};
use crate::metadata::{self, MetadataMap};
use crate::service::MethodDescriptor;
use crate::status::{self, Code, Status};
use crate::transport::carrier::Carrier;
use crate::transport::connection::{Connection, Reserved};
use crate::transport::h2::client::{
    ANSWER, Failed, Head, Refusal, Trailers, UnaryAnswer, UnaryCall as Call, UnaryRequest, deadline_status,
};
use crate::transport::h2::{Message, Payload, Refused, only_message};
use crate::transport::progress::Progress;
use crate::transport::replay::ReplayMemory;

/// What a client knows about the unary call that it makes.
pub(super) struct UnaryCall<'a> {
    pub(super) method: &'static MethodDescriptor,
    pub(super) origin: Option<&'a Uri>,
    pub(super) compression: &'a Compression,
    pub(super) limits: MessageLimits,
}

impl<'a> UnaryCall<'a> {
    fn head(
        &self,
        encoding: Option<CompressionEncoding>,
        content_subtype: Option<&'static str>,
        options: &'a CallOptions,
    ) -> HeadOf<'a> {
        let UnaryCall { method, origin, compression, .. } = *self;
        HeadOf { path: method.path, content_subtype, encoding, compression, origin, authority: options.own_authority() }
    }

    /// Makes the limits of messages those that the call and its plan say.
    #[inline]
    fn limit(&mut self, options: &CallOptions, plan: Option<&CallPlan>) {
        let limits = options.limits(self.limits);
        self.limits = plan.map_or(limits, |plan| plan.limits(limits));
    }

    /// What the call comes to after its last attempt.
    #[inline]
    fn settle<D: Codec>(
        &self,
        ended: Result<UnaryAnswer, Failed>,
        codec: D,
        plan: Option<&CallPlan>,
        trace: &UnaryTrace<'_>,
        counted: &mut CountedUnary,
    ) -> Result<Response<D::Decode>, Status> {
        let read_at = ended.as_ref().ok().map(|answer| answer.read_at);
        let result = match ended {
            Ok(answer) => {
                if let Some(plan) = plan
                    && code_of_answer(&answer) == Code::Ok
                {
                    plan.succeeded();
                }
                read(answer, self, codec, trace)
            }
            Err(failed) => Err(failed.into_status(self.method.path)),
        };
        trace.finish(&result);
        counted.end(&result, read_at);
        result
    }
}

impl Channel {
    /// Whether unary calls can go the short way.
    #[inline]
    pub(super) fn has_short_way(&self) -> bool {
        let endpoint = &self.inner.endpoint;
        endpoint.connection.carrier == Carrier::Engine && endpoint.speaks_grpc()
    }

    /// Makes a unary call; with a plan, if the service config says anything about it.
    pub(super) async fn unary<D>(
        &self,
        mut call: UnaryCall<'_>,
        codec: D,
        request: Request<D::Encode>,
        plan: Option<Box<CallPlan>>,
    ) -> Result<Response<D::Decode>, Status>
    where
        D: Codec + Clone,
        D::Encode: Sync,
    {
        let (mut metadata, extensions, message) = request.into_parts();
        let options = CallOptions::of(&extensions);
        call.limit(options, plan.as_deref());
        let encoding = CallOptions::encoding(&extensions, call.compression.send);
        let switch = extensions.get::<CompressionSwitch>().cloned();
        let current = context::current();
        let mut again = Again::new(options, plan.as_deref());
        let deadline = self.deadline(metadata.as_ref(), options, plan.as_deref(), &current);
        let head = call.head(encoding, codec.content_subtype(), options);
        let Known { block, meter } = self.inner.heads.get(head, &self.inner.endpoint, &self.inner.meter);
        let mut counted = CountedUnary::begin(meter, plan.as_deref().map(CallPlan::began));
        let mut guard = CallGuard::without_timer(&current);
        if self.inner.has_credentials(options) {
            guard.start_timer(deadline);
            let credentials = self.credentials(&mut guard, options, &call).await;
            metadata::merge(&mut metadata, credentials.map_err(|status| counted.fail(status))?);
        }
        let mut trace = UnaryTrace::of(&extensions, plan.as_deref());
        let mut encoder =
            MessageEncoder::new(codec.clone(), call.compression, encoding, call.limits.encoding_bytes_max)
                .with_switch(switch);
        loop {
            trace.begin_attempt(again.is_transparent, metadata.as_mut(), &mut encoder);
            let outgoing = UnaryRequest {
                block: &block,
                metadata: metadata.as_ref(),
                deadline,
                answer_bytes_max: call.limits.decoding_bytes_max,
            };
            let placing = Placing { path: call.method.path, wait_for_ready: again.wait_for_ready };
            let mut bytes = take_scratch();
            encoder.encode(&message, &mut bytes).map_err(|status| counted.fail(status))?;
            again.weigh(&bytes, &self.inner.replay);
            let length = bytes.len();
            let begun = self.begin(&outgoing, &mut bytes, &mut guard, placing, &mut counted).await;
            give_scratch(bytes);
            let ended = match begun {
                Ok(Begun { call: mut begun, observation, was_delayed }) => {
                    trace.placed(was_delayed);
                    counted.sent(length);
                    let ended = poll_fn(|cx| poll_guarded(&mut guard, &mut begun, cx)).await;
                    if let Ok(answer) = &ended {
                        counted.received(answer.body.len());
                    }
                    report(observation, &ended);
                    ended
                }
                Err(failed) => Err(failed),
            };
            let Some(next) = again.after(&ended) else {
                return call.settle(ended, codec, plan.as_deref(), &trace, &mut counted);
            };
            next.tell(&ended, &trace, &mut counted);
            if !next.pause.is_zero() {
                let waited = Box::pin(wait(next.pause, &mut guard, deadline)).await;
                waited.map_err(|status| counted.fail(status))?;
            }
            again.note(metadata.as_mut());
        }
    }

    /// When a call must be over.
    #[inline]
    fn deadline(
        &self,
        headers: &HeaderMap,
        options: &CallOptions,
        plan: Option<&CallPlan>,
        current: &Context,
    ) -> Option<Deadline> {
        let of_channel = self.inner.endpoint.timeout;
        match plan {
            None => guard::deadline(headers, options, of_channel, current),
            Some(plan) => plan.deadline(headers, options, of_channel, current),
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
        counted: &mut CountedUnary,
    ) -> Result<Begun, Failed> {
        if let Poll::Ready(status) = poll_fn(|cx| Poll::Ready(guard.poll_over(cx, too_late))).await {
            return Err(lost(status));
        }
        if request.deadline.is_some_and(|deadline| deadline.has_passed()) {
            return Err(lost(too_late()));
        }
        counted.begin_attempt();
        match poll_fn(|cx| Poll::Ready(self.begin_at_once(request, message, cx.waker()))).await {
            Some(Ok(call)) => Ok(Begun { call, observation: None, was_delayed: false }),
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
            #[cfg(any(feature = "carrier-hyper", feature = "http1-client"))]
            _ => None,
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
        let stages = StageCell::new();
        let begin = async {
            let call = PickCall { path: placing.path, metadata: request.metadata };
            let placed = self.inner.core.connection(call, placing.wait_for_ready).await;
            let Placed { reserved, observation, was_delayed } = placed.map_err(|unplaced| {
                let progress = unplaced.progress();
                Failed::Lost { status: unplaced.status, progress }
            })?;
            stages.set(Stage::Answer);
            match reserved {
                Reserved::Engine(turn) => match turn.begin_unary(request, message).await {
                    Ok(call) => Ok(Begun { call, observation, was_delayed }),
                    Err(Refusal::Unsendable(status)) => Err(lost(status)),
                    Err(Refusal::Closed(status)) => Err(Failed::Lost { status, progress: Progress::Unsent }),
                    Err(Refusal::NoPlace) => Err(lost(Status::unavailable("the server permits no more calls"))),
                },
                #[cfg(any(feature = "carrier-hyper", feature = "http1-client"))]
                _ => Err(lost(Status::internal("this connection has no short way"))),
            }
        };
        let late = || self.inner.core.late(stages.stage());
        match either(poll_fn(|cx| guard.poll_over(cx, late)), begin).await {
            Either::First(status) => Err(lost(status)),
            Either::Second(begun) => begun,
        }
    }
}

impl Again {
    #[inline]
    fn new(options: &CallOptions, plan: Option<&CallPlan>) -> Self {
        let (wait_for_ready, retries) = match plan {
            None => (options.waits_for_ready(), None),
            Some(plan) => (plan.waits_for_ready(options), plan.retries().map(Box::new)),
        };
        Again { wait_for_ready, transparent: Transparent::default(), retries, is_transparent: false }
    }

    /// A request larger than what is kept of requests is not made again by a policy, as on the general way.
    #[inline]
    fn weigh(&mut self, message: &Rope, memory: &ReplayMemory) {
        if self.retries.is_some() && !memory.has_room_for(message.len()) {
            self.retries = None;
        }
    }

    /// After which pause the call is made again, if it is.
    #[inline]
    fn after(&mut self, ended: &Result<UnaryAnswer, Failed>) -> Option<Next> {
        match ended {
            Ok(_) if self.retries.is_none() => None,
            Err(Failed::Lost { progress, .. }) if self.transparent.permits(*progress) => {
                self.is_transparent = true;
                Some(Next { pause: Duration::ZERO, is_transparent: true })
            }
            ended => self.by_policy(ended).map(|pause| Next { pause, is_transparent: false }),
        }
    }

    #[cold]
    fn by_policy(&mut self, ended: &Result<UnaryAnswer, Failed>) -> Option<Duration> {
        let retries = self.retries.as_mut()?;
        self.is_transparent = false;
        match ended {
            Ok(answer) => {
                let code = code_of_answer(answer);
                let trailers = match &answer.head {
                    Head::Full(parts) if code != Code::Ok => Some(&parts.headers),
                    _ => None,
                };
                retries.after(code, trailers)
            }
            Err(Failed::Lost { status, progress }) if *progress != Progress::Final => {
                retries.after(status.code(), None)
            }
            Err(_) => None,
        }
    }

    /// Notes among the metadata how many attempts went before the next one.
    fn note(&self, metadata: &mut HeaderMap) {
        if let Some(retries) = &self.retries {
            note_attempts(metadata, retries.before());
        }
    }
}

/// What the head of an answer says: OK, where it settles the call, whatever came after.
fn code_of_answer(answer: &UnaryAnswer) -> Code {
    match (&answer.head, &answer.trailers) {
        (Head::Full(parts), Trailers::None) => code_of_head(parts.status, &parts.headers),
        _ => Code::Ok,
    }
}

/// Waits until the next attempt.
async fn wait(pause: Duration, guard: &mut CallGuard, deadline: Option<Deadline>) -> Result<(), Status> {
    guard.start_timer(deadline);
    let pause = async {
        tokio::time::sleep(pause).await;
        Ok(())
    };
    guard.within(|| deadline_status("the next attempt"), pause).await
}

/// What decides where a call goes.
#[derive(Clone, Copy)]
struct Placing {
    path: &'static str,
    wait_for_ready: bool,
}

/// How a call is made again.
#[derive(Clone, Copy)]
struct Next {
    pause: Duration,
    /// Nothing was done for it.
    is_transparent: bool,
}

impl Next {
    /// Tells how the attempt ended that the next one follows.
    #[cold]
    fn tell(&self, ended: &Result<UnaryAnswer, Failed>, trace: &UnaryTrace<'_>, counted: &mut CountedUnary) {
        let code = end_of(ended).0;
        if self.is_transparent {
            counted.goes_on_transparently(code);
        } else {
            counted.goes_on_after(code, self.pause);
        }
        tell(trace, ended);
    }
}

/// Whether a call is made again.
struct Again {
    wait_for_ready: bool,
    transparent: Transparent,
    /// `None`: there is no policy for it, or it is too large.
    retries: Option<Box<Retries>>,
    /// The server has surely done nothing for the attempt before.
    is_transparent: bool,
}

/// A call on its way, and who watches it.
struct Begun {
    call: Call,
    observation: Option<Observation>,
    /// Whether it had to wait for a picker that knew where.
    was_delayed: bool,
}

impl Failed {
    fn into_status(self, path: &str) -> Status {
        match self {
            Failed::Lost { status, .. } | Failed::Refused(Refused::Status(status)) => status,
            Failed::Refused(Refused::Cardinality(came)) => response::cardinality(path, came),
        }
    }
}

/// Tells whoever watches how an attempt ended.
#[inline]
fn report(observation: Option<Observation>, ended: &Result<UnaryAnswer, Failed>) {
    if let Some(observation) = observation {
        let (code, block) = end_of(ended);
        observation.end(code, block);
    }
}

/// The code of an attempt, and what came with it.
fn end_of(ended: &Result<UnaryAnswer, Failed>) -> (Code, Option<&HeaderMap>) {
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
    (code, block)
}

/// Tells how an attempt ended that another one follows.
#[cold]
fn tell(trace: &UnaryTrace<'_>, ended: &Result<UnaryAnswer, Failed>) {
    match ended {
        _ if !trace.is_on() => {}
        Ok(UnaryAnswer { head: Head::Full(parts), .. }) => {
            let status = status::from_peer(&parts.headers);
            trace.ended(code_of_head(parts.status, &parts.headers), status.as_ref().map_or("", Status::message));
        }
        Ok(_) => trace.ended(Code::Ok, ""),
        Err(Failed::Lost { status, .. } | Failed::Refused(Refused::Status(status))) => {
            trace.ended(status.code(), status.message());
        }
        Err(Failed::Refused(Refused::Cardinality(came))) => trace.ended(Code::Unimplemented, came),
    }
}

/// Of a call that this side has ended.
fn lost(status: Status) -> Failed {
    Failed::Lost { status, progress: Progress::Final }
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
fn read<D: Codec>(
    answer: UnaryAnswer,
    call: &UnaryCall<'_>,
    codec: D,
    trace: &UnaryTrace<'_>,
) -> Result<Response<D::Decode>, Status> {
    let UnaryAnswer { head, body, trailers, .. } = answer;
    let mut metadata = MetadataMap::new();
    let (mut end, mut encoding) = (None, None);
    if let Head::Full(parts) = head {
        let is_whole = body.is_empty() && matches!(trailers, Trailers::None);
        (end, encoding) = response::read_head(parts.status, &parts.headers, call.compression, is_whole)?;
        metadata = metadata::user_metadata(parts.headers);
    }
    let end = || match (end, trailers) {
        (Some(end), _) => Ok(end),
        (None, Trailers::Plain) => Ok(MetadataMap::new()),
        (None, Trailers::Full(trailers)) => response::ended(&trailers),
        (None, Trailers::None) => Err(response::without_status()),
    };
    let decode = |body| decode(body, codec, encoding, call.limits.decoding_bytes_max, trace);
    let ((message, is_compressed), trailing) = match read_rest(body, end, call, decode) {
        Ok(rest) => rest,
        Err(status) => return Err(response::with_initial(status, metadata)),
    };
    metadata::merge(&mut metadata, trailing);
    let mut extensions = Extensions::new();
    if is_compressed {
        extensions.insert(ReceivedCompressed);
    }
    Ok(Response::from_parts(metadata, message, extensions))
}

/// The message, whether it was compressed, and the trailing metadata.
fn read_rest<T>(
    body: BytesMut,
    end: impl FnOnce() -> Result<MetadataMap, Status>,
    call: &UnaryCall<'_>,
    decode: impl FnOnce(BytesMut) -> Decoded<T>,
) -> Result<((T, bool), MetadataMap), Status> {
    match decode(body) {
        Ok(decoded) => Ok((decoded?, end()?)),
        // What there is of a message counts for nothing if the status says why there is no more of it.
        Err(refused) => {
            end()?;
            Err(match refused {
                Refused::Status(status) => status,
                Refused::Cardinality(came) => response::cardinality(call.method.path, came),
            })
        }
    }
}

/// The one message of a body, and whether it was compressed. The outer error: it is not whole.
type Decoded<T> = Result<Result<(T, bool), Status>, Refused>;

fn decode<D: Codec>(
    body: BytesMut,
    mut codec: D,
    encoding: Option<CompressionEncoding>,
    bytes_max: usize,
    trace: &UnaryTrace<'_>,
) -> Decoded<D::Decode> {
    // A copy of little is cheaper than to share it.
    let is_small = body.len() <= COPY_BYTES_MAX;
    let payload = if is_small { Payload::Slice(&body) } else { Payload::Shared(body.freeze()) };
    let Message { is_compressed, payload } = only_message(payload, bytes_max)?;
    let length = match &payload {
        Payload::Slice(bytes) => bytes.len(),
        Payload::Shared(bytes) => bytes.len(),
    };
    let told = |plain: bytes::Bytes| {
        trace.received(length, is_compressed.then_some(plain.len()));
        plain
    };
    Ok(match payload {
        Payload::Slice(bytes) if !is_compressed => {
            trace.received(length, None);
            codec.decode_slice(bytes)
        }
        Payload::Slice(bytes) => {
            let bytes = bytes::Bytes::copy_from_slice(bytes);
            plain(true, bytes, encoding, bytes_max).and_then(|bytes| codec.decode(told(bytes)))
        }
        Payload::Shared(bytes) => {
            plain(is_compressed, bytes, encoding, bytes_max).and_then(|bytes| codec.decode(told(bytes)))
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
