//! Data that waits for windows or for the socket, RFC 9113 section 5.2. Streams take turns, a frame each.

use crate::connection::{Connection, Role};
use crate::error::Reason;
use crate::limits::{COPY_BYTES_MAX, OUTPUT_BYTES_TARGET, SEND_HIGH_WATER, SEND_LOW_WATER};
use crate::prepared::Prepared;
use crate::rope::Rope;
use crate::stream::{End, Queue, Sent, State};
use crate::stream_id::StreamId;
use bytes::Bytes;

/// What a turn of a stream wrote, and what is left to do for it.
enum Turn {
    /// More is queued.
    More,
    /// Everything is written, and nothing follows yet.
    Empty,
    /// The last DATA frame carried END_STREAM.
    Ended,
    /// These trailers follow.
    Trailers(Prepared),
}

impl Connection {
    /// Sends data, and what follows it if that is known. Straight to the output if nothing stands in the way.
    pub(crate) fn send_parts(&mut self, id: StreamId, parts: impl IntoIterator<Item = Bytes>, end: End) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        if !matches!(end, End::Open) {
            stream.sent = Sent::Everything;
        }
        let mut parts = parts.into_iter().filter(|part| !part.is_empty());
        let (first, second) = (parts.next().unwrap_or_default(), parts.next());
        let allowed = stream.send_window.available().min(self.send_window.available());
        let is_free = !stream.is_queueing() && self.output.len() < OUTPUT_BYTES_TARGET;
        let fits = first.len() <= allowed.min(self.peer.frame_bytes_max);
        if second.is_none() && ((is_free && fits) || (first.is_empty() && !stream.is_queueing())) {
            let length = first.len();
            let end_stream = matches!(end, End::Data);
            if length > 0 || end_stream {
                self.output.put_data(id, first, end_stream, self.peer.frame_bytes_max);
                self.sent_data(id, length, end_stream);
            }
            if let End::Trailers(trailers) = end {
                self.write_prepared(id, &trailers, true);
            }
            return;
        }
        let queue = stream.queue.get_or_insert_with(|| {
            self.queueing += 1;
            Box::default()
        });
        for part in std::iter::once(first).filter(|first| !first.is_empty()).chain(second).chain(parts) {
            queue.bytes += part.len();
            queue.parts.push_back(part);
        }
        if !matches!(end, End::Open) {
            queue.end = end;
        }
        queue.is_high |= queue.bytes > SEND_HIGH_WATER;
        let may_send = stream.send_window.available() > 0 || queue.bytes == 0;
        if may_send && !stream.is_listed {
            stream.is_listed = true;
            self.ready.push_back(id);
        }
        self.send_ready();
    }

    /// Sends data that was written aside. Apart from closures that write it, so that this is compiled once.
    pub(crate) fn send_rope(&mut self, id: StreamId, mut rope: Rope, end: End) {
        self.send_parts(id, std::iter::from_fn(|| rope.pop_front()), end);
    }

    /// Trailers after data that is queued.
    pub(crate) fn queue_trailers(&mut self, id: StreamId, trailers: Prepared) {
        self.send_parts(id, [], End::Trailers(trailers));
    }

    /// Gives every stream its turn until the output is full, the connection's window is used up, or all is sent.
    pub(crate) fn send_ready(&mut self) {
        while self.send_window.available() > 0 && self.output.len() < OUTPUT_BYTES_TARGET {
            let Some(id) = self.ready.pop_front() else {
                return;
            };
            match self.send_turn(id) {
                Turn::More | Turn::Empty => {}
                Turn::Ended => self.end_local(id),
                Turn::Trailers(trailers) => self.write_prepared(id, &trailers, true),
            }
        }
    }

    /// One turn: as much as one frame may carry.
    fn send_turn(&mut self, id: StreamId) -> Turn {
        let Some(stream) = self.streams.get_mut(id) else {
            return Turn::Empty;
        };
        stream.is_listed = false;
        let Some(queue) = stream.queue.as_mut() else {
            return Turn::Empty;
        };
        let frame_bytes_max = self.peer.frame_bytes_max;
        let mut room = stream.send_window.available().min(self.send_window.available()).min(frame_bytes_max);
        while room > 0
            && let Some(part) = queue.parts.front_mut()
        {
            let bytes =
                if part.len() > room { part.split_to(room) } else { queue.parts.pop_front().unwrap_or_default() };
            room -= bytes.len();
            queue.bytes -= bytes.len();
            stream.send_window.take(bytes.len());
            self.send_window.take(bytes.len());
            self.updates.earn(bytes.len());
            queue.still_since = None;
            let is_last = queue.parts.is_empty() && matches!(queue.end, End::Data);
            self.output.put_data(id, bytes, is_last, frame_bytes_max);
        }
        if stream.send_window.available() == 0
            && let Some(rest) = queue.parts.front_mut().filter(|rest| rest.len() <= COPY_BYTES_MAX)
        {
            // It may wait for long, and would keep alive all that it was a part of.
            *rest = Bytes::copy_from_slice(rest);
        }
        if queue.is_high && queue.bytes < SEND_LOW_WATER {
            queue.is_high = false;
            if matches!(queue.end, End::Open) {
                self.writable.push_back(id);
            }
        }
        self.timers.message_sent();
        if queue.bytes > 0 {
            if stream.send_window.available() > 0 {
                stream.is_listed = true;
                self.ready.push_back(id);
            }
            return Turn::More;
        }
        self.queueing -= 1;
        match stream.queue.take().map(|queue: Box<Queue>| queue.end) {
            Some(End::Data) => Turn::Ended,
            Some(End::Trailers(trailers)) => Turn::Trailers(trailers),
            Some(End::Open) | None => Turn::Empty,
        }
    }

    /// So much data of a stream was written.
    #[inline]
    pub(crate) fn sent_data(&mut self, id: StreamId, bytes: usize, end_stream: bool) {
        self.send_window.take(bytes);
        self.updates.earn(bytes);
        self.timers.message_sent();
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.send_window.take(bytes);
        if end_stream {
            stream.sent = Sent::Everything;
            // What follows the end is rare: on a server the handler is still there.
            if stream.is_finished || self.role == Role::Client {
                self.end_local(id);
            } else {
                stream.state.end_local();
            }
        }
    }

    /// The end of this side's message is written.
    #[inline]
    pub(crate) fn end_local(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.sent = Sent::Everything;
        stream.state.end_local();
        let is_finished = stream.is_finished;
        if stream.state == State::Closed {
            if is_finished || self.role == Role::Client {
                self.remove(id);
            }
        } else if is_finished {
            // Section 8.1: the answer is complete, and nobody reads the rest of the request.
            self.reset(id, Reason::NoError);
        }
    }

    /// How much of a stream's data waits: an application that produces faster than the peer reads should pause above
    /// [`SEND_HIGH_WATER`] and go on when [`take_writable`](Self::take_writable) names the stream.
    #[inline]
    #[must_use]
    pub fn queued_bytes(&self, stream: StreamId) -> usize {
        self.streams.get(stream).and_then(|stream| stream.queue.as_ref()).map_or(0, |queue| queue.bytes)
    }

    /// The next stream whose queue has become short after it was long.
    #[inline]
    pub fn take_writable(&mut self) -> Option<StreamId> {
        while let Some(id) = self.writable.pop_front() {
            if self.streams.get(id).is_some_and(|stream| stream.sent != Sent::Everything) {
                return Some(id);
            }
        }
        None
    }
}
