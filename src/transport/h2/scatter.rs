//! Large messages of streams whose DATA frames are small, read from the socket straight into the buffers that their
//! handlers wait for.
//!
//! One read fills the message and, between its parts, places for the heads of frames: those of a long message are all
//! alike, of the smallest size that every peer may send. The engine sees each head as always. From the first that is not
//! as it was guessed on, what was read is taken as if it had been read in one piece.

use std::io::{self, IoSliceMut};
use std::sync::Arc;
use std::task::{Context, Poll};

use seltzer_h2::{Event, StreamId};
use tokio::time::Instant;

use crate::transport::h2::Answer;
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::ServerConnection;
use crate::transport::io::Io;

/// What a frame of a long message carries (RFC 9113, section 4.2): more is read by `direct.rs`, less ends the guess.
const FRAME_BYTES: usize = 16 * 1024;

/// The head of a frame (RFC 9113, section 4.1).
const HEAD_BYTES: usize = 9;

/// What one read takes at most, in frames.
const FRAMES_MAX: usize = 16;

/// What one read brought.
struct Scattered<'p, 'h> {
    /// Of the message: the rest of the frame that was begun before, and what may be whole frames.
    parts: &'p [u8],
    first: usize,
    /// What lies before each of the latter.
    heads: &'h [[u8; HEAD_BYTES]],
    /// All bytes that were read, heads too.
    count: usize,
}

/// How far it was as it was guessed.
struct Followed<'h> {
    /// Bytes of the message that lie where they belong.
    in_place: usize,
    /// The same with the heads between: what is behind belongs elsewhere.
    consumed: usize,
    /// What ended it.
    event: Option<Event<'h>>,
}

impl Scattered<'_, '_> {
    fn part(&self, index: usize) -> &[u8] {
        let begin = (self.first + index * FRAME_BYTES).min(self.parts.len());
        &self.parts[begin..(begin + FRAME_BYTES).min(self.parts.len())]
    }

    /// What was read behind the first `consumed` bytes, in one piece.
    fn rest(&self, consumed: usize) -> Vec<u8> {
        let mut rest = Vec::with_capacity(self.count - consumed);
        let mut at = 0;
        let mut take = |piece: &[u8]| {
            let read = piece.len().min(self.count.saturating_sub(at));
            rest.extend_from_slice(&piece[consumed.saturating_sub(at).min(read)..read]);
            at += piece.len();
        };
        take(&self.parts[..self.first]);
        for (index, head) in self.heads.iter().enumerate() {
            take(head);
            take(self.part(index));
        }
        rest
    }
}

impl<A: Answer> ServerConnection<A> {
    /// Reads into the message that is being collected, and across the heads of its frames. `None`: there is none.
    pub(super) fn poll_read_scattered(&mut self, cx: &mut Context<'_>) -> Option<io::Result<bool>> {
        if self.has_leftover() || !self.io.scatters() {
            return None;
        }
        // Between two frames the next one is taken to be of the same message, if that was so before.
        let expected = self.bulk.stream.take().map(|stream| (stream, 0));
        let (stream, payload) = self.engine.data_in_progress().or(expected)?;
        let exchange = match self.calls.get(stream) {
            Some(Call::Running { exchange, .. }) => Arc::clone(exchange),
            _ => return None,
        };
        let mut collecting = exchange.begin_filling(1)?;
        let mut heads = [[0; HEAD_BYTES]; FRAMES_MAX];
        let parts = collecting.open(FRAMES_MAX * FRAME_BYTES);
        let (room, first) = (parts.len(), payload.min(parts.len()));
        let heads = &mut heads[..(room - first).div_ceil(FRAME_BYTES)];
        let read = scatter(&self.io, cx, parts, first, heads);
        let (mut followed, mut rest) = (Followed { in_place: 0, consumed: 0, event: None }, Vec::new());
        if let Poll::Ready(Ok(count)) = read {
            self.now = Instant::now();
            let scattered = Scattered { parts, first, heads, count };
            followed = self.follow(stream, &scattered);
            rest = scattered.rest(followed.consumed);
        }
        collecting.fill(followed.in_place);
        let is_whole = collecting.is_whole();
        let credit = exchange.end_filling(collecting, followed.in_place);
        if !is_whole && followed.event.is_none() && rest.is_empty() {
            self.bulk.stream = Some(stream);
        }
        Some(match read {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(0)) => {
                self.peer_has_ended();
                Ok(false)
            }
            Poll::Ready(Ok(_)) => {
                self.bulk.goes_on(is_whole);
                self.note_movement(followed.consumed);
                self.engine.release(stream, credit);
                if let Some(event) = followed.event {
                    self.take_event(event);
                }
                self.receive_piece(&rest);
                self.keep_within_memory();
                Ok(true)
            }
        })
    }

    /// Shows the engine what was read, head by head, as long as all is as it was guessed.
    fn follow<'h>(&mut self, stream: StreamId, scattered: &Scattered<'_, 'h>) -> Followed<'h> {
        let now = self.now.into_std();
        let &Scattered { first, heads, count, .. } = scattered;
        let begun = first.min(count);
        let event = self.engine.data_was_read(begun, now);
        let mut followed = Followed { in_place: begun, consumed: begun, event };
        for (index, head) in heads.iter().enumerate() {
            if followed.event.is_some() || followed.consumed + HEAD_BYTES > count {
                break;
            }
            let mut input = &head[..];
            followed.event = self.engine.next_event(&mut input, now);
            if !input.is_empty() {
                // No DATA, or not without a look at what follows.
                break;
            }
            followed.consumed += HEAD_BYTES;
            let of_stream = self.engine.data_in_progress().filter(|(of, _)| *of == stream);
            let (None, Some((_, payload))) = (&followed.event, of_stream) else { break };
            let room = scattered.part(index).len();
            let read = (count - followed.consumed).min(room).min(payload);
            followed.event = self.engine.data_was_read(read, now);
            followed.in_place += read;
            followed.consumed += read;
            if read != payload || read != room {
                break;
            }
        }
        followed
    }
}

/// One read into the parts of a message and the places between them.
fn scatter(
    io: &Io,
    cx: &mut Context<'_>,
    parts: &mut [u8],
    first: usize,
    heads: &mut [[u8; HEAD_BYTES]],
) -> Poll<io::Result<usize>> {
    let (begun, more) = parts.split_at_mut(first);
    let mut places = Vec::with_capacity(1 + 2 * heads.len());
    places.push(IoSliceMut::new(begun));
    for (head, part) in heads.iter_mut().zip(more.chunks_mut(FRAME_BYTES)) {
        places.extend([IoSliceMut::new(head), IoSliceMut::new(part)]);
    }
    io.poll_scatter(cx, &mut places)
}
