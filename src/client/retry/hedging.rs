//! Calls that are made several times at once (gRFC A6): the first answer wins, and the others are cancelled.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;

use crate::client::counted::{self, Counted};
use crate::client::retry::attempt::{Attempted, Attempts, Ended, NO_READER, ReaderNumber, outgrown};
use crate::client::retry::pushback::Pushback;
use crate::client::retry::throttle::RetryThrottle;
use crate::client::service_config::HedgingPolicy;
use crate::meter::{ClientAttempt, ClientCall};
use crate::status::Status;

/// A call under a hedging policy.
struct Hedges<'a> {
    attempts: &'a Attempts,
    call: &'a ClientCall,
    policy: &'a HedgingPolicy,
    throttle: Option<&'a RetryThrottle>,
    running: Vec<Running<'a>>,
    begun: u32,
    /// When the next attempt begins; `None`: none does.
    next: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// What came of the attempt that ended last.
    last: Option<Ended>,
    /// The attempt that has decided the call, as it is counted.
    decided: ClientAttempt,
}

struct Running<'a> {
    attempt: Pin<Box<dyn Future<Output = (Attempted, ClientAttempt)> + Send + 'a>>,
    reader: ReaderNumber,
}

impl Attempts {
    /// Makes attempts side by side as the policy says, until one is answered or all have failed.
    pub(in crate::client) async fn hedge(
        self,
        policy: &HedgingPolicy,
        throttle: Option<&Arc<RetryThrottle>>,
        counted: &mut Counted,
    ) -> Result<http::Response<Body>, Status> {
        let mut off = counted::Parts::default();
        let counted::Parts { call, attempt, .. } = counted.parts(&mut off);
        let mut hedges = Hedges {
            attempts: &self,
            call,
            policy,
            throttle: throttle.map(|throttle| &**throttle),
            running: Vec::new(),
            begun: 0,
            next: None,
            timer: Box::pin(sleep_until(Instant::now())),
            last: None,
            decided: ClientAttempt::default(),
        };
        hedges.begin();
        // The attempts that lost are cancelled with it.
        let result = poll_fn(|cx| hedges.poll(cx)).await;
        *attempt = std::mem::take(&mut hedges.decided);
        result
    }
}

impl Hedges<'_> {
    /// Begins one more attempt, and says when the one after it does.
    fn begin(&mut self) {
        let reader = ReaderNumber::new(AtomicU64::new(NO_READER));
        let (attempts, call, before, number) = (self.attempts, self.call, self.begun, Arc::clone(&reader));
        if before > 0 {
            call.hedges();
        }
        let attempt = Box::pin(async move {
            let mut counted = ClientAttempt::default();
            (attempts.make(before, &number, call, &mut counted).await, counted)
        });
        self.running.push(Running { attempt, reader });
        self.begun += 1;
        let may_follow = self.begun < self.policy.attempts_max;
        self.next = may_follow.then(|| after(self.policy.delay));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<Body>, Status>> {
        loop {
            // First, and even if no more attempts begin: those that are behind get no more of the request, and would
            // never end.
            if let Poll::Ready(chosen) = self.attempts.replay.poll_chosen(cx) {
                self.keep_one(chosen);
            }
            if let Poll::Ready(done) = self.poll_running(cx) {
                return Poll::Ready(done);
            }
            let Some(next) = self.next else { break };
            if self.timer.deadline() != next {
                self.timer.as_mut().reset(next);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                break;
            }
            if !self.may_begin() {
                self.next = None;
                break;
            }
            self.begin();
        }
        if self.running.is_empty() && self.next.is_none() {
            // None has ended where the only reader to go on was of a stream that was given up already.
            return Poll::Ready(self.last.take().map_or_else(|| Err(outgrown()), |last| last.result));
        }
        Poll::Pending
    }

    /// Polls all attempts. Ready when one decides the call.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<Body>, Status>> {
        let mut index = 0;
        while index < self.running.len() {
            let Poll::Ready((attempted, counted)) = self.running[index].attempt.as_mut().poll(cx) else {
                index += 1;
                continue;
            };
            let reader = self.running.swap_remove(index).reader.load(Ordering::Relaxed);
            match attempted {
                Attempted::Answered(response) => {
                    if let Some(throttle) = self.throttle {
                        throttle.succeeded();
                    }
                    self.decided = counted;
                    return Poll::Ready(Ok(response));
                }
                // Another one was chosen while this one ended, and decides the call.
                Attempted::Ended(ended) if self.attempts.replay.chosen().is_some_and(|chosen| chosen != reader) => {
                    counted.end(ended.code);
                    self.last.get_or_insert(ended);
                }
                Attempted::Ended(ended) if self.is_fatal(&ended) => {
                    counted.end(ended.code);
                    return Poll::Ready(ended.result);
                }
                Attempted::Ended(ended) => {
                    counted.end(ended.code);
                    self.last = Some(ended);
                }
            }
        }
        Poll::Pending
    }

    /// Whether the end of an attempt is the end of the call; says when the next attempt begins otherwise.
    fn is_fatal(&mut self, ended: &Ended) -> bool {
        let pushback = Pushback::of(ended.trailers());
        let is_fatal = ended.is_final || !self.policy.non_fatal.contains(ended.code);
        if !is_fatal || pushback == Pushback::Stop {
            // What is permitted is asked again when the next one is about to begin.
            self.throttle.map(RetryThrottle::failed);
        }
        let may_follow = self.next.is_some();
        self.next = match pushback {
            Pushback::Stop => None,
            Pushback::After(pause) => Some(after(pause)),
            Pushback::None => Some(Instant::now()),
        };
        self.next = self.next.filter(|_| may_follow);
        is_fatal
    }

    fn may_begin(&self) -> bool {
        self.throttle.is_none_or(RetryThrottle::permits) && self.attempts.can_go_on()
    }

    /// More of the request came than is kept: the attempt that is ahead of the others goes on alone.
    fn keep_one(&mut self, chosen: u64) {
        self.next = None;
        self.running.retain(|running| running.reader.load(Ordering::Relaxed) == chosen);
    }
}

fn after(pause: Duration) -> Instant {
    let now = Instant::now();
    // A policy may name more than the clock can tell.
    now.checked_add(pause).unwrap_or(now + FAR)
}

/// As good as never.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use std::sync::Mutex;
    use std::task::Waker;

    use http_body::Body as _;

    use super::*;
    use crate::client::Channel;
    use crate::client::stage::StageCell;
    use crate::status::Code;
    use crate::transport::replay::ReplayReader;

    /// More than is kept of a request.
    const LARGE: usize = 100_000;

    fn attempts() -> Attempts {
        let channel = Channel::builder("http://127.0.0.1:1").retry_buffer_limits(LARGE / 2, LARGE / 2).connect_lazy();
        let request = http::Request::new(Body::new(http_body_util::Full::from(vec![0; LARGE])));
        Attempts::new(&channel.inner, request, None, false, &Arc::new(StageCell::new()))
    }

    fn read(reader: &mut ReplayReader) -> bool {
        Pin::new(reader).poll_frame(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    /// What a server does, when it does.
    type Told = Arc<Mutex<Option<Attempted>>>;

    fn running(reader: &ReplayReader) -> (Running<'static>, Told) {
        let told = Told::default();
        let tells = Arc::clone(&told);
        let attempt = poll_fn(move |_| {
            let attempted = tells.lock().expect("nothing panics").take();
            attempted.map_or(Poll::Pending, |attempted| Poll::Ready((attempted, ClientAttempt::default())))
        });
        (Running { attempt: Box::pin(attempt), reader: Arc::new(AtomicU64::new(reader.number())) }, told)
    }

    fn failed() -> Option<Attempted> {
        let status = Status::aborted("as told");
        Some(Attempted::Ended(Ended { code: status.code(), is_final: false, result: Err(status) }))
    }

    #[tokio::test]
    async fn those_behind_are_dropped_when_all_have_begun() {
        // Whether the one ahead fails at once, and the one behind does, as the request outgrows what is kept.
        for (is_at_once, fails_behind) in [(false, false), (true, false), (false, true), (true, true)] {
            let attempts = attempts();
            let (mut ahead, mut behind) = (attempts.replay.reader().unwrap(), attempts.replay.reader().unwrap());
            let ((first, first_told), (second, second_told)) = (running(&ahead), running(&behind));
            let policy = HedgingPolicy::new(2).non_fatal([Code::Aborted]);
            let mut hedges = Hedges {
                attempts: &attempts,
                call: &ClientCall::default(),
                policy: &policy,
                throttle: None,
                running: vec![first, second],
                begun: 2,
                next: None,
                timer: Box::pin(sleep_until(Instant::now())),
                last: None,
                decided: ClientAttempt::default(),
            };
            let mut cx = Context::from_waker(Waker::noop());
            assert!(hedges.poll(&mut cx).is_pending());
            assert!(read(&mut ahead) && !read(&mut behind));
            if fails_behind {
                *second_told.lock().unwrap() = failed();
            }
            if !is_at_once {
                assert!(hedges.poll(&mut cx).is_pending());
                assert_eq!(hedges.running.len(), 1, "the one behind would wait for ever");
            }
            *first_told.lock().unwrap() = failed();
            let Poll::Ready(Err(status)) = hedges.poll(&mut cx) else { panic!("the call is over") };
            assert_eq!(status.code(), Code::Aborted);
        }
    }

    #[tokio::test]
    async fn an_answer_to_one_behind_is_none() {
        let attempts = attempts();
        let (mut ahead, behind) = (attempts.replay.reader().unwrap(), attempts.replay.reader().unwrap());
        assert!(read(&mut ahead));
        let answer = || http::Response::new(Body::empty());
        let refused = attempts.judge(answer(), behind.number());
        assert!(matches!(refused, Attempted::Ended(Ended { is_final: true, .. })), "{refused:?}");
        assert!(matches!(attempts.judge(answer(), ahead.number()), Attempted::Answered(_)));
    }
}
