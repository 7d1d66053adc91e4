//! Calls in numbers.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::client::interceptor::{CallEnd, ClientCall, ClientInterceptor, ClientReply, Next};
use crate::status::{Code, Status};

/// How many methods [`CallCounts`] tells apart. A program has hundreds at most; one that makes up
/// names must not fill the memory.
const METHODS_MAX: usize = 10_000;

/// What calls beyond that are counted under.
const OTHER: &str = "other";

/// Hears of calls, to count them elsewhere: in a registry of metrics, for example.
pub trait CallMetrics: Send + Sync + 'static {
    /// A call of a method, `/package.Service/Method`, begins.
    fn began(&self, path: &str) {
        let _ = path;
    }

    /// A call has ended. Each `began` is followed by one `ended`, from any thread.
    fn ended(&self, path: &str, end: &CallEnd);
}

/// Counts calls, their messages and their time: by itself, or through [`CallMetrics`] of yours. Clones count together.
///
/// ```
/// use seltzer::client::Metrics;
///
/// let metrics = Metrics::new();
/// // channel.intercept(metrics.clone()), and later:
/// for line in metrics.counts().snapshot() {
///     println!("{} {:?}: {} calls in {:?}", line.path, line.code, line.calls, line.duration_total);
/// }
/// ```
#[derive(Debug)]
pub struct Metrics<M = CallCounts>(Arc<M>);

impl Metrics {
    /// Counts by itself; [`counts`](Self::counts) tells.
    #[must_use]
    pub fn new() -> Self {
        Metrics::reporting_to(CallCounts::default())
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Metrics::new()
    }
}

impl<M: CallMetrics> Metrics<M> {
    /// Tells yours.
    #[must_use]
    pub fn reporting_to(metrics: M) -> Self {
        Metrics(Arc::new(metrics))
    }

    /// What hears of the calls.
    #[must_use]
    pub fn counts(&self) -> &M {
        &self.0
    }
}

impl<M> Clone for Metrics<M> {
    fn clone(&self) -> Self {
        Metrics(Arc::clone(&self.0))
    }
}

impl<M: CallMetrics> ClientInterceptor for Metrics<M> {
    async fn intercept(&self, call: ClientCall, next: Next) -> Result<ClientReply, Status> {
        let path = call.path().to_owned();
        self.0.began(&path);
        let metrics = Arc::clone(&self.0);
        next.run_watched(call, move |end| metrics.ended(&path, end)).await
    }
}

/// Counts of calls by method and code.
#[derive(Debug, Default)]
pub struct CallCounts(Mutex<Vec<ByCode>>);

/// The counts of one method, by code; at least one.
type ByCode = Vec<MethodCounts>;

/// The calls of one method that ended with one code.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MethodCounts {
    /// `/package.Service/Method`.
    pub path: String,
    /// What they ended with.
    pub code: Code,
    /// How many they were.
    pub calls: u64,
    /// Messages sent.
    pub requests: u64,
    /// Messages received.
    pub replies: u64,
    /// The time of all of them together.
    pub duration_total: Duration,
    /// The time of the longest.
    pub duration_max: Duration,
}

impl MethodCounts {
    fn none(path: &str, code: Code) -> Self {
        MethodCounts {
            path: path.to_owned(),
            code,
            calls: 0,
            requests: 0,
            replies: 0,
            duration_total: Duration::ZERO,
            duration_max: Duration::ZERO,
        }
    }
}

impl CallCounts {
    /// All counts now, by method and code.
    #[must_use]
    pub fn snapshot(&self) -> Vec<MethodCounts> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().flatten().cloned().collect()
    }
}

impl CallMetrics for CallCounts {
    fn ended(&self, path: &str, end: &CallEnd) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let position =
            |counts: &[ByCode], path: &str| counts.binary_search_by(|method| method[0].path.as_str().cmp(path));
        let is_new = counts.len() >= METHODS_MAX && position(&counts, path).is_err();
        let path = if is_new { OTHER } else { path };
        let at = position(&counts, path).unwrap_or_else(|at| {
            counts.insert(at, vec![MethodCounts::none(path, end.code())]);
            at
        });
        let method = &mut counts[at];
        let by_code = method.binary_search_by_key(&(end.code() as i32), |count| count.code as i32);
        let at = by_code.unwrap_or_else(|at| {
            method.insert(at, MethodCounts::none(path, end.code()));
            at
        });
        let count = &mut method[at];
        count.calls += 1;
        count.requests += end.requests();
        count.replies += end.replies();
        count.duration_total += end.duration();
        count.duration_max = count.duration_max.max(end.duration());
    }
}
