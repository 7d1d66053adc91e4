//! Bugs that other implementations had in 2025 and 2026, each by what went wrong.

use crate::support::*;
use bytes::Bytes;
use seltzer_h2::{Limits, Reason, StreamId};

fn id(stream: u32) -> StreamId {
    StreamId::new(stream)
}

fn end(tested: &mut Tested, stream: u32) {
    tested.connection.reset(id(stream), Reason::Cancel);
    tested.connection.finish(id(stream));
}

#[test]
fn padding_returns_its_credit_by_itself() {
    let mut limits = Limits::server();
    limits.stream_window_bytes = 1000;
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, 0));
    tested.take();
    // Nothing to release for the application, and yet the stream never runs dry.
    for _ in 0..100 {
        assert!(tested.receive(&padded(1, b"", 255, 0)).is_empty());
    }
    assert_eq!(tested.receive(&padded(1, b"a", 255, END_STREAM)), ["Data 1 1 end"]);
}

#[test]
fn padding_of_255_bytes_does_not_overflow() {
    let mut tested = Tested::server();
    tested.receive(&request(1, 0));
    let payload = vec![1; 16_384 - 256];
    assert_eq!(tested.receive(&padded(1, &payload, 255, END_STREAM)), ["Data 1 16128 end"]);
    assert_eq!(tested.receive(&frame(HEADERS, 0x0d, 3, &[&[255], REQUEST, &[0; 255]].concat())), ["Request 3 end"]);
}

#[test]
fn a_stream_that_waits_for_capacity_gets_it_when_another_ends() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 1 << 20)]);
    tested.receive(&[request(1, END_STREAM), request(3, END_STREAM)].concat());
    for stream in [1, 3] {
        tested.respond(stream, false);
        tested.connection.send_data(id(stream), Bytes::from(vec![0; 100_000]), true).unwrap();
    }
    let before = data_bytes(&mut tested, 3);
    // The first one held a part of the connection's window; what it had queued must not be in the way.
    tested.receive(&rst(1, Reason::Cancel));
    tested.receive(&window_update(0, 1 << 20));
    assert_eq!(before + data_bytes(&mut tested, 3), 100_000);
}

/// The DATA of a stream in what is written.
fn data_bytes(tested: &mut Tested, stream: u32) -> usize {
    let output = frames(&tested.connection.take_output(tested.now));
    output.iter().filter(|frame| (frame.kind, frame.stream) == (DATA, stream)).map(|frame| frame.payload.len()).sum()
}

#[test]
fn a_reset_before_padding_arrives_leaks_nothing() {
    let mut tested = Tested::server();
    tested.receive(&request(1, 0));
    let bytes = padded(1, &[0; 100], 200, 0);
    tested.receive(&bytes[..50]);
    end(&mut tested, 1);
    tested.receive(&bytes[50..]);
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn data_in_the_queue_of_a_stream_that_is_reset_is_dropped() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 10)]);
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    tested.connection.send_data(id(1), Bytes::from(vec![0; 100]), true).unwrap();
    tested.take();
    end(&mut tested, 1);
    tested.receive(&window_update(1, 1000));
    tested.receive(&window_update(0, 1000));
    assert_eq!(tested.take(), ["RST_STREAM 1 CANCEL"]);
    assert_eq!(tested.connection.queued_bytes(id(1)), 0);
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn data_after_go_away_returns_its_credit() {
    let mut limits = Limits::server();
    limits.connection_window_bytes = 65_535;
    let mut tested = Tested::server_with(limits, &[]);
    tested.connection.go_away(Reason::NoError, b"");
    for stream in [1, 3, 5] {
        assert!(tested.receive(&request(stream, 0)).is_empty());
        for _ in 0..10 {
            assert!(tested.receive(&data(stream, &[0; 10_000], 0)).is_empty());
        }
        assert!(tested.receive(&[window_update(stream, 5), rst(stream, Reason::Cancel)].concat()).is_empty());
    }
    tested.assert_at_rest(&limits);
}

#[test]
fn headers_that_are_ignored_keep_the_table_right() {
    let mut tested = Tested::server();
    tested.connection.go_away(Reason::NoError, b"");
    // An insertion on a stream that nobody serves, and a reference to it in trailers of one that is.
    let mut tested_open = Tested::server();
    tested_open.receive(&request(1, 0));
    let insert = [REQUEST, &[0x40, 1, b'x', 1, b'y']].concat();
    for tested in [&mut tested, &mut tested_open] {
        tested.receive(&frame(HEADERS, END_HEADERS | END_STREAM, 101, &insert));
    }
    tested_open.connection.reset(id(101), Reason::Cancel);
    assert_eq!(tested_open.receive(&frame(HEADERS, 5, 1, &[0xbe])), ["Trailers 1 end"]);
    assert_eq!(tested_open.connection.fields().iter().next().unwrap().value, b"y");
}

#[test]
fn go_away_of_the_client_closes_none_of_its_streams() {
    let mut tested = Tested::server();
    tested.receive(&[request(1, 0), request(3, 0), go_away(0, Reason::NoError)].concat());
    assert_eq!(tested.connection.active_streams(), 2);
    assert_eq!(tested.receive(&data(3, b"a", END_STREAM)), ["Data 3 1 end"]);
}

#[test]
fn headers_on_a_stream_that_was_reset_here_are_swallowed() {
    let mut tested = Tested::client();
    tested.open(true);
    tested.connection.reset(id(1), Reason::Cancel);
    tested.take();
    assert!(tested.receive(&frame(HEADERS, END_HEADERS, 1, RESPONSE)).is_empty());
    assert!(tested.receive(&data(1, b"abc", END_STREAM)).is_empty());
    assert!(tested.take().is_empty());
}

#[test]
fn frames_on_streams_without_headers() {
    for bytes in [data(1, b"a", 0), rst(1, Reason::Cancel), window_update(1, 1)] {
        assert_eq!(Tested::server().receive(&bytes), ["Closed PROTOCOL_ERROR"]);
    }
}

#[test]
fn a_list_that_is_way_too_large_ends_in_words() {
    let mut tested = Tested::server();
    let block = [0x82; 16_384];
    tested.receive(&frame(HEADERS, 0, 1, &block));
    tested.receive(&frame(CONTINUATION, 0, 1, &block));
    let events = tested.receive(&frame(CONTINUATION, END_HEADERS, 1, &block));
    assert_eq!(events, ["Closed ENHANCE_YOUR_CALM"]);
    assert!(tested.connection.take_output(tested.now).ends_with(b"header_block_too_large"));
}

#[test]
fn twenty_five_thousand_different_fields_are_no_panic() {
    let mut limits = Limits::server();
    limits.header_list_bytes_max = 4 << 20;
    limits.header_fields_max = 1 << 20;
    limits.continuation_frames_max = 1000;
    let mut tested = Tested::server_with(limits, &[]);
    let mut block = REQUEST.to_vec();
    for number in 0..25_000 {
        block.extend(literal(&format!("x-{number}"), "v"));
    }
    let mut chunks = block.chunks(16_384);
    tested.receive(&frame(HEADERS, END_STREAM, 1, chunks.next().unwrap()));
    for chunk in chunks {
        tested.receive(&frame(CONTINUATION, 0, 1, chunk));
    }
    assert_eq!(tested.receive(&frame(CONTINUATION, END_HEADERS, 1, b"")), ["Request 1 end"]);
    assert_eq!(tested.connection.fields().len(), 25_003);
}

#[test]
fn interim_responses_are_counted_once_and_the_final_one_comes() {
    let mut tested = Tested::client();
    tested.open(true);
    for _ in 0..3 {
        assert_eq!(tested.receive(&block_of(1, 0, &[(":status", "103")])), ["Interim 1"]);
    }
    assert_eq!(tested.connection.active_streams(), 1);
    assert_eq!(tested.receive(&frame(HEADERS, 5, 1, RESPONSE)), ["Response 1 end"]);
    tested.assert_at_rest(&Limits::client());
}

#[test]
fn data_before_a_reset_is_still_delivered() {
    let mut tested = Tested::client();
    tested.open(false);
    let bytes = [
        frame(HEADERS, END_HEADERS, 1, RESPONSE),
        data(1, b"answer", 0),
        block_of(1, END_STREAM, &[("grpc-status", "0")]),
        rst(1, Reason::NoError),
    ];
    assert_eq!(
        tested.receive(&bytes.concat()),
        ["Response 1", "Data 1 6", "Trailers 1 end", "Reset 1 NO_ERROR by peer"]
    );
    tested.assert_at_rest(&Limits::client());
}

#[test]
fn nothing_written_is_no_progress_and_no_loop() {
    let mut tested = Tested::server();
    tested.receive(&ping(1, 0));
    for _ in 0..10 {
        tested.connection.advance_output(0, tested.now);
    }
    assert_eq!(tested.take(), ["PING ack"]);
    tested.connection.advance_output(100, tested.now);
    assert!(!tested.connection.has_output(), "more than there was");
}

#[test]
fn refused_streams_do_not_end_the_connection_by_a_lifetime_count() {
    let mut limits = Limits::server();
    limits.concurrent_streams_max = 1;
    let mut tested = Tested::server_with(limits, &[]);
    tested.receive(&request(1, 0));
    for number in 1..5000 {
        assert!(tested.receive(&request(number * 2 + 1, END_STREAM)).is_empty());
        assert_eq!(tested.take(), [format!("RST_STREAM {} REFUSED_STREAM", number * 2 + 1)]);
        tested.wait_ms(10);
    }
}

#[test]
fn a_response_without_a_status_is_malformed() {
    let mut tested = Tested::client();
    tested.open(true);
    assert_eq!(tested.receive(&block_of(1, 0, &[("content-type", "a")])), ["Reset 1 PROTOCOL_ERROR"]);
}

#[test]
fn a_shutdown_beside_the_last_stream_is_seen() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.connection.go_away(Reason::NoError, b"");
    tested.respond(1, true);
    assert!(!tested.connection.is_done(), "its handler lives");
    tested.connection.finish(id(1));
    assert!(tested.connection.is_done());
}

#[test]
fn a_huge_header_table_of_the_peer_is_not_used() {
    let mut tested = Tested::server_with(Limits::server(), &[(1, u32::MAX)]);
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, true);
    assert_eq!(tested.take(), ["HEADERS 1 end"]);
}

#[test]
fn a_peer_without_a_header_table_gets_literals() {
    let mut server = Tested::server_with(Limits::server(), &[(1, 0)]);
    let mut client = Tested::client();
    let head = seltzer_h2::Prepared::new([
        seltzer_h2::HeaderField::new(b":status", b"200"),
        seltzer_h2::HeaderField::new(b"content-type", b"application/grpc"),
    ]);
    for stream in [1, 3, 5] {
        client.open(true);
        server.receive(&request(stream, END_STREAM));
        server.connection.send_prepared(id(stream), &head, true).unwrap();
        let bytes = server.connection.take_output(server.now);
        assert_eq!(client.receive(&bytes), [format!("Response {stream} end")]);
        assert_eq!(client.connection.fields().iter().nth(1).unwrap().value, b"application/grpc");
    }
}

#[test]
fn a_request_of_content_length_zero_may_have_an_empty_frame() {
    let mut tested = Tested::server();
    let bytes = [request_with(1, 0, &[("content-length", "0")]), data(1, b"", END_STREAM)].concat();
    assert_eq!(tested.receive(&bytes), ["Request 1", "Data 1 0 end"]);
}

#[test]
fn an_answer_to_head_may_announce_a_length() {
    let mut tested = Tested::client();
    let stream = tested.connection.open_stream().unwrap();
    let fields = [(":method", "HEAD"), (":scheme", "http"), (":path", "/")];
    let fields = fields.map(|(name, value)| seltzer_h2::HeaderField::new(name.as_bytes(), value.as_bytes()));
    tested.connection.send_headers(stream, fields, true).unwrap();
    assert_eq!(
        tested.receive(&block_of(1, END_STREAM, &[(":status", "200"), ("content-length", "5")])),
        ["Response 1 end"]
    );
}
