//! The body of an answer that two hold: whoever sends it, and the timer of the call's deadline.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::task::{Poll, Waker};

use crate::context::Context;

/// What the deadline's timer takes away, even from a body that nobody polls because the peer does not read.
pub(crate) struct SharedBody<B> {
    context: Context,
    body: Mutex<Option<B>>,
    expired: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// A handler's stream panicked while it was polled.
pub(crate) struct Panicked;

impl<B> SharedBody<B> {
    pub(crate) fn new(body: B, context: Context) -> Self {
        let body = Mutex::new(Some(body));
        SharedBody { context, body, expired: AtomicBool::new(false), waker: Mutex::new(None) }
    }

    /// Whether the deadline has passed. To be asked after each poll.
    pub(crate) fn has_expired(&self) -> bool {
        self.expired.load(Ordering::SeqCst)
    }

    /// Polls the body; `Err` tells of a panic in it.
    pub(crate) fn poll<T>(
        &self,
        waker: &Waker,
        poll: impl FnOnce(&mut B) -> Poll<Option<T>>,
    ) -> Result<Poll<Option<T>>, Panicked> {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker.clone());
        poll_within(&self.context, &mut self.body.lock().unwrap_or_else(PoisonError::into_inner), poll)
    }

    /// Drops the body.
    pub(crate) fn take(&self) {
        drop_within(&self.context, &mut self.body.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// What ends with a deadline, for a timer that need not know more of it.
pub(crate) trait Expire: Send + Sync {
    /// The deadline has passed: takes the body away and wakes whoever polls it.
    fn expire(&self);
}

impl<B: Send> Expire for SharedBody<B> {
    fn expire(&self) {
        self.expired.store(true, Ordering::SeqCst);
        self.context.cancel();
        // Locked means polled right now: that poll sees the flag when it is done.
        if let Ok(mut body) = self.body.try_lock() {
            drop_within(&self.context, &mut body);
        }
        let waker = self.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

/// Polls a body as its handler lived: inside its own context, and with its panics its own affair.
pub(crate) fn poll_within<B, T>(
    context: &Context,
    body: &mut Option<B>,
    poll: impl FnOnce(&mut B) -> Poll<Option<T>>,
) -> Result<Poll<Option<T>>, Panicked> {
    let Some(body) = body.as_mut() else { return Ok(Poll::Ready(None)) };
    let _entered = context.enter();
    catch_unwind(AssertUnwindSafe(|| poll(body))).map_err(|_panic| Panicked)
}

/// Drops a handler as it lived: inside its own context, and with its panics its own affair.
pub(crate) fn drop_within<T>(context: &Context, handler: &mut Option<T>) {
    let _entered = context.enter();
    let handler = handler.take();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(handler)));
}
