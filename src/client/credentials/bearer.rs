//! Tokens that whoever bears them is believed: `authorization: Bearer ...`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::client::backoff::{Backoff, BackoffBounds};
use crate::client::credentials::{CallCredentials, CallInfo};
use crate::context::Context;
use crate::metadata::{AsciiMetadataValue, MetadataMap};
use crate::status::Status;
use crate::task::task;

/// How long before its expiry a token is renewed: long enough for an identity service that is slow, short enough that
/// tokens of an hour are used for nearly all of it.
const REFRESH_AHEAD_DEFAULT: Duration = Duration::from_secs(60);

/// A bearer token, fixed or renewed by itself.
///
/// One that is renewed is fetched by the first call that needs it, while further calls wait for the same answer; it is
/// renewed ahead of its expiry, while calls go on with the old one. After a failure calls fail with its status until
/// the next attempt, after a pause that grows from 1 second to 2 minutes. A token that has expired when it comes is a
/// failure, too: UNAVAILABLE.
///
/// ```
/// use std::time::Duration;
/// use seltzer::client::{AccessToken, BearerToken};
///
/// # fn main() -> Result<(), seltzer::Status> {
/// let fixed = BearerToken::fixed("token123")?;
/// let renewed = BearerToken::refreshed(|| async {
///     // Ask an identity service here.
///     Ok(AccessToken::new("token456").expires_in(Duration::from_secs(3600)))
/// });
/// let endpoint = seltzer::Channel::builder("https://shop.example.com").call_credentials(renewed);
/// # let _ = (fixed, endpoint);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct BearerToken(Source);

#[derive(Clone)]
enum Source {
    Fixed(AsciiMetadataValue),
    Refreshed(Arc<Refreshed>),
}

/// A token as an identity service hands it out.
#[derive(Clone)]
pub struct AccessToken {
    value: String,
    expires_in: Option<Duration>,
}

impl AccessToken {
    /// A token that does not expire.
    pub fn new(value: impl Into<String>) -> Self {
        AccessToken { value: value.into(), expires_in: None }
    }

    /// How long it is good, from when its fetch began.
    #[must_use]
    pub fn expires_in(mut self, lifetime: Duration) -> Self {
        self.expires_in = Some(lifetime);
        self
    }
}

impl BearerToken {
    /// A token that stays the same.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: it has characters that cannot stand in a header.
    pub fn fixed(token: impl AsRef<str>) -> Result<Self, Status> {
        let header = header(token.as_ref());
        header
            .map(|value| BearerToken(Source::Fixed(value)))
            .ok_or_else(|| Status::invalid_argument("the bearer token is not printable ASCII"))
    }

    /// A token that is fetched when it is needed, and again before it expires.
    ///
    /// The closure runs on a task of its own, one at a time. Its failure reaches the calls that need a token, see
    /// [`CallCredentials::metadata`].
    pub fn refreshed<F, Fut>(refresh: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<AccessToken, Status>> + Send + 'static,
    {
        Self::renewed_ahead_by(REFRESH_AHEAD_DEFAULT, refresh)
    }

    /// The same, with another time between the renewal and the expiry: a minute otherwise. Never more than half of a
    /// token's life.
    pub fn renewed_ahead_by<F, Fut>(ahead: Duration, refresh: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<AccessToken, Status>> + Send + 'static,
    {
        let standing =
            Standing { held: None, running: None, failure: None, backoff: Backoff::new(BackoffBounds::default()) };
        BearerToken(Source::Refreshed(Arc::new(Refreshed {
            refresh: Box::new(move || Box::pin(refresh())),
            ahead,
            standing: Mutex::new(standing),
        })))
    }

    /// The value of `authorization`, fetched if need be.
    pub(crate) async fn header(&self) -> Result<AsciiMetadataValue, Status> {
        match &self.0 {
            Source::Fixed(value) => Ok(value.clone()),
            Source::Refreshed(refreshed) => refreshed.header().await,
        }
    }
}

impl CallCredentials for BearerToken {
    async fn metadata(&self, _: &CallInfo<'_>) -> Result<MetadataMap, Status> {
        let mut metadata = MetadataMap::new();
        metadata.insert("authorization", self.header().await?);
        Ok(metadata)
    }
}

type Refresh = Box<dyn Fn() -> Pin<Box<dyn Future<Output = Result<AccessToken, Status>> + Send>> + Send + Sync>;

/// A token that is renewed.
struct Refreshed {
    refresh: Refresh,
    ahead: Duration,
    standing: Mutex<Standing>,
}

struct Standing {
    held: Option<Held>,
    /// Closes when the renewal that runs is over.
    running: Option<watch::Receiver<()>>,
    /// Why the last renewal failed, and when the next one may begin.
    failure: Option<(Status, Instant)>,
    backoff: Backoff,
}

/// A token that was fetched.
struct Held {
    header: AsciiMetadataValue,
    /// `None`: never.
    renewed_at: Option<Instant>,
    expires_at: Option<Instant>,
}

impl Refreshed {
    async fn header(self: &Arc<Self>) -> Result<AsciiMetadataValue, Status> {
        loop {
            let mut over = {
                let mut standing = self.standing();
                let now = Instant::now();
                if let Some(header) = standing.good(now) {
                    if standing.is_due(now) {
                        self.start(&mut standing);
                    }
                    return Ok(header);
                }
                if standing.running.is_none()
                    && let Some((status, until)) = &standing.failure
                    && now < *until
                {
                    return Err(status.clone());
                }
                self.start(&mut standing)
            };
            // It closes, and says nothing before.
            let _ = over.changed().await;
        }
    }

    /// Starts a renewal unless one runs.
    fn start(self: &Arc<Self>, standing: &mut Standing) -> watch::Receiver<()> {
        if let Some(running) = &standing.running {
            return running.clone();
        }
        let (runs, over) = watch::channel(());
        standing.running = Some(over.clone());
        let renewal = Renewal { refreshed: Arc::clone(self), outcome: None, _runs: runs };
        // The call that began it may end before it; others wait for it, too.
        tokio::spawn(task(Context::default().scope(async move {
            let begin = Instant::now();
            let outcome = (renewal.refreshed.refresh)().await;
            renewal.end(outcome, begin);
        })));
        over
    }

    fn hold(&self, token: &AccessToken, begin: Instant) -> Result<Held, Status> {
        let header = header(&token.value)
            .ok_or_else(|| Status::internal("the bearer token that was fetched is not printable ASCII"))?;
        // What ends later than the clock can tell never does.
        let after = |lifetime| begin.checked_add(lifetime);
        let expires_at = token.expires_in.and_then(after);
        if expires_at.is_some_and(|at| at <= Instant::now()) {
            // It would be fetched anew at once, again and again.
            return Err(Status::unavailable("the bearer token that was fetched had expired already when it came"));
        }
        let renewed_at = token.expires_in.and_then(|lifetime| after(lifetime - self.ahead.min(lifetime / 2)));
        Ok(Held { header, renewed_at, expires_at })
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        // Only whole values are put in under this lock.
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    /// The token that is held, unless it has expired.
    fn good(&self, now: Instant) -> Option<AsciiMetadataValue> {
        let held = self.held.as_ref()?;
        held.expires_at.is_none_or(|at| now < at).then(|| held.header.clone())
    }

    /// Whether it is time to renew a token that is still good.
    fn is_due(&self, now: Instant) -> bool {
        let is_old = self.held.as_ref().and_then(|held| held.renewed_at).is_some_and(|at| at <= now);
        is_old && self.failure.as_ref().is_none_or(|(_, until)| *until <= now)
    }
}

/// A renewal that runs. However its task ends, those who wait for it learn of it.
struct Renewal {
    refreshed: Arc<Refreshed>,
    outcome: Option<Result<Held, Status>>,
    /// Dropped last, when all is written down.
    _runs: watch::Sender<()>,
}

impl Renewal {
    fn end(mut self, outcome: Result<AccessToken, Status>, begin: Instant) {
        self.outcome = Some(outcome.and_then(|token| self.refreshed.hold(&token, begin)));
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        let mut standing = self.refreshed.standing();
        standing.running = None;
        match self.outcome.take() {
            Some(Ok(held)) => {
                standing.held = Some(held);
                standing.failure = None;
                standing.backoff.reset();
            }
            failed => {
                let status = failed.and_then(Result::err);
                let status = status.unwrap_or_else(|| Status::internal("fetching a bearer token panicked"));
                let pause = standing.backoff.next_pause();
                standing.failure = Some((status, Instant::now() + pause));
            }
        }
    }
}

fn header(token: &str) -> Option<AsciiMetadataValue> {
    let mut value: AsciiMetadataValue = format!("Bearer {token}").parse().ok()?;
    // It is not kept in tables of header compression, and not shown.
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken")
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessToken").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Semaphore;

    use super::*;

    /// A token that counts how often it was fetched: `Bearer 1`, `Bearer 2`, ... Each fetch takes a permit.
    struct Counted {
        token: BearerToken,
        fetched: Arc<AtomicUsize>,
        permits: Arc<Semaphore>,
    }

    fn counted(lifetime: Option<Duration>, fails: fn(usize) -> bool) -> Counted {
        let fetched = Arc::new(AtomicUsize::new(0));
        let permits = Arc::new(Semaphore::new(0));
        let token = BearerToken::refreshed({
            let (fetched, permits) = (Arc::clone(&fetched), Arc::clone(&permits));
            move || {
                let number = fetched.fetch_add(1, Ordering::SeqCst) + 1;
                let permits = Arc::clone(&permits);
                async move {
                    permits.acquire().await.expect("nobody closes it").forget();
                    if fails(number) {
                        return Err(Status::unavailable(format!("failure {number}")));
                    }
                    let token = AccessToken::new(number.to_string());
                    Ok(lifetime.map_or(token.clone(), |lifetime| token.expires_in(lifetime)))
                }
            }
        });
        Counted { token, fetched, permits }
    }

    async fn text(token: &BearerToken) -> Result<String, Status> {
        token.header().await.map(|value| value.to_str().expect("ASCII").to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn many_calls_wait_for_one_fetch() {
        let counted = counted(None, |_| false);
        let calls: Vec<_> = (0..50)
            .map(|_| {
                let token = counted.token.clone();
                tokio::spawn(async move { text(&token).await })
            })
            .collect();
        // A call that gives up takes nothing with it.
        calls[0].abort();
        tokio::task::yield_now().await;
        counted.permits.add_permits(1);
        for call in calls.into_iter().skip(1) {
            assert_eq!(call.await.expect("it does not panic").expect("a token"), "Bearer 1");
        }
        assert_eq!(counted.fetched.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_renewed_ahead_and_calls_do_not_wait_for_it() {
        let counted = counted(Some(Duration::from_secs(600)), |_| false);
        counted.permits.add_permits(1);
        assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1");
        tokio::time::advance(Duration::from_secs(539)).await;
        assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1");
        assert_eq!(counted.fetched.load(Ordering::SeqCst), 1, "it is too early");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1");
        tokio::task::yield_now().await;
        assert_eq!(counted.fetched.load(Ordering::SeqCst), 2, "a minute before its end");
        assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1", "the old one is good still");
        counted.permits.add_permits(1);
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 2", "and is not used after its end");
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_is_told_and_tried_again_after_a_pause() {
        let counted = counted(None, |number| number == 1);
        counted.permits.add_permits(2);
        for _ in 0..3 {
            let status = text(&counted.token).await.expect_err("the first fetch fails");
            assert_eq!(status.message(), "failure 1");
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(text(&counted.token).await.expect("the pause is over"), "Bearer 2");
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_that_fails_leaves_a_good_token_alone() {
        let counted = counted(Some(Duration::from_secs(600)), |number| number == 2);
        counted.permits.add_permits(3);
        assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1");
        tokio::time::advance(Duration::from_secs(545)).await;
        for _ in 0..3 {
            assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1");
            tokio::task::yield_now().await;
        }
        assert_eq!(counted.fetched.load(Ordering::SeqCst), 2, "one attempt, then a pause");
        tokio::time::advance(Duration::from_secs(60)).await;
        assert_eq!(text(&counted.token).await.expect("the pause is over"), "Bearer 3");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_that_has_expired_when_it_comes_is_a_failure() {
        for (lifetime, fetch) in
            [(0, 0), (5, 5), (5, 30)].map(|(a, b)| (Duration::from_secs(a), Duration::from_secs(b)))
        {
            let fetched = Arc::new(AtomicUsize::new(0));
            let token = BearerToken::refreshed({
                let fetched = Arc::clone(&fetched);
                move || {
                    // Long enough to be told from once, and an end to it in any case.
                    let is_late = fetched.fetch_add(1, Ordering::SeqCst) < 10;
                    async move {
                        tokio::time::sleep(if is_late { fetch } else { Duration::ZERO }).await;
                        let lifetime = if is_late { lifetime } else { Duration::from_secs(600) };
                        Ok(AccessToken::new("late").expires_in(lifetime))
                    }
                }
            });
            for _ in 0..3 {
                let status = text(&token).await.expect_err("it is of no use");
                assert_eq!(status.code(), crate::Code::Unavailable, "{lifetime:?} {fetch:?}");
                assert!(status.message().contains("expired"), "{status:?}");
            }
            assert_eq!(fetched.load(Ordering::SeqCst), 1, "one attempt, then a pause");
            tokio::time::advance(Duration::from_secs(2)).await;
            text(&token).await.expect_err("it is of no use either");
            assert_eq!(fetched.load(Ordering::SeqCst), 2, "the pause is over");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_longer_than_the_clock_can_tell_has_no_end() {
        let counted = counted(Some(Duration::MAX), |_| false);
        counted.permits.add_permits(2);
        for _ in 0..2 {
            assert_eq!(text(&counted.token).await.expect("a token"), "Bearer 1");
            tokio::time::advance(Duration::from_secs(1_000_000)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_fetch_that_panics_is_internal() {
        let token = BearerToken::refreshed(|| async { panic!("as told") });
        assert_eq!(text(&token).await.expect_err("it panicked").code(), crate::Code::Internal);
        let garbled = BearerToken::refreshed(|| async { Ok(AccessToken::new("a\nb")) });
        assert_eq!(text(&garbled).await.expect_err("no header").code(), crate::Code::Internal);
        assert_eq!(BearerToken::fixed("a\nb").expect_err("no header").code(), crate::Code::InvalidArgument);
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let token = BearerToken::fixed("hidden").expect("ASCII");
        assert!(!format!("{token:?} {:?}", AccessToken::new("hidden")).contains("hidden"));
    }
}
