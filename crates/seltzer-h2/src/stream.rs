//! One stream: its state, windows and what waits to be sent.
//!
//! ```text
//!                            +--------+
//!                    send PP |        | recv PP          PP: PUSH_PROMISE (never here)
//!                   ,--------+  idle  +--------.         H: HEADERS, ES: END_STREAM, R: RST_STREAM
//!                  /         |        |         \
//!                 v          +--------+          v       States reserved (local) and reserved (remote)
//!          (reserved local)      | send H /  (reserved remote)         need push, which is off.
//!                                | recv H
//!                                v
//!                            +--------+
//!                   recv ES  |        |  send ES
//!                  ,---------+  open  +---------.
//!                 /          |        |          \
//!                v           +---+----+           v
//!         +----------+           |           +----------+
//!         |   half   |           |           |   half   |
//!         |  closed  |           | send R /  |  closed  |
//!         | (remote) |           | recv R    | (local)  |
//!         +----+-----+           |           +-----+----+
//!              | send ES /       v       recv ES / |
//!              | send R /    +--------+   send R / |
//!              | recv R      |        |   recv R   |
//!              `------------>| closed |<-----------'
//!                            +--------+
//! ```
//! RFC 9113 section 5.1, figure 2.

use crate::flow::{ReceiveWindow, SendWindow};
use crate::prepared::Prepared;
use bytes::Bytes;
use std::collections::VecDeque;
use std::time::Instant;

/// Where a stream is in the drawing above. Idle streams have no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    HalfClosedRemote,
    HalfClosedLocal,
    Closed,
}

impl State {
    #[inline]
    pub(crate) fn is_remote_ended(self) -> bool {
        matches!(self, State::HalfClosedRemote | State::Closed)
    }

    #[inline]
    pub(crate) fn is_local_ended(self) -> bool {
        matches!(self, State::HalfClosedLocal | State::Closed)
    }

    #[inline]
    pub(crate) fn end_remote(&mut self) {
        *self = if self.is_local_ended() { State::Closed } else { State::HalfClosedRemote };
    }

    #[inline]
    pub(crate) fn end_local(&mut self) {
        *self = if self.is_remote_ended() { State::Closed } else { State::HalfClosedLocal };
    }
}

/// How far this side has come in sending its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Sent {
    Nothing,
    /// The request's or the final response's headers.
    Headers,
    /// Everything was handed over, though it may be queued.
    Everything,
}

/// No `content-length` was announced.
pub(crate) const LENGTH_UNKNOWN: u64 = u64::MAX;

/// What is known of a stream.
#[derive(Debug)]
pub(crate) struct Stream {
    pub(crate) state: State,
    pub(crate) sent: Sent,
    /// The peer's final headers came.
    pub(crate) has_headers: bool,
    /// Server: the handler is gone. Nothing about the stream is reported any more.
    pub(crate) is_finished: bool,
    /// An empty DATA frame came already; the first one is free.
    pub(crate) had_empty_data: bool,
    /// The request's method is HEAD: the response's content-length announces nothing.
    pub(crate) is_head: bool,
    /// In the list of streams that may send.
    pub(crate) is_listed: bool,
    pub(crate) receive_window: ReceiveWindow,
    pub(crate) send_window: SendWindow,
    /// Bytes that the peer's `content-length` still promises.
    pub(crate) content_left: u64,
    /// What waits for windows or for the socket. Most streams never have it.
    pub(crate) queue: Option<Box<Queue>>,
}

impl Stream {
    #[inline]
    pub(crate) fn new(receive_window: u32, send_window: SendWindow) -> Self {
        Stream {
            state: State::Open,
            sent: Sent::Nothing,
            has_headers: false,
            is_finished: false,
            had_empty_data: false,
            is_head: false,
            is_listed: false,
            receive_window: ReceiveWindow::new(receive_window),
            send_window,
            content_left: LENGTH_UNKNOWN,
            queue: None,
        }
    }

    /// Whether anything waits.
    #[inline]
    pub(crate) fn is_queueing(&self) -> bool {
        self.queue.is_some()
    }
}

/// What waits to be sent on a stream, in order.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    pub(crate) parts: VecDeque<Bytes>,
    /// Bytes of all parts.
    pub(crate) bytes: usize,
    /// What follows the parts.
    pub(crate) end: End,
    /// It rose above the high water mark and did not fall below the low one since.
    pub(crate) is_high: bool,
    /// Since when nothing of it was sent, as far as it was looked at.
    pub(crate) still_since: Option<Instant>,
}

/// The end of a message.
#[derive(Debug, Default)]
pub(crate) enum End {
    /// Not yet known.
    #[default]
    Open,
    /// END_STREAM on the last DATA frame.
    Data,
    /// Trailers.
    Trailers(Prepared),
}
