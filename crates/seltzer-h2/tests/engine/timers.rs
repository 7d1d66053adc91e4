//! Everything that takes too long, on a clock of its own.

use crate::support::*;
use bytes::Bytes;
use seltzer_h2::{Limits, Reason, StreamId};
use std::time::Duration;

fn id(stream: u32) -> StreamId {
    StreamId::new(stream)
}

#[test]
fn preface_and_settings_come_in_time_or_not_at_all() {
    let settings = settings(&[(3, 1)]);
    let whole = [PREFACE, &settings].concat();
    for length in [0, 1, 23, 24, 30, 33, whole.len() - 1] {
        let mut tested = Tested::raw_server(Limits::server());
        tested.receive(&whole[..length]);
        tested.take();
        assert!(tested.wait_ms(9_999).is_empty(), "{length} bytes");
        assert_eq!(tested.wait_ms(1), ["Closed SETTINGS_TIMEOUT"], "{length} bytes");
    }
    let mut tested = Tested::raw_server(Limits::server());
    tested.receive(&whole);
    tested.take();
    assert!(tested.wait(11).is_empty());
}

#[test]
fn a_header_block_is_completed_in_time() {
    let mut tested = Tested::server();
    tested.receive(&frame(HEADERS, END_STREAM, 1, REQUEST));
    tested.wait(5);
    tested.receive(&frame(CONTINUATION, 0, 1, b""));
    assert_eq!(tested.wait(5), ["Closed ENHANCE_YOUR_CALM"]);

    let mut tested = Tested::server();
    tested.receive(&frame(HEADERS, END_STREAM, 1, REQUEST));
    tested.wait(5);
    tested.receive(&frame(CONTINUATION, END_HEADERS, 1, b""));
    assert!(tested.wait(60).is_empty());
}

/// One header byte a second inside a single frame: the frame is never complete, and neither is the block.
#[test]
fn a_header_frame_that_trickles_is_cut_off() {
    let mut tested = Tested::server();
    let bytes = frame(HEADERS, END_HEADERS | END_STREAM, 1, &[REQUEST, &literal("a", &"b".repeat(100))].concat());
    for byte in &bytes {
        let events = [tested.receive(&[*byte]), tested.wait(1)].concat();
        if !events.is_empty() {
            assert_eq!(events, ["Closed ENHANCE_YOUR_CALM"]);
            return;
        }
    }
    panic!("{} seconds for one frame", bytes.len());
}

#[test]
fn settings_are_acknowledged_in_time() {
    let mut tested = Tested::raw_server(Limits::server());
    tested.receive(&[PREFACE, &settings(&[])].concat());
    tested.take();
    assert!(tested.wait(59).is_empty());
    assert_eq!(tested.wait(2), ["Closed SETTINGS_TIMEOUT"]);
}

#[test]
fn keepalive() {
    let mut limits = Limits::client();
    limits.keepalive_interval = Some(Duration::from_secs(10));
    limits.keepalive_timeout = Duration::from_secs(3);
    let mut tested = Tested::client_with(limits, &[]);
    tested.wait(100);
    assert!(tested.take().is_empty(), "no stream, no ping");
    tested.open(true);
    tested.take();
    tested.receive(&settings(&[]));
    tested.take();
    tested.wait(10);
    assert_eq!(tested.take(), ["PING"]);
    tested.wait(2);
    assert!(tested.receive(&frame(PING, ACK, 0, b"alive\0\0\0")).is_empty(), "its answer is nobody's business");
    tested.wait(10);
    assert_eq!(tested.take(), ["PING"]);
    assert_eq!(tested.wait(3), ["Reset 1 NO_ERROR by peer", "Closed NO_ERROR"]);
}

#[test]
fn a_server_asks_after_two_hours() {
    let mut tested = Tested::server();
    tested.wait(2 * 60 * 60 - 1);
    assert!(tested.take().is_empty());
    tested.wait(1);
    assert_eq!(tested.take(), ["PING"]);
    assert_eq!(tested.wait(20), ["Closed NO_ERROR"]);
}

#[test]
fn a_socket_that_takes_no_byte_is_closed() {
    let mut tested = Tested::server();
    tested.receive(&ping(1, 0));
    assert!(tested.connection.has_output());
    let closed = (0..70).find(|_| !tested.wait(1).is_empty()).unwrap();
    assert!((29..=60).contains(&closed), "after {closed} seconds");
    // Its last words are not waited for longer than that either.
    tested.wait(70);
    assert!(!tested.connection.has_output());
    assert_eq!(tested.connection.next_deadline(), None);
}

#[test]
fn a_socket_that_takes_a_byte_lives_on() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; 60_000]), false).unwrap();
    for _ in 0..100 {
        tested.connection.advance_output(1, tested.now);
        assert!(tested.wait(29).is_empty());
    }
}

/// An idle connection that has something to say again has its whole time to say it.
#[test]
fn output_after_a_long_silence_is_not_stalled() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.now += Duration::from_secs(3600);
    tested.respond(1, true);
    assert!(tested.connection.on_deadline(tested.now).is_none());
    assert!(tested.wait(29).is_empty());
    tested.take();
    assert!(tested.wait(60).is_empty());
}

#[test]
fn a_finished_answer_that_waits_for_a_window_is_dropped() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 0)]);
    tested.receive(&[request(1, END_STREAM), request(3, END_STREAM)].concat());
    for (stream, end_stream) in [(1, true), (3, false)] {
        tested.respond(stream, false);
        tested.connection.send_data(id(stream), Bytes::from(vec![0; 100]), end_stream).unwrap();
    }
    tested.take();
    assert!(tested.wait(25).is_empty());
    assert_eq!(tested.wait(8), ["Reset 1 CANCEL"], "within about 30 seconds");
    assert_eq!(tested.take(), ["RST_STREAM 1 CANCEL"]);
    assert!(tested.wait(1000).is_empty(), "an open stream may pause");
}

#[test]
fn a_stream_that_pauses_is_dropped_if_there_is_a_limit() {
    // (the limit in seconds, until when nothing happens, when it is over)
    for (seconds, quiet, over) in [(8, 6, 3), (120, 100, 25)] {
        let mut limits = Limits::server();
        limits.stream_stall_timeout = Some(Duration::from_secs(seconds));
        let mut tested = Tested::server_with(limits, &[(4, 0)]);
        tested.receive(&[request(1, END_STREAM), request(3, END_STREAM)].concat());
        tested.respond(1, false);
        tested.connection.send_data(id(1), Bytes::from(vec![0; 100]), false).unwrap();
        tested.respond(3, false);
        tested.take();
        assert!(tested.wait(quiet).is_empty(), "{seconds}");
        tested.receive(&window_update(1, 1));
        tested.take();
        assert!(tested.wait(quiet).is_empty(), "{seconds}: it moved meanwhile");
        assert_eq!(tested.wait(over), ["Reset 1 CANCEL"], "{seconds}");
        tested.take();
        assert!(tested.wait(1000).is_empty(), "{seconds}: stream 3 has nothing to send");
    }
}

#[test]
fn a_finished_answer_that_moves_is_not_dropped() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 0)]);
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; 100]), true).unwrap();
    for _ in 0..99 {
        assert!(tested.receive(&window_update(1, 1)).is_empty());
        tested.take();
        assert!(tested.wait(20).is_empty());
    }
    tested.receive(&window_update(1, 1));
    assert_eq!(tested.take(), ["DATA 1 1 end"]);
}

#[test]
fn idle_and_old_connections_drain() {
    let mut limits = Limits::server();
    limits.idle_timeout = Some(Duration::from_secs(60));
    let mut tested = Tested::server_with(limits, &[]);
    tested.wait(59);
    tested.receive(&request(1, END_STREAM));
    tested.wait(1000);
    assert!(tested.take().is_empty(), "a stream is open");
    tested.respond(1, true);
    tested.connection.finish(id(1));
    tested.take();
    tested.receive(b"");
    tested.wait(61);
    assert_eq!(tested.take(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    tested.wait(10);
    assert!(tested.connection.is_done());

    limits.idle_timeout = None;
    limits.age_max = Some(Duration::from_secs(600));
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, 0));
    tested.wait(600);
    assert_eq!(tested.take(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    assert!(!tested.connection.is_done());
    assert_eq!(tested.receive(&rst(1, Reason::Cancel)), ["Reset 1 CANCEL by peer"]);
}

#[test]
fn an_old_connection_ends_with_its_grace() {
    let mut limits = Limits::server();
    limits.age_max = Some(Duration::from_secs(600));
    limits.age_grace = Some(Duration::from_secs(30));
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, 0));
    tested.wait(600);
    assert_eq!(tested.take(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    tested.wait(29);
    assert!(!tested.connection.is_done());
    tested.wait(1);
    assert!(tested.connection.is_done());
}

#[test]
fn a_connection_takes_so_many_requests() {
    let mut limits = Limits::server();
    limits.requests_max = Some(2);
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, END_STREAM));
    assert!(tested.take().is_empty());
    tested.receive(&request(3, END_STREAM));
    assert_eq!(tested.take(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    // One that was on its way.
    assert_eq!(tested.receive(&request(5, END_STREAM)).len(), 1);
    tested.wait(10);
    assert_eq!(tested.take(), ["GOAWAY 5 NO_ERROR"]);
    for stream in [1, 3, 5] {
        assert!(!tested.connection.is_done());
        tested.respond(stream, true);
        tested.connection.finish(id(stream));
    }
    assert!(tested.connection.is_done());
}

#[test]
fn pings_of_clients_are_counted_unless_data_flows() {
    let close = ["Closed ENHANCE_YOUR_CALM"];
    let mut tested = Tested::server();
    for _ in 0..3 {
        assert!(tested.receive(&ping(1, 0)).is_empty());
        tested.take();
        tested.wait(60);
    }
    assert_eq!(tested.receive(&ping(1, 0)), close, "the third strike");
    assert!(tested.connection.take_output(tested.now).ends_with(b"too_many_pings"));

    let mut tested = Tested::server();
    for _ in 0..20 {
        assert!(tested.receive(&ping(1, 0)).is_empty());
        tested.take();
        tested.wait(300);
    }
    let mut tested = Tested::server_with(Limits::server(), &[(4, 1_000_000)]);
    tested.receive(&request(1, 0));
    tested.respond(1, false);
    for _ in 0..100 {
        tested.connection.send_data(id(1), Bytes::from_static(b"x"), false).unwrap();
        assert!(tested.receive(&ping(1, 0)).is_empty(), "an estimate of the bandwidth for each message");
        tested.take();
    }
}

#[test]
fn a_year_without_work_is_quiet() {
    let mut limits = Limits::server();
    limits.keepalive_interval = None;
    let mut tested = Tested::server_with(limits, &[]);
    assert_eq!(tested.connection.next_deadline(), None);
    assert!(tested.wait(365 * 24 * 3600).is_empty());
    assert_eq!(tested.receive(&request(1, END_STREAM)), ["Request 1 end"]);
}
