//! What the services of this package do, whoever generated and carries them.

use std::hint::black_box;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use seltzer::Status;
use tokio_stream::Stream;

use crate::schemas::bench::{Msg, Req};
use crate::schemas::probe::{Answer, BurnRequest, HandlersReply, HandlersRequest, HoldRequest};

/// Every byte of a body that the servers make.
pub const BODY_BYTE: u8 = 7;

/// The answers of `Bench/Down`: numbered messages that share one body.
#[derive(Debug)]
pub struct Numbered {
    body: Bytes,
    next: u32,
    count: u32,
}

impl Numbered {
    /// As many as the order says.
    pub fn new(order: Req) -> Self {
        Numbered { body: Bytes::from(vec![BODY_BYTE; order.size as usize]), next: 0, count: order.count }
    }
}

impl Stream for Numbered {
    type Item = Result<Msg, Status>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.next == self.count {
            return Poll::Ready(None);
        }
        let message = Msg { body: self.body.clone(), id: u64::from(self.next), name: String::new() };
        self.next += 1;
        Poll::Ready(Some(Ok(message)))
    }
}

/// The state of `probe.Probe`; a clone is the same one.
#[derive(Debug, Clone)]
pub struct Probes {
    counts: Arc<Counts>,
    turns_per_ms: u64,
}

#[derive(Debug, Default)]
struct Counts {
    alive: AtomicU64,
    peak: AtomicU64,
    started: AtomicU64,
}

/// A handler, for as long as it is alive.
struct Alive<'a>(&'a Counts);

impl<'a> Alive<'a> {
    fn enter(counts: &'a Counts) -> Self {
        counts.started.fetch_add(1, Ordering::Relaxed);
        let alive = counts.alive.fetch_add(1, Ordering::Relaxed) + 1;
        counts.peak.fetch_max(alive, Ordering::Relaxed);
        Alive(counts)
    }
}

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Default for Probes {
    fn default() -> Self {
        Self::new()
    }
}

impl Probes {
    /// Nobody alive yet. Takes some milliseconds to learn how fast this processor is.
    pub fn new() -> Self {
        Probes { counts: Arc::default(), turns_per_ms: calibrate() }
    }

    /// `Probe/Burn`: the same work each time, whatever else runs beside it.
    pub fn burn(&self, request: &BurnRequest) -> Answer {
        let _alive = Alive::enter(&self.counts);
        work(self.turns_per_ms * u64::from(request.processor_us) / 1000);
        Answer::default()
    }

    /// `Probe/Hold`.
    pub async fn hold(&self, request: HoldRequest) -> Answer {
        let _alive = Alive::enter(&self.counts);
        tokio::time::sleep(Duration::from_millis(u64::from(request.wait_ms))).await;
        Answer { body: Bytes::from(vec![BODY_BYTE; request.size as usize]) }
    }

    /// `Probe/Handlers`.
    pub fn handlers(&self, request: &HandlersRequest) -> HandlersReply {
        let alive = self.counts.alive.load(Ordering::Relaxed);
        let peak = if request.reset_peak {
            self.counts.peak.swap(alive, Ordering::Relaxed)
        } else {
            self.counts.peak.load(Ordering::Relaxed)
        };
        HandlersReply { alive, peak, started: self.counts.started.load(Ordering::Relaxed) }
    }
}

/// Turns that are measured at once: about a millisecond.
const TURNS: u64 = 1_000_000;

/// The fastest of several is the one that nothing interrupted.
const TRIALS: usize = 20;

fn calibrate() -> u64 {
    let trial = |_| {
        let begin = Instant::now();
        work(TURNS);
        begin.elapsed().as_nanos() as u64
    };
    let fastest_ns = (0..TRIALS).map(trial).min().unwrap_or(1).max(1);
    TURNS * 1_000_000 / fastest_ns
}

/// Something that takes time and cannot be left out.
fn work(turns: u64) {
    let mut state = black_box(0x9e37_79b9_7f4a_7c15_u64);
    for _ in 0..turns {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
    }
    black_box(state);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failure is a failed test.

    use super::*;
    use tokio_stream::StreamExt as _;

    #[test]
    fn down_is_numbered_and_ends() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let messages: Vec<Msg> =
            runtime.block_on(async { Numbered::new(Req { count: 3, size: 2 }).map(Result::unwrap).collect().await });
        let ids: Vec<u64> = messages.iter().map(|message| message.id).collect();
        assert_eq!(ids, [0, 1, 2]);
        assert!(messages.iter().all(|message| message.body == [7, 7][..]));
    }

    #[test]
    fn a_dropped_handler_is_not_alive() {
        let probes = Probes { counts: Arc::default(), turns_per_ms: 1 };
        {
            let _first = Alive::enter(&probes.counts);
            let _second = Alive::enter(&probes.counts);
        }
        let reply = probes.handlers(&HandlersRequest { reset_peak: true });
        assert_eq!((reply.alive, reply.peak, reply.started), (0, 2, 2));
        assert_eq!(probes.handlers(&HandlersRequest::default()).peak, 0);
    }
}
