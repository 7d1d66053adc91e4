//! Large messages of streams, read from the socket straight into the buffers that their handlers wait for.
//!
//! This works inside of large DATA frames; `scatter.rs` does it across small ones. A connection that brings such
//! messages reads little until it knows where the rest belongs.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use seltzer_h2::StreamId;
use tokio::time::Instant;

use crate::transport::h2::Answer;
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::ServerConnection;

/// What has to be missing of a frame, and of a message, so that another system call costs less than a copy.
pub(super) const DIRECT_BYTES_MIN: usize = 16 * 1024;

/// What is read where the rest of a message may be read directly: a frame's head, and what a short frame may be.
const AHEAD_BYTES: usize = 2 * 1024;

/// So many such reads in a row may lead nowhere.
const VAIN_READS_MAX: u8 = 8;

/// Whether a connection brings large messages that can be read directly.
#[derive(Debug, Default)]
pub(super) struct Bulk {
    /// How many more short reads are tried.
    reads_left: u8,
    /// What was read is for a handler to see before more is read.
    lets_others: bool,
    /// Whose message all of the last read belonged to: see `scatter.rs`.
    pub(super) stream: Option<StreamId>,
}

impl Bulk {
    /// More of a large message than a small frame holds has come: the next ones may be read directly, as soon as their
    /// handler has said where to.
    pub(super) fn expect(&mut self) {
        self.goes_on(true);
    }

    /// Something was read directly. If that was the end of a message, a handler should see it.
    pub(super) fn goes_on(&mut self, lets_others: bool) {
        self.reads_left = VAIN_READS_MAX;
        self.lets_others = lets_others;
    }

    /// How much is read at once.
    pub(super) fn read_bytes(&mut self, usual: usize) -> usize {
        if self.reads_left == 0 {
            return usual;
        }
        self.reads_left -= 1;
        self.lets_others = true;
        AHEAD_BYTES.min(usual)
    }

    /// Whether the connection should let others run now: a handler says where the next message goes.
    pub(super) fn lets_others(&mut self) -> bool {
        std::mem::take(&mut self.lets_others)
    }
}

impl<A: Answer> ServerConnection<A> {
    /// Reads into the message that is being collected, if the rest of a frame belongs there. `None`: it does not.
    pub(super) fn poll_read_directly(&mut self, cx: &mut Context<'_>) -> Option<io::Result<bool>> {
        if self.has_leftover() {
            return None;
        }
        let (stream, payload) = self.engine.data_in_progress().filter(|(_, bytes)| *bytes > DIRECT_BYTES_MIN)?;
        let exchange = match self.calls.get(stream) {
            Some(Call::Running { exchange, .. }) => Arc::clone(exchange),
            _ => return None,
        };
        let mut collecting = exchange.begin_filling(DIRECT_BYTES_MIN)?;
        let read = tokio_util::io::poll_read_buf(Pin::new(&mut self.io), cx, &mut collecting.room(payload));
        let count = if let Poll::Ready(Ok(count)) = &read { *count } else { 0 };
        collecting.settle();
        let is_whole = collecting.is_whole();
        let credit = exchange.end_filling(collecting, count);
        Some(match read {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(0)) => {
                self.peer_has_ended();
                Ok(false)
            }
            Poll::Ready(Ok(_)) => {
                self.bulk.goes_on(is_whole);
                self.has_read_directly(stream, count, credit);
                Ok(true)
            }
        })
    }

    fn has_read_directly(&mut self, stream: StreamId, count: usize, credit: usize) {
        self.now = Instant::now();
        let ended = self.engine.data_was_read(count, self.now.into_std());
        match ended {
            Some(event) => self.take_event(event),
            None => self.engine.release(stream, credit),
        }
        self.note_movement(count);
        self.keep_within_memory();
    }
}
