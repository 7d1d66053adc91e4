//! Two engines and nothing between them: what one writes the other reads, without a socket and without a clock.

use std::io::IoSlice;
use std::time::Instant;

use bytes::Bytes;
use seltzer_h2::{Config, Connection, Event, HeaderField, HeadersKind, Prepared, Rope, StreamId, Token};

/// A small message with its prefix, as a unary call carries it.
pub(crate) const UNARY_BYTES: usize = 105;

/// What a client of gRPC sends with each call.
pub(crate) const REQUEST: [(&str, &str); 7] = [
    (":method", "POST"),
    (":scheme", "http"),
    (":path", "/grpc.testing.BenchmarkService/UnaryCall"),
    (":authority", "127.0.0.1:50051"),
    ("te", "trailers"),
    ("content-type", "application/grpc"),
    ("user-agent", "seltzer/0.1.0"),
];

/// The headers of an answer.
pub(crate) const RESPONSE: [(&str, &str); 3] =
    [(":status", "200"), ("content-type", "application/grpc"), ("grpc-accept-encoding", "identity,gzip,deflate")];

pub(crate) fn field<'a>((name, value): &(&'a str, &'a str)) -> HeaderField<'a> {
    HeaderField::new(name.as_bytes(), value.as_bytes())
}

/// A client and a server that have exchanged their settings.
pub(crate) struct Pair {
    client: Connection,
    server: Connection,
    now: Instant,
    request: Prepared,
    head: Prepared,
    trailers: Prepared,
    message: Bytes,
    /// What is on its way, used again.
    wire: Vec<u8>,
}

impl Pair {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let mut pair = Pair {
            client: Connection::client(&Config::client(), now),
            server: Connection::server(&Config::server(), now),
            now,
            request: Prepared::new(REQUEST.iter().map(field)),
            head: Prepared::new(RESPONSE.iter().map(field)),
            trailers: Prepared::new([HeaderField::new(b"grpc-status", b"0")]),
            message: Bytes::from(vec![7; UNARY_BYTES]),
            wire: Vec::new(),
        };
        for _ in 0..2 {
            pair.reach_server(|_, event| assert_eq!(event, Event::SettingsChanged));
            pair.reach_client(|_, event| assert_eq!(event, Event::SettingsChanged));
        }
        pair
    }

    /// One call from its first byte to its last.
    pub(crate) fn unary(&mut self) {
        let stream = self.client.open_stream().expect("the one before is over");
        self.client.send_prepared(stream, &self.request, false).expect("the stream is open");
        self.client.send_data(stream, self.message.clone(), true).expect("the stream is open");
        let (head, trailers, message) = (self.head.clone(), self.trailers.clone(), self.message.clone());
        let mut answered = 0;
        self.reach_server(|server, event| match event {
            Event::Headers { kind: HeadersKind::Request, .. } => {
                assert_eq!(server.fields().get(Token::Path), Some(REQUEST[2].1.as_bytes()));
            }
            Event::Data { stream, bytes, end_stream: true } => {
                assert_eq!(bytes, message);
                let write = |output: &mut Rope| {
                    output.written().extend_from_slice(bytes);
                    Ok::<(), ()>(())
                };
                server.send_response(stream, &head, write, &trailers).expect("it waits").expect("nothing fails");
                server.finish(stream);
                answered += 1;
            }
            other => panic!("{other:?} at the server"),
        });
        let mut events = 0;
        self.reach_client(|client, event| {
            events += 1;
            match event {
                Event::Headers { kind: HeadersKind::Response, .. } => {
                    assert_eq!(client.fields().get(Token::Status), Some(&b"200"[..]));
                }
                Event::Data { stream, bytes, .. } => {
                    assert_eq!(bytes, message);
                    client.release(stream, bytes.len());
                }
                Event::Headers { stream, kind: HeadersKind::Trailers, .. } => {
                    assert_eq!(client.fields().get(Token::GrpcStatus), Some(&b"0"[..]));
                    client.finish(stream);
                }
                other => panic!("{other:?} at the client"),
            }
        });
        assert_eq!((answered, events), (1, 3));
    }

    /// Opens a stream that stays open.
    pub(crate) fn open(&mut self) -> StreamId {
        let stream = self.client.open_stream().expect("there is room for one");
        self.client.send_prepared(stream, &self.request, false).expect("the stream is open");
        self.reach_server(|_, event| assert!(matches!(event, Event::Headers { .. })));
        stream
    }

    /// Sends so many messages on a stream, and waits until the last has arrived.
    pub(crate) fn upload(&mut self, stream: StreamId, message: &Bytes, count: usize) {
        let mut arrived = 0;
        for _ in 0..count {
            self.client.send_data(stream, message.clone(), false).expect("the stream is open");
        }
        while arrived < count * message.len() {
            self.reach_server(|server, event| match event {
                Event::Data { stream, bytes, .. } => {
                    server.release(stream, bytes.len());
                    arrived += bytes.len();
                }
                other => panic!("{other:?} at the server"),
            });
            self.reach_client(|_, event| panic!("{event:?} at the client"));
        }
        assert_eq!(arrived, count * message.len());
    }

    /// The bytes of so many DATA frames, one for each message.
    pub(crate) fn frames(stream: StreamId, message: &[u8], count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for _ in 0..count {
            let length = u32::try_from(message.len()).expect("a frame is short").to_be_bytes();
            bytes.extend([length[1], length[2], length[3], 0, 0]);
            bytes.extend(stream.get().to_be_bytes());
            bytes.extend(message);
        }
        bytes
    }

    /// Lets the server read frames of a stream; returns how many it found.
    pub(crate) fn read(&mut self, frames: &[u8]) -> usize {
        let mut input = frames;
        let mut count = 0;
        while let Some(event) = self.server.next_event(&mut input, self.now) {
            let Event::Data { stream, bytes, .. } = event else { panic!("{event:?} at the server") };
            self.server.release(stream, bytes.len());
            count += 1;
        }
        // The windows that it gives back.
        carry(&mut self.server, &mut self.wire, self.now);
        count
    }

    fn reach_server(&mut self, take: impl FnMut(&mut Connection, Event<'_>)) {
        carry(&mut self.client, &mut self.wire, self.now);
        read(&mut self.server, &self.wire, self.now, take);
    }

    fn reach_client(&mut self, take: impl FnMut(&mut Connection, Event<'_>)) {
        carry(&mut self.server, &mut self.wire, self.now);
        read(&mut self.client, &self.wire, self.now, take);
    }
}

/// Takes everything that waits to be written.
fn carry(from: &mut Connection, wire: &mut Vec<u8>, now: Instant) {
    wire.clear();
    while from.has_output() {
        let mut slices = [IoSlice::new(&[]); 64];
        let filled = from.output(&mut slices);
        let before = wire.len();
        for slice in &slices[..filled] {
            wire.extend_from_slice(slice);
        }
        from.advance_output(wire.len() - before, now);
    }
}

fn read(to: &mut Connection, mut wire: &[u8], now: Instant, mut take: impl FnMut(&mut Connection, Event<'_>)) {
    while let Some(event) = to.next_event(&mut wire, now) {
        take(to, event);
    }
    assert!(wire.is_empty(), "whole frames");
}
