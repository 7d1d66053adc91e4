//! Counts of what a connection or a channel carries, for whoever wants to see them. Nothing is counted unless somebody
//! does.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::status::Code;

/// What one connection has carried.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) calls: Calls,
    pub(crate) sent: Events,
    pub(crate) received: Events,
}

/// How calls went.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) started: Events,
    succeeded: AtomicU64,
    failed: AtomicU64,
}

/// How often something happened, and when last.
#[derive(Debug, Default)]
pub(crate) struct Events {
    number: AtomicU64,
    /// Microseconds since 1970; 0 for never.
    last_us: AtomicI64,
}

impl Events {
    pub(crate) fn number(&self) -> u64 {
        self.number.load(Relaxed)
    }

    /// Microseconds since 1970. `None`: never.
    pub(crate) fn last_us(&self) -> Option<i64> {
        Some(self.last_us.load(Relaxed)).filter(|us| *us != 0)
    }

    fn happened(&self) {
        self.number.fetch_add(1, Relaxed);
        self.last_us.store(now_us(), Relaxed);
    }

    fn add(&self, other: &Events) {
        self.number.fetch_add(other.number(), Relaxed);
        self.last_us.fetch_max(other.last_us.load(Relaxed), Relaxed);
    }
}

impl Calls {
    /// How many ended with OK.
    pub(crate) fn succeeded(&self) -> u64 {
        self.succeeded.load(Relaxed)
    }

    /// How many ended otherwise.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// Adds what others have counted.
    pub(crate) fn add(&self, other: &Calls) {
        self.started.add(&other.started);
        self.succeeded.fetch_add(other.succeeded(), Relaxed);
        self.failed.fetch_add(other.failed(), Relaxed);
    }

    /// A call began.
    pub(crate) fn began(&self) {
        self.started.happened();
    }

    /// A call ended.
    pub(crate) fn ended(&self, code: Code) {
        let ended = if code == Code::Ok { &self.succeeded } else { &self.failed };
        ended.fetch_add(1, Relaxed);
    }

    /// A call began and ended.
    pub(crate) fn happened(&self, code: Code) {
        self.began();
        self.ended(code);
    }
}

impl Tally {
    /// A message went out.
    pub(crate) fn sent(&self) {
        self.sent.happened();
    }

    /// A message came.
    pub(crate) fn received(&self) {
        self.received.happened();
    }
}

/// A tally in the hands of what it counts; says when that is gone.
pub(crate) struct Tallied {
    tally: Arc<Tally>,
    gone: Box<dyn Fn() + Send + Sync>,
}

impl Tallied {
    pub(crate) fn new(tally: Arc<Tally>, gone: impl Fn() + Send + Sync + 'static) -> Self {
        Tallied { tally, gone: Box::new(gone) }
    }
}

impl Deref for Tallied {
    type Target = Tally;

    fn deref(&self) -> &Tally {
        &self.tally
    }
}

impl Drop for Tallied {
    fn drop(&mut self) {
        (self.gone)();
    }
}

impl fmt::Debug for Tallied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tally.fmt(f)
    }
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
