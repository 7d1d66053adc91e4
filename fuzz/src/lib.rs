//! A connection under arbitrary bytes, and what must hold whatever they are.
//!
//! The same bytes are handed over in one piece and in pieces of a few bytes; both must report the same. What the
//! connection writes must be whole frames whose header blocks can be decoded. Timers must come to an end.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use seltzer_h2::hpack::Decoder;
use seltzer_h2::{Config, Connection, Event, HeaderField, HeadersKind, Prepared, Reason, StreamId};

/// What a client sends first.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Which side is under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Server,
    Client,
}

/// Runs the bytes through two connections and compares them.
pub fn check(role: Role, bytes: &[u8]) {
    let start = Instant::now();
    let whole = Run::new(role, start).feed([bytes]);
    let split = Run::new(role, start).feed(pieces_of(bytes));
    assert_eq!(whole, split, "what is reported depends on how the bytes arrive");
}

/// Cuts bytes into pieces of lengths that depend on the bytes, the same each time.
pub fn pieces_of(bytes: &[u8]) -> Vec<&[u8]> {
    let mut state = bytes.iter().fold(bytes.len() as u64, |state, byte| state.wrapping_mul(31) + u64::from(*byte));
    let mut pieces = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (piece, tail) = rest.split_at((1 + (state >> 33) as usize % 23).min(rest.len()));
        pieces.push(piece);
        rest = tail;
    }
    pieces
}

struct Run {
    role: Role,
    connection: Connection,
    now: Instant,
    log: Vec<Entry>,
    /// The bodies so far. What came of one that breaks a rule in the end may differ.
    bodies: BTreeMap<u32, Vec<u8>>,
    output: Vec<u8>,
    is_closed: bool,
    head: Prepared,
    trailers: Prepared,
}

/// What was reported. A body is reported when it is whole.
#[derive(Debug, PartialEq, Eq)]
enum Entry {
    Fields(StreamId, HeadersKind, bool, String),
    Body(u32, Vec<u8>),
    Other(String),
}

/// More bytes than a frame that is not DATA may have.
const LEFTOVER_BYTES_MAX: usize = 128 * 1024;

impl Run {
    fn new(role: Role, now: Instant) -> Self {
        let connection = match role {
            Role::Server => Connection::server(&Config::server(), now),
            Role::Client => Connection::client(&Config::client(), now),
        };
        Run {
            role,
            connection,
            now,
            log: Vec::new(),
            bodies: BTreeMap::new(),
            output: Vec::new(),
            is_closed: false,
            head: Prepared::new([field(":status", "200"), field("content-type", "application/grpc")]),
            trailers: Prepared::new([field("grpc-status", "0")]),
        }
    }

    fn feed<'b>(mut self, pieces: impl IntoIterator<Item = &'b [u8]>) -> Vec<Entry> {
        if self.role == Role::Client {
            for _ in 0..3 {
                let stream = self.connection.open_stream().expect("three calls are allowed");
                let fields = [field(":method", "POST"), field(":scheme", "http"), field(":path", "/a/b")];
                self.connection.send_headers(stream, fields, true).expect("the stream is open");
            }
        }
        let mut waiting = Vec::new();
        for piece in pieces {
            waiting.extend_from_slice(piece);
            let taken = std::mem::take(&mut waiting);
            let mut input = &taken[..];
            let mut events = 0;
            while let Some(event) = self.connection.next_event(&mut input, self.now) {
                self.take(event);
                events += 1;
                assert!(events <= taken.len() + 1000, "more events than bytes");
                if !self.connection.reading_allowed() {
                    self.take_output();
                }
            }
            waiting = input.to_vec();
            assert!(waiting.len() <= LEFTOVER_BYTES_MAX, "{} bytes wait", waiting.len());
            assert!(!self.is_closed || waiting.is_empty(), "a closed connection swallows everything");
            self.take_output();
        }
        self.run_out_of_time();
        check_output(self.role, &self.output);
        self.log
    }

    fn take(&mut self, event: Event<'_>) {
        assert!(!self.is_closed, "{event:?} after the end");
        match event {
            Event::Headers { stream, kind, end_stream, .. } => {
                let fields = format!("{:?}", self.connection.fields());
                self.log.push(Entry::Fields(stream, kind, end_stream, fields));
                if end_stream {
                    self.answer(stream);
                }
            }
            Event::Data { stream, bytes, end_stream } => {
                self.connection.release(stream, bytes.len());
                self.bodies.entry(stream.get()).or_default().extend_from_slice(bytes);
                if end_stream {
                    self.answer(stream);
                }
            }
            Event::HeadersTooLarge { stream, .. } => {
                self.log.push(Entry::Other(format!("{event:?}")));
                self.bodies.remove(&stream.get());
                self.connection.reset(stream, Reason::EnhanceYourCalm);
                self.connection.finish(stream);
            }
            Event::Reset { stream, .. } => {
                self.bodies.remove(&stream.get());
                self.log.push(Entry::Other(format!("{event:?}")));
                self.connection.finish(stream);
            }
            Event::Closed(_) => {
                self.log.push(Entry::Other(format!("{event:?}")));
                self.is_closed = true;
            }
            _ => self.log.push(Entry::Other(format!("{event:?}"))),
        }
    }

    /// The peer has said everything on this stream.
    fn answer(&mut self, stream: StreamId) {
        if let Some(body) = self.bodies.remove(&stream.get()) {
            self.log.push(Entry::Body(stream.get(), body));
        }
        if self.role == Role::Server {
            let write = |output: &mut seltzer_h2::Rope| {
                output.written().extend_from_slice(b"\0\0\0\0\x05hello");
                Ok::<(), ()>(())
            };
            let sent = self.connection.send_response(stream, &self.head, write, &self.trailers);
            assert!(sent.is_ok(), "a request that came whole can be answered: {sent:?}");
        }
        self.connection.finish(stream);
    }

    fn take_output(&mut self) {
        let taken = self.connection.take_output(self.now);
        self.output.extend_from_slice(&taken);
    }

    /// Nothing more comes: every timer fires in its turn, and there is an end to it.
    fn run_out_of_time(&mut self) {
        for _ in 0..100 {
            let Some(deadline) = self.connection.next_deadline() else { return };
            if self.is_closed || deadline > self.now + Duration::from_secs(24 * 3600) {
                return;
            }
            self.now = self.now.max(deadline);
            if let Some(event) = self.connection.on_deadline(self.now) {
                self.take(event);
            }
            while let Some(event) = self.connection.next_event(&mut &[][..], self.now) {
                self.take(event);
            }
            self.take_output();
        }
        panic!("a silent connection has no end");
    }
}

fn field<'a>(name: &'a str, value: &'a str) -> HeaderField<'a> {
    HeaderField::new(name.as_bytes(), value.as_bytes())
}

/// Whole frames of known types, and header blocks that can be decoded.
fn check_output(role: Role, output: &[u8]) {
    let mut rest = match role {
        Role::Server => output,
        Role::Client => output.strip_prefix(PREFACE).expect("a client begins with its preface"),
    };
    let mut decoder = Decoder::default();
    let mut block = Vec::new();
    while let Some((head, tail)) = rest.split_first_chunk::<9>() {
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let (payload, tail) = tail.split_at_checked(length).expect("the last frame is whole");
        rest = tail;
        let (kind, flags) = (head[3], head[4]);
        assert!(kind <= 9 && kind != 5 && kind != 2, "a frame of type {kind}");
        assert!(block.is_empty() || kind == 9, "a header block is in one piece");
        if kind == 1 || kind == 9 {
            block.extend_from_slice(payload);
            if flags & 4 != 0 {
                decoder.decode(&block, &seltzer_h2::hpack::Limits::default()).expect("our own block is sound");
                block.clear();
            }
        }
    }
    assert!(rest.is_empty() && block.is_empty(), "the output ends between two frames");
}
