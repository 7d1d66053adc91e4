//! Calls that are made several times at once (gRFC A6): the first answer wins, and the others are cancelled.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};
use tonic::body::Body;

use crate::client::retry::attempt::{Attempted, Attempts, Ended, ReaderNumber};
use crate::client::retry::pushback::Pushback;
use crate::client::retry::throttle::RetryThrottle;
use crate::client::service_config::HedgingPolicy;
use crate::status::Status;

/// A call under a hedging policy.
struct Hedges<'a> {
    attempts: &'a Attempts,
    policy: &'a HedgingPolicy,
    throttle: Option<&'a RetryThrottle>,
    running: Vec<Running<'a>>,
    begun: u32,
    /// When the next attempt begins; `None`: none does.
    next: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    /// What came of the attempt that ended last.
    last: Option<Ended>,
}

struct Running<'a> {
    attempt: Pin<Box<dyn Future<Output = Attempted> + Send + 'a>>,
    reader: ReaderNumber,
}

impl Attempts {
    /// Makes attempts side by side as the policy says, until one is answered or all have failed.
    pub(in crate::client) async fn hedge(
        self,
        policy: &HedgingPolicy,
        throttle: Option<&Arc<RetryThrottle>>,
    ) -> Result<http::Response<Body>, Status> {
        let mut hedges = Hedges {
            attempts: &self,
            policy,
            throttle: throttle.map(|throttle| &**throttle),
            running: Vec::new(),
            begun: 0,
            next: None,
            timer: Box::pin(sleep_until(Instant::now())),
            last: None,
        };
        hedges.begin();
        // The attempts that lost are cancelled with it.
        poll_fn(|cx| hedges.poll(cx)).await
    }
}

impl Hedges<'_> {
    /// Begins one more attempt, and says when the one after it does.
    fn begin(&mut self) {
        let reader = ReaderNumber::default();
        let (attempts, before, number) = (self.attempts, self.begun, Arc::clone(&reader));
        let attempt = Box::pin(async move { attempts.make(before, &number).await });
        self.running.push(Running { attempt, reader });
        self.begun += 1;
        let may_follow = self.begun < self.policy.attempts_max;
        self.next = may_follow.then(|| after(self.policy.delay));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<Body>, Status>> {
        loop {
            if let Poll::Ready(done) = self.poll_running(cx) {
                return Poll::Ready(done);
            }
            if self.next.is_some() && self.attempts.replay.poll_chosen(cx).is_ready() {
                self.keep_one();
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
        match (self.running.is_empty() && self.next.is_none(), self.last.take()) {
            (true, Some(last)) => Poll::Ready(last.result),
            (_, last) => {
                self.last = last;
                Poll::Pending
            }
        }
    }

    /// Polls all attempts. Ready when one decides the call.
    fn poll_running(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<Body>, Status>> {
        let mut index = 0;
        while index < self.running.len() {
            let Poll::Ready(attempted) = self.running[index].attempt.as_mut().poll(cx) else {
                index += 1;
                continue;
            };
            drop(self.running.swap_remove(index));
            match attempted {
                Attempted::Answered(response) => {
                    if let Some(throttle) = self.throttle {
                        throttle.succeeded();
                    }
                    return Poll::Ready(Ok(response));
                }
                Attempted::Ended(ended) if self.is_fatal(&ended) => return Poll::Ready(ended.result),
                Attempted::Ended(ended) => self.last = Some(ended),
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
    fn keep_one(&mut self) {
        self.next = None;
        let chosen = self.attempts.replay.chosen();
        self.running.retain(|running| Some(running.reader.load(Ordering::Relaxed)) == chosen);
    }
}

fn after(pause: Duration) -> Instant {
    let now = Instant::now();
    // A policy may name more than the clock can tell.
    now.checked_add(pause).unwrap_or(now + FAR)
}

/// As good as never.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);
