//! Options of `seltzer serve` that bound what a client may do: each on a real server, beside one without it.

use std::time::{Duration, Instant};

use crate::program::{PATIENCE, Program, Server, check};
use crate::wire::*;

const UNARY: &str = "/grpc.testing.TestService/UnaryCall";
const EMPTY: &str = "/grpc.testing.TestService/EmptyCall";
const UPLOAD: &str = "/grpc.testing.TestService/StreamingInputCall";
const TASKS: &str = "/Contact/getTask";

/// A message without bytes, as gRPC frames it.
const NO_MESSAGE: &[u8] = &[0; 5];

/// Does something to a server at this address, and says what becomes of it.
type Probe = fn(&str) -> String;

#[test]
fn limits_of_a_connection() {
    // (the option, what a client does, what becomes of it, what without the option)
    let table: &[(&[&str], Probe, &str, &str)] = &[
        (&["--max-concurrent-streams", "1"], second_stream, "reset 7", "headers"),
        (&["--max-header-list-bytes", "1KiB"], long_headers, "only trailers", "headers"),
        (&["--max-header-fields", "16"], long_headers, "only trailers", "headers"),
        (&["--max-continuation-frames", "1"], continuations, "GOAWAY 11", "alive"),
        (&["--header-table-bytes", "1KiB"], |at| announced(at, 1), "1024", "default"),
        (&["--max-frame-bytes", "32KiB"], large_frame, "alive", "GOAWAY 6"),
        (&["--stream-window-bytes", "100000"], |at| announced(at, 4), "100000", "1048576"),
        (&["--connection-window-bytes", "100000"], connection_window, "100000", "8388608"),
        (&["--early-resets", "2:1"], resets, "GOAWAY 11", "alive"),
        (&["--glitches", "2:1"], glitches, "GOAWAY 11", "alive"),
        (&["--idle-frames", "2:1"], unknown_frames, "GOAWAY 11", "alive"),
        (&["--min-client-ping-interval", "0"], pings, "alive", "GOAWAY 11 too_many_pings"),
        (&["--max-ping-strikes", "20"], pings, "alive", "GOAWAY 11 too_many_pings"),
        (&["--max-connection-requests", "1"], one_call, "GOAWAY 0", "alive"),
    ];
    let usual = Server::start(&[]);
    for (option, probe, with, without) in table {
        let server = Server::start(option);
        let found = probe(&server.address);
        assert!(found.starts_with(with), "{option:?}: {found}");
        let found = probe(&usual.address);
        assert!(found.starts_with(without), "without {option:?}: {found}");
    }
}

fn announced(address: &str, setting: u16) -> String {
    let mut wire = Wire::open(address, &[]);
    let settings = wire.find(|frame| frame.kind == SETTINGS && frame.flags & ACK == 0).unwrap();
    let found = settings.payload.chunks(6).find(|bytes| bytes[..2] == setting.to_be_bytes());
    found.map_or("default".to_owned(), |bytes| u32::from_be_bytes(bytes[2..].try_into().unwrap()).to_string())
}

fn connection_window(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    let update = wire.find(|frame| frame.kind == WINDOW_UPDATE && frame.stream == 0).unwrap();
    // Every connection begins with 65,535.
    (update.number(0) + 65_535).to_string()
}

fn second_stream(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    wire.request(1, UPLOAD, &[], true);
    wire.request(3, EMPTY, &[], true);
    wire.send(DATA, END_STREAM, 3, NO_MESSAGE);
    wire.fate(3)
}

fn long_headers(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    let value = "v".repeat(60);
    let names: Vec<String> = (0..20).map(|number| format!("x-{number}")).collect();
    let headers: Vec<_> = names.iter().map(|name| (name.as_str(), value.as_str())).collect();
    wire.request(1, EMPTY, &headers, true);
    wire.send(DATA, END_STREAM, 1, NO_MESSAGE);
    wire.fate(1)
}

fn continuations(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    wire.send(HEADERS, 0, 1, &block(EMPTY, &[]));
    wire.send(CONTINUATION, 0, 1, &[]);
    wire.send(CONTINUATION, END_HEADERS, 1, &[]);
    wire.verdict()
}

fn large_frame(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    wire.request(1, UPLOAD, &[], true);
    wire.send(DATA, 0, 1, &[&[0, 0, 0, 0x80, 0][..], &vec![0; 20_000]].concat());
    wire.verdict()
}

fn resets(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    for stream in [1, 3, 5, 7] {
        wire.request(stream, UPLOAD, &[], true);
        wire.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes());
    }
    wire.verdict()
}

/// A window that grows by nothing is an error of its stream.
fn glitches(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    for stream in [1, 3, 5, 7] {
        wire.request(stream, UPLOAD, &[], true);
        wire.send(WINDOW_UPDATE, 0, stream, &[0; 4]);
    }
    wire.verdict()
}

fn unknown_frames(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    for _ in 0..10 {
        wire.send(UNKNOWN, 0, 0, b"?");
    }
    wire.verdict()
}

fn pings(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    for _ in 0..10 {
        wire.send(PING, 0, 0, b"12345678");
    }
    wire.verdict()
}

fn one_call(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    wire.request(1, EMPTY, &[], true);
    wire.send(DATA, END_STREAM, 1, NO_MESSAGE);
    wire.verdict()
}

#[test]
fn how_long_a_client_may_take() {
    /// What the options say below, and what none of the defaults comes near.
    const SAID: Duration = Duration::from_millis(200);
    const FAR_TOO_LATE: Duration = Duration::from_secs(9);
    let table: &[(&[&str], Probe, &str)] = &[
        (&["--preface-timeout", "0.2"], |at| end(&mut Wire::silent(at)), "closed"),
        (&["--header-block-timeout", "0.2"], half_a_block, "GOAWAY 11"),
        (&["--settings-ack-timeout", "0.2"], |at| end(&mut Wire::open(at, &[])), "GOAWAY 4"),
        (&["--stall-timeout", "0.2"], finished_and_not_read, "reset 8"),
        (&["--stream-stall-timeout", "0.2", "--task-interval", "0.001"], open_and_not_read, "reset 8"),
        (&["--max-connection-age", "0.25"], |at| end(&mut Wire::open(at, &[])), "GOAWAY 0"),
        (&["--max-connection-age", "0.01", "--max-connection-age-grace", "0.2"], open_for_ever, "closed"),
        (&["--max-connection-idle", "0.2"], |at| end(&mut Wire::open(at, &[])), "GOAWAY 0"),
        (&["--keepalive-interval", "0.2"], asked, "PING"),
        (
            &["--keepalive-interval", "0.05", "--keepalive-timeout", "0.15"],
            |at| end(&mut Wire::open(at, &[])),
            "GOAWAY 0",
        ),
        (&["--tls-self-signed", "--tls-handshake-timeout", "0.2"], |at| end(&mut Wire::silent(at)), "closed"),
    ];
    for (options, probe, expected) in table {
        let server = Server::start(options);
        let begin = Instant::now();
        let found = probe(&server.address);
        let elapsed = begin.elapsed();
        assert!(found.starts_with(expected), "{options:?}: {found}");
        // Stalls are noticed up to an eighth early.
        assert!(SAID * 7 / 8 <= elapsed && elapsed < FAR_TOO_LATE, "{options:?}: {elapsed:?}");
    }
}

/// How a connection ends on which nothing more is sent.
fn end(wire: &mut Wire) -> String {
    match wire.find(|frame| frame.kind == GOAWAY) {
        Some(frame) => format!("GOAWAY {}", frame.number(4)),
        None => "closed".to_owned(),
    }
}

fn half_a_block(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    wire.send(HEADERS, 0, 1, &block(EMPTY, &[]));
    end(&mut wire)
}

/// SETTINGS_INITIAL_WINDOW_SIZE
const WINDOW: u16 = 4;

fn finished_and_not_read(address: &str) -> String {
    let mut wire = Wire::open(address, &[(WINDOW, 0)]);
    // `response_size: 9`
    wire.request(1, UNARY, &[], true);
    wire.send(DATA, END_STREAM, 1, &[0, 0, 0, 0, 2, 0x10, 9]);
    ends_as(&mut wire)
}

fn open_and_not_read(address: &str) -> String {
    let mut wire = Wire::open(address, &[(WINDOW, 0)]);
    wire.request(1, TASKS, &[], true);
    wire.send(DATA, END_STREAM, 1, NO_MESSAGE);
    ends_as(&mut wire)
}

fn ends_as(wire: &mut Wire) -> String {
    let reset = wire.find(|frame| frame.stream == 1 && frame.kind == RST_STREAM);
    reset.map_or("closed".to_owned(), |frame| format!("reset {}", frame.number(0)))
}

/// A stream that outlives its connection's age, until the connection is gone.
fn open_for_ever(address: &str) -> String {
    let mut wire = Wire::open(address, &[]);
    wire.request(1, UPLOAD, &[], true);
    wire.find(|_| false).map_or("closed".to_owned(), |frame| format!("{frame:?}"))
}

fn asked(address: &str) -> String {
    let ping = Wire::open(address, &[]).find(|frame| frame.kind == PING);
    ping.map_or("closed".to_owned(), |_| "PING".to_owned())
}

#[test]
fn pings_may_be_for_calls_alone() {
    // (the option, what comes first)
    for (option, first) in [(None, PING), (Some("--keepalive-only-during-calls"), GOAWAY)] {
        let idle = ["--keepalive-interval", "0.05", "--max-connection-idle", "0.5"];
        let server = Server::start(&idle.into_iter().chain(option).collect::<Vec<_>>());
        let mut wire = Wire::open(&server.address, &[]);
        let frame = wire.find(|frame| matches!(frame.kind, PING | GOAWAY)).unwrap();
        assert_eq!(frame.kind, first, "{option:?}");
    }
}

#[test]
fn memory_has_a_bound_on_a_connection_and_on_all() {
    let message = ["--max-message-bytes", "60000"];
    // (the option, on how many connections)
    for (option, connections) in [("--connection-memory-bytes", 1), ("--memory-bytes", 2)] {
        for (bytes, expected) in [("64KiB", "ended"), ("1MiB", "waits")] {
            let server = Server::start(&[&message[..], &[option, bytes]].concat());
            let mut wires: Vec<_> = (0..connections).map(|_| Wire::open(&server.address, &[])).collect();
            let begin = |wire: &mut Wire, stream, parts| {
                wire.request(stream, UNARY, &[], true);
                // 50,000 bytes are to come.
                wire.send(DATA, 0, stream, &[0, 0, 0, 0xc3, 0x50]);
                (0..parts).for_each(|_| wire.send(DATA, 0, stream, &[0; 10_000]));
            };
            begin(wires.first_mut().unwrap(), 1, 3);
            assert_eq!(wires.first_mut().unwrap().verdict(), "alive", "{option} {bytes}");
            // It is the larger one that goes.
            begin(wires.last_mut().unwrap(), 3, 4);
            let is_over = |frame: &Frame| matches!(frame.kind, HEADERS | RST_STREAM);
            // The ping comes back after whatever the server says of the streams.
            let wire = wires.last_mut().unwrap();
            wire.send(PING, 0, 0, b"and now?");
            let found = wire.find(|frame| is_over(frame) || frame.kind == PING && frame.payload == b"and now?");
            let ended = is_over(&found.unwrap());
            assert_eq!(if ended { "ended" } else { "waits" }, expected, "{option} {bytes}");
        }
    }
}

#[test]
fn replies_have_a_bound() {
    let call = ["grpc.testing.TestService/UnaryCall", "-d", r#"{"responseSize":1000}"#];
    for (option, code) in [(&["--max-reply-bytes", "100"][..], Some(8)), (&[], Some(0))] {
        assert_eq!(Server::start(option).call(&call).code, code, "{option:?}");
    }
}

/// A handshake that began and does not go on keeps its place; others wait for it.
#[test]
fn so_many_handshakes_at_a_time() {
    use std::io::{ErrorKind, Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let tls = ["--tls-self-signed", "--tls-self-signed-out", ca.to_str().unwrap()];
    let call = ["Cal/Add", "--tls-ca", ca.to_str().unwrap()];
    // (the options, how long the second client is heard, whether it is answered in that time)
    let table: &[(&[&str], Duration, bool)] =
        &[(&["--max-tls-handshakes", "1"], Duration::from_millis(300), false), (&[], PATIENCE, true)];
    for (options, patience, is_answered) in table {
        let server = Server::start(&[&tls, *options].concat());
        // What a client says first, as it is.
        let ear = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = ear.local_addr().unwrap().to_string();
        let caller = Program::start(&[&["call", &there], &call[..]].concat());
        let mut heard = [0; 16_384];
        let bytes = ear.accept().unwrap().0.read(&mut heard).unwrap();
        drop(caller);
        let begin = || {
            let mut stream = TcpStream::connect(&server.address).unwrap();
            stream.write_all(&heard[..bytes]).unwrap();
            stream
        };
        let mut first = begin();
        // Who is answered has a place.
        assert_ne!(first.read(&mut [0; 1]).unwrap(), 0);
        let mut second = begin();
        second.set_read_timeout(Some(*patience)).unwrap();
        match second.read(&mut [0; 1]) {
            Ok(bytes) => assert!(*is_answered && bytes > 0, "{options:?}"),
            Err(error) => assert!(!is_answered && error.kind() == ErrorKind::WouldBlock, "{options:?}: {error}"),
        }
        drop((first, second));
        check(&server.call(&call), 0, "{}\n", "");
    }
}
