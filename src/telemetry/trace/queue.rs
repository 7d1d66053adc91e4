//! Spans that are over and wait for whoever takes them away.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::telemetry::trace::span::Span;

/// How many spans are sent at once, as in OpenTelemetry's SDKs.
pub(in crate::telemetry) const BATCH_SPANS: usize = 512;

/// Spans that are over. When it is full, new ones are dropped and counted: calls never wait for it.
pub(in crate::telemetry) struct SpanQueue {
    spans: Mutex<VecDeque<Span>>,
    spans_max: usize,
    dropped: AtomicU64,
    has_batch: Notify,
}

impl SpanQueue {
    pub(super) fn new(spans_max: usize) -> Self {
        SpanQueue { spans: Mutex::default(), spans_max, dropped: AtomicU64::new(0), has_batch: Notify::new() }
    }

    pub(super) fn push(&self, span: Span) {
        let mut spans = self.spans();
        if spans.len() >= self.spans_max {
            drop(spans);
            self.dropped.fetch_add(1, Ordering::Relaxed);
            return;
        }
        spans.push_back(span);
        let is_batch = spans.len() == BATCH_SPANS.min(self.spans_max);
        drop(spans);
        if is_batch {
            self.has_batch.notify_one();
        }
    }

    /// The oldest ones, so many at most.
    pub(in crate::telemetry) fn take(&self, spans_max: usize) -> Vec<Span> {
        let mut spans = self.spans();
        let count = spans.len().min(spans_max);
        spans.drain(..count).collect()
    }

    /// How many found no room.
    pub(in crate::telemetry) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// How many wait.
    pub(in crate::telemetry) fn len(&self) -> usize {
        self.spans().len()
    }

    /// Counts spans that were taken and came to nothing.
    pub(in crate::telemetry) fn lost(&self, spans: u64) {
        self.dropped.fetch_add(spans, Ordering::Relaxed);
    }

    /// Waits until there is a batch.
    pub(in crate::telemetry) async fn has_batch(&self) {
        self.has_batch.notified().await;
    }

    fn spans(&self) -> MutexGuard<'_, VecDeque<Span>> {
        // Only plain moves happen under this lock.
        self.spans.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
