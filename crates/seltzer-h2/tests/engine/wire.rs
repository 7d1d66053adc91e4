//! Frames that are right and wrong, RFC 9113 sections 3 to 6 and 8, as a server sees them.

use crate::support::*;
use seltzer_h2::{Limits, Reason};

fn case<'c>(name: &'c str, input: Vec<Vec<u8>>, events: &'c [&'c str], output: &'c [&'c str]) -> Case<'c> {
    Case { name, input, events, output }
}

fn check_server(cases: &[Case<'_>]) {
    for case in cases {
        check(Tested::server, case);
    }
}

#[test]
fn requests() {
    check_server(&[
        case("in one frame", vec![request(1, END_STREAM)], &["Request 1 end"], &[]),
        case(
            "with data and trailers",
            vec![request(1, 0), data(1, b"abc", 0), block_of(1, END_STREAM, &[("x-checksum", "7")])],
            &["Request 1", "Data 1 3", "Trailers 1 end"],
            &[],
        ),
        case(
            "in four frames",
            vec![
                frame(HEADERS, END_STREAM, 1, &REQUEST[..1]),
                frame(CONTINUATION, 0, 1, &REQUEST[1..2]),
                frame(CONTINUATION, 0, 1, b""),
                frame(CONTINUATION, END_HEADERS, 1, &REQUEST[2..]),
            ],
            &["Request 1 end"],
            &[],
        ),
        case(
            "padded and prioritised",
            vec![frame(
                HEADERS,
                END_HEADERS | END_STREAM | PADDED | PRIORITISED,
                1,
                &[&[2, 0, 0, 0, 3, 9], REQUEST, &[0, 0]].concat(),
            )],
            &["Request 1 end"],
            &[],
        ),
        case("padded data", vec![request(1, 0), padded(1, b"abc", 9, END_STREAM)], &["Request 1", "Data 1 3 end"], &[]),
        case("only padding", vec![request(1, 0), padded(1, b"", 9, 0)], &["Request 1"], &[]),
        case("an empty end", vec![request(1, 0), data(1, b"", END_STREAM)], &["Request 1", "Data 1 0 end"], &[]),
        case("reset", vec![request(1, 0), rst(1, Reason::Cancel)], &["Request 1", "Reset 1 CANCEL by peer"], &[]),
        case(
            "an unknown code of a reset is kept",
            vec![request(1, 0), rst(1, Reason::Unknown(0x77))],
            &["Request 1", "Reset 1 error code 0x77 by peer"],
            &[],
        ),
        case(
            "a frame of an unknown type",
            vec![frame(0x77, 0xff, 5, &[7; 100]), request(1, END_STREAM)],
            &["Request 1 end"],
            &[],
        ),
        case("a connect request", vec![connect()], &["Request 1"], &[]),
    ]);
}

fn connect() -> Vec<u8> {
    block_of(1, 0, &[(":method", "CONNECT"), (":authority", "example.com:443")])
}

#[test]
fn control_frames() {
    check_server(&[
        case("ping", vec![ping(7, 0)], &[], &["PING ack"]),
        case("an answer to no ping", vec![ping(7, ACK)], &[], &[]),
        case("settings", vec![settings(&[(4, 1000)])], &["SettingsChanged"], &["SETTINGS ack"]),
        case("an unknown setting", vec![settings(&[(0x77, 1)])], &["SettingsChanged"], &["SETTINGS ack"]),
        case("priority of a stream to come", vec![frame(PRIORITY, 0, 9, &[0, 0, 0, 1, 0])], &[], &[]),
        case("go away", vec![go_away(0, Reason::NoError)], &["GoAway 0 NO_ERROR"], &[]),
        case("a window", vec![window_update(0, 1)], &[], &[]),
    ]);
}

/// Everything that ends the connection, with the code of its GOAWAY.
#[test]
fn connection_errors() {
    let long = vec![0; seltzer_h2::limits::FRAME_BYTES_MAX as usize + 1];
    let cases: Vec<(&str, Vec<Vec<u8>>, Reason)> = vec![
        ("a frame that is too long", vec![data(1, &long, 0)], Reason::FrameSizeError),
        ("DATA on stream 0", vec![data(0, b"a", 0)], Reason::ProtocolError),
        ("DATA on an idle stream", vec![data(1, b"a", 0)], Reason::ProtocolError),
        ("DATA on a stream of ours", vec![data(2, b"a", 0)], Reason::ProtocolError),
        ("HEADERS on stream 0", vec![request(0, 0)], Reason::ProtocolError),
        ("HEADERS on an even stream", vec![request(2, 0)], Reason::ProtocolError),
        ("HEADERS too short for their priority", vec![frame(HEADERS, 0x24, 1, &[0; 4])], Reason::FrameSizeError),
        ("HEADERS with too much padding", vec![frame(HEADERS, 0xc, 1, &[4, 0x83, 0x86])], Reason::ProtocolError),
        ("HEADERS that HPACK does not know", vec![frame(HEADERS, 4, 1, &[0xff; 3])], Reason::CompressionError),
        ("PRIORITY on stream 0", vec![frame(PRIORITY, 0, 0, &[0; 5])], Reason::ProtocolError),
        ("PRIORITY of 4 bytes, idle", vec![frame(PRIORITY, 0, 1, &[0; 4])], Reason::FrameSizeError),
        ("RST_STREAM on stream 0", vec![rst(0, Reason::Cancel)], Reason::ProtocolError),
        ("RST_STREAM on an idle stream", vec![rst(1, Reason::Cancel)], Reason::ProtocolError),
        ("RST_STREAM of 3 bytes", vec![request(1, 0), frame(RST_STREAM, 0, 1, &[0; 3])], Reason::FrameSizeError),
        ("SETTINGS on a stream", vec![frame(SETTINGS, 0, 1, b"")], Reason::ProtocolError),
        ("SETTINGS of 5 bytes", vec![frame(SETTINGS, 0, 0, &[0; 5])], Reason::FrameSizeError),
        ("SETTINGS ack with a payload", vec![frame(SETTINGS, ACK, 0, &[0; 6])], Reason::FrameSizeError),
        ("ENABLE_PUSH = 2", vec![settings(&[(2, 2)])], Reason::ProtocolError),
        ("INITIAL_WINDOW_SIZE = 2^31", vec![settings(&[(4, 1 << 31)])], Reason::FlowControlError),
        ("MAX_FRAME_SIZE = 0", vec![settings(&[(5, 0)])], Reason::ProtocolError),
        ("MAX_FRAME_SIZE = 16383", vec![settings(&[(5, 16_383)])], Reason::ProtocolError),
        ("MAX_FRAME_SIZE = 2^24", vec![settings(&[(5, 1 << 24)])], Reason::ProtocolError),
        ("PUSH_PROMISE", vec![frame(PUSH_PROMISE, 4, 1, &[0, 0, 0, 2])], Reason::ProtocolError),
        ("PING on a stream", vec![frame(PING, 0, 1, &[0; 8])], Reason::ProtocolError),
        ("PING of 7 bytes", vec![frame(PING, 0, 0, &[0; 7])], Reason::FrameSizeError),
        ("GOAWAY on a stream", vec![frame(GO_AWAY, 0, 1, &[0; 8])], Reason::ProtocolError),
        ("GOAWAY of 7 bytes", vec![frame(GO_AWAY, 0, 0, &[0; 7])], Reason::FrameSizeError),
        ("WINDOW_UPDATE of 3 bytes", vec![frame(WINDOW_UPDATE, 0, 0, &[0; 3])], Reason::FrameSizeError),
        ("WINDOW_UPDATE of 0", vec![window_update(0, 0)], Reason::ProtocolError),
        ("WINDOW_UPDATE on an idle stream", vec![window_update(1, 1)], Reason::ProtocolError),
        ("a connection window above 2^31 - 1", vec![window_update(0, 0x7fff_ffff)], Reason::FlowControlError),
        ("CONTINUATION first", vec![frame(CONTINUATION, 4, 1, REQUEST)], Reason::ProtocolError),
        ("CONTINUATION after END_HEADERS", vec![request(1, 0), frame(CONTINUATION, 4, 1, b"")], Reason::ProtocolError),
        (
            "another stream inside a header block",
            vec![frame(HEADERS, 0, 1, REQUEST), frame(CONTINUATION, 4, 3, b"")],
            Reason::ProtocolError,
        ),
        ("PING inside a header block", vec![frame(HEADERS, 0, 1, REQUEST), ping(0, 0)], Reason::ProtocolError),
        (
            "an unknown type inside a header block",
            vec![frame(HEADERS, 0, 1, REQUEST), frame(0x77, 0, 1, b"")],
            Reason::ProtocolError,
        ),
        ("a smaller stream number", vec![request(5, 1), request(3, 1)], Reason::ProtocolError),
        ("padding without its length", vec![request(1, 0), frame(DATA, PADDED, 1, b"")], Reason::FrameSizeError),
        ("too much padding", vec![request(1, 0), frame(DATA, PADDED, 1, &[3, 0, 0])], Reason::ProtocolError),
    ];
    for (name, input, reason) in cases {
        let mut tested = Tested::server();
        let events = tested.receive(&input.concat());
        assert_eq!(events.last(), Some(&format!("Closed {reason}")), "{name}");
        let output = tested.take();
        let last = output.last().unwrap();
        assert!(last.starts_with("GOAWAY") && last.ends_with(&reason.to_string()), "{name}: {last}");
        assert!(tested.connection.is_done(), "{name}");
        // Whatever follows is swallowed.
        assert!(tested.receive(&[request(9, 1), ping(1, 0), vec![0xff; 100]].concat()).is_empty(), "{name}");
        assert_eq!((tested.rest_bytes(), tested.take().len()), (0, 0), "{name}");
    }
}

/// Everything that ends one stream, with the code of its RST_STREAM. The connection goes on.
#[test]
fn stream_errors() {
    let cases: Vec<(&str, Vec<Vec<u8>>, Reason)> = vec![
        ("DATA after END_STREAM", vec![request(1, 1), data(1, b"a", 0)], Reason::StreamClosed),
        ("HEADERS after END_STREAM", vec![request(1, 1), request(1, 1)], Reason::StreamClosed),
        ("PRIORITY of 4 bytes", vec![request(1, 0), frame(PRIORITY, 0, 1, &[0; 4])], Reason::FrameSizeError),
        ("PRIORITY on itself", vec![request(1, 0), frame(PRIORITY, 0, 1, &[0, 0, 0, 1, 0])], Reason::ProtocolError),
        (
            "HEADERS that depend on themselves",
            vec![frame(HEADERS, 0x24, 1, &[&[0, 0, 0, 1, 0], REQUEST].concat())],
            Reason::ProtocolError,
        ),
        ("WINDOW_UPDATE of 0", vec![request(1, 0), window_update(1, 0)], Reason::ProtocolError),
        ("a window above 2^31 - 1", vec![request(1, 0), window_update(1, 0x7fff_ffff)], Reason::FlowControlError),
        ("trailers without END_STREAM", vec![request(1, 0), block_of(1, 0, &[("a", "b")])], Reason::ProtocolError),
        (
            "trailers with a pseudo-field",
            vec![request(1, 0), block_of(1, 1, &[(":method", "GET")])],
            Reason::ProtocolError,
        ),
        ("trailers with connection", vec![request(1, 0), block_of(1, 1, &[("upgrade", "x")])], Reason::ProtocolError),
        ("DATA after a reset", vec![request(1, 0), rst(1, Reason::Cancel), data(1, b"", 0)], Reason::StreamClosed),
        ("HEADERS after a reset", vec![request(1, 0), rst(1, Reason::Cancel), request(1, 1)], Reason::StreamClosed),
        (
            "PRIORITY of 4 bytes after the end",
            vec![request(1, 0), rst(1, Reason::Cancel), frame(PRIORITY, 0, 1, &[0; 4])],
            Reason::FrameSizeError,
        ),
        ("too much for the content-length", content_length("3", b"abcd"), Reason::ProtocolError),
        ("too little for the content-length", content_length("5", b"abcd"), Reason::ProtocolError),
        (
            "no body, though one is announced",
            vec![request_with(1, 1, &[("content-length", "1")])],
            Reason::ProtocolError,
        ),
    ];
    for (name, input, reason) in cases {
        let mut tested = Tested::server();
        tested.receive(&input.concat());
        assert_eq!(tested.take(), [format!("RST_STREAM 1 {reason}")], "{name}");
        assert_eq!(tested.receive(&request(3, END_STREAM)), ["Request 3 end"], "{name}");
    }
}

fn content_length(length: &str, body: &[u8]) -> Vec<Vec<u8>> {
    vec![request_with(1, 0, &[("content-length", length)]), data(1, body, END_STREAM)]
}

#[test]
fn malformed_requests() {
    const GOOD: [(&str, &str); 3] = [(":method", "POST"), (":scheme", "http"), (":path", "/")];
    let with = |more: &[(&'static str, &'static str)]| [&GOOD[..], more].concat();
    let bad: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("no method", vec![GOOD[1], GOOD[2]]),
        ("no scheme", vec![GOOD[0], GOOD[2]]),
        ("no path", vec![GOOD[0], GOOD[1]]),
        ("an empty path", vec![GOOD[0], GOOD[1], (":path", "")]),
        ("an empty method", vec![(":method", ""), GOOD[1], GOOD[2]]),
        ("two methods", with(&[(":method", "GET")])),
        ("two schemes", with(&[(":scheme", "http")])),
        ("two paths", with(&[(":path", "/")])),
        ("two authorities", with(&[(":authority", "a"), (":authority", "a")])),
        ("a status", with(&[(":status", "200")])),
        ("an unknown pseudo-field", with(&[(":test", "a")])),
        ("a pseudo-field after a regular one", vec![GOOD[0], GOOD[1], ("a", "b"), GOOD[2]]),
        ("an upper-case name", with(&[("X-Test", "a")])),
        ("an empty name", with(&[("", "a")])),
        ("connection", with(&[("connection", "keep-alive")])),
        ("keep-alive", with(&[("keep-alive", "1")])),
        ("proxy-connection", with(&[("proxy-connection", "close")])),
        ("transfer-encoding", with(&[("transfer-encoding", "chunked")])),
        ("upgrade", with(&[("upgrade", "websocket")])),
        ("te other than trailers", with(&[("te", "gzip")])),
        ("te of both", with(&[("te", "trailers, gzip")])),
        ("a line feed in a value", with(&[("a", "b\nc")])),
        ("a carriage return in a value", with(&[("a", "b\rc")])),
        ("a zero in a value", with(&[("a", "b\0c")])),
        ("content-length that is no number", with(&[("content-length", "1a")])),
        ("content-length with a sign", with(&[("content-length", "+1")])),
        ("content-length of nothing", with(&[("content-length", "")])),
        ("content-length of 21 digits", with(&[("content-length", "100000000000000000000")])),
        ("two equal content-lengths", with(&[("content-length", "1"), ("content-length", "1")])),
        ("extended CONNECT", with(&[(":protocol", "websocket")])),
        ("CONNECT with a path", vec![(":method", "CONNECT"), (":authority", "a"), (":path", "/")]),
        ("CONNECT with all", vec![(":method", "CONNECT"), (":authority", "a"), (":path", "/"), (":scheme", "http")]),
        ("CONNECT without an authority", vec![(":method", "CONNECT")]),
    ];
    for (name, fields) in bad {
        let mut tested = Tested::server();
        assert!(tested.receive(&block_of(1, END_STREAM, &fields)).is_empty(), "{name}");
        assert_eq!(tested.take(), ["RST_STREAM 1 PROTOCOL_ERROR"], "{name}");
        assert_eq!(tested.connection.active_streams(), 0, "{name}");
    }
    let good: Vec<(&str, Vec<(&str, &str)>)> = vec![
        ("te: trailers", with(&[("te", "trailers")])),
        ("an authority that is a path", with(&[(":authority", "/run/x.sock")])),
        ("an authority that is a list", with(&[(":authority", "a:1,b:2")])),
        ("a value with spaces around", with(&[("a", " b ")])),
        ("content-length: 0", with(&[("content-length", "0")])),
        ("OPTIONS *", vec![(":method", "OPTIONS"), GOOD[1], (":path", "*")]),
    ];
    for (name, fields) in good {
        let mut tested = Tested::server();
        assert_eq!(tested.receive(&block_of(1, END_STREAM, &fields)), ["Request 1 end"], "{name}");
    }
}

#[test]
fn malformed_responses() {
    let table: &[(&[(&str, &str)], &str)] = &[
        (&[(":status", "200")], "Response 1 end"),
        (&[(":status", "200"), ("te", "trailers")], "Response 1 end"),
        (&[(":status", "304"), ("content-length", "5")], "Response 1 end"),
        (&[(":status", "200"), ("content-length", "5")], "Reset 1 PROTOCOL_ERROR"),
        (&[("content-type", "a")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "20")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "2000")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "abc")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "099")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "103")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "200"), (":path", "/")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "200"), (":status", "200")], "Reset 1 PROTOCOL_ERROR"),
        (&[(":status", "200"), ("connection", "close")], "Reset 1 PROTOCOL_ERROR"),
    ];
    for (fields, event) in table {
        let mut tested = Tested::client();
        tested.open(true);
        assert_eq!(tested.receive(&block_of(1, END_STREAM, fields)), [*event], "{fields:?}");
        tested.assert_at_rest(&Limits::client());
    }
}

#[test]
fn prefaces() {
    let first = settings(&[]);
    let cases: Vec<(&str, Vec<u8>, bool)> = vec![
        ("right", [PREFACE, &first].concat(), true),
        ("HTTP/1.1", b"GET / HTTP/1.1\r\n\r\n".to_vec(), false),
        ("one byte wrong at the end", [&PREFACE[..23], b"x"].concat(), false),
        ("PING first", [PREFACE, &ping(0, 0)].concat(), false),
        ("an acknowledgement first", [PREFACE, &frame(SETTINGS, ACK, 0, b"")].concat(), false),
    ];
    for (name, input, is_right) in cases {
        let mut tested = Tested::raw_server(Limits::server());
        let expected = if is_right { "SettingsChanged" } else { "Closed PROTOCOL_ERROR" };
        assert_eq!(tested.receive(&input), [expected], "{name}");
    }
    let mut client = Tested::raw_client(Limits::client());
    assert_eq!(client.take(), ["SETTINGS", "WINDOW_UPDATE 0 8323073"]);
    assert_eq!(client.receive(&ping(0, 0)), ["Closed PROTOCOL_ERROR"]);
}

#[test]
fn a_client_refuses_what_servers_may_not_do() {
    let cases: Vec<(&str, Vec<u8>, Reason)> = vec![
        ("push", frame(PUSH_PROMISE, 4, 1, &[0, 0, 0, 2]), Reason::ProtocolError),
        ("a stream of the server", frame(HEADERS, 5, 2, RESPONSE), Reason::ProtocolError),
        ("a stream that nobody opened", frame(HEADERS, 5, 3, RESPONSE), Reason::ProtocolError),
        ("enabling push", settings(&[(2, 1)]), Reason::ProtocolError),
        ("GOAWAY on a stream", frame(GO_AWAY, 0, 1, &[0; 8]), Reason::ProtocolError),
    ];
    for (name, input, reason) in cases {
        let mut tested = Tested::client();
        tested.open(true);
        let events = tested.receive(&input);
        assert_eq!(events, [format!("Reset 1 {reason} by peer"), format!("Closed {reason}")], "{name}");
    }
    let mut tested = Tested::client();
    tested.open(false);
    assert_eq!(tested.receive(&data(1, b"a", 0)), ["Reset 1 PROTOCOL_ERROR"], "DATA before HEADERS");
}
