//! What a caller of `Watch` hears.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::watch::Receiver;
use tokio_util::sync::CancellationToken;

use crate::either::{Either, either};
use crate::health::handler::response;
use crate::health::pb::HealthCheckResponse;
use crate::health::pb::health_check_response::ServingStatus as Answered;
use crate::health::reporter::{HealthReporter, Watcher};
use crate::status::Status;

/// How one service is doing: at once, and then whenever that is something else than what was said last.
///
/// What changes and changes back before it could be sent is not sent. It ends when the server does.
pub struct Watching {
    service: String,
    watcher: Watcher,
    said: Option<Answered>,
    next: Next,
}

enum Next {
    /// To look.
    Look(Receiver<()>),
    /// To wait until there is reason to.
    Wait(Pin<Box<dyn Future<Output = Either<Receiver<()>, ()>> + Send>>),
    Over,
}

impl Watching {
    pub(super) fn new(reporter: &HealthReporter, service: String) -> Self {
        Watching { service, watcher: reporter.watcher(), said: None, next: Next::Look(reporter.news()) }
    }
}

/// Waits for news, or for the time to go.
async fn wait(mut news: Receiver<()>, ending: Option<CancellationToken>) -> Either<Receiver<()>, ()> {
    let ended = async {
        match &ending {
            Some(ending) => ending.cancelled().await,
            None => std::future::pending().await,
        }
    };
    match either(ended, news.changed()).await {
        // Whoever would send news is gone, and that is us.
        Either::First(()) | Either::Second(Err(_)) => Either::Second(()),
        Either::Second(Ok(())) => Either::First(news),
    }
}

impl Stream for Watching {
    type Item = Result<HealthCheckResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            match std::mem::replace(&mut this.next, Next::Over) {
                Next::Look(mut news) => {
                    // Seen before it is looked at, so that no change goes unnoticed.
                    news.mark_unchanged();
                    let seen = this.watcher.look(&this.service);
                    this.next = Next::Wait(Box::pin(wait(news, seen.ending)));
                    let status = seen.status.map_or(Answered::ServiceUnknown, Answered::from);
                    if this.said.replace(status) != Some(status) {
                        return Poll::Ready(Some(Ok(response(status))));
                    }
                }
                Next::Wait(mut waiting) => match waiting.as_mut().poll(cx) {
                    Poll::Pending => {
                        // The answer before was taken, or this would not have been asked for another.
                        this.watcher.has_told();
                        this.next = Next::Wait(waiting);
                        return Poll::Pending;
                    }
                    Poll::Ready(Either::First(news)) => this.next = Next::Look(news),
                    Poll::Ready(Either::Second(())) => {
                        return Poll::Ready(Some(Err(Status::unavailable("the server is shutting down"))));
                    }
                },
                Next::Over => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Watching {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watching").field("service", &self.service).field("said", &self.said).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use std::task::Waker;

    use super::*;
    use crate::health::ServingStatus;

    /// What comes at once: `None` for nothing.
    fn heard(watching: &mut Watching) -> Option<Answered> {
        match Pin::new(watching).poll_next(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => None,
            Poll::Ready(answer) => Some(answer.unwrap().unwrap().status()),
        }
    }

    #[test]
    fn only_changes_are_said() {
        let health = HealthReporter::new();
        let mut watching = Watching::new(&health, "a.B".to_owned());
        let set = |status| move |health: &HealthReporter| health.set_status("a.B", status);
        type Change = Box<dyn Fn(&HealthReporter)>;
        let table: Vec<(&str, Change, Option<Answered>)> = vec![
            ("nothing is known", Box::new(|_| {}), Some(Answered::ServiceUnknown)),
            ("nothing has changed", Box::new(|_| {}), None),
            ("another has", Box::new(|health| health.set_status("c.D", ServingStatus::Serving)), None),
            ("it serves", Box::new(set(ServingStatus::Serving)), Some(Answered::Serving)),
            ("it still does", Box::new(set(ServingStatus::Serving)), None),
            ("nobody can say", Box::new(set(ServingStatus::Unknown)), Some(Answered::Unknown)),
            ("nothing serves", Box::new(HealthReporter::shutdown), Some(Answered::NotServing)),
            ("said while nothing does", Box::new(set(ServingStatus::Serving)), None),
            ("forgotten while nothing does", Box::new(|health| health.clear("a.B")), Some(Answered::ServiceUnknown)),
            ("known again while nothing does", Box::new(set(ServingStatus::Serving)), Some(Answered::NotServing)),
            ("all serve as was said", Box::new(HealthReporter::resume), Some(Answered::Serving)),
            ("forgotten", Box::new(|health| health.clear("a.B")), Some(Answered::ServiceUnknown)),
            (
                "to and fro",
                Box::new(|health| {
                    health.set_status("a.B", ServingStatus::Serving);
                    health.clear("a.B");
                }),
                None,
            ),
        ];
        for (name, change, expected) in table {
            change(&health);
            assert_eq!(heard(&mut watching), expected, "{name}");
            assert_eq!(heard(&mut watching), None, "{name}, once");
        }
    }

    #[tokio::test]
    async fn an_ending_waits_for_those_who_watch_and_then_ends_them() {
        let health = HealthReporter::new();
        let mut watching = Watching::new(&health, String::new());
        assert_eq!(heard(&mut watching), Some(Answered::Serving));
        let gone = Watching::new(&health, String::new());
        let ended = CancellationToken::new();
        let mut told = Box::pin(health.drain(ended.clone()));
        let mut is_told = || told.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(!is_told());
        assert_eq!(heard(&mut watching), Some(Answered::NotServing));
        assert!(!is_told(), "the answer may not have been taken yet");
        assert_eq!(heard(&mut watching), None);
        assert!(!is_told(), "there is another");
        drop(gone);
        assert!(is_told());
        ended.cancel();
        let end = std::future::poll_fn(|cx| Pin::new(&mut watching).poll_next(cx)).await;
        assert_eq!(end.unwrap().unwrap_err().code(), crate::Code::Unavailable);
        assert!(std::future::poll_fn(|cx| Pin::new(&mut watching).poll_next(cx)).await.is_none());
    }

    #[test]
    fn an_ending_that_was_taken_back_ends_nobody() {
        let health = HealthReporter::new();
        let mut watching = Watching::new(&health, String::new());
        assert_eq!(heard(&mut watching), Some(Answered::Serving));
        let ended = CancellationToken::new();
        drop(health.drain(ended.clone()));
        assert_eq!(heard(&mut watching), Some(Answered::NotServing));
        health.resume();
        assert_eq!(heard(&mut watching), Some(Answered::Serving));
        ended.cancel();
        assert_eq!(heard(&mut watching), None);
    }
}
