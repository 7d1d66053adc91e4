//! Two engines against each other over a simulated network: random splits, delays, resets, pauses and closings. A run
//! is its seed: `SELTZER_SIMULATION_SEED=7` repeats one, `SELTZER_SIMULATION_COUNT=1000000` runs more.

use bytes::BufMut as _;
use bytes::Bytes;
use seltzer_h2::{Config, Connection, Event, HeaderField, HeadersKind, Limits, Prepared, Reason, StreamId};
use std::collections::BTreeMap;
use std::io::IoSlice;
use std::time::{Duration, Instant};

/// Without optimisation a seed takes milliseconds.
const COUNT_DEFAULT: u64 = if cfg!(debug_assertions) { 2_000 } else { 10_000 };

#[test]
fn two_engines_agree() {
    if let Some(seed) = number_of("SELTZER_SIMULATION_SEED") {
        Simulation::new(seed).run();
        return;
    }
    let count = number_of("SELTZER_SIMULATION_COUNT").unwrap_or(COUNT_DEFAULT);
    let mut totals = Totals::default();
    for seed in 0..count {
        let guard = SeedOnPanic(seed);
        totals.add(&Simulation::new(seed).run());
        std::mem::forget(guard);
    }
    eprintln!("{count} seeds: {totals:?}");
    // A simulation in which nothing happens proves nothing.
    assert!(totals.completed > count / 2, "{totals:?}");
    if count >= 1000 {
        assert!(totals.reset > 0 && totals.refused > 0 && totals.bytes > 0 && totals.shut_down > 0, "{totals:?}");
    }
}

fn number_of(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

struct SeedOnPanic(u64);

impl Drop for SeedOnPanic {
    fn drop(&mut self) {
        eprintln!("failed: repeat with SELTZER_SIMULATION_SEED={}", self.0);
    }
}

#[derive(Debug, Default, Clone, Copy)]
struct Totals {
    completed: u64,
    reset: u64,
    refused: u64,
    bytes: u64,
    shut_down: u64,
}

impl Totals {
    fn add(&mut self, other: &Totals) {
        self.completed += other.completed;
        self.reset += other.reset;
        self.refused += other.refused;
        self.bytes += other.bytes;
        self.shut_down += other.shut_down;
    }
}

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }
}

/// How a stream ended on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Complete,
    Reset,
}

/// What one side knows of a stream.
#[derive(Debug, Default)]
struct Progress {
    /// Bytes still to be sent, and whether the end is.
    to_send: usize,
    has_sent_end: bool,
    has_sent_headers: bool,
    sent: u64,
    received: u64,
    /// Received and not yet released.
    unreleased: usize,
    peer_ended: bool,
    end: Option<End>,
    is_finished: bool,
}

struct Side {
    connection: Connection,
    /// Bytes on their way to this side.
    wire: Vec<u8>,
    /// Bytes that arrived and were not consumed.
    input: Vec<u8>,
    streams: BTreeMap<StreamId, Progress>,
    is_closed: bool,
    response_bytes_max: usize,
}

struct Simulation {
    random: Random,
    now: Instant,
    client: Side,
    server: Side,
    limits: [Limits; 2],
    to_open: u64,
    totals: Totals,
    blocks: [Prepared; 2],
    is_shut_down: bool,
    pings: u32,
}

fn random_limits(random: &mut Random, mut limits: Limits) -> Limits {
    const WINDOWS: [u32; 6] = [1, 100, 5000, 65_535, 100_000, 1 << 20];
    limits.stream_window_bytes = WINDOWS[random.below(6) as usize];
    limits.connection_window_bytes = [65_535, 70_000, 1 << 20][random.below(3) as usize];
    limits.concurrent_streams_max = 1 + random.below(12) as u32;
    limits.header_table_bytes = [0, 100, 4096][random.below(3) as usize];
    limits.frame_bytes_max = [16_384, 20_000, 1 << 20][random.below(3) as usize];
    limits
}

impl Simulation {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let now = Instant::now();
        let limits = [random_limits(&mut random, Limits::client()), random_limits(&mut random, Limits::server())];
        let is_narrow = limits.iter().any(|limits| limits.stream_window_bytes < 1000);
        let side = |connection| Side {
            response_bytes_max: if is_narrow { 500 } else { 60_000 },
            connection,
            wire: Vec::new(),
            input: Vec::new(),
            streams: BTreeMap::new(),
            is_closed: false,
        };
        let head = [HeaderField::new(b":status", b"200"), HeaderField::new(b"content-type", b"application/grpc")];
        Simulation {
            to_open: 1 + random.below(20),
            random,
            now,
            client: side(Connection::client(&Config::with_limits(limits[0]), now)),
            server: side(Connection::server(&Config::with_limits(limits[1]), now)),
            limits,
            totals: Totals::default(),
            blocks: [Prepared::new(head), Prepared::new([HeaderField::new(b"grpc-status", b"0")])],
            is_shut_down: false,
            pings: 0,
        }
    }

    fn run(mut self) -> Totals {
        for _ in 0..100_000 {
            if self.is_over() {
                self.check_rest();
                return self.totals;
            }
            self.now += Duration::from_micros(self.random.below(100));
            match self.random.below(8) {
                0 => self.open(),
                1 | 2 => self.move_bytes(true),
                3 | 4 => self.move_bytes(false),
                5 => self.client_acts(),
                6 => self.server_acts(),
                _ => self.disturb(),
            }
        }
        panic!("no end: client {:?}, server {:?}", self.client.streams, self.server.streams);
    }

    fn is_over(&self) -> bool {
        let is_quiet = |side: &Side| {
            side.wire.is_empty()
                && side.input.is_empty()
                && !side.connection.has_output()
                && side.streams.values().all(|stream| stream.end.is_some() && stream.unreleased == 0)
        };
        self.to_open == 0
            && is_quiet(&self.client)
            && is_quiet(&self.server)
            && self.server.streams.values().all(|stream| stream.is_finished)
    }

    /// At rest windows are as in the beginning, no stream is left, and what was sent has arrived.
    fn check_rest(&mut self) {
        for (side, limits) in [(&self.client, &self.limits[0]), (&self.server, &self.limits[1])] {
            assert!(!side.is_closed, "two right engines never end a connection for an error");
            assert_eq!(side.connection.active_streams(), 0, "a stream leaks");
            let (receive_window, _) = side.connection.windows_at_rest();
            assert_eq!(receive_window, i64::from(limits.connection_window_bytes), "connection credit leaks");
        }
        for (from, to) in [(&self.client, &self.server), (&self.server, &self.client)] {
            for (id, sender) in &from.streams {
                let received = to.streams.get(id).map_or(0, |receiver| receiver.received);
                assert!(received <= sender.sent, "stream {id} received what nobody sent");
                let is_complete = to.streams.get(id).is_some_and(|receiver| receiver.peer_ended);
                if is_complete {
                    assert_eq!(received, sender.sent, "stream {id} lost bytes");
                }
            }
        }
        if self.is_shut_down {
            self.totals.shut_down += 1;
            assert!(self.server.connection.is_done(), "a drained server is done");
        }
    }

    fn open(&mut self) {
        if self.to_open == 0 {
            return;
        }
        let Ok(id) = self.client.connection.open_stream() else {
            if self.client.connection.open_streams_allowed() == 0 && self.is_shut_down {
                self.to_open = 0;
            }
            return;
        };
        self.to_open -= 1;
        let path = format!("/{}", self.random.below(4));
        let value = vec![b'v'; self.random.below(300) as usize];
        let fields = [
            HeaderField::new(b":method", b"POST"),
            HeaderField::new(b":scheme", b"http"),
            HeaderField::new(b":path", path.as_bytes()),
            HeaderField::new(b"x-value", &value),
        ];
        let to_send = self.random_length();
        let is_empty = to_send == 0;
        self.client.connection.send_headers(id, fields, is_empty).unwrap();
        let progress = Progress { to_send, has_sent_end: is_empty, has_sent_headers: true, ..Progress::default() };
        self.client.streams.insert(id, progress);
    }

    fn random_length(&mut self) -> usize {
        let smallest_window = self.limits[0].stream_window_bytes.min(self.limits[1].stream_window_bytes);
        let longest = if smallest_window < 1000 { 500 } else { 100_000 };
        match self.random.below(4) {
            0 => 0,
            1 => self.random.below(100) as usize,
            2 => self.random.below(longest / 10) as usize,
            _ => self.random.below(longest) as usize,
        }
    }

    /// Some of one side's output goes on the wire, some of the wire arrives, some of that is read.
    fn move_bytes(&mut self, to_server: bool) {
        let (from, to) =
            if to_server { (&mut self.client, &mut self.server) } else { (&mut self.server, &mut self.client) };
        let mut slices = [IoSlice::new(&[]); 5];
        let filled = from.connection.output(&mut slices);
        let mut written: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        let part = if self.random.one_in(3) { self.random.below(20) } else { 1 << 30 };
        written.truncate(part as usize);
        from.connection.advance_output(written.len(), self.now);
        to.wire.extend(&written);
        let part = if self.random.one_in(3) { self.random.below(30) } else { 1 << 30 };
        let arriving = to.wire.len().min(part as usize);
        to.input.extend(to.wire.drain(..arriving));
        self.read(to_server);
    }

    fn read(&mut self, is_server: bool) {
        let side = if is_server { &mut self.server } else { &mut self.client };
        let bytes = std::mem::take(&mut side.input);
        let mut input = &bytes[..];
        loop {
            if let Some((id, expected)) = side.connection.data_in_progress()
                && self.random.one_in(2)
                && !input.is_empty()
            {
                let read = expected.min(input.len());
                input = &input[read..];
                let event = side.connection.data_was_read(read, self.now);
                let stream = side.streams.get_mut(&id).unwrap();
                stream.received += read as u64;
                stream.unreleased += read;
                if let Some(event) = event {
                    note(side, &event, is_server, &mut self.totals);
                }
                continue;
            }
            let Some(event) = side.connection.next_event(&mut input, self.now) else { break };
            note(side, &event, is_server, &mut self.totals);
        }
        side.input = input.to_vec();
    }

    /// A client sends more of a request, takes what came, or loses interest.
    fn client_acts(&mut self) {
        let Some(id) = pick(&mut self.random, &self.client.streams) else { return };
        self.take_data(false, id);
        let stream = self.client.streams.get_mut(&id).unwrap();
        if stream.end.is_some() {
            return;
        }
        if self.random.one_in(30) {
            self.client.connection.reset(id, Reason::Cancel);
            stream.end = Some(End::Reset);
            self.totals.reset += 1;
            return;
        }
        if !stream.has_sent_end {
            send_some(&mut self.random, &mut self.client.connection, id, stream);
        }
        complete(stream);
    }

    /// A server answers at once or in parts, before or after the request's end.
    fn server_acts(&mut self) {
        let Some(id) = pick(&mut self.random, &self.server.streams) else { return };
        self.take_data(true, id);
        let connection = &mut self.server.connection;
        let stream = self.server.streams.get_mut(&id).unwrap();
        if stream.is_finished {
            return;
        }
        if stream.end == Some(End::Reset) {
            connection.finish(id);
            stream.is_finished = true;
            return;
        }
        if self.random.one_in(40) {
            connection.reset(id, Reason::InternalError);
            stream.end = Some(End::Reset);
            return;
        }
        if !stream.has_sent_headers && self.random.one_in(2) {
            let length = stream.to_send.min(30_000);
            let write = |buffer: &mut seltzer_h2::Rope| {
                put_mixed(buffer, b'r', length);
                if length % 7 == 3 { Err(()) } else { Ok(()) }
            };
            if connection.send_response(id, &self.blocks[0], write, &self.blocks[1]).unwrap().is_ok() {
                stream.has_sent_headers = true;
                stream.has_sent_end = true;
                stream.sent += length as u64;
            }
        }
        if !stream.has_sent_headers {
            connection.send_prepared(id, &self.blocks[0], false).unwrap();
            stream.has_sent_headers = true;
        } else if !stream.has_sent_end {
            send_some(&mut self.random, connection, id, stream);
        }
        if stream.has_sent_end && (stream.peer_ended || self.random.one_in(4)) {
            connection.finish(id);
            stream.is_finished = true;
            stream.unreleased = 0;
            stream.end = Some(if stream.peer_ended { End::Complete } else { End::Reset });
        }
    }

    fn take_data(&mut self, is_server: bool, id: StreamId) {
        let side = if is_server { &mut self.server } else { &mut self.client };
        let stream = side.streams.get_mut(&id).unwrap();
        let bytes = stream.unreleased.min(1 + self.random.below(50_000) as usize);
        stream.unreleased -= bytes;
        side.connection.release(id, bytes);
    }

    /// Now and then somebody pings or closes.
    fn disturb(&mut self) {
        if self.random.one_in(20) {
            let side = if self.random.one_in(2) { &mut self.client } else { &mut self.server };
            // A client's pings are counted against it.
            if self.pings < 2 && !side.connection.is_done() && self.random.one_in(5) {
                side.connection.ping([7; 8]);
                self.pings += 1;
            }
        }
        if self.random.one_in(2000) && !self.is_shut_down {
            self.server.connection.shut_down();
            self.is_shut_down = true;
        }
    }
}

/// A stream that something is left to do for, most of the time.
fn pick(random: &mut Random, streams: &BTreeMap<StreamId, Progress>) -> Option<StreamId> {
    let open: Vec<StreamId> = streams
        .iter()
        .filter(|(_, stream)| stream.end.is_none() || stream.unreleased > 0 || !stream.is_finished)
        .map(|(id, _)| *id)
        .collect();
    (!open.is_empty()).then(|| open[random.below(open.len() as u64) as usize])
}

fn send_some(random: &mut Random, connection: &mut Connection, id: StreamId, stream: &mut Progress) {
    if connection.queued_bytes(id) > 64 * 1024 {
        return;
    }
    let bytes = stream.to_send.min(random.below(40_000) as usize);
    stream.to_send -= bytes;
    let is_last = stream.to_send == 0;
    let end_with_trailers = is_last && random.one_in(2);
    let end_stream = is_last && !end_with_trailers;
    if random.one_in(2) {
        connection.send_data(id, Bytes::from(vec![b'd'; bytes]), end_stream).unwrap();
    } else {
        let write = |buffer: &mut seltzer_h2::Rope| -> Result<(), ()> {
            put_mixed(buffer, b'd', bytes);
            Ok(())
        };
        connection.send_data_with(id, write, end_stream).unwrap().unwrap();
    }
    if end_with_trailers {
        connection.send_headers(id, [HeaderField::new(b"grpc-status", b"0")], true).unwrap();
    }
    stream.sent += bytes as u64;
    stream.has_sent_end = is_last;
}

fn complete(stream: &mut Progress) {
    if stream.has_sent_end && stream.peer_ended && stream.end.is_none() {
        stream.end = Some(End::Complete);
    }
}

/// Writes an event down; every stream begins once and ends once.
fn note(side: &mut Side, event: &Event<'_>, is_server: bool, totals: &mut Totals) {
    match event {
        Event::Headers { stream, kind: HeadersKind::Request, end_stream, .. } => {
            assert!(is_server, "requests come to servers");
            let to_send = (stream.get() as usize * 7919) % side.response_bytes_max;
            let progress = Progress { to_send, peer_ended: *end_stream, ..Progress::default() };
            assert!(side.streams.insert(*stream, progress).is_none(), "a stream begins once");
        }
        Event::Headers { stream, end_stream, .. } => end_if(side, *stream, *end_stream, is_server, totals),
        Event::Data { stream, bytes, end_stream } => {
            let progress = side.streams.get_mut(stream).unwrap();
            assert!(progress.end.is_none(), "data of a stream that is over");
            progress.received += bytes.len() as u64;
            progress.unreleased += bytes.len();
            totals.bytes += bytes.len() as u64;
            end_if(side, *stream, *end_stream, is_server, totals);
        }
        Event::Reset { stream, reason, .. } => {
            let progress = side.streams.get_mut(stream).unwrap();
            // A whole answer makes the rest of a request, which may still be queued, superfluous.
            let is_superfluous = progress.end == Some(End::Complete) && !is_server;
            assert!(
                progress.end.is_none() || is_superfluous,
                "a stream ends once, {stream} ended as {:?} and {reason}",
                progress.end
            );
            progress.end = Some(End::Reset);
            progress.unreleased = 0;
            totals.refused += u64::from(*reason == Reason::RefusedStream);
            totals.reset += 1;
        }
        Event::Closed(error) => {
            side.is_closed = true;
            panic!("{} closes: {error}", if is_server { "the server" } else { "the client" });
        }
        Event::HeadersTooLarge { .. } => panic!("headers are small here"),
        _ => {}
    }
}

fn end_if(side: &mut Side, id: StreamId, end_stream: bool, is_server: bool, totals: &mut Totals) {
    if !end_stream {
        return;
    }
    let progress = side.streams.get_mut(&id).unwrap();
    assert!(progress.end.is_none() && !progress.peer_ended, "the peer ends a stream once");
    progress.peer_ended = true;
    if !is_server {
        totals.completed += u64::from(progress.has_sent_end);
        complete(progress);
    }
}

/// So many bytes, in one of the ways in which they can come: written, taken over, or some of each.
fn put_mixed(buffer: &mut seltzer_h2::Rope, byte: u8, length: usize) {
    let written = match length % 4 {
        0 => length,
        1 => 0,
        2 => length.min(20),
        _ => length / 2,
    };
    buffer.put_bytes(byte, written);
    buffer.put(bytes::Bytes::from(vec![byte; length - written]));
    if length.is_multiple_of(5) {
        // Nothing comes of it.
        let mark = buffer.mark();
        buffer.put(bytes::Bytes::from(vec![b'?'; 5000]));
        buffer.truncate(mark);
    }
}
