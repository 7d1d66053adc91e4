//! Attacks on HTTP/2 servers, and traffic that looks like one and is none.

use crate::support::*;
use bytes::Bytes;
use seltzer_h2::{HeaderField, Limits, Reason, StreamId};

const CALM: &str = "Closed ENHANCE_YOUR_CALM";
const FRAME_SIZE: &str = "Closed FRAME_SIZE_ERROR";

fn id(stream: u32) -> StreamId {
    StreamId::new(stream)
}

/// A name, and the frames of a round.
type Rounds = (&'static str, fn(u32) -> Vec<u8>);

/// Repeats some frames until the connection is closed for it; how often that took.
fn rounds_until_closed(tested: &mut Tested, most: u32, round: impl Fn(u32) -> Vec<u8>) -> Option<u32> {
    for number in 0..most {
        let events = tested.receive(&round(number));
        tested.take();
        if events.last().is_some_and(|event| event.starts_with("Closed")) {
            assert_eq!(events.last().unwrap(), CALM);
            return Some(number);
        }
        for stream in events.iter().filter_map(|event| event.strip_prefix("Request ")) {
            let stream = stream.split(' ').next().unwrap().parse().unwrap();
            tested.connection.finish(id(stream));
        }
    }
    None
}

fn stream(number: u32) -> u32 {
    number * 2 + 1
}

#[test]
fn rapid_reset() {
    let mut tested = Tested::server();
    let round = |number| [request(stream(number), 0), rst(stream(number), Reason::Cancel)].concat();
    let closed = rounds_until_closed(&mut tested, 10_000, round).unwrap();
    assert!((900..1100).contains(&closed), "after {closed} resets");
}

/// CVE-2023-44487: a stream counts until its handler is gone, however early it is reset.
#[test]
fn rapid_reset_starts_no_more_handlers_than_allowed() {
    let mut tested = Tested::server();
    let mut handlers = 0;
    for number in 0..800 {
        let bytes = [request(stream(number), END_STREAM), rst(stream(number), Reason::Cancel)].concat();
        let events = tested.receive(&bytes);
        handlers += events.iter().filter(|event| event.starts_with("Request")).count();
        tested.take();
    }
    assert_eq!((handlers, tested.connection.active_streams()), (256, 256));
    tested.connection.finish(id(1));
    assert_eq!(tested.connection.active_streams(), 255);
    assert_eq!(tested.receive(&request(5001, END_STREAM)), ["Request 5001 end"]);
}

/// The same at a rate that people reach by cancelling is not an attack.
#[test]
fn ordinary_cancelling_is_no_attack() {
    let mut tested = Tested::server();
    for number in 0..20_000 {
        let bytes = [request(stream(number), 0), rst(stream(number), Reason::Cancel)].concat();
        assert_eq!(tested.receive(&bytes).len(), 2, "round {number}");
        tested.connection.finish(id(stream(number)));
        tested.wait_ms(10);
    }
    // After the response's headers any rate is fine.
    for number in 20_000..40_000 {
        tested.receive(&request(stream(number), END_STREAM));
        tested.respond(stream(number), false);
        let events = tested.receive(&rst(stream(number), Reason::Cancel));
        assert_eq!(events.len(), 1, "round {number}: {events:?}");
        tested.connection.finish(id(stream(number)));
        tested.take();
    }
    tested.assert_at_rest(&Limits::server());
}

/// CVE-2025-8671: errors of the peer that make the server reset streams. Each draws from a bucket, and the slot is
/// kept as long as the handler lives.
#[test]
fn made_you_reset() {
    let primitives: [Rounds; 6] = [
        ("WINDOW_UPDATE of 0", |id| window_update(id, 0)),
        ("PRIORITY of 4 bytes", |id| frame(PRIORITY, 0, id, &[0; 4])),
        ("PRIORITY on itself", |id| frame(PRIORITY, 0, id, &[&id.to_be_bytes()[..], &[0]].concat())),
        ("a window above 2^31 - 1", |id| window_update(id, 0x7fff_ffff)),
        ("HEADERS after END_STREAM", |id| request(id, END_STREAM)),
        ("DATA after END_STREAM", |id| data(id, b"a", END_STREAM)),
    ];
    for (name, primitive) in primitives {
        let round = |number| [request(stream(number), END_STREAM), primitive(stream(number))].concat();
        let mut tested = Tested::server();
        let closed = rounds_until_closed(&mut tested, 10_000, round).unwrap();
        assert!((900..1100).contains(&closed), "{name}: after {closed}");

        let mut tested = Tested::server();
        for number in 0..300 {
            tested.receive(&round(number));
        }
        assert_eq!(tested.connection.active_streams(), 256, "{name}: handlers live");

        let mut tested = Tested::server();
        for number in 0..5000 {
            let events = tested.receive(&round(number));
            assert!(!events.contains(&CALM.to_owned()), "{name}: by rate, not by lifetime count");
            tested.connection.finish(id(stream(number)));
            tested.take();
            tested.wait_ms(10);
        }
    }
}

#[test]
fn streams_above_the_limit_are_refused_and_cost() {
    let mut tested = Tested::server();
    let mut refused = 0;
    for number in 0..10_000 {
        let events = tested.receive(&request(stream(number), 0));
        if events.first().is_some_and(|event| event.starts_with("Reset")) {
            assert_eq!(events.last().unwrap(), CALM);
            assert!((1000..1100).contains(&refused), "{refused} refused");
            return;
        }
        refused += tested.take().iter().filter(|frame| frame.ends_with("REFUSED_STREAM")).count();
        assert!(tested.connection.active_streams() <= 256);
    }
    panic!("{refused} refused");
}

/// Whoever drives the connection may have no room for more.
#[test]
fn streams_are_refused_when_told_to() {
    let mut tested = Tested::server();
    for (number, refuses, events, frames) in
        [(0, false, vec!["Request 1"], 0), (1, true, vec![], 1), (2, false, vec!["Request 5"], 0)]
    {
        tested.connection.refuse_streams(refuses);
        assert_eq!(tested.receive(&request(stream(number), 0)), events);
        let refused = tested.take().iter().filter(|frame| frame.ends_with("REFUSED_STREAM")).count();
        assert_eq!(refused, frames, "{number}");
    }
    // It is not the peer's fault, so more of them are borne than of its mistakes; a flood is a flood.
    tested.connection.refuse_streams(true);
    let closed = (3..20_000).find(|number| {
        let events = tested.receive(&request(stream(*number), 0));
        tested.take();
        events.last().is_some_and(|event| event == CALM)
    });
    assert!(closed.is_some_and(|number| number > 5_000), "{closed:?}");
}

/// CVE-2024-27316 and its kind, and CVE-2026-33871 with empty frames.
#[test]
fn continuation_flood() {
    for length in [0, 1, 16_384] {
        let mut tested = Tested::server();
        tested.receive(&frame(HEADERS, END_STREAM, 1, REQUEST));
        let bytes = vec![0; length];
        let closed = (0..20).find(|_| {
            let events = tested.receive(&frame(CONTINUATION, 0, 1, &bytes));
            events.last().is_some_and(|event| event == CALM)
        });
        assert!(closed.is_some_and(|frames| frames <= 8), "{length}: {closed:?}");
    }
}

/// A window that grows byte by byte costs more than the byte that it permits.
#[test]
fn window_updates_come_for_data_that_was_sent() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.respond(1, false);
    // Windows for everything, in steps of a kilobyte, are what a careful reader sends.
    for _ in 0..30_000 {
        tested.connection.send_data(id(1), bytes::Bytes::from_static(&[0; 1024]), false).unwrap();
        tested.take();
        assert!(tested.receive(&[window_update(1, 1024), window_update(0, 1024)].concat()).is_empty());
    }
    // Then for nothing: what was earned before and the usual allowance, and no more.
    let closed = (0..200_000).find(|_| {
        let events = tested.receive(&window_update(0, 1));
        events.last().is_some_and(|event| event == CALM)
    });
    assert!(closed.is_some_and(|frames| frames > 10_000), "{closed:?}");
}

/// Large frames are for DATA: any other is collected before it is understood, so what cannot be right is refused when
/// it is announced.
#[test]
fn a_large_frame_that_cannot_be_right_is_refused_at_its_head() {
    let mut limits = Limits::server();
    limits.frame_bytes_max = 1 << 24;
    // The list's limit is 16 KiB, a block may have twice as much; then there are padding and priority.
    let table = [
        (HEADERS, END_HEADERS | END_STREAM, 1, 32 * 1024 + 262, Some(CALM)),
        (HEADERS, END_HEADERS | END_STREAM, 1, 32 * 1024 + 261, None),
        (SETTINGS, 0, 0, 16_386, Some(FRAME_SIZE)),
        (SETTINGS, 0, 0, 16_380, None),
        (GO_AWAY, 0, 0, 16_385, Some(FRAME_SIZE)),
        (PRIORITY, 0, 1, 1 << 20, Some(FRAME_SIZE)),
        (0xfa, 0, 0, 1 << 20, None),
    ];
    for (kind, flags, stream, length, closed) in table {
        let mut tested = Tested::server_with(limits, &[]);
        let events = tested.receive(&frame(kind, flags, stream, &vec![0; length])[..9]);
        assert_eq!(events.last().map(String::as_str), closed, "type {kind}, {length} bytes");
    }
}

/// CVE-2016-6581 and the bomb of 2026: fields that cost one byte each.
#[test]
fn header_bomb() {
    // An entry of 4000 bytes, then one-byte references to it; and many small ones.
    let mut large = REQUEST.to_vec();
    large.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    large.extend([b'v'; 4000]);
    large.extend([0xbe; 4000]);
    let mut crumbs = REQUEST.to_vec();
    crumbs.extend([0xa0; 12_000]);
    for block in [large, crumbs] {
        let mut tested = Tested::server();
        assert_eq!(tested.receive(&frame(HEADERS, 5, 1, &block)), ["TooLarge 1 end"]);
        assert!(tested.connection.fields().len() <= 128);
        // The table is right all the same.
        assert_eq!(tested.receive(&request(3, END_STREAM)), ["Request 3 end"]);
        tested.respond(1, true);
        tested.connection.finish(id(1));
    }
}

#[test]
fn more_than_a_hundred_and_twenty_eight_fields() {
    for (count, event) in [(125, "Request 1 end"), (126, "TooLarge 1 end"), (3000, "TooLarge 1 end")] {
        let mut tested = Tested::server();
        let mut block = REQUEST.to_vec();
        block.extend(vec![0xa0; count]);
        assert_eq!(tested.receive(&frame(HEADERS, 5, 1, &block)), [event], "{count} more fields");
    }
}

/// CVE-2019-9512 and CVE-2019-9515: answers to control frames do not pile up when the peer does not read.
#[test]
fn control_flood_stops_reading() {
    for flood in [settings(&[]), [window_update(1, 0), request(1, 1)].concat()] {
        let mut limits = Limits::server();
        limits.control_frames_max = 100;
        let mut tested = Tested::server_with(limits, &[]);
        tested.receive(&request(1, END_STREAM));
        let mut rounds = 0;
        while tested.connection.reading_allowed() && rounds < 10_000 {
            tested.receive(&flood);
            rounds += 1;
            if tested.connection.is_done() {
                break;
            }
        }
        assert!(rounds <= 10_000 && tested.connection.output_bytes() < 64 * 1024, "{rounds} rounds");
        tested.take();
        assert!(tested.connection.reading_allowed(), "the peer reads again");
    }
}

#[test]
fn control_frames_are_counted_until_they_are_written() {
    let mut limits = Limits::server();
    limits.control_frames_max = 10;
    let mut tested = Tested::server_with(limits, &[]);
    for _ in 0..10 {
        assert!(tested.connection.reading_allowed());
        tested.receive(&settings(&[]));
    }
    assert!(!tested.connection.reading_allowed());
    let output = tested.connection.output_bytes();
    tested.connection.advance_output(output - 1, tested.now);
    tested.connection.advance_output(1, tested.now);
    assert!(tested.connection.reading_allowed());
}

/// A burst above the limit that came in one read: once everything is written, its generations are all forgotten.
#[test]
fn a_burst_of_control_frames_stops_reading_only_while_it_waits() {
    let bursts = [("SETTINGS", settings(&[])), ("PING", ping(1, 0))];
    for (name, frame) in bursts {
        for count in [999, 1000, 1002, 5000] {
            let mut limits = Limits::server();
            limits.ping_strikes_max = u32::MAX;
            let mut tested = Tested::server_with(limits, &[]);
            let events = tested.receive(&frame.repeat(count));
            assert!(!events.iter().any(|event| event.starts_with("Closed")), "{count} {name}");
            assert_eq!(tested.connection.reading_allowed(), count < 1000, "{count} {name} wait");
            let output = tested.connection.output_bytes();
            tested.connection.advance_output(output, tested.now);
            assert!(!tested.connection.has_output());
            assert!(tested.connection.reading_allowed(), "{count} {name} are answered");
            tested.receive(&ping(2, 0));
            assert_eq!(tested.take(), ["PING ack"], "{count} {name}");
        }
    }
}

/// CVE-2019-9513, CVE-2019-9518: frames that are allowed and achieve nothing end by their rate.
#[test]
fn floods_of_frames_that_achieve_nothing() {
    let floods: [Rounds; 5] = [
        ("PRIORITY", |_| frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 0])),
        ("unknown", |_| frame(0x77, 0, 0, b"")),
        ("empty DATA", |_| data(1, b"", 0)),
        ("SETTINGS", |_| settings(&[])),
        ("answers to no PING", |_| ping(1, ACK)),
    ];
    for (name, flood) in floods {
        let mut tested = Tested::server();
        tested.receive(&request(1, 0));
        let closed = rounds_until_closed(&mut tested, 20_000, flood).unwrap();
        assert!((9_000..11_000).contains(&closed), "{name}: after {closed}");
    }
}

/// h2's lifetime cap of a hundred empty frames kills such clients.
#[test]
fn one_empty_frame_a_call_is_no_attack() {
    let mut tested = Tested::server();
    for number in 0..50_000 {
        let stream = stream(number);
        let bytes = [request(stream, 0), data(stream, b"", 0), data(stream, b"a", END_STREAM)].concat();
        assert_eq!(tested.receive(&bytes).len(), 2, "call {number}");
        tested.respond(stream, true);
        tested.connection.finish(id(stream));
        tested.take();
    }
    tested.assert_at_rest(&Limits::server());
}

/// `too_many_data_frames`: many small messages that the application does not read yet are legitimate.
#[test]
fn small_messages_are_no_attack() {
    let mut tested = Tested::server();
    tested.receive(&request(1, 0));
    for _ in 0..200_000 {
        assert_eq!(tested.receive(&data(1, b"abc", 0)), ["Data 1 3"]);
    }
    tested.take();
}

/// `too_many_internal_resets`: a client that cancels a million streams of a server keeps its connection.
#[test]
fn a_client_may_cancel_for_ever() {
    let mut tested = Tested::client();
    for number in 0..50_000 {
        let stream = tested.open(true).get();
        tested.receive(&frame(HEADERS, END_HEADERS, stream, RESPONSE));
        tested.connection.reset(id(stream), Reason::Cancel);
        tested.take();
        // What was on its way comes all the same.
        let late = [data(stream, &[0; 100], 0), block_of(stream, END_STREAM, &[("grpc-status", "0")])].concat();
        assert!(tested.receive(&late).is_empty(), "call {number}");
        assert!(tested.take().iter().all(|frame| frame.starts_with("WINDOW_UPDATE 0")), "call {number}");
    }
    tested.assert_at_rest(&Limits::client());
}

/// The same over a network so slow that the answers come when thousands of other streams were cancelled.
#[test]
fn a_client_may_cancel_over_a_slow_network() {
    let mut tested = Tested::client();
    for number in 0..20_000_u32 {
        let stream = tested.open(true);
        tested.connection.reset(stream, Reason::Cancel);
        if let Some(earlier) = number.checked_sub(5000) {
            let answer = frame(HEADERS, END_HEADERS, earlier * 2 + 1, RESPONSE);
            assert!(tested.receive(&[answer, data(earlier * 2 + 1, &[0; 50], END_STREAM)].concat()).is_empty());
        }
        tested.take();
    }
    tested.assert_at_rest(&Limits::client());
}

/// CVE-2019-9517: an open window and a socket that takes nothing. See also `timers`.
#[test]
fn data_for_a_peer_that_does_not_read_is_bounded() {
    let mut tested = Tested::server_with(Limits::server(), &[(4, 0x7fff_ffff)]);
    tested.receive(&window_update(0, 0x7000_0000));
    for number in 0..100 {
        tested.receive(&request(stream(number), END_STREAM));
        tested.respond(stream(number), false);
        while tested.connection.queued_bytes(id(stream(number))) < seltzer_h2::limits::SEND_HIGH_WATER {
            tested.connection.send_data(id(stream(number)), Bytes::from(vec![0; 20_000]), false).unwrap();
        }
    }
    assert!(tested.connection.output_bytes() < 1024 * 1024);
}

/// CVE-2026-50560: a peer whose limit nothing fits is told so before anything is sent.
#[test]
fn a_tiny_header_limit() {
    let mut tested = Tested::server_with(Limits::server(), &[(6, 1)]);
    tested.receive(&request(1, END_STREAM));
    let status = [HeaderField::new(b":status", b"200")];
    assert!(tested.connection.send_headers(id(1), status, true).is_err());
    tested.connection.finish(id(1));
    assert_eq!(tested.take(), ["RST_STREAM 1 INTERNAL_ERROR"]);
}

/// nghttp2's CVE-2026-27135: input after the end of a connection is swallowed, whatever it is.
#[test]
fn input_after_the_end() {
    let mut tested = Tested::server();
    tested.receive(&data(0, b"", 0));
    tested.take();
    for kind in 0..=10 {
        assert!(tested.receive(&frame(kind, 0xff, 1, &[0xff; 20])).is_empty());
    }
    assert!(tested.take().is_empty());
    assert!(tested.wait(10_000).is_empty());
}
