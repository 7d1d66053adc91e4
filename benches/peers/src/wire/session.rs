//! A client's connection without its socket: bytes in, events out, bytes to send in a buffer.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::wire::frame::{self, HEAD_BYTES, Head, flag, kind, setting};
use crate::wire::hpack::{Broken, Decoder, Encoder};

/// The window of each stream and of the connection: what h2load offers in such a run.
const WINDOW_BYTES: u32 = (1 << 24) - 1;

/// What every window begins with (RFC 9113 section 6.9.2).
const WINDOW_BYTES_INITIAL: i64 = 65_535;
/// The largest DATA frame that is sent to a peer that takes larger ones: as other clients do that heed the setting.
const FRAME_BYTES_MAX: usize = 64 * 1024;

/// What has happened.
#[derive(Debug, Clone, Copy)]
pub enum Event<'i> {
    /// The server's SETTINGS have arrived.
    Settings,
    /// A piece of an answer.
    Data {
        /// What the caller named the stream.
        lane: usize,
        /// The piece.
        bytes: &'i [u8],
    },
    /// A stream is over.
    Ended {
        /// What the caller named the stream.
        lane: usize,
        /// How.
        outcome: Outcome,
    },
    /// The server says good-bye.
    GoAway {
        /// An error code.
        reason: u32,
    },
    /// The answer to a PING.
    Pong([u8; 8]),
    /// The server breaks the protocol.
    Broken(&'static str),
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// `:status`; 0 if there were no headers.
    pub http_status: u16,
    /// `grpc-status`.
    pub grpc_status: Option<u16>,
    /// The reason of a RST_STREAM, if that ended it early.
    pub reset: Option<u32>,
}

impl Outcome {
    /// Whether the call succeeded.
    pub fn is_ok(self) -> bool {
        self == Outcome { http_status: 200, grpc_status: Some(0), reset: None }
    }
}

/// Stream ids are small numbers, so one multiplication spreads them well enough.
#[derive(Debug, Default)]
pub struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, id: u32) {
        self.0 = (self.0 ^ u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}

#[derive(Debug)]
struct Stream {
    lane: usize,
    outcome: Outcome,
    /// What may be sent.
    window: i64,
    /// What has arrived since the last WINDOW_UPDATE.
    arrived: u32,
    has_sent_end: bool,
    is_withheld: bool,
}

/// A client's connection.
#[derive(Debug)]
pub struct Session {
    /// What is to be sent.
    pub output: Vec<u8>,
    encoder: Encoder,
    decoder: Decoder,
    streams: HashMap<u32, Stream, BuildHasherDefault<IdHasher>>,
    next_stream: u32,
    block: Vec<u8>,
    /// The stream whose header block is not complete, and the flags of its HEADERS.
    unfinished: Option<(u32, u8)>,
    connection_window: i64,
    stream_window: i64,
    frame_bytes_max: usize,
    streams_max: usize,
    arrived: u32,
    offered: u32,
}

impl Default for Session {
    fn default() -> Self {
        Self::with_window(WINDOW_BYTES)
    }
}

impl Session {
    /// A connection that offers streams and connection such windows.
    pub fn with_window(window_bytes: u32) -> Self {
        let mut output = frame::PREFACE.to_vec();
        frame::settings(&mut output, &[(setting::ENABLE_PUSH, 0), (setting::INITIAL_WINDOW_SIZE, window_bytes)]);
        let connection = window_bytes.max(WINDOW_BYTES);
        frame::window_update(&mut output, 0, connection - WINDOW_BYTES_INITIAL as u32);
        Session {
            output,
            encoder: Encoder::default(),
            decoder: Decoder::default(),
            streams: HashMap::default(),
            next_stream: 1,
            block: Vec::new(),
            unfinished: None,
            connection_window: WINDOW_BYTES_INITIAL,
            stream_window: WINDOW_BYTES_INITIAL,
            frame_bytes_max: 16 * 1024,
            streams_max: usize::MAX,
            arrived: 0,
            offered: window_bytes,
        }
    }

    /// Gives a stream no credit back: the server sends a window's worth and then has to wait.
    pub fn withhold_credit(&mut self, stream: u32) {
        if let Some(state) = self.streams.get_mut(&stream) {
            state.is_withheld = true;
        }
    }

    /// How many more streams the server permits at once.
    pub fn streams_left(&self) -> usize {
        self.streams_max.saturating_sub(self.streams.len())
    }

    /// Streams that are not over.
    pub fn streams(&self) -> usize {
        self.streams.len()
    }

    /// Opens a stream with the headers of a gRPC call. `lane` is what events call it.
    pub fn open(&mut self, lane: usize, path: &str, fields: &[(String, String)]) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        let mut block = std::mem::take(&mut self.block);
        block.clear();
        self.encoder.indexed(":method", "POST", &mut block);
        self.encoder.indexed(":scheme", "http", &mut block);
        self.encoder.literal(":path", path, &mut block);
        self.encoder.indexed(":authority", "127.0.0.1", &mut block);
        self.encoder.indexed("user-agent", "load/1", &mut block);
        self.encoder.indexed("content-type", "application/grpc", &mut block);
        self.encoder.indexed("te", "trailers", &mut block);
        for (name, value) in fields {
            self.encoder.indexed(name, value, &mut block);
        }
        frame::push(&mut self.output, kind::HEADERS, flag::END_HEADERS, stream, &block);
        self.block = block;
        let state = Stream {
            lane,
            outcome: Outcome::default(),
            window: self.stream_window,
            arrived: 0,
            has_sent_end: false,
            is_withheld: false,
        };
        self.streams.insert(stream, state);
        stream
    }

    /// How many bytes may be sent on a stream now, in one frame.
    pub fn room(&self, stream: u32) -> usize {
        let window = self.streams.get(&stream).map_or(0, |state| state.window.min(self.connection_window));
        usize::try_from(window).unwrap_or(0).min(self.frame_bytes_max)
    }

    /// Sends a DATA frame, which must fit.
    pub fn send(&mut self, stream: u32, bytes: &[u8], end: bool) {
        let Some(state) = self.streams.get_mut(&stream) else { return };
        state.window -= bytes.len() as i64;
        self.connection_window -= bytes.len() as i64;
        state.has_sent_end |= end;
        frame::push(&mut self.output, kind::DATA, if end { flag::END_STREAM } else { 0 }, stream, bytes);
    }

    /// Resets a stream; no more events come of it.
    pub fn reset(&mut self, stream: u32, reason: u32) {
        if self.streams.remove(&stream).is_some() {
            frame::reset(&mut self.output, stream, reason);
        }
    }

    /// Sends a PING.
    pub fn ping(&mut self, payload: [u8; 8]) {
        frame::push(&mut self.output, kind::PING, 0, 0, &payload);
    }

    /// Takes the next event out of what has arrived. `None` when nothing is left but the beginning of a frame, which
    /// is to be shown again with more behind it.
    pub fn next_event<'i>(&mut self, input: &mut &'i [u8]) -> Option<Event<'i>> {
        loop {
            let head = Head::read(input)?;
            let payload = input.get(HEAD_BYTES..HEAD_BYTES + head.length)?;
            *input = &input[HEAD_BYTES + head.length..];
            if let Some(event) = self.frame(head, payload) {
                return Some(event);
            }
        }
    }

    fn frame<'i>(&mut self, head: Head, payload: &'i [u8]) -> Option<Event<'i>> {
        match head.kind {
            kind::DATA => self.data(head, payload),
            kind::HEADERS => {
                self.block.clear();
                self.headers(head.stream, head.flags, head.has(flag::END_HEADERS), payload)
            }
            kind::CONTINUATION => match self.unfinished {
                Some((stream, flags)) => self.headers(stream, flags, head.has(flag::END_HEADERS), payload),
                None => Some(Event::Broken("CONTINUATION without HEADERS")),
            },
            kind::RST_STREAM => {
                let reason = number(payload)?;
                let state = self.streams.remove(&head.stream)?;
                // An answer that was complete is not undone by the server's wish that nothing more be sent.
                Some(Event::Ended { lane: state.lane, outcome: Outcome { reset: Some(reason), ..state.outcome } })
            }
            kind::SETTINGS => self.settings(head, payload),
            kind::PING if head.has(flag::ACK) => Some(Event::Pong(payload.try_into().ok()?)),
            kind::PING => {
                frame::push(&mut self.output, kind::PING, flag::ACK, 0, payload);
                None
            }
            kind::GOAWAY => Some(Event::GoAway { reason: number(payload.get(4..)?)? }),
            kind::WINDOW_UPDATE => {
                let bytes = i64::from(number(payload)?);
                if head.stream == 0 {
                    self.connection_window += bytes;
                } else if let Some(state) = self.streams.get_mut(&head.stream) {
                    state.window += bytes;
                }
                None
            }
            _ => None,
        }
    }

    #[inline]
    fn data<'i>(&mut self, head: Head, payload: &'i [u8]) -> Option<Event<'i>> {
        let half = self.offered.max(WINDOW_BYTES) / 2;
        self.arrived += head.length as u32;
        if self.arrived >= half {
            frame::window_update(&mut self.output, 0, self.arrived);
            self.arrived = 0;
        }
        let state = self.streams.get_mut(&head.stream)?;
        state.arrived += head.length as u32;
        if !state.is_withheld && state.arrived >= self.offered / 2 && !head.has(flag::END_STREAM) {
            frame::window_update(&mut self.output, head.stream, state.arrived);
            state.arrived = 0;
        }
        let bytes = if head.has(flag::PADDED) {
            let (&padding, rest) = payload.split_first()?;
            rest.get(..rest.len().checked_sub(usize::from(padding))?)?
        } else {
            payload
        };
        if head.has(flag::END_STREAM) {
            // gRPC answers end with trailers.
            return Some(Event::Broken("DATA ended a stream"));
        }
        Some(Event::Data { lane: state.lane, bytes })
    }

    fn headers(&mut self, stream: u32, flags: u8, is_last: bool, payload: &[u8]) -> Option<Event<'static>> {
        if !is_last {
            self.block.extend_from_slice(payload);
            self.unfinished = Some((stream, flags));
            return None;
        }
        self.unfinished = None;
        let mut outcome = self.streams.get(&stream).map_or(Outcome::default(), |state| state.outcome);
        let block = std::mem::take(&mut self.block);
        let whole = if block.is_empty() { payload } else { &[&block, payload].concat() };
        let decoded = self.decoder.decode(whole, |name, value| match name {
            b":status" => outcome.http_status = decimal(value),
            b"grpc-status" => outcome.grpc_status = Some(decimal(value)),
            _ => {}
        });
        self.block = block;
        self.block.clear();
        if decoded == Err(Broken) {
            return Some(Event::Broken("a header block cannot be read"));
        }
        let state = self.streams.get_mut(&stream)?;
        state.outcome = outcome;
        if flags & flag::END_STREAM == 0 {
            return None;
        }
        let state = self.streams.remove(&stream)?;
        if !state.has_sent_end {
            frame::reset(&mut self.output, stream, frame::reason::NO_ERROR);
        }
        Some(Event::Ended { lane: state.lane, outcome })
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Option<Event<'static>> {
        if head.has(flag::ACK) {
            return None;
        }
        for entry in payload.chunks_exact(6) {
            let name = u16::from_be_bytes([entry[0], entry[1]]);
            let value = number(&entry[2..])?;
            match name {
                setting::INITIAL_WINDOW_SIZE => {
                    let more = i64::from(value) - self.stream_window;
                    self.stream_window += more;
                    self.streams.values_mut().for_each(|state| state.window += more);
                }
                setting::MAX_FRAME_SIZE => self.frame_bytes_max = (value as usize).min(FRAME_BYTES_MAX),
                setting::MAX_CONCURRENT_STREAMS => self.streams_max = value as usize,
                _ => {}
            }
        }
        frame::push(&mut self.output, kind::SETTINGS, flag::ACK, 0, &[]);
        Some(Event::Settings)
    }
}

fn number(payload: &[u8]) -> Option<u32> {
    payload.first_chunk().map(|bytes| u32::from_be_bytes(*bytes))
}

/// 65,535 for what is no number: no status is called so.
fn decimal(value: &[u8]) -> u16 {
    std::str::from_utf8(value).ok().and_then(|text| text.parse().ok()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(stream: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        frame::push(&mut bytes, kind::HEADERS, flag::END_HEADERS, stream, b"\x88");
        frame::push(&mut bytes, kind::DATA, 0, stream, body);
        let flags = flag::END_HEADERS | flag::END_STREAM;
        frame::push(&mut bytes, kind::HEADERS, flags, stream, b"\x00\x0bgrpc-status\x010");
        bytes
    }

    #[test]
    fn an_answer_is_data_and_an_outcome() {
        let mut session = Session::default();
        let stream = session.open(5, "/a/b", &[]);
        session.send(stream, b"x", true);
        let bytes = answer(stream, b"body");
        let mut input = &*bytes;
        assert!(matches!(session.next_event(&mut input), Some(Event::Data { lane: 5, bytes: b"body" })));
        let ended = session.next_event(&mut input);
        assert!(matches!(ended, Some(Event::Ended { lane: 5, outcome }) if outcome.is_ok()));
        assert!(session.next_event(&mut input).is_none() && input.is_empty());
        assert_eq!(session.streams(), 0);
    }

    #[test]
    fn half_a_frame_waits() {
        let mut session = Session::default();
        let stream = session.open(0, "/a/b", &[]);
        let bytes = answer(stream, b"body");
        let mut input = &bytes[..15];
        assert!(session.next_event(&mut input).is_none());
        assert_eq!(input, &bytes[10..15], "the frame that was whole is gone");
    }

    #[test]
    fn windows_are_kept() {
        let mut session = Session::default();
        let stream = session.open(0, "/a/b", &[]);
        assert_eq!(session.room(stream), 16 * 1024);
        for _ in 0..3 {
            session.send(stream, &[0; 16 * 1024], false);
        }
        assert_eq!(session.room(stream), 65_535 - 3 * 16 * 1024);
        let mut bytes = Vec::new();
        frame::settings(&mut bytes, &[(setting::INITIAL_WINDOW_SIZE, 1)]);
        assert!(matches!(session.next_event(&mut &*bytes), Some(Event::Settings)));
        assert_eq!(session.room(stream), 0, "a smaller window can be overdrawn");
    }
}
