//! How connections end, RFC 9113 sections 5.4.1 and 6.8.

use crate::support::*;
use seltzer_h2::{Limits, OpenError, Reason, StreamId};
use std::collections::BTreeMap;

#[test]
fn a_server_drains_in_two_steps() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.connection.shut_down();
    assert_eq!(tested.take(), ["GOAWAY 2147483647 NO_ERROR", "PING"]);
    // A request that was on its way is served.
    assert_eq!(tested.receive(&request(3, END_STREAM)), ["Request 3 end"]);
    assert!(!tested.connection.is_done());
    tested.receive(&frame(PING, ACK, 0, b"drain\0\0\0"));
    assert_eq!(tested.take(), ["GOAWAY 3 NO_ERROR"]);
    // The next one is not; the peer knows that it is not.
    assert!(
        tested.receive(&[request(5, 0), data(5, &[0; 100], END_STREAM), rst(5, Reason::Cancel)].concat()).is_empty()
    );
    assert!(tested.take().is_empty());
    for stream in [1, 3] {
        assert!(!tested.connection.is_done());
        tested.respond(stream, true);
        tested.connection.finish(StreamId::new(stream));
    }
    assert!(tested.connection.is_done());
    tested.assert_at_rest(&Limits::server());
}

#[test]
fn a_peer_that_does_not_answer_holds_no_drain_up() {
    let mut tested = Tested::server();
    tested.connection.shut_down();
    tested.take();
    tested.wait(4);
    assert!(!tested.connection.is_done());
    tested.wait(2);
    assert_eq!(tested.take(), ["GOAWAY 0 NO_ERROR"]);
    assert!(tested.connection.is_done());
}

#[test]
fn a_silent_connection_is_done_at_once() {
    for input in [&b""[..], &PREFACE[..10], PREFACE] {
        let mut tested = Tested::raw_server(Limits::server());
        tested.receive(input);
        tested.connection.shut_down();
        assert!(tested.connection.is_done(), "after {} bytes", input.len());
    }
}

#[test]
fn a_client_shuts_down_when_its_calls_are_over() {
    let mut tested = Tested::client();
    tested.open(true);
    tested.connection.shut_down();
    assert_eq!(tested.connection.open_stream(), Err(OpenError::GoingAway));
    assert!(!tested.connection.is_done());
    assert_eq!(tested.receive(&frame(HEADERS, 5, 1, RESPONSE)), ["Response 1 end"]);
    assert!(tested.connection.is_done());
    assert_eq!(tested.take(), ["HEADERS 1 end", "GOAWAY 0 NO_ERROR"]);
}

#[test]
fn streams_above_a_go_away_were_never_processed() {
    let mut tested = Tested::client();
    for _ in 0..3 {
        tested.open(false);
    }
    assert_eq!(tested.receive(&go_away(0x7fff_ffff, Reason::NoError)), ["GoAway 2147483647 NO_ERROR"]);
    assert_eq!(tested.connection.open_stream(), Err(OpenError::GoingAway));
    assert_eq!(tested.connection.open_streams_allowed(), 0);
    let events = tested.receive(&go_away(1, Reason::EnhanceYourCalm));
    assert_eq!(
        events,
        ["Reset 3 REFUSED_STREAM by peer", "Reset 5 REFUSED_STREAM by peer", "GoAway 1 ENHANCE_YOUR_CALM"]
    );
    assert!(!tested.connection.is_done(), "the first is still served");
    assert_eq!(tested.receive(&frame(HEADERS, 5, 1, RESPONSE)), ["Response 1 end"]);
    assert_eq!(
        tested.receive(&go_away(3, Reason::NoError)).last().unwrap(),
        "Closed PROTOCOL_ERROR",
        "it may not rise"
    );
}

#[test]
fn a_go_away_of_a_client_says_nothing_of_its_own_streams() {
    let mut tested = Tested::server();
    tested.receive(&request(1, 0));
    assert_eq!(tested.receive(&go_away(0, Reason::NoError)), ["GoAway 0 NO_ERROR"]);
    assert_eq!(tested.receive(&data(1, b"a", END_STREAM)), ["Data 1 1 end"]);
    assert_eq!(tested.receive(&request(3, END_STREAM)), ["Request 3 end"]);
}

#[test]
fn an_error_resets_every_stream_in_order_and_then_closes() {
    let mut tested = Tested::server();
    tested.receive(&[request(1, 0), request(3, END_STREAM), request(5, 0)].concat());
    tested.connection.reset(StreamId::new(3), Reason::Cancel);
    assert_eq!(
        tested.receive(&data(0, b"", 0)),
        ["Reset 1 PROTOCOL_ERROR by peer", "Reset 5 PROTOCOL_ERROR by peer", "Closed PROTOCOL_ERROR"]
    );
    assert_eq!(tested.take(), ["RST_STREAM 3 CANCEL", "GOAWAY 5 PROTOCOL_ERROR"]);
    assert!(tested.connection.is_done());
    assert_eq!(tested.connection.active_streams(), 0);
    tested.connection.shut_down();
    tested.connection.go_away(Reason::NoError, b"");
    tested.connection.ping([0; 8]);
    assert!(tested.take().is_empty(), "nothing follows the last GOAWAY");
}

#[test]
fn go_away_at_once_with_words() {
    let mut tested = Tested::server();
    tested.receive(&request(1, END_STREAM));
    tested.connection.go_away(Reason::EnhanceYourCalm, b"memory");
    let output = tested.connection.take_output(tested.now);
    assert!(output.ends_with(b"memory"));
    assert_eq!(frames(&output).iter().map(frame_words).collect::<Vec<_>>(), ["GOAWAY 1 ENHANCE_YOUR_CALM"]);
    tested.respond(1, true);
    tested.connection.finish(StreamId::new(1));
    assert!(tested.connection.is_done());
}

#[test]
fn the_words_of_a_go_away_are_kept_as_far_as_they_are_short() {
    let saying = |words: &[u8]| [&7u32.to_be_bytes()[..], &0xbu32.to_be_bytes(), words].concat();
    let long = vec![b'x'; 1000];
    for (words, expected) in [(&b""[..], &b""[..]), (b"too_many_pings", b"too_many_pings"), (&long, &long[..256])] {
        let mut tested = Tested::client();
        assert_eq!(tested.connection.go_away_text(), b"");
        tested.receive(&frame(GO_AWAY, 0, 0, &saying(words)));
        assert_eq!(tested.connection.go_away_text(), expected);
        tested.receive(&frame(GO_AWAY, 0, 0, &saying(b"later")));
        assert_eq!(tested.connection.go_away_text(), if words.is_empty() { b"later" } else { expected });
    }
}

#[test]
fn pings_of_the_application_come_back() {
    let mut tested = Tested::client();
    tested.connection.ping([7; 8]);
    assert_eq!(tested.take(), ["PING"]);
    assert_eq!(tested.receive(&ping(7, ACK)), ["Pong 7"]);
    assert!(tested.receive(&ping(7, ACK)).is_empty(), "a second answer is none");
}

/// A GOAWAY at every place of an exchange, with every last stream: each stream ends once, those above as refused.
#[test]
fn a_go_away_at_every_frame_boundary() {
    let streams = [1, 3, 5, 7];
    let mut script = Vec::new();
    for part in 0..3 {
        for stream in streams {
            script.push(match part {
                0 => frame(HEADERS, END_HEADERS, stream, RESPONSE),
                1 => data(stream, b"answer", 0),
                _ => block_of(stream, END_STREAM, &[("grpc-status", "0")]),
            });
        }
    }
    for place in 0..=script.len() {
        for last in [0, 1, 3, 5, 7, 0x7fff_ffff] {
            let mut tested = Tested::client();
            for _ in streams {
                tested.open(true);
            }
            let mut events = tested.receive(&script[..place].concat());
            events.extend(tested.receive(&go_away(last, Reason::NoError)));
            // A server sends nothing on streams that it did not process.
            for bytes in &script[place..] {
                if frames(bytes)[0].stream <= last {
                    events.extend(tested.receive(bytes));
                }
            }
            let name = format!("at {place}, last {last}");
            assert_eq!(ends_by_stream(&events), expected_ends(&streams, last, place), "{name}: {events:?}");
            assert!(tested.connection.is_done(), "{name}");
            tested.assert_at_rest(&Limits::client());
        }
    }
}

/// How each stream ended, by the events.
fn ends_by_stream(events: &[String]) -> BTreeMap<u32, Vec<&str>> {
    let mut ends: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    for event in events {
        let words: Vec<&str> = event.split(' ').collect();
        let how = match words[0] {
            "Reset" => words[2],
            "Trailers" => "complete",
            _ => continue,
        };
        ends.entry(words[1].parse().unwrap()).or_default().push(how);
    }
    ends
}

fn expected_ends(streams: &[u32], last: u32, place: usize) -> BTreeMap<u32, Vec<&'static str>> {
    let position = |stream: u32| streams.iter().position(|other| *other == stream).unwrap();
    let was_complete = |stream: u32| place > 2 * streams.len() + position(stream);
    let end = |stream: u32| if stream <= last || was_complete(stream) { "complete" } else { "REFUSED_STREAM" };
    streams.iter().map(|stream| (*stream, vec![end(*stream)])).collect()
}
