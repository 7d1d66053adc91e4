//! Attempts of a call on the general way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::HeaderMap;
use http::request::Parts;
use tonic::body::Body;

use crate::client::balance::PickCall;
use crate::client::channel::Inner;
use crate::client::core::{Placed, Unplaced};
use crate::client::counted::{self, Counted, measured_attempt};
use crate::client::retry::retries::Retries;
use crate::client::retry::{Transparent, note_attempts};
use crate::client::stage::{Stage, StageCell};
use crate::deadline::{Deadline, format_timeout};
use crate::metadata::GRPC_TIMEOUT;
use crate::meter::{ClientAttempt, ClientCall};
use crate::status::{self, Code, Status, code_for_http_status};
use crate::transport::connection::Origin;
use crate::transport::progress::{Progress, Unanswered};
use crate::transport::replay::Replay;

/// A call that may be attempted several times: its request, kept as long as need be.
pub(in crate::client) struct Attempts {
    inner: Arc<Inner>,
    head: Parts,
    pub(super) replay: Replay,
    deadline: Option<Deadline>,
    wait_for_ready: bool,
    stages: Arc<StageCell>,
    transparent: Mutex<Transparent>,
}

/// What came of an attempt.
#[derive(Debug)]
pub(super) enum Attempted {
    /// The server has begun to answer.
    Answered(http::Response<Body>),
    /// It ended before that.
    Ended(Ended),
}

/// An attempt without an answer.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: Code,
    /// Whether another attempt could follow at all.
    pub(super) is_final: bool,
    /// What the caller gets if none does.
    pub(super) result: Result<http::Response<Body>, Status>,
}

impl Ended {
    /// What the server sent along with the status.
    pub(super) fn trailers(&self) -> Option<&HeaderMap> {
        self.result.as_ref().ok().map(http::Response::headers)
    }
}

/// The number of the reader that an attempt has of the request.
pub(super) type ReaderNumber = Arc<AtomicU64>;

/// The number of no reader: that of an attempt that has none yet.
pub(super) const NO_READER: u64 = u64::MAX;

impl Attempts {
    pub(in crate::client) fn new(
        inner: &Arc<Inner>,
        request: http::Request<Body>,
        deadline: Option<Deadline>,
        wait_for_ready: bool,
        stages: &Arc<StageCell>,
    ) -> Self {
        #[cfg_attr(not(feature = "_client-protocols"), allow(unused_mut, reason = "gRPC says it at once"))]
        let (mut head, body) = request.into_parts();
        #[cfg(feature = "_client-protocols")]
        head.extensions.insert(crate::client::protocol::AwaitsFirstWord);
        Attempts {
            inner: Arc::clone(inner),
            head,
            replay: Replay::new(body, &inner.replay),
            deadline,
            wait_for_ready,
            stages: Arc::clone(stages),
            transparent: Mutex::default(),
        }
    }

    /// Makes attempts as the policy says, until one is answered or none follows.
    pub(in crate::client) async fn retry(
        self,
        mut retries: Retries,
        counted: &mut Counted,
    ) -> Result<http::Response<Body>, Status> {
        let reader = ReaderNumber::default();
        let mut off = counted::Parts::default();
        let counted::Parts { call, attempt, .. } = counted.parts(&mut off);
        loop {
            let ended = match self.make(retries.before(), &reader, call, attempt).await {
                Attempted::Answered(response) => {
                    retries.succeeded();
                    return Ok(response);
                }
                Attempted::Ended(ended) => ended,
            };
            let is_over = ended.is_final || !self.can_go_on();
            let pause = if is_over { None } else { retries.after(ended.code, ended.trailers()) };
            match pause {
                None => return ended.result,
                Some(pause) => {
                    std::mem::take(attempt).end(ended.code);
                    call.retries_after(pause);
                    tokio::time::sleep(pause).await;
                }
            }
        }
    }

    /// Whether the request can be sent once more.
    pub(super) fn can_go_on(&self) -> bool {
        self.replay.chosen().is_none() && self.replay.failure().is_none()
    }

    /// Makes one attempt. What the server has surely done nothing for is the same attempt still.
    pub(super) async fn make(
        &self,
        before: u32,
        reader: &ReaderNumber,
        call: &ClientCall,
        attempt: &mut ClientAttempt,
    ) -> Attempted {
        let mut is_again = false;
        loop {
            let unanswered = match self.send(before, is_again, reader, call, attempt).await {
                Ok(response) => return self.judge(response, reader.load(Ordering::Relaxed)),
                Err(unanswered) => unanswered,
            };
            if self.can_go_on() && self.permits(unanswered.progress) {
                std::mem::take(attempt).end(unanswered.status.code());
                call.retries_transparently();
                is_again = true;
                continue;
            }
            let Unanswered { status, progress, .. } = unanswered;
            return Attempted::Ended(Ended {
                code: status.code(),
                is_final: progress == Progress::Final,
                result: Err(status),
            });
        }
    }

    fn permits(&self, progress: Progress) -> bool {
        self.transparent.lock().unwrap_or_else(PoisonError::into_inner).permits(progress)
    }

    #[cfg_attr(
        not(feature = "telemetry"),
        allow(unused_variables, reason = "only traces show whether it is made again")
    )]
    async fn send(
        &self,
        before: u32,
        is_again: bool,
        number: &ReaderNumber,
        call: &ClientCall,
        attempt: &mut ClientAttempt,
    ) -> Result<http::Response<Body>, Unanswered> {
        let Some(reader) = self.replay.reader() else {
            return Err(Unanswered { status: outgrown(), progress: Progress::Final, request: None });
        };
        number.store(reader.number(), Ordering::Relaxed);
        let body;
        (*attempt, body) = measured_attempt(call, Body::new(reader));
        let mut head = self.head.clone();
        note_attempts(&mut head.headers, before);
        if let Some(deadline) = self.deadline {
            head.headers.insert(GRPC_TIMEOUT, format_timeout(deadline.remaining()));
        }
        #[cfg(feature = "telemetry")]
        if let Some(trace) = crate::client::trace::of(&head.extensions).cloned() {
            let attempt = trace.attempt(is_again, &mut head.headers);
            return self.place_traced(http::Request::from_parts(head, body), attempt).await;
        }
        self.place(http::Request::from_parts(head, body), |_| {}).await
    }

    /// The same for an attempt that is recorded.
    #[cfg(feature = "telemetry")]
    async fn place_traced(
        &self,
        request: http::Request<Body>,
        attempt: crate::client::trace::AttemptTrace,
    ) -> Result<http::Response<Body>, Unanswered> {
        let request = attempt.scan(request);
        let sent = self.place(request, |placed| attempt.placed(placed.was_delayed)).await;
        attempt.watch(sent)
    }

    /// Finds a connection for a request, and sends it there.
    async fn place(
        &self,
        request: http::Request<Body>,
        placing: impl Fn(&Placed),
    ) -> Result<http::Response<Body>, Unanswered> {
        let call = PickCall { path: request.uri().path(), metadata: request.headers() };
        self.stages.set(Stage::Connection);
        let placed = self.inner.core.connection(call, self.wait_for_ready).await.map_err(Unplaced::unanswered)?;
        placing(&placed);
        let Placed { reserved, observation, .. } = placed;
        let origin = Origin { replay: None, ..self.inner.origin() };
        self.stages.set(Stage::Answer);
        let sent = self.inner.endpoint.send_on(reserved, request, origin).await;
        let Some(observation) = observation else { return sent };
        match &sent {
            Ok(response) => match code_of_head(response.status(), response.headers()) {
                Code::Ok => return sent.map(|response| observation.watch(response)),
                code => observation.end(code, Some(response.headers())),
            },
            Err(unanswered) => observation.end(unanswered.status.code(), None),
        }
        sent
    }

    /// Whether a response is the answer, or only says that there is none.
    pub(super) fn judge(&self, response: http::Response<Body>, reader: u64) -> Attempted {
        match code_of_head(response.status(), response.headers()) {
            Code::Ok => {
                self.replay.choose(reader);
                if self.replay.chosen() == Some(reader) {
                    Attempted::Answered(response)
                } else {
                    // Another one goes on alone: the rest of the request would never come to this server.
                    let status = outgrown();
                    Attempted::Ended(Ended { code: status.code(), is_final: true, result: Err(status) })
                }
            }
            code => Attempted::Ended(Ended { code, is_final: false, result: Ok(response) }),
        }
    }
}

/// Why an attempt ends without the whole request.
pub(super) fn outgrown() -> Status {
    Status::unavailable("the request is larger than what is kept of it, and cannot be sent again")
}

/// What the head of a response says: OK, where it is the beginning of an answer.
pub(in crate::client) fn code_of_head(status: http::StatusCode, headers: &HeaderMap) -> Code {
    match (status::from_peer(headers), status) {
        (Some(status), _) => status.code(),
        (None, http::StatusCode::OK) => Code::Ok,
        // Not from a gRPC server, but from something between.
        (None, other) => code_for_http_status(other),
    }
}
