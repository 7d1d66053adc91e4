//! What goes out: headers, data, trailers, and in which frames. RFC 9113 section 8.1.

use crate::support::*;
use bytes::{Bytes, BytesMut};
use seltzer_h2::{HeaderField, Limits, OpenError, Prepared, Reason, SendError, StreamId};

fn id(stream: u32) -> StreamId {
    StreamId::new(stream)
}

fn response_blocks() -> (Prepared, Prepared) {
    let head = [HeaderField::new(b":status", b"200"), HeaderField::new(b"content-type", b"application/grpc")];
    (Prepared::new(head), Prepared::new([HeaderField::new(b"grpc-status", b"0")]))
}

fn append(bytes: &'static [u8]) -> impl FnOnce(&mut seltzer_h2::Rope) -> Result<(), &'static str> {
    move |buffer| {
        buffer.written().extend_from_slice(bytes);
        Ok(())
    }
}

#[test]
fn a_unary_answer_is_three_frames() {
    let mut tested = Tested::server();
    let (head, trailers) = response_blocks();
    for stream in [1, 3, 5] {
        tested.receive(&request(stream, END_STREAM));
        tested.connection.send_response(id(stream), &head, append(b"hello"), &trailers).unwrap().unwrap();
        tested.connection.finish(id(stream));
        let expected = [format!("HEADERS {stream}"), format!("DATA {stream} 5"), format!("HEADERS {stream} end")];
        assert_eq!(tested.take(), expected);
    }
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn an_answer_whose_message_fails_leaves_no_trace() {
    let mut tested = Tested::server();
    let (head, trailers) = response_blocks();
    let fail = |buffer: &mut seltzer_h2::Rope| {
        buffer.written().extend_from_slice(b"half a mess");
        Err("too large")
    };
    for stream in [1, 3, 5] {
        tested.receive(&request(stream, END_STREAM));
        assert_eq!(tested.connection.send_response(id(stream), &head, fail, &trailers), Ok(Err("too large")));
        assert_eq!(tested.connection.output_bytes(), 0);
        tested.connection.send_response(id(stream), &head, append(b"!"), &trailers).unwrap().unwrap();
        assert_eq!(tested.take().len(), 3);
    }
    tested.receive(&request(7, END_STREAM));
    tested.respond(7, false);
    tested.connection.send_data_with(id(7), append(b"first"), false).unwrap().unwrap();
    assert_eq!(tested.connection.send_data_with(id(7), fail, true), Ok(Err("too large")));
    tested.connection.send_data_with(id(7), append(b"last"), true).unwrap().unwrap();
    assert_eq!(tested.take(), ["HEADERS 7", "DATA 7 9 end"]);
}

#[test]
fn small_messages_share_a_frame_and_streams_do_not() {
    let mut tested = Tested::server();
    tested.receive(&[request(1, 0), request(3, 0)].concat());
    tested.respond(1, false);
    tested.respond(3, false);
    for stream in [1, 1, 1, 3, 1] {
        tested.connection.send_data(id(stream), Bytes::from_static(b"abc"), false).unwrap();
    }
    assert_eq!(tested.take(), ["HEADERS 1", "HEADERS 3", "DATA 1 9", "DATA 3 3", "DATA 1 3"]);
    for _ in 0..60 {
        tested.connection.send_data(id(1), Bytes::from(vec![b'x'; 1000]), false).unwrap();
    }
    let frames = tested.take();
    assert!(frames.len() <= 6, "packed: {frames:?}");
    assert!(frames.iter().all(|frame| frame.split(' ').nth(2).unwrap().parse::<usize>().unwrap() <= 16_384));
}

#[test]
fn large_data_goes_in_frames_of_the_peers_size() {
    for (frame_bytes, expected) in [(16_384, vec![16_384, 16_384, 7232]), (20_000, vec![20_000, 20_000])] {
        for way in 0..3 {
            let mut tested = Tested::server_with(Limits::server(), &[(5, frame_bytes)]);
            tested.receive(&request(1, END_STREAM));
            let body = Bytes::from(vec![b'x'; 40_000]);
            let write = |buffer: &mut seltzer_h2::Rope| -> Result<(), ()> {
                buffer.written().extend_from_slice(&[b'x'; 40_000]);
                Ok(())
            };
            if way < 2 {
                tested.respond(1, false);
            }
            match way {
                0 => tested.connection.send_data(id(1), body, true).unwrap(),
                1 => tested.connection.send_data_with(id(1), write, true).unwrap().unwrap(),
                _ => {
                    let (head, trailers) = response_blocks();
                    tested.connection.send_response(id(1), &head, write, &trailers).unwrap().unwrap();
                }
            }
            let output = frames(&tested.connection.take_output(tested.now));
            let lengths: Vec<usize> = output.iter().filter(|f| f.kind == DATA).map(|f| f.payload.len()).collect();
            assert_eq!(lengths, expected, "way {way}");
            let ends = output.iter().filter(|f| f.flags & END_STREAM != 0 && f.kind <= HEADERS).count();
            assert_eq!(ends, 1, "way {way}");
            assert!(output.iter().filter(|f| f.kind == DATA).all(|f| f.payload.iter().all(|byte| *byte == b'x')));
        }
    }
}

#[test]
fn headers_larger_than_a_frame_continue() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    // Sensitive, so that Huffman code is all that makes it smaller.
    let value = vec![b'~'; 20_000];
    let fields = [HeaderField::new(b":status", b"200"), HeaderField::sensitive(b"x", &value)];
    tested.connection.send_headers(id(1), fields, true).unwrap();
    let words = tested.take();
    assert_eq!(words[0], "HEADERS 1 end more");
    assert!(words[1].starts_with("CONTINUATION 1"), "{words:?}");
    assert!(!words.last().unwrap().ends_with("more"));
}

#[test]
fn the_order_of_a_message_is_kept() {
    let mut tested = Tested::server();
    let status = || [HeaderField::new(b":status", b"200")];
    assert_eq!(tested.connection.send_headers(id(1), status(), false), Err(SendError::Gone));
    tested.receive(&request(1, 0));
    assert_eq!(tested.connection.send_data(id(1), Bytes::new(), true), Err(SendError::OutOfOrder));
    tested.connection.send_headers(id(1), [HeaderField::new(b":status", b"103")], false).unwrap();
    tested.connection.send_headers(id(1), status(), false).unwrap();
    assert_eq!(tested.connection.send_headers(id(1), status(), false), Err(SendError::OutOfOrder));
    let (head, trailers) = response_blocks();
    assert_eq!(tested.connection.send_response(id(1), &head, append(b""), &trailers), Err(SendError::OutOfOrder));
    tested.connection.send_data(id(1), Bytes::from_static(b"a"), true).unwrap();
    assert_eq!(tested.connection.send_data(id(1), Bytes::new(), true), Err(SendError::Ended));
    assert_eq!(tested.connection.send_prepared(id(1), &trailers, true), Err(SendError::Ended));
    tested.receive(&rst(1, Reason::Cancel));
    assert_eq!(tested.connection.send_data(id(1), Bytes::new(), true), Err(SendError::Gone));
    tested.connection.finish(id(1));
    assert_eq!(tested.connection.send_data(id(1), Bytes::new(), true), Err(SendError::Gone));
    // On a stream that is gone nothing happens.
    tested.connection.release(id(1), 10);
    tested.connection.finish(id(1));
    tested.connection.reset(id(1), Reason::Cancel);
    assert_eq!(tested.take(), ["HEADERS 1", "HEADERS 1", "DATA 1 1 end"]);
}

#[test]
fn an_answer_before_the_requests_end() {
    let mut tested = Tested::server();
    tested.receive(&request(1, 0));
    tested.respond(1, true);
    assert_eq!(tested.receive(&data(1, b"more", 0)), ["Data 1 4"]);
    tested.connection.finish(id(1));
    assert_eq!(tested.take(), ["HEADERS 1 end", "RST_STREAM 1 NO_ERROR"]);
    // What was on its way is swallowed, and its credit returns.
    let late = [data(1, &[0; 10_000], 0), block_of(1, END_STREAM, &[("a", "b")]), window_update(1, 1)].concat();
    assert!(tested.receive(&late).is_empty());
    assert!(tested.take().is_empty());
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn a_handler_that_disappears_resets_its_stream() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.connection.finish(id(1));
    assert_eq!(tested.take(), ["RST_STREAM 1 INTERNAL_ERROR"]);
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn a_client_opens_as_many_streams_as_the_server_permits() {
    let mut tested = Tested::client_with(Limits::client(), &[(3, 2)]);
    assert_eq!(tested.connection.open_streams_allowed(), 2);
    tested.open(true);
    tested.open(false);
    assert_eq!(tested.connection.open_stream(), Err(OpenError::TooMany));
    assert_eq!(tested.receive(&frame(HEADERS, END_HEADERS | END_STREAM, 1, RESPONSE)), ["Response 1 end"]);
    assert_eq!(tested.connection.open_streams_allowed(), 1);
    assert_eq!(tested.open(true).get(), 5);
    assert_eq!(tested.receive(&settings(&[(3, 10)])), ["SettingsChanged"]);
    assert_eq!(tested.connection.open_streams_allowed(), 8);
}

#[test]
fn a_stream_whose_headers_were_never_sent_is_not_reset_on_the_wire() {
    let mut tested = Tested::client();
    let stream = tested.connection.open_stream().unwrap();
    tested.connection.reset(stream, Reason::Cancel);
    assert!(tested.take().is_empty());
    assert_eq!(tested.connection.active_streams(), 0);
}

#[test]
fn headers_beyond_the_peers_limit_are_not_sent() {
    let mut tested = Tested::client_with(Limits::client(), &[(6, 100)]);
    let stream = tested.connection.open_stream().unwrap();
    let value = [b'v'; 100];
    let fields = [HeaderField::new(b":method", b"POST"), HeaderField::new(b"x", &value)];
    assert_eq!(tested.connection.send_headers(stream, fields, true), Err(SendError::HeadersTooLarge));
    assert!(tested.take().is_empty());
    tested.connection.send_headers(stream, fields[..1].iter().copied(), true).unwrap();
    assert_eq!(tested.take(), ["HEADERS 1 end"]);
}

#[test]
fn the_output_may_be_written_in_any_pieces() {
    for step in [1, 2, 7, 100, 5000, 1 << 20] {
        let mut tested = Tested::server_with(Limits::server(), &[(4, 1 << 20)]);
        tested.receive(&window_update(0, 1 << 20));
        let mut expected = Vec::new();
        for stream in [1, 3] {
            tested.receive(&request(stream, END_STREAM));
            tested.respond(stream, false);
            for (length, byte) in [(10, b'a'), (5000, b'b'), (4096, b'c'), (70_000, b'd'), (1, b'e')] {
                tested.connection.send_data(id(stream), Bytes::from(vec![byte; length]), false).unwrap();
                expected.extend(std::iter::repeat_n((stream, byte), length));
            }
        }
        let mut written = Vec::new();
        while tested.connection.has_output() {
            let before = written.len();
            let total = tested.connection.output_bytes();
            let mut slices = [std::io::IoSlice::new(&[]); 3];
            let filled = tested.connection.output(&mut slices);
            for slice in &slices[..filled] {
                written.extend(slice.iter().take(step - (written.len() - before).min(step)));
            }
            tested.connection.advance_output(written.len() - before, tested.now);
            assert_eq!(tested.connection.output_bytes(), total - (written.len() - before));
        }
        let mut got = Vec::new();
        for frame in frames(&written).iter().filter(|frame| frame.kind == DATA) {
            got.extend(frame.payload.iter().map(|byte| (frame.stream, *byte)));
        }
        got.sort_by_key(|(stream, _)| *stream);
        assert!(got == expected, "step {step}");
    }
}

#[test]
fn buffers_can_be_lent() {
    let mut tested = Tested::server();
    let mut shared = BytesMut::with_capacity(4096);
    tested.connection.swap_output_buffer(&mut shared);
    tested.receive(&ping(1, 0));
    let mut other = BytesMut::from(&b"other"[..]);
    tested.connection.swap_output_buffer(&mut other);
    assert_eq!(&other[..], b"other", "not while output waits");
    assert_eq!(tested.take(), ["PING ack"]);
    tested.connection.swap_output_buffer(&mut shared);
    assert!(shared.is_empty() && shared.capacity() >= 4096);
    tested.connection.shrink();
    assert_eq!(tested.receive(&request(1, END_STREAM)), ["Request 1 end"]);
}

#[test]
fn a_driver_may_read_a_payload_itself() {
    let mut tested = Tested::server();
    let bytes = [request(1, 0), padded(1, &[7; 1000], 5, END_STREAM)].concat();
    let begun = bytes.len() - 900 - 5;
    assert_eq!(tested.receive(&bytes[..begun]), ["Request 1", "Data 1 100"]);
    assert_eq!(tested.connection.data_in_progress(), Some((id(1), 900)));
    assert_eq!(tested.connection.data_was_read(400, tested.now), None);
    assert_eq!(tested.connection.data_in_progress(), Some((id(1), 500)));
    let event = tested.connection.data_was_read(500, tested.now).unwrap();
    assert_eq!(event_words(&event), "Data 1 0 end");
    assert_eq!(tested.connection.data_in_progress(), None);
    assert_eq!(tested.receive(&[&bytes[begun + 900..], &request(3, 1)].concat()), ["Request 3 end"]);
    for stream in [1, 3] {
        tested.respond(stream, true);
        tested.connection.finish(id(stream));
    }
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn a_block_that_comes_again_is_remembered() {
    let mut tested = Tested::server();
    let mut memos = Vec::new();
    for stream in [1, 3, 5, 7] {
        let bytes = request(stream, END_STREAM);
        let event = tested.connection.next_event(&mut &bytes[..], tested.now).unwrap();
        let seltzer_h2::Event::Headers { memo, .. } = event else { panic!("{event:?}") };
        memos.push(tested.connection.memo_tag(memo));
        tested.connection.set_memo_tag(memo, 9);
        assert_eq!(tested.connection.fields().len(), 3);
    }
    assert_eq!(memos[0], 0, "a fresh block has no tag");
    assert_eq!(memos[3], 9, "a known one has");
}

#[test]
fn a_prepared_request_with_a_deadline() {
    let mut client = Tested::client();
    let mut server = Tested::server();
    let request = Prepared::new([
        HeaderField::new(b":method", b"POST"),
        HeaderField::new(b":scheme", b"http"),
        HeaderField::new(b":path", b"/a.B/C"),
        HeaderField::new(b"te", b"trailers"),
    ]);
    let mut sizes = Vec::new();
    for deadline in [&b"1S"[..], b"20m", b"3000u", b"4S"] {
        let stream = client.connection.open_stream().unwrap();
        let more = [HeaderField::new(b"grpc-timeout", deadline)];
        client.connection.send_prepared_with(stream, &request, more, true).unwrap();
        let bytes = client.connection.take_output(client.now);
        sizes.push(bytes.len());
        assert_eq!(server.receive(&bytes), [format!("Request {stream} end")]);
        let fields = server.connection.fields();
        assert_eq!(fields.get(seltzer_h2::Token::GrpcTimeout), Some(deadline));
        assert_eq!(fields.get(seltzer_h2::Token::Path), Some(&b"/a.B/C"[..]));
    }
    assert!(sizes[3] < sizes[0], "the fixed part is known the second time: {sizes:?}");
    let more = [HeaderField::new(b"x", &[b'v'; 200])];
    client.receive(&settings(&[(6, 300)]));
    let stream = client.connection.open_stream().unwrap();
    assert_eq!(client.connection.send_prepared_with(stream, &request, more, true), Err(SendError::HeadersTooLarge));
}
