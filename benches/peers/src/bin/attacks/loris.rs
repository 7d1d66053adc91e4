//! R17: thousands of connections that say nothing, or a byte a second, for ever.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use seltzer_peers::load::Error;
use seltzer_peers::load::paced::wait;
use seltzer_peers::wire::frame::{self, HEAD_BYTES, flag, kind};
use seltzer_peers::wire::hpack::Encoder;
use seltzer_peers::wire::{frame::Head, socket};

use crate::Target;
use crate::honest::{self, Honest};
use crate::report::Report;

/// How long a server waits for a preface, a header block, or a handshake of TLS; and for a call, with the option that
/// `attacks.sh` gives it here.
const DEADLINE: Duration = Duration::from_secs(10);

/// How much sooner or later the end may come.
const TOLERANCE: Duration = Duration::from_secs(1);

/// What a connection without calls may cost.
const IDLE_KIB_MAX: f64 = 12.0;

/// How much slower the slowest of a hundred honest calls may be.
const SLOWER_MAX: f64 = 2.0;

/// How long honest clients are watched: until all is over, and a little more.
const WATCHED: Duration = Duration::from_secs(14);

/// What a client that sends a byte a second says: the beginning, at once, and the bytes that follow.
struct Slow {
    name: &'static str,
    /// Sent at once.
    hello: Vec<u8>,
    /// Sent by the second.
    drip: Vec<u8>,
    /// What the end looks like.
    end: End,
}

/// How the server ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The connection is closed.
    Closed,
    /// The call is over; the connection may stay.
    Answered,
}

/// A connection, until it is over.
struct Connection {
    stream: TcpStream,
    began: Instant,
    sent: usize,
    input: Vec<u8>,
    over: Option<Duration>,
}

/// Each way in its turn, with all connections at once, and an honest client beside.
pub(crate) fn all(target: &Target, report: &mut Report) -> Result<(), Error> {
    let count = target.pick(1_000, 5_000);
    if !target.security.is_on() {
        idle(target, report, count)?;
    }
    let alone = Honest::baseline(target)?;
    let ways = if target.security.is_on() { handshakes() } else { without_tls() };
    for slow in ways {
        one_way(target, report, &slow, count, &alone)?;
    }
    Ok(())
}

/// Whoever has said hello may stay, and costs little.
fn idle(target: &Target, report: &mut Report, count: usize) -> Result<(), Error> {
    let kib = target.server.resident_kib();
    let mut kept = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = socket::connect(target.port, None)?;
        stream.write_all(&hello())?;
        // The server's settings: it has seen ours.
        stream.read_exact(&mut [0; HEAD_BYTES])?;
        kept.push(stream);
    }
    let growth_kib = target.server.resident_kib().saturating_sub(kib) as f64;
    report.note("connections", count);
    report.at_most("idle_kib_per_connection", growth_kib / count as f64, IDLE_KIB_MAX);
    wait(DEADLINE + TOLERANCE);
    let closed: usize = kept.iter_mut().map(|stream| usize::from(is_closed(stream))).sum();
    report.at_most("idle_connections_closed", closed as f64, 0.0);
    Ok(())
}

fn is_closed(stream: &mut TcpStream) -> bool {
    let mut scratch = [0; 1024];
    let _ = stream.set_nonblocking(true);
    loop {
        match stream.read(&mut scratch) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) => return error.kind() != ErrorKind::WouldBlock,
        }
    }
}

fn hello() -> Vec<u8> {
    let mut hello = frame::PREFACE.to_vec();
    frame::settings(&mut hello, &[]);
    frame::push(&mut hello, kind::SETTINGS, flag::ACK, 0, &[]);
    hello
}

fn without_tls() -> Vec<Slow> {
    let block = {
        let (mut encoder, mut block) = (Encoder::default(), Vec::new());
        encoder.indexed(":method", "POST", &mut block);
        encoder.indexed(":scheme", "http", &mut block);
        encoder.literal(":path", "/bench.Bench/Up", &mut block);
        encoder.indexed(":authority", "127.0.0.1", &mut block);
        encoder.indexed("content-type", "application/grpc", &mut block);
        encoder.indexed("te", "trailers", &mut block);
        block
    };
    // A header block in one frame whose bytes come one by one.
    let mut dripped = Vec::new();
    frame::push(&mut dripped, kind::HEADERS, flag::END_HEADERS, 1, &block);
    let (head, dripped) = dripped.split_at(HEAD_BYTES);
    // A call with a message of a megabyte, each byte of it in a frame.
    let mut call = hello();
    frame::push(&mut call, kind::HEADERS, flag::END_HEADERS, 1, &block);
    frame::push(&mut call, kind::DATA, 0, 1, &[0, 0, 0x10, 0, 0]);
    let mut byte = Vec::new();
    frame::push(&mut byte, kind::DATA, 0, 1, &[0x0a]);
    vec![
        Slow { name: "nothing", hello: Vec::new(), drip: Vec::new(), end: End::Closed },
        Slow { name: "half_a_preface", hello: frame::PREFACE[..12].to_vec(), drip: Vec::new(), end: End::Closed },
        Slow { name: "a_preface_byte_a_second", hello: Vec::new(), drip: frame::PREFACE.to_vec(), end: End::Closed },
        Slow {
            name: "a_header_byte_a_second",
            hello: [&hello(), head].concat(),
            drip: dripped.to_vec(),
            end: End::Closed,
        },
        Slow { name: "a_data_byte_a_second", hello: call, drip: byte.repeat(60), end: End::Answered },
    ]
}

/// The beginning of a client's first message: a record of 512 bytes, version 1.0 as all send it, and the head of a
/// ClientHello in it (RFC 8446, sections 4 and 5.1).
const CLIENT_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];

fn handshakes() -> Vec<Slow> {
    vec![
        Slow { name: "no_handshake", hello: Vec::new(), drip: Vec::new(), end: End::Closed },
        Slow { name: "half_a_client_hello", hello: CLIENT_HELLO.to_vec(), drip: Vec::new(), end: End::Closed },
        Slow { name: "a_handshake_byte_a_second", hello: CLIENT_HELLO.to_vec(), drip: vec![7; 60], end: End::Closed },
    ]
}

fn one_way(
    target: &Target,
    report: &mut Report,
    slow: &Slow,
    count: usize,
    alone: &serde_json::Value,
) -> Result<(), Error> {
    let name = |figure: &str| format!("{}_{figure}", slow.name);
    let files = target.server.files();
    let mut connections = Vec::with_capacity(count);
    for _ in 0..count {
        let mut stream = socket::connect(target.port, None)?;
        stream.write_all(&slow.hello)?;
        stream.set_nonblocking(true)?;
        connections.push(Connection { stream, began: Instant::now(), sent: 0, input: Vec::new(), over: None });
    }
    let honest = Honest::start(target, WATCHED.as_secs_f64())?;
    let began = Instant::now();
    while began.elapsed() < WATCHED {
        for connection in connections.iter_mut().filter(|connection| connection.over.is_none()) {
            connection.turn(slow);
        }
        wait(Duration::from_millis(20));
    }
    let fared = honest.finish()?;
    let ends: Vec<_> = connections.iter().filter_map(|connection| connection.over).collect();
    let seconds = |end: Option<&Duration>| end.map_or(f64::INFINITY, Duration::as_secs_f64);
    report.at_most(&name("not_reaped"), (count - ends.len()) as f64, 0.0);
    report.at_least(&name("reaped_after_s_first"), seconds(ends.iter().min()), (DEADLINE - TOLERANCE).as_secs_f64());
    report.at_most(&name("reaped_after_s_last"), seconds(ends.iter().max()), (DEADLINE + TOLERANCE).as_secs_f64());
    if slow.end == End::Closed {
        report.at_most(&name("files_left"), files_left(target, files) as f64, 0.0);
    }
    honest::unharmed(report, &name("honest"), &fared);
    honest::compare_within(report, &name("honest"), [alone, &fared], SLOWER_MAX);
    Ok(())
}

/// How many more files are open than before, once the server has noticed that the honest client is gone as well.
fn files_left(target: &Target, before: u64) -> u64 {
    let deadline = Instant::now() + TOLERANCE * 2;
    while target.server.files() > before && Instant::now() < deadline {
        wait(Duration::from_millis(20));
    }
    target.server.files().saturating_sub(before)
}

impl Connection {
    fn turn(&mut self, slow: &Slow) {
        let due = (self.began.elapsed().as_secs() as usize) * drip_bytes(slow);
        while self.sent < due.min(slow.drip.len()) && self.over.is_none() {
            match self.stream.write(&slow.drip[self.sent..due.min(slow.drip.len())]) {
                Ok(count) => self.sent += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.end(),
            }
        }
        let mut scratch = [0; 1024];
        while self.over.is_none() {
            match self.stream.read(&mut scratch) {
                Ok(0) => self.end(),
                Ok(count) if slow.end == End::Answered => self.look(&scratch[..count]),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => self.end(),
            }
        }
    }

    /// Looks for the end of the stream among what came.
    fn look(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        while let Some(head) = Head::read(&self.input)
            && self.input.len() >= HEAD_BYTES + head.length
        {
            let is_reset = head.kind == kind::RST_STREAM;
            let is_last = matches!(head.kind, kind::HEADERS | kind::DATA) && head.has(flag::END_STREAM);
            if head.stream == 1 && (is_reset || is_last) {
                self.end();
            }
            self.input.drain(..HEAD_BYTES + head.length);
        }
    }

    fn end(&mut self) {
        self.over.get_or_insert(self.began.elapsed());
    }
}

/// What is sent in a second: one byte, with its frame where it has one.
fn drip_bytes(slow: &Slow) -> usize {
    if slow.end == End::Answered { HEAD_BYTES + 1 } else { 1 }
}
