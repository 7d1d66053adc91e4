//! Windows, RFC 9113 sections 5.2 and 6.9.

use crate::support::*;
use bytes::Bytes;
use seltzer_h2::{Limits, Reason, StreamId, limits};

fn id(stream: u32) -> StreamId {
    StreamId::new(stream)
}

fn narrow() -> Limits {
    let mut limits = Limits::server();
    limits.stream_window_bytes = 100_000;
    limits.connection_window_bytes = 100_000;
    limits
}

#[test]
fn data_waits_for_the_streams_window_and_holds_up_nobody() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 10)]);
    tested.receive(&[request(1, END_STREAM), request(3, END_STREAM)].concat());
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; 25]), true).unwrap();
    assert_eq!(tested.connection.queued_bytes(id(1)), 15);
    tested.respond(3, false);
    tested.connection.send_data(id(3), Bytes::from(vec![0; 5]), true).unwrap();
    assert_eq!(tested.take(), ["HEADERS 1", "DATA 1 10", "HEADERS 3", "DATA 3 5 end"]);
    tested.receive(&window_update(1, 14));
    assert_eq!(tested.take(), ["DATA 1 14"]);
    tested.receive(&window_update(1, 14));
    assert_eq!(tested.take(), ["DATA 1 1 end"]);
}

#[test]
fn trailers_wait_for_queued_data() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 10)]);
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; 12]), false).unwrap();
    let trailers = [seltzer_h2::HeaderField::new(b"grpc-status", b"0")];
    tested.connection.send_headers(id(1), trailers, true).unwrap();
    assert_eq!(tested.take(), ["HEADERS 1", "DATA 1 10"]);
    tested.receive(&window_update(1, 10));
    assert_eq!(tested.take(), ["DATA 1 2", "HEADERS 1 end"]);
    tested.connection.finish(id(1));
    assert_eq!(tested.connection.active_streams(), 0);
}

#[test]
fn a_whole_answer_is_split_at_the_window() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 10)]);
    let head = seltzer_h2::Prepared::new([seltzer_h2::HeaderField::new(b":status", b"200")]);
    let trailers = seltzer_h2::Prepared::new([seltzer_h2::HeaderField::new(b"grpc-status", b"0")]);
    for stream in [1, 3, 5] {
        tested.receive(&request(stream, END_STREAM));
        let write = |buffer: &mut seltzer_h2::Rope| -> Result<(), ()> {
            buffer.written().extend_from_slice(&[b'm'; 25]);
            Ok(())
        };
        tested.connection.send_response(id(stream), &head, write, &trailers).unwrap().unwrap();
        assert_eq!(tested.take(), [format!("HEADERS {stream}"), format!("DATA {stream} 10")]);
        tested.receive(&window_update(stream, 100));
        assert_eq!(tested.take(), [format!("DATA {stream} 15"), format!("HEADERS {stream} end")]);
    }
}

#[test]
fn the_connections_window_is_shared_in_turns() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 1 << 20)]);
    tested.receive(&[request(1, END_STREAM), request(3, END_STREAM)].concat());
    for stream in [1, 3] {
        tested.respond(stream, false);
        tested.connection.send_data(id(stream), Bytes::from(vec![0; 200_000]), true).unwrap();
    }
    // An answer without data needs no window.
    tested.receive(&request(5, END_STREAM));
    tested.respond(5, true);
    let first = tested.take();
    assert!(first.contains(&"HEADERS 5 end".to_owned()), "{first:?}");
    tested.receive(&window_update(0, 40_000));
    assert_eq!(tested.take(), ["DATA 1 16384", "DATA 3 16384", "DATA 1 7232"]);
}

#[test]
fn a_smaller_initial_window_may_make_windows_negative() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 100)]);
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; 150]), true).unwrap();
    assert_eq!(tested.take(), ["HEADERS 1", "DATA 1 100"]);
    tested.receive(&settings(&[(4, 40)]));
    tested.receive(&window_update(1, 60));
    assert_eq!(tested.take(), ["SETTINGS ack"], "the window is zero");
    tested.receive(&settings(&[(4, 41)]));
    assert_eq!(tested.take(), ["SETTINGS ack", "DATA 1 1"]);
    tested.receive(&window_update(1, 100));
    assert_eq!(tested.take(), ["DATA 1 49 end"]);
}

#[test]
fn an_initial_window_that_overflows_a_stream_is_an_error() {
    let mut tested = Tested::server();
    tested.receive(&[request(1, 0), window_update(1, 0x7fff_ffff - 65_535)].concat());
    assert_eq!(tested.receive(&settings(&[(4, 65_536)])).last().unwrap(), "Closed FLOW_CONTROL_ERROR");
}

#[test]
fn credit_returns_by_half_windows() {
    let mut tested = Tested::server_with(narrow(), &[]);
    tested.receive(&request(1, 0));
    for _ in 0..3 {
        tested.receive(&data(1, &[0; 16_000], 0));
    }
    assert!(tested.take().is_empty(), "less than half of the connection's window");
    tested.receive(&data(1, &[0; 2000], 0));
    assert_eq!(tested.take(), ["WINDOW_UPDATE 0 50000"]);
    tested.connection.release(id(1), 49_999);
    assert!(tested.take().is_empty());
    tested.connection.release(id(1), 1);
    assert_eq!(tested.take(), ["WINDOW_UPDATE 1 50000"]);
    tested.connection.release(id(1), 1_000_000);
    assert!(tested.take().is_empty(), "no more is given back than came");
    tested.receive(&data(1, &[0; 16_000], END_STREAM));
    tested.connection.release(id(1), 16_000);
    assert!(tested.take().is_empty(), "no credit once the peer has ended the stream");
}

#[test]
fn a_stream_that_is_not_read_stops_alone() {
    let mut tested = Tested::server_with(narrow(), &[]);
    tested.receive(&[request(1, 0), request(3, 0)].concat());
    for _ in 0..10 {
        assert_eq!(tested.receive(&data(1, &[0; 10_000], 0)), ["Data 1 10000"]);
    }
    assert_eq!(tested.receive(&data(3, &[0; 10_000], 0)), ["Data 3 10000"], "the other stream goes on");
    assert_eq!(tested.receive(&data(1, b"a", 0)), ["Reset 1 FLOW_CONTROL_ERROR"]);
    tested.take();
    assert_eq!(tested.receive(&data(3, b"a", END_STREAM)), ["Data 3 1 end"]);
}

#[test]
fn a_peer_that_ignores_the_connections_window_is_closed() {
    let mut limits = narrow();
    limits.stream_window_bytes = 1 << 20;
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, 0));
    // The payload of a frame counts when its head comes, and returns when it is read.
    let head = &data(1, &[0; 16_000], 0)[..9];
    let mut events = tested.receive(head);
    for _ in 0..20 {
        events.extend(tested.receive(&[&[0; 16_000], head].concat()));
    }
    assert!(events.iter().all(|event| event.starts_with("Data")), "read at once, so never too much");

    let mut limits = Limits::server();
    limits.frame_bytes_max = 1 << 20;
    limits.connection_window_bytes = 65_535;
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, 0));
    assert_eq!(tested.receive(&data(1, &[0; 70_000], 0)).last().unwrap(), "Closed FLOW_CONTROL_ERROR");
}

#[test]
fn a_small_window_holds_only_once_the_peer_knows_it() {
    let mut limits = Limits::server();
    limits.stream_window_bytes = 10;
    let mut tested = Tested::raw_server(limits);
    tested.receive(&[PREFACE, &settings(&[])].concat());
    tested.take();
    assert_eq!(tested.receive(&[request(1, 0), data(1, &[0; 100], 0)].concat()), ["Request 1", "Data 1 100"]);
    tested.receive(&frame(SETTINGS, ACK, 0, b""));
    assert_eq!(
        tested.receive(&[request(3, 0), data(3, &[0; 11], 0)].concat()).last().unwrap(),
        "Reset 3 FLOW_CONTROL_ERROR"
    );
    // What was sent too much is owed: the first stream is at -90.
    tested.take();
    tested.connection.release(id(1), 100);
    assert_eq!(tested.take(), ["WINDOW_UPDATE 1 100"]);
    assert_eq!(tested.receive(&data(1, &[0; 10], END_STREAM)), ["Data 1 10 end"]);
}

#[test]
fn a_queue_says_when_it_is_long_and_when_it_is_short() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 0)]);
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; limits::SEND_HIGH_WATER + 1]), false).unwrap();
    assert_eq!(tested.connection.queued_bytes(id(1)), limits::SEND_HIGH_WATER + 1);
    assert_eq!(tested.connection.take_writable(), None);
    tested.receive(&window_update(1, 1000));
    assert_eq!(tested.connection.take_writable(), None, "still long");
    tested.receive(&window_update(1, 40_000));
    assert_eq!(tested.connection.take_writable(), Some(id(1)));
    assert_eq!(tested.connection.take_writable(), None, "said once");
}

#[test]
fn a_socket_that_takes_nothing_stops_the_streams() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 0x7fff_ffff)]);
    tested.receive(&[request(1, END_STREAM), window_update(0, 0x7000_0000)].concat());
    tested.respond(1, false);
    for _ in 0..100 {
        tested.connection.send_data(id(1), Bytes::from(vec![0; 100_000]), false).unwrap();
    }
    let waiting = tested.connection.output_bytes();
    assert!(waiting < limits::OUTPUT_BYTES_TARGET + 200_000, "{waiting} bytes in the output");
    assert!(tested.connection.queued_bytes(id(1)) > 9_000_000);
    let written: usize = frames(&tested.connection.take_output(tested.now))
        .iter()
        .filter(|frame| frame.kind == DATA)
        .map(|frame| frame.payload.len())
        .sum();
    assert_eq!(written, 10_000_000, "all goes out as the socket takes it");
}

/// Whatever comes of DATA, the connection's window is in the end what it was.
#[test]
fn connection_credit_returns_in_every_case() {
    let limits = narrow();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("padding", [padded(1, b"abc", 200, 0), padded(1, b"", 255, END_STREAM)].concat()),
        ("a reset in between", [data(1, &[0; 5000], 0), rst(1, Reason::Cancel), data(1, &[0; 5000], 0)].concat()),
        ("padding after a reset", [rst(1, Reason::Cancel), padded(1, &[0; 500], 255, 0)].concat()),
        ("after the end", [data(1, b"", END_STREAM), data(1, &[0; 5000], 0)].concat()),
        ("beyond the stream's content-length", data(1, &[0; 5000], 0)),
        ("a trailer that is malformed", [data(1, &[0; 5000], 0), block_of(1, END_STREAM, &[("A", "b")])].concat()),
    ];
    for (name, input) in cases {
        let mut tested = Tested::server_with(limits, &[]);
        tested.receive(&request(1, 0));
        tested.receive(&input);
        tested.connection.reset(id(1), Reason::Cancel);
        tested.connection.finish(id(1));
        assert_eq!(tested.connection.active_streams(), 0, "{name}");
        assert_eq!(tested.connection.windows_at_rest().0, 100_000, "{name}");
    }
}

/// A few bytes that wait for a window must not keep alive the message that they are the end of.
#[test]
fn a_small_rest_is_all_that_is_kept() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    let message = Bytes::from(vec![7; 65_535 + 100]);
    tested.connection.send_data(id(1), message.clone(), true).unwrap();
    tested.take();
    assert_eq!(tested.connection.queued_bytes(id(1)), 100);
    assert!(message.is_unique(), "the message is still there");
    tested.receive(&window_update(1, 100));
    assert_eq!(tested.connection.queued_bytes(id(1)), 100, "the connection's window is used up too");
    tested.receive(&window_update(0, 100));
    assert_eq!(tested.take(), ["DATA 1 100 end"]);
}
