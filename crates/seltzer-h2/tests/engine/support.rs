//! A peer that speaks in frames, and words for what comes back.

use bytes::BufMut as _;
use seltzer_h2::{Config, Connection, Event, HeaderField, Limits, Prepared, Reason, StreamId};
use std::time::{Duration, Instant};

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GO_AWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 0x1;
pub const ACK: u8 = 0x1;
pub const END_HEADERS: u8 = 0x4;
pub const PADDED: u8 = 0x8;
pub const PRIORITISED: u8 = 0x20;

pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// POST http /
pub const REQUEST: &[u8] = &[0x83, 0x86, 0x84];
/// Status 200.
pub const RESPONSE: &[u8] = &[0x88];

pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

pub fn request(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, END_HEADERS | flags, stream, REQUEST)
}

pub fn data(stream: u32, payload: &[u8], flags: u8) -> Vec<u8> {
    frame(DATA, flags, stream, payload)
}

pub fn padded(stream: u32, payload: &[u8], padding: u8, flags: u8) -> Vec<u8> {
    let mut body = vec![padding];
    body.extend(payload);
    body.extend(vec![0; usize::from(padding)]);
    frame(DATA, PADDED | flags, stream, &body)
}

pub fn rst(stream: u32, reason: Reason) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, &reason.code().to_be_bytes())
}

pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, &increment.to_be_bytes())
}

pub fn settings(entries: &[(u16, u32)]) -> Vec<u8> {
    let mut payload = Vec::new();
    for (number, value) in entries {
        payload.extend(number.to_be_bytes());
        payload.extend(value.to_be_bytes());
    }
    frame(SETTINGS, 0, 0, &payload)
}

pub fn go_away(last: u32, reason: Reason) -> Vec<u8> {
    let mut payload = last.to_be_bytes().to_vec();
    payload.extend(reason.code().to_be_bytes());
    frame(GO_AWAY, 0, 0, &payload)
}

pub fn ping(byte: u8, flags: u8) -> Vec<u8> {
    frame(PING, flags, 0, &[byte; 8])
}

/// A field that enters no table, without Huffman code.
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    assert!(name.len() < 127 && value.len() < 127, "one byte of length");
    let mut bytes = vec![0, name.len() as u8];
    bytes.extend(name.as_bytes());
    bytes.push(value.len() as u8);
    bytes.extend(value.as_bytes());
    bytes
}

pub fn request_with(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = REQUEST.to_vec();
    for (name, value) in fields {
        block.extend(literal(name, value));
    }
    frame(HEADERS, END_HEADERS | flags, stream, &block)
}

pub fn block_of(stream: u32, flags: u8, fields: &[(&str, &str)]) -> Vec<u8> {
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| literal(name, value)).collect();
    frame(HEADERS, END_HEADERS | flags, stream, &block)
}

/// A connection, its clock, and the words for what it does.
pub struct Tested {
    pub connection: Connection,
    pub now: Instant,
    rest: Vec<u8>,
}

impl Tested {
    pub fn raw_server(limits: Limits) -> Self {
        let now = Instant::now();
        Tested { connection: Connection::server(&Config::with_limits(limits), now), now, rest: Vec::new() }
    }

    pub fn raw_client(limits: Limits) -> Self {
        let now = Instant::now();
        Tested { connection: Connection::client(&Config::with_limits(limits), now), now, rest: Vec::new() }
    }

    /// A server whose client has said what it must.
    pub fn server() -> Self {
        Tested::server_with(Limits::server(), &[])
    }

    pub fn server_with(limits: Limits, client_settings: &[(u16, u32)]) -> Self {
        let mut tested = Tested::raw_server(limits);
        tested.receive(&[PREFACE, &settings(client_settings), &frame(SETTINGS, ACK, 0, b"")].concat());
        tested.take();
        tested
    }

    pub fn client() -> Self {
        Tested::client_with(Limits::client(), &[])
    }

    pub fn client_with(limits: Limits, server_settings: &[(u16, u32)]) -> Self {
        let mut tested = Tested::raw_client(limits);
        tested.receive(&[settings(server_settings), frame(SETTINGS, ACK, 0, b"")].concat());
        tested.take();
        tested
    }

    /// The events of these bytes, in words.
    pub fn receive(&mut self, bytes: &[u8]) -> Vec<String> {
        self.rest.extend(bytes);
        let whole = std::mem::take(&mut self.rest);
        let mut input = &whole[..];
        let mut events = Vec::new();
        while let Some(event) = self.connection.next_event(&mut input, self.now) {
            events.push(event_words(&event));
        }
        self.rest = input.to_vec();
        events
    }

    /// How much of what was received could not be consumed yet.
    pub fn rest_bytes(&self) -> usize {
        self.rest.len()
    }

    pub fn wait(&mut self, seconds: u64) -> Vec<String> {
        self.wait_ms(seconds * 1000)
    }

    /// Time passes, and what is due in it is done when it is due.
    pub fn wait_ms(&mut self, milliseconds: u64) -> Vec<String> {
        let until = self.now + Duration::from_millis(milliseconds);
        let mut events = Vec::new();
        for _ in 0..10_000 {
            let Some(deadline) = self.connection.next_deadline().filter(|at| *at <= until) else {
                self.now = until;
                return events;
            };
            self.now = self.now.max(deadline);
            events.extend(self.connection.on_deadline(self.now).map(|event| event_words(&event)));
            events.extend(self.receive(b""));
        }
        panic!("the same deadline comes again and again");
    }

    /// What was written, in words.
    pub fn take(&mut self) -> Vec<String> {
        frames(&self.connection.take_output(self.now)).iter().map(frame_words).collect()
    }

    pub fn open(&mut self, end_stream: bool) -> StreamId {
        let stream = self.connection.open_stream().unwrap();
        let request = [(":method", "POST"), (":scheme", "http"), (":path", "/")];
        let fields = request.map(|(name, value)| HeaderField::new(name.as_bytes(), value.as_bytes()));
        self.connection.send_headers(stream, fields, end_stream).unwrap();
        stream
    }

    pub fn respond(&mut self, stream: u32, end_stream: bool) {
        let stream = StreamId::new(stream);
        self.connection.send_headers(stream, [HeaderField::new(b":status", b"200")], end_stream).unwrap();
    }

    /// A whole answer with a message of so many bytes; nothing if the stream is over.
    pub fn respond_with(&mut self, stream: StreamId, bytes: usize) {
        let head = Prepared::new([HeaderField::new(b":status", b"200")]);
        let trailers = Prepared::new([HeaderField::new(b"grpc-status", b"0")]);
        let write = |buffer: &mut seltzer_h2::Rope| -> Result<(), ()> {
            buffer.put_bytes(b'm', bytes);
            Ok(())
        };
        let _ = self.connection.send_response(stream, &head, write, &trailers);
    }

    /// The peer's acknowledgement is not needed: everything is as it was at the beginning.
    pub fn assert_at_rest(&self, limits: &Limits) {
        assert_eq!(self.connection.active_streams(), 0, "no stream is left");
        assert_eq!(self.connection.windows_at_rest().0, i64::from(limits.connection_window_bytes), "window returned");
    }
}

pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

pub fn frames(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    bytes = bytes.strip_prefix(PREFACE).unwrap_or(bytes);
    while !bytes.is_empty() {
        let length = u32::from_be_bytes([0, bytes[0], bytes[1], bytes[2]]) as usize;
        let stream = u32::from_be_bytes([bytes[5], bytes[6], bytes[7], bytes[8]]);
        let payload = bytes[9..9 + length].to_vec();
        frames.push(Frame { kind: bytes[3], flags: bytes[4], stream, payload });
        bytes = &bytes[9 + length..];
    }
    frames
}

pub fn frame_words(frame: &Frame) -> String {
    let Frame { kind, flags, stream, payload } = frame;
    let number = |at: usize| u32::from_be_bytes(payload[at..at + 4].try_into().unwrap());
    let end = if flags & END_STREAM != 0 { " end" } else { "" };
    match *kind {
        DATA => format!("DATA {stream} {}{end}", payload.len()),
        HEADERS => format!("HEADERS {stream}{end}{}", if flags & END_HEADERS == 0 { " more" } else { "" }),
        CONTINUATION => format!("CONTINUATION {stream}{}", if flags & END_HEADERS == 0 { " more" } else { "" }),
        RST_STREAM => format!("RST_STREAM {stream} {}", Reason::from_code(number(0))),
        SETTINGS if flags & ACK != 0 => "SETTINGS ack".to_owned(),
        SETTINGS => "SETTINGS".to_owned(),
        PING => format!("PING{}", if flags & ACK != 0 { " ack" } else { "" }),
        GO_AWAY => format!("GOAWAY {} {}", number(0), Reason::from_code(number(4))),
        WINDOW_UPDATE => format!("WINDOW_UPDATE {stream} {}", number(0)),
        other => format!("frame of type {other}"),
    }
}

pub fn event_words(event: &Event<'_>) -> String {
    let ends = |end: &bool| if *end { " end" } else { "" };
    match event {
        Event::Headers { stream, kind, end_stream, .. } => format!("{kind:?} {stream}{}", ends(end_stream)),
        Event::HeadersTooLarge { stream, end_stream } => format!("TooLarge {stream}{}", ends(end_stream)),
        Event::Data { stream, bytes, end_stream } => format!("Data {stream} {}{}", bytes.len(), ends(end_stream)),
        Event::Reset { stream, reason, by_peer } => {
            format!("Reset {stream} {reason}{}", if *by_peer { " by peer" } else { "" })
        }
        Event::GoAway { last_stream, reason } => format!("GoAway {last_stream} {reason}"),
        Event::Pong { payload } => format!("Pong {}", payload[0]),
        Event::SettingsChanged => "SettingsChanged".to_owned(),
        Event::Closed(error) => format!("Closed {}", error.reason()),
        other => format!("{other:?}"),
    }
}

/// What a peer sends, and what must come of it.
pub struct Case<'c> {
    pub name: &'c str,
    pub input: Vec<Vec<u8>>,
    pub events: &'c [&'c str],
    pub output: &'c [&'c str],
}

/// Runs a case at once, and again byte by byte: it must make no difference where the bytes are split.
pub fn check(new: impl Fn() -> Tested, case: &Case<'_>) {
    let mut tested = new();
    let events = tested.receive(&case.input.concat());
    assert_eq!(events, case.events, "{}: events", case.name);
    assert_eq!(tested.take(), case.output, "{}: output", case.name);

    let mut tested = new();
    let mut events: Vec<String> = Vec::new();
    for byte in case.input.concat() {
        events.extend(tested.receive(&[byte]));
    }
    assert_eq!(merge_data(&events), merge_data(case.events), "{}: events byte by byte", case.name);
    assert_eq!(tested.take(), case.output, "{}: output byte by byte", case.name);
}

/// Joins the parts in which DATA came: `Data 1 2`, `Data 1 3 end` become `Data 1 5 end`.
pub fn merge_data<S: AsRef<str>>(events: &[S]) -> Vec<String> {
    let mut merged: Vec<String> = Vec::new();
    for event in events {
        let event = event.as_ref();
        let words: Vec<&str> = event.split(' ').collect();
        let last: Vec<String> = merged.last().map_or(Vec::new(), |last| last.split(' ').map(str::to_owned).collect());
        let is_more = words[0] == "Data" && last.len() == 3 && last[0] == "Data" && last[1] == words[1];
        if is_more {
            let bytes = last[2].parse::<usize>().unwrap() + words[2].parse::<usize>().unwrap();
            let end = if words.len() > 3 { " end" } else { "" };
            *merged.last_mut().unwrap() = format!("Data {} {bytes}{end}", words[1]);
        } else {
            merged.push(event.to_owned());
        }
    }
    merged
}
