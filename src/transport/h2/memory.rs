//! What arrives and is of no use yet: messages that are not complete, bytes that nobody has taken. It is counted here,
//! so that it has a bound.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use seltzer_h2::Limits;

use crate::codec::PREFIX_BYTES;
use crate::transport::h2::ready::ReadyQueue;

/// What may wait on a connection, in bytes, unless the server is told otherwise. Credit is returned while a message is
/// collected, so that many large uploads side by side never wait for each other; this is what bounds them.
pub(crate) const CONNECTION_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Above this part of what may wait no new streams are taken: one that is refused can be tried again, one that has
/// begun is lost.
const TIGHT_NUMERATOR: usize = 7;
const TIGHT_DENOMINATOR: usize = 8;

/// What may wait on a connection that was not told how much: what its windows invite a peer to send is never held
/// against it.
pub(crate) fn connection_bytes_max(limits: &Limits) -> usize {
    let streams = usize::try_from(limits.concurrent_streams_max).unwrap_or(usize::MAX);
    let window = usize::try_from(limits.stream_window_bytes).unwrap_or(usize::MAX);
    CONNECTION_BYTES_MAX.max(streams.saturating_mul(window))
}

/// What waits on one connection.
#[derive(Debug)]
pub(crate) struct Memory {
    used: Counter,
    /// What all connections of the server share, if there is a bound for that.
    shared: Option<(u64, Arc<Budget>)>,
    /// Another connection found the budget exceeded, and most of it here.
    must_give: AtomicBool,
}

impl Memory {
    /// Memory for a connection by itself.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Memory { used: Counter::new(bytes_max), shared: None, must_give: AtomicBool::new(false) }
    }

    /// So many bytes more wait.
    pub(crate) fn take(&self, bytes: usize) {
        self.used.add(bytes);
        if let Some((_, budget)) = &self.shared {
            budget.used.add(bytes);
        }
    }

    /// So many bytes do not wait any more.
    pub(crate) fn give(&self, bytes: usize) {
        self.used.subtract(bytes);
        if let Some((_, budget)) = &self.shared {
            budget.used.subtract(bytes);
        }
    }

    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.used.bytes()
    }

    /// Whether new streams are too much.
    pub(crate) fn is_tight(&self) -> bool {
        self.used.is_tight() || self.shared.as_ref().is_some_and(|(_, budget)| budget.used.is_tight())
    }

    /// Whether something must go here, on this connection. Where others have more, they are told.
    pub(crate) fn must_shrink(&self) -> bool {
        if self.used.is_exceeded() {
            return true;
        }
        let Some((id, budget)) = &self.shared else { return false };
        let was_told = self.must_give.load(Ordering::Relaxed) && self.must_give.swap(false, Ordering::Relaxed);
        budget.used.is_exceeded() && (was_told || budget.is_largest(*id))
    }
}

impl Default for Memory {
    fn default() -> Self {
        Memory::new(usize::MAX)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Some((id, budget)) = &self.shared {
            budget.used.subtract(self.used.bytes());
            budget.connections().remove(id);
        }
    }
}

/// What waits on all connections of a server.
#[derive(Debug)]
pub(crate) struct Budget {
    used: Counter,
    connections: Mutex<HashMap<u64, Weak<ReadyQueue>>>,
    next: AtomicU64,
}

impl Budget {
    pub(crate) fn new(bytes_max: usize) -> Arc<Self> {
        Arc::new(Budget { used: Counter::new(bytes_max), connections: Mutex::default(), next: AtomicU64::new(0) })
    }

    /// What the calls of a new connection share, with memory that counts here too.
    pub(crate) fn connection(self: &Arc<Self>, bytes_max: usize) -> Arc<ReadyQueue> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut memory = Memory::new(bytes_max);
        memory.shared = Some((id, Arc::clone(self)));
        let ready = ReadyQueue::with_memory(memory);
        self.connections().insert(id, Arc::downgrade(&ready));
        ready
    }

    /// Whether this connection has the most; if not, the one that has is told.
    fn is_largest(&self, id: u64) -> bool {
        let by_use = |ready: &Arc<ReadyQueue>| ready.memory().bytes();
        let all: Vec<_> = {
            let connections = self.connections();
            connections.iter().filter_map(|(id, ready)| Some((*id, ready.upgrade()?))).collect()
        };
        // Woken, and perhaps dropped, without the lock.
        match all.iter().max_by_key(|(_, ready)| by_use(ready)) {
            Some((largest, _)) if *largest == id => true,
            Some((_, ready)) => {
                ready.memory().must_give.store(true, Ordering::Relaxed);
                ready.wake();
                false
            }
            None => false,
        }
    }

    fn connections(&self) -> MutexGuard<'_, HashMap<u64, Weak<ReadyQueue>>> {
        // Only plain moves happen under this lock.
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Bytes with a bound. Threads may overtake each other between a change and a look: a bound may be passed by what is
/// on its way.
#[derive(Debug)]
struct Counter {
    bytes: AtomicUsize,
    bytes_max: usize,
}

impl Counter {
    fn new(bytes_max: usize) -> Self {
        Counter { bytes: AtomicUsize::new(0), bytes_max }
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    fn subtract(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    fn is_exceeded(&self) -> bool {
        self.bytes() > self.bytes_max
    }

    fn is_tight(&self) -> bool {
        self.bytes() > self.bytes_max / TIGHT_DENOMINATOR * TIGHT_NUMERATOR
    }
}

/// Follows the messages of a body that somebody else puts together.
#[derive(Debug, Default)]
pub(crate) struct Framing {
    prefix: [u8; PREFIX_BYTES],
    prefix_bytes: usize,
    /// What is missing of the message behind its prefix.
    missing: usize,
    /// What there is of a message that is not complete, prefix included.
    incomplete: usize,
}

impl Framing {
    /// More of the body came. Returns how much there is of a message that is not complete.
    pub(crate) fn follow(&mut self, mut bytes: &[u8]) -> usize {
        while !bytes.is_empty() {
            let count = if self.prefix_bytes < PREFIX_BYTES {
                let count = bytes.len().min(PREFIX_BYTES - self.prefix_bytes);
                self.prefix[self.prefix_bytes..self.prefix_bytes + count].copy_from_slice(&bytes[..count]);
                self.prefix_bytes += count;
                if self.prefix_bytes == PREFIX_BYTES {
                    let [_, length @ ..] = self.prefix;
                    self.missing = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                }
                count
            } else {
                let count = bytes.len().min(self.missing);
                self.missing -= count;
                count
            };
            bytes = &bytes[count..];
            self.incomplete += count;
            if self.prefix_bytes == PREFIX_BYTES && self.missing == 0 {
                *self = Framing::default();
            }
        }
        self.incomplete
    }

    /// What there is of a message that is not complete.
    pub(crate) fn incomplete(&self) -> usize {
        self.incomplete
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_messages_are_followed_however_they_are_cut() {
        let body = b"\0\0\0\0\x03abc\0\0\0\0\0\x01\0\0\0\x02de\0\0\0\0\x09f";
        // What is incomplete after each byte: three messages of 8, 5 and 7 bytes, and six of a fourth.
        let after: Vec<usize> = [8, 5, 7].iter().flat_map(|length| (1..*length).chain([0])).chain(1..=6).collect();
        assert_eq!(body.len(), after.len());
        for first in 0..=body.len() {
            for second in first..=body.len() {
                let mut framing = Framing::default();
                let mut at = 0;
                for end in [first, second, body.len()] {
                    framing.follow(&body[at..end]);
                    at = end;
                    let expected = if at == 0 { 0 } else { after[at - 1] };
                    assert_eq!(framing.incomplete(), expected, "cut at {first} and {second}, at {at}");
                }
            }
        }
    }

    #[test]
    fn a_connection_has_a_bound_and_a_warning_before() {
        let memory = Memory::new(800);
        for (bytes, is_tight, must_shrink) in
            [(700, false, false), (1, true, false), (99, true, false), (1, true, true)]
        {
            memory.take(bytes);
            assert_eq!((memory.is_tight(), memory.must_shrink()), (is_tight, must_shrink), "{}", memory.bytes());
        }
        memory.give(801);
        assert!(!memory.is_tight() && memory.bytes() == 0);
    }

    #[test]
    fn a_budget_is_shared_and_the_largest_gives() {
        let budget = Budget::new(100);
        let [small, large] = [10, 80].map(|bytes| {
            let ready = budget.connection(usize::MAX);
            ready.memory().take(bytes);
            ready
        });
        assert!(small.memory().is_tight() && !small.memory().must_shrink(), "it is not exceeded");
        small.memory().take(20);
        assert!(!small.memory().must_shrink(), "another one has more");
        assert!(large.memory().must_give.load(Ordering::Relaxed), "and was told");
        assert!(large.memory().must_shrink());
        large.memory().give(80);
        assert!(!small.memory().must_shrink() && !small.memory().is_tight());
        drop(small);
        assert_eq!(budget.used.bytes(), 0, "a connection that is gone uses nothing");
        drop(large);
        assert!(budget.connections().is_empty());
    }
}
