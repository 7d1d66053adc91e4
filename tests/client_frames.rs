//! A channel against servers that use HTTP/2 in rare ways, which are right all the same: the deterministic half of what
//! `scripts/interop.sh` tries with a scripted server.

use prost::Message as _;
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::{Channel, Response, Status};
use tokio::task::JoinHandle;

use crate::support::patiently;
use crate::support::peer::{
    ACK, DATA, Frame, GOOD, HEADERS, MAX_CONCURRENT_STREAMS, NO_ERROR, PADDED, PING, Peer, Place, SETTINGS,
    WINDOW_UPDATE, frame,
};
use crate::support::probe::{Client, ask, text};
use crate::support::raw::framed;

/// The payload of a large answer; in frames of five bytes it takes more than 62,800.
const LARGE: usize = 314_159;

/// How many bytes of an answer a tiny frame carries.
const TINY: usize = 5;

/// How many tiny frames go into one write, so that a test takes no longer than it must.
const FRAMES_A_WRITE: usize = 500;

/// HTTP/2's initial window, of streams and connections alike.
const WINDOW_BYTES: u32 = 65_535;

type Unary = JoinHandle<Result<Response<SimpleResponse>, Status>>;

fn begin(client: &Client, words: &str) -> Unary {
    let (client, request) = (client.clone(), ask(words));
    tokio::spawn(async move { client.unary_call(request).await })
}

async fn outcome(call: Unary) -> String {
    text(patiently(call).await.unwrap().unwrap().get_ref())
}

fn say(words: &str) -> Vec<u8> {
    SimpleResponse { payload: ask(words).payload, ..SimpleResponse::default() }.encode_to_vec()
}

/// A server with its first call, and the channel it came through.
async fn called(settings: &[(u16, u32)]) -> (Place, Client, Peer, Unary, u32) {
    let place = Place::new().await;
    let endpoint = Channel::builder(place.uri());
    // HTTP/2's own windows, so that a server need not be told of others.
    let endpoint = endpoint.initial_stream_window_size(WINDOW_BYTES).initial_connection_window_size(WINDOW_BYTES);
    let client = Client::new(endpoint.connect_lazy());
    let call = begin(&client, "first");
    let mut peer = place.accept(settings).await;
    let stream = peer.next_call().await;
    (place, client, peer, call, stream)
}

#[tokio::test]
async fn a_call_during_goaway_is_finished_and_the_next_one_goes_elsewhere() {
    let (place, client, mut peer, first, stream) = called(&[]).await;
    peer.go_away(stream, NO_ERROR).await;
    // The client knows of it when it answers what was sent after.
    peer.send(PING, 0, 0, b"question").await;
    peer.until(|frame| (frame.kind, frame.flags) == (PING, ACK)).await;
    let second = begin(&client, "second");
    let mut other = place.accept(&[]).await;
    let stream_there = other.next_call().await;
    peer.answer(stream, &say("one")).await;
    other.answer(stream_there, &say("two")).await;
    assert_eq!((outcome(first).await, outcome(second).await), ("one".to_owned(), "two".to_owned()));
    peer.end().await;
}

#[tokio::test]
async fn pings_around_headers_and_data_are_answered_in_order() {
    let (_place, _client, mut peer, call, stream) = called(&[]).await;
    peer.send(PING, 0, 0, b"before 1").await;
    peer.headers(stream, GOOD, false).await;
    peer.send(PING, 0, 0, b"before 2").await;
    peer.send(DATA, 0, stream, &framed(0, &say("between"))).await;
    peer.send(PING, 0, 0, b"before 3").await;
    for expected in [b"before 1", b"before 2", b"before 3"] {
        let answer = peer.next_of(PING).await;
        assert_eq!((answer.flags, answer.payload.as_slice()), (ACK, expected.as_slice()));
    }
    peer.headers(stream, &[("grpc-status", "0")], true).await;
    assert_eq!(outcome(call).await, "between");
}

#[tokio::test]
async fn a_server_may_lower_the_number_of_streams_at_any_time() {
    let (_place, client, mut peer, first, stream) = called(&[]).await;
    let one = [MAX_CONCURRENT_STREAMS.to_be_bytes().as_slice(), &1_u32.to_be_bytes()].concat();
    peer.send(SETTINGS, 0, 0, &one).await;
    peer.until(|frame| (frame.kind, frame.flags) == (SETTINGS, ACK)).await;
    let mut calls = vec![(stream, first, "first".to_owned())];
    for number in 0..10 {
        calls.push((0, begin(&client, &number.to_string()), number.to_string()));
        // Polled once, each stands in the queue before the next one is there.
        tokio::task::yield_now().await;
    }
    for (mut stream, call, words) in calls {
        if stream == 0 {
            let mut begun = Vec::new();
            let end = peer
                .until(|frame| {
                    begun.extend((frame.kind == HEADERS).then_some(frame.stream));
                    frame.kind == DATA && frame.flags & 1 != 0
                })
                .await;
            assert_eq!(begun, [end.stream], "one at a time");
            assert_eq!(SimpleRequest::decode(&end.payload[5..]).unwrap(), ask(&words));
            stream = end.stream;
        }
        peer.answer(stream, &say(&words)).await;
        assert_eq!(outcome(call).await, words);
    }
}

#[tokio::test]
async fn tiny_frames_by_the_ten_thousand_are_read() {
    answer_in_tiny_frames(|_| None).await;
}

#[tokio::test]
async fn the_padding_of_tiny_frames_is_paid_back_too() {
    // All of it together is a multiple of the client's windows.
    answer_in_tiny_frames(|number| u8::try_from(number % 256).ok()).await;
}

/// A large answer in frames of five bytes, each with so much padding, as fast as the client's windows permit.
async fn answer_in_tiny_frames(padding: fn(usize) -> Option<u8>) {
    let (_place, _client, mut peer, call, stream) = called(&[]).await;
    let words = "x".repeat(LARGE);
    let answer = framed(0, &say(&words));
    let mut credit = Credit::new(stream);
    peer.headers(stream, GOOD, false).await;
    let (mut frames, mut count) = (Vec::new(), 0);
    for (number, piece) in answer.chunks(TINY).enumerate() {
        let (flags, payload) = match padding(number) {
            None => (0, piece.to_vec()),
            Some(length) => (PADDED, [&[length], piece, &vec![0; usize::from(length)]].concat()),
        };
        if credit.is_below(payload.len()) || number % FRAMES_A_WRITE == 0 {
            peer.send_frames(&frames).await;
            frames.clear();
        }
        while credit.is_below(payload.len()) {
            let update = peer.next_of(WINDOW_UPDATE).await;
            credit.add(&update);
        }
        credit.spend(payload.len());
        frames.extend(frame(DATA, flags, stream, &payload));
        count += 1;
    }
    peer.send_frames(&frames).await;
    peer.headers(stream, &[("grpc-status", "0")], true).await;
    assert!(count > 62_800, "{count}");
    assert_eq!(outcome(call).await.len(), LARGE);
}

/// What the client permits a server to send.
struct Credit {
    stream: u32,
    of_connection: usize,
    of_stream: usize,
}

impl Credit {
    fn new(stream: u32) -> Self {
        let window = usize::try_from(WINDOW_BYTES).unwrap();
        Credit { stream, of_connection: window, of_stream: window }
    }

    fn add(&mut self, update: &Frame) {
        let bytes = usize::try_from(update.number()).unwrap();
        if update.stream == 0 {
            self.of_connection += bytes;
        } else {
            assert_eq!(update.stream, self.stream);
            self.of_stream += bytes;
        }
    }

    fn is_below(&self, bytes: usize) -> bool {
        self.of_connection < bytes || self.of_stream < bytes
    }

    fn spend(&mut self, bytes: usize) {
        self.of_connection -= bytes;
        self.of_stream -= bytes;
    }
}
