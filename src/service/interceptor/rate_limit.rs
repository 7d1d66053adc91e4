//! No more calls in a second than agreed.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::service::interceptor::shedding::Shedding;
use crate::service::interceptor::{CallHead, Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::{Code, Status};

/// So many keys are told apart; all others share one bucket. A hundred thousand take about ten megabytes.
const KEYS_MAX: usize = 100_000;

/// How often those are forgotten that were not heard of for long enough to have a full bucket again.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Lets so many calls a second begin for each caller, and so many at once after a rest; others are turned away before
/// their messages are read, and told when to come back.
///
/// A caller is an IP address unless [`by`](Self::by) says something else.
///
/// ```
/// # #[cfg(feature = "server")]
/// # fn main() {
/// use seltzer::server::RateLimit;
///
/// // A hundred calls a second for each API key, and up to two hundred at once.
/// let limit = RateLimit::new(100.0, 200)
///     .by(|call| call.metadata().get("x-api-key")?.to_str().ok().map(str::to_owned));
/// let server = seltzer::Server::builder().intercept(limit);
/// # drop(server);
/// # }
/// # #[cfg(not(feature = "server"))]
/// # fn main() {}
/// ```
#[derive(Clone)]
pub struct RateLimit {
    calls_per_second: f64,
    burst: f64,
    key: Arc<KeyOf>,
    concerns: Option<Arc<Concerns>>,
    shedding: Shedding,
    buckets: Arc<Mutex<Buckets>>,
}

/// Whether a limit concerns a call.
type Concerns = dyn Fn(CallHead<'_>) -> bool + Send + Sync;

type KeyOf = dyn Fn(CallHead<'_>) -> Option<String> + Send + Sync;

impl RateLimit {
    /// So many calls a second, and so many at once after a rest; at least one.
    #[must_use]
    pub fn new(calls_per_second: f64, burst: u32) -> Self {
        RateLimit {
            calls_per_second: if calls_per_second > 0.0 { calls_per_second } else { 0.0 },
            burst: f64::from(burst.max(1)),
            key: Arc::new(|call| call.peer()?.remote_addr().map(|address| address.ip().to_string())),
            concerns: None,
            shedding: Shedding::new(Code::ResourceExhausted),
            buckets: Arc::new(Mutex::new(Buckets::new(Instant::now()))),
        }
    }

    /// Whom a call counts for. All for which there is none share a limit of their own.
    #[must_use]
    pub fn by(mut self, key: impl Fn(CallHead<'_>) -> Option<String> + Send + Sync + 'static) -> Self {
        self.key = Arc::new(key);
        self
    }

    /// Concerns these calls alone; all others pass by and are not counted.
    #[must_use]
    pub fn only(mut self, concerns: impl Fn(CallHead<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.concerns = Some(Arc::new(concerns));
        self
    }

    /// What calls end with that are turned away: RESOURCE_EXHAUSTED unless set.
    #[must_use]
    pub fn shed_with(mut self, code: Code) -> Self {
        self.shedding.code = code;
        self
    }

    /// Takes a token, or says after which time there is one.
    fn take(&self, key: Option<String>, now: Instant) -> Result<(), Duration> {
        // Nothing panics under this lock.
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.sweep(self, now);
        let bucket = buckets.of(key, Bucket { tokens: self.burst, at: now });
        bucket.tokens = self.tokens(bucket, now);
        bucket.at = now;
        if bucket.tokens >= 1.0 {
            bucket.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::try_from_secs_f64((1.0 - bucket.tokens) / self.calls_per_second).unwrap_or(Duration::MAX))
    }

    fn tokens(&self, bucket: &Bucket, now: Instant) -> f64 {
        let earned = now.saturating_duration_since(bucket.at).as_secs_f64() * self.calls_per_second;
        (bucket.tokens + earned).min(self.burst)
    }
}

impl ServerInterceptor for RateLimit {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        if self.concerns.as_ref().is_some_and(|concerns| !concerns(call.head())) {
            return next.run(call).await;
        }
        if let Err(pause) = self.take((self.key)(call.head()), Instant::now()) {
            let shedding = Shedding { pushback: Some(pause), ..self.shedding };
            let rate = self.calls_per_second;
            return Err(shedding.status(format_args!("too many calls: {rate} a second are permitted")));
        }
        next.run(call).await
    }
}

impl fmt::Debug for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimit")
            .field("calls_per_second", &self.calls_per_second)
            .field("burst", &self.burst)
            .finish_non_exhaustive()
    }
}

/// What each key has left.
struct Buckets {
    by_key: HashMap<String, Bucket>,
    /// That of calls without a key, and of all for which there is no more room.
    others: Option<Bucket>,
    swept: Instant,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Buckets {
    fn new(now: Instant) -> Self {
        Buckets { by_key: HashMap::new(), others: None, swept: now }
    }

    fn of(&mut self, key: Option<String>, full: Bucket) -> &mut Bucket {
        match key {
            Some(key) if self.by_key.len() < KEYS_MAX || self.by_key.contains_key(&key) => {
                self.by_key.entry(key).or_insert(full)
            }
            _ => self.others.get_or_insert(full),
        }
    }

    /// Forgets those whose buckets are full: a new one is, too.
    fn sweep(&mut self, limit: &RateLimit, now: Instant) {
        if now.saturating_duration_since(self.swept) >= SWEEP_INTERVAL {
            self.swept = now;
            self.by_key.retain(|_, bucket| limit.tokens(bucket, now) < limit.burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(limit: &RateLimit, key: &str, now: Instant) -> Result<(), u128> {
        limit.take(Some(key.to_owned()), now).map_err(|pause| pause.as_millis())
    }

    #[test]
    fn each_key_has_its_own_tokens_which_come_back() {
        let (limit, begin) = (RateLimit::new(10.0, 2), Instant::now());
        let after = |millis| begin + Duration::from_millis(millis);
        let table = [
            ("a", 0, Ok(())),
            ("a", 0, Ok(())),
            ("a", 0, Err(100)),
            ("b", 0, Ok(())),
            ("a", 60, Err(40)),
            ("a", 100, Ok(())),
            ("a", 100, Err(100)),
            // It never has more than two.
            ("a", 10_000, Ok(())),
            ("a", 10_000, Ok(())),
            ("a", 10_000, Err(100)),
        ];
        for (key, millis, expected) in table {
            assert_eq!(taken(&limit, key, after(millis)), expected, "{key} after {millis} ms");
        }
        let buckets = limit.buckets.lock().expect("nothing panicked");
        assert_eq!(buckets.by_key.len(), 1, "who has rested is forgotten");
    }

    #[test]
    fn too_many_keys_share_what_is_left() {
        let (limit, now) = (RateLimit::new(1.0, 1), Instant::now());
        for number in 0..KEYS_MAX {
            assert_eq!(taken(&limit, &number.to_string(), now), Ok(()));
        }
        assert_eq!(taken(&limit, "one more", now), Ok(()));
        assert_eq!(taken(&limit, "and another", now), Err(1000));
        assert_eq!(limit.take(None, now), Err(Duration::from_secs(1)));
        assert_eq!(taken(&limit, "7", now), Err(1000), "those that are known keep their own");
    }

    #[test]
    fn strange_rates_are_no_trouble() {
        for rate in [0.0, -1.0, f64::NAN] {
            let (limit, now) = (RateLimit::new(rate, 0), Instant::now());
            assert_eq!(limit.take(None, now), Ok(()));
            assert_eq!(limit.take(None, now + Duration::from_secs(1_000_000)), Err(Duration::MAX), "{rate}");
        }
        let (limit, now) = (RateLimit::new(f64::INFINITY, 1), Instant::now());
        assert_eq!(limit.take(None, now), Ok(()));
        assert_eq!(limit.take(None, now + Duration::from_nanos(1)), Ok(()));
    }
}
