//! Peers that obey nothing: random frames, for both roles. Nothing panics, every stream begins and ends once, what is
//! kept stays small, and it makes no difference where the bytes are split.

use crate::support::*;
use seltzer_h2::{Event, HeadersKind, Limits, Reason, StreamId};
use std::collections::BTreeMap;

const SEEDS: u64 = if cfg!(debug_assertions) { 3_000 } else { 30_000 };

struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// Frames that are mostly right, so that they get far, and sometimes anything.
fn random_frame(random: &mut Random, highest: &mut u32) -> Vec<u8> {
    let stream = (random.below(u64::from(*highest) + 1) as u32) | 1;
    let end = if random.below(6) == 0 { END_STREAM } else { 0 };
    let mut new_stream = || {
        *highest += 2;
        *highest
    };
    let wild = random.below(40) == 0;
    match random.below(20) {
        0..=3 => request(new_stream(), end),
        4 => {
            [frame(HEADERS, end, new_stream(), &REQUEST[..1]), frame(CONTINUATION, 4, *highest, &REQUEST[1..])].concat()
        }
        5 => request_with(new_stream(), end, &[("content-length", "7")]),
        6 => frame(HEADERS, END_HEADERS | end, stream, RESPONSE),
        7 => block_of(stream, END_STREAM, &[("a", "b"), ("grpc-status", "0")]),
        8 | 9 => data(stream, &vec![0; random.below(3000) as usize], end),
        10 => padded(stream, &vec![0; random.below(30) as usize], random.below(256) as u8, end),
        11 => rst(stream, Reason::from_code(random.below(20) as u32)),
        12 => window_update(if wild { 0 } else { stream }, random.below(3) as u32 * 0x3fff_ffff + 7),
        13 => settings(&[(4, random.below(100_000) as u32), (0x77, 1), (1, random.below(5000) as u32)]),
        14 => ping(0, if random.below(2) == 0 { ACK } else { 0 }),
        15 => frame(PRIORITY, 0, stream, &[0, 0, 0, random.below(9) as u8, 0]),
        16 if wild => go_away(random.below(9) as u32, Reason::NoError),
        17 if wild => {
            let payload: Vec<u8> = (0..random.below(20)).map(|_| random.below(256) as u8).collect();
            frame(random.below(12) as u8, random.below(256) as u8, stream, &payload)
        }
        18 if wild => (0..random.below(30)).map(|_| random.below(256) as u8).collect(),
        19 if wild => request(random.below(30) as u32, end),
        _ => frame(0x42, 0, stream, b"unknown"),
    }
}

/// What a driver does on an event, without looking left or right.
fn react(tested: &mut Tested, event: &Event<'_>, is_server: bool) {
    let (Event::Headers { stream, end_stream, .. }
    | Event::HeadersTooLarge { stream, end_stream }
    | Event::Data { stream, end_stream, .. }) = event
    else {
        if let Event::Reset { stream, .. } = event {
            tested.connection.finish(*stream);
        }
        return;
    };
    tested.connection.release(*stream, 1000);
    if !is_server || !*end_stream {
        return;
    }
    match stream.get() % 3 {
        0 => tested.connection.reset(*stream, Reason::Cancel),
        1 => tested.respond_with(*stream, 5000),
        // A handler that takes its time.
        _ => return,
    }
    tested.connection.finish(*stream);
}

struct Outcome {
    events: Vec<String>,
    output: Vec<String>,
}

fn run(bytes: &[u8], is_server: bool, mut split: impl FnMut() -> usize) -> Outcome {
    let mut tested = if is_server { Tested::server() } else { Tested::client() };
    if !is_server {
        for number in 0..6 {
            tested.open(number % 2 == 0);
        }
    }
    let mut outcome = Outcome { events: Vec::new(), output: Vec::new() };
    let mut ends: BTreeMap<StreamId, u32> = BTreeMap::new();
    let mut input = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(split().clamp(1, rest.len()));
        rest = later;
        input.extend(now);
        let whole = std::mem::take(&mut input);
        let mut slice = &whole[..];
        while let Some(event) = tested.connection.next_event(&mut slice, tested.now) {
            note(&mut ends, &event);
            outcome.events.push(event_words(&event));
            react(&mut tested, &event, is_server);
        }
        input = slice.to_vec();
        assert!(input.len() < 9 + 16_384, "an incomplete frame at most");
        assert!(tested.connection.output_bytes() < 1 << 20);
    }
    // Connection credit depends on when bytes were read, and on nothing else.
    let is_credit = |words: &String| words.starts_with("WINDOW_UPDATE");
    outcome.output = tested.take().into_iter().filter(|words| !is_credit(words)).collect();
    if !tested.connection.is_done() && input.is_empty() && tested.connection.data_in_progress().is_none() {
        let (at_rest, _) = tested.connection.windows_at_rest();
        assert!(at_rest <= i64::from(Limits::server().connection_window_bytes));
    }
    outcome
}

fn note(ends: &mut BTreeMap<StreamId, u32>, event: &Event<'_>) {
    match event {
        Event::Headers { stream, kind: HeadersKind::Request, .. } => {
            assert!(ends.insert(*stream, 0).is_none(), "stream {stream} begins twice");
        }
        Event::Reset { stream, .. } => {
            let count = ends.entry(*stream).or_default();
            *count += 1;
            assert_eq!(*count, 1, "stream {stream} is reset twice");
        }
        Event::Data { stream, .. } => assert_ne!(ends.get(stream), Some(&1), "data after a reset"),
        _ => {}
    }
}

#[test]
fn random_frames() {
    let mut furthest = 0;
    for seed in 0..SEEDS {
        let mut random = Random(seed);
        let is_server = seed % 3 != 0;
        let mut highest = if is_server { 1 } else { 11 };
        let mut bytes = Vec::new();
        for _ in 0..1 + random.below(60) {
            bytes.extend(random_frame(&mut random, &mut highest));
        }
        let whole = run(&bytes, is_server, || usize::MAX);
        let parts = run(&bytes, is_server, || random.below(40) as usize);
        assert_eq!(merge_data(&whole.events), merge_data(&parts.events), "seed {seed}: events");
        assert_eq!(whole.output, parts.output, "seed {seed}: output");
        furthest = furthest.max(whole.events.len());
    }
    assert!(furthest >= 40, "the frames get somewhere: {furthest} events");
}
