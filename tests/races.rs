//! Calls against a server that refuses, resets and goes away at every moment there is.
//!
//! A server says a script of frames: the answers of several calls, by turns. At each boundary between two frames in
//! turn it does something else. What becomes of each call is known from what the client has been told by then: one for
//! which the server has surely done nothing is made again, exactly once; the others never are.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use prost::Message as _;
use seltzer::services::schemas::grpc::testing::SimpleRequest;
use seltzer::{Channel, Code};
use tokio::task::AbortHandle;

use crate::client_engine::{WAYS, Way, begin_by};
use crate::support::call::{Unary, outcome, say};
use crate::support::peer::{DATA, END_STREAM, GOOD, NO_ERROR, Peer, Place, REFUSED_STREAM};
use crate::support::probe::body;
use crate::support::raw::framed;

/// The answers of calls, frame by frame: each a head, the pieces of a message, and trailers.
///
/// The calls take turns, and each begins two turns after the one before, so that at most boundaries every call has come
/// to another point.
#[derive(Debug, Clone)]
struct Script {
    calls: usize,
    /// Into how many frames a message falls.
    pieces: usize,
    /// Whose each frame is, and which of its frames.
    order: Vec<(usize, usize)>,
}

impl Script {
    fn new(calls: usize, pieces: usize) -> Self {
        let frames_of = |call| (0..pieces + 2).map(move |frame| (frame + 2 * call, call, frame));
        let mut order: Vec<(usize, usize, usize)> = (0..calls).flat_map(frames_of).collect();
        order.sort_unstable();
        Script { calls, pieces, order: order.into_iter().map(|(_, call, frame)| (call, frame)).collect() }
    }

    fn frames(&self) -> usize {
        self.order.len()
    }

    /// How far a call has come after so many frames.
    fn said(&self, call: usize, frames: usize) -> usize {
        self.order[..frames].iter().filter(|(other, _)| *other == call).count()
    }

    async fn say(&self, peer: &mut Peer, streams: &[u32], number: usize) {
        let (call, frame) = self.order[number];
        let message = framed(0, &say(&answer_to(call)));
        match frame {
            0 => peer.headers(streams[call], GOOD, false).await,
            frame if frame <= self.pieces => {
                let size = message.len().div_ceil(self.pieces);
                peer.send(DATA, 0, streams[call], message.chunks(size).nth(frame - 1).unwrap_or_default()).await;
            }
            _ => peer.headers(streams[call], &[("grpc-status", "0")], true).await,
        }
    }

    /// What becomes of a call, and how often the server sees it.
    fn expected(&self, act: Act, boundary: usize, call: usize) -> (Result<(), Code>, usize) {
        let said = self.said(call, boundary);
        let (is_complete, has_begun) = (said == self.pieces + 2, said > 0);
        let unprocessed = |is_unprocessed: bool| match is_unprocessed {
            true if !has_begun => (Ok(()), 2),
            _ => (Err(Code::Unavailable), 1),
        };
        match act {
            _ if is_complete => (Ok(()), 1),
            Act::Leave { below } if call < below => (Ok(()), 1),
            Act::Leave { below } | Act::LeaveAndCut { below } => unprocessed(call >= below),
            Act::Reset { call: reset, .. } if call != reset => (Ok(()), 1),
            Act::Reset { code: REFUSED_STREAM, .. } => unprocessed(true),
            Act::Reset { means, .. } => (Err(means), 1),
            Act::Cut => (Err(Code::Unavailable), 1),
        }
    }
}

/// Long enough for some pieces.
fn answer_to(call: usize) -> String {
    format!("the answer to call {call}, {}", "x".repeat(100))
}

/// What the codes of HTTP/2 mean to a call (gRPC over HTTP/2, "HTTP2 Transport Mapping").
const CODES: [(u32, Code); 14] = [
    (0x0, Code::Internal),
    (0x1, Code::Internal),
    (0x2, Code::Internal),
    (0x3, Code::Internal),
    (0x4, Code::Internal),
    (0x5, Code::Internal),
    (0x6, Code::Internal),
    (0x7, Code::Unavailable),
    (0x8, Code::Cancelled),
    (0x9, Code::Internal),
    (0xa, Code::Internal),
    (0xb, Code::ResourceExhausted),
    (0xc, Code::PermissionDenied),
    (0xd, Code::Internal),
];

/// What happens at the boundary.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// GOAWAY with so many of the calls below it; the server finishes those.
    Leave { below: usize },
    /// The same, and the connection is cut.
    LeaveAndCut { below: usize },
    /// One call is reset with a code; the server finishes the others.
    Reset { call: usize, code: u32, means: Code },
    /// The connection is cut.
    Cut,
}

/// How often each call came, by what it says.
type Seen = Arc<Mutex<BTreeMap<String, usize>>>;

/// Answers the calls of all connections but the first.
struct Rest {
    place: Arc<Place>,
    seen: Seen,
    task: AbortHandle,
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn note(seen: &Seen, request: &[u8]) -> String {
    let words = body(&SimpleRequest::decode(&request[5..]).unwrap());
    *seen.lock().unwrap().entry(words.clone()).or_default() += 1;
    words
}

/// Answers what comes as long as it comes.
async fn answer_all(mut peer: Peer, seen: Seen) {
    while let Some(frame) = peer.next().await {
        if frame.kind == DATA && frame.flags & END_STREAM != 0 {
            let words = note(&seen, &frame.payload);
            peer.answer(frame.stream, &say(&answer_to(words.parse().unwrap()))).await;
        }
    }
}

async fn connect() -> (Channel, Peer, Rest) {
    let place = Arc::new(Place::new().await);
    let channel = Channel::builder(place.uri()).connections_max(1).connect_lazy();
    let opening = begin_by(Way::Short, &channel, "first");
    let mut peer = place.accept(&[]).await;
    let stream = peer.next_call().await;
    peer.answer(stream, &say("first")).await;
    outcome(opening).await.unwrap();
    let seen = Seen::default();
    let accepting = {
        let (place, seen) = (Arc::clone(&place), Arc::clone(&seen));
        async move {
            loop {
                let peer = place.accept(&[]).await;
                tokio::spawn(answer_all(peer, Arc::clone(&seen)));
            }
        }
    };
    let task = tokio::spawn(accepting).abort_handle();
    (channel, peer, Rest { place, seen, task })
}

async fn run(script: &Script, way: Way, act: Act, boundary: usize) {
    let (channel, mut peer, rest) = connect().await;
    let mut calls: Vec<Unary> = Vec::new();
    let mut streams = Vec::new();
    for call in 0..script.calls {
        calls.push(begin_by(way, &channel, &call.to_string()));
        let frame = peer.until(|frame| frame.kind == DATA && frame.flags & END_STREAM != 0).await;
        note(&rest.seen, &frame.payload);
        streams.push(frame.stream);
    }
    for number in 0..boundary {
        script.say(&mut peer, &streams, number).await;
    }
    let last = |below: usize| if below == 0 { streams[0] - 2 } else { streams[below - 1] };
    let goes_on: Box<dyn Fn(usize) -> bool> = match act {
        Act::Leave { below } => {
            peer.go_away(last(below), NO_ERROR).await;
            Box::new(move |call| call < below)
        }
        Act::LeaveAndCut { below } => {
            peer.go_away(last(below), NO_ERROR).await;
            Box::new(|_| false)
        }
        Act::Reset { call, code, .. } => {
            peer.reset(streams[call], code).await;
            Box::new(move |other| other != call)
        }
        Act::Cut => Box::new(|_| false),
    };
    if !matches!(act, Act::LeaveAndCut { .. } | Act::Cut) {
        for number in boundary..script.frames() {
            if goes_on(script.order[number].0) {
                script.say(&mut peer, &streams, number).await;
            }
        }
        tokio::spawn(answer_all(peer, Arc::clone(&rest.seen)));
    } else {
        peer.finish().await;
    }
    for (number, call) in calls.into_iter().enumerate() {
        let got = outcome(call).await.map(|words| assert_eq!(words, answer_to(number))).map_err(|(code, _)| code);
        let seen = rest.seen.lock().unwrap()[&number.to_string()];
        assert_eq!((got, seen), script.expected(act, boundary, number), "{way:?} {act:?} at {boundary}: call {number}");
    }
    drop((rest.place.uri(), channel));
}

async fn run_all(script: &Script, acts: impl Iterator<Item = Act> + Clone) {
    for way in WAYS {
        for boundary in 0..=script.frames() {
            for act in acts.clone() {
                run(script, way, act, boundary).await;
            }
        }
    }
}

async fn leave(script: &Script) {
    run_all(script, (0..=script.calls).map(|below| Act::Leave { below })).await;
}

async fn leave_and_cut(script: &Script) {
    run_all(script, (0..=script.calls).map(|below| Act::LeaveAndCut { below }).chain([Act::Cut])).await;
}

async fn reset(script: &Script) {
    let calls = script.calls;
    let acts = CODES.iter().enumerate().map(|(index, (code, means))| {
        // Every code meets one call, and every call some codes.
        Act::Reset { call: index % calls, code: *code, means: *means }
    });
    run_all(script, acts).await;
    let refusals = (0..calls).map(|call| Act::Reset { call, code: REFUSED_STREAM, means: Code::Unavailable });
    run_all(script, refusals).await;
}

#[tokio::test]
async fn a_server_goes_away_at_every_moment() {
    leave(&Script::new(3, 4)).await;
}

#[tokio::test]
async fn a_server_goes_away_and_cuts_the_connection_at_every_moment() {
    leave_and_cut(&Script::new(3, 4)).await;
}

#[tokio::test]
async fn a_server_resets_a_call_at_every_moment_with_every_code() {
    reset(&Script::new(3, 4)).await;
}

#[tokio::test]
#[ignore = "takes minutes"]
async fn the_same_with_five_hundred_frames() {
    let script = Script::new(5, 98);
    assert_eq!(script.frames(), 500);
    leave(&script).await;
    leave_and_cut(&script).await;
    reset(&script).await;
}
