//! Large messages of streams, however their frames are cut and whatever comes between them.

use seltzer::Server;
use seltzer::services::schemas::grpc::testing::SimpleResponse;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::engine::frames::{DATA, END_HEADERS, END_STREAM, HEADERS, PING, PREFACE, SETTINGS, frame, request_block};
use crate::engine::{UNARY, UP, is_other_carrier, message};
use crate::support::probe::Probe;
use crate::support::{Running, patiently};

const FRAME_BYTES: usize = 16 * 1024;
const PADDED: u8 = 0x8;
const WINDOW_UPDATE: u8 = 8;
const UNKNOWN: u8 = 0xfa;

const UPLOAD: u32 = 1;
const OTHER: u32 = 3;

/// A message's text, which is nothing that the probe obeys and the same nowhere.
fn text(length: usize, seed: usize) -> String {
    (0..length).map(|n| char::from(b'a' + ((n / 26 + n * seed) % 26) as u8)).collect()
}

/// What comes between the frames of an upload.
#[derive(Debug, Clone, Copy)]
enum Between {
    Nothing,
    Ping,
    Empty,
    Unknown,
    OtherCall,
    WindowUpdate,
}

impl Between {
    fn frames(self) -> Vec<u8> {
        match self {
            Between::Nothing => Vec::new(),
            Between::Ping => frame(PING, 0, 0, b"between."),
            Between::Empty => frame(DATA, 0, UPLOAD, b""),
            Between::Unknown => frame(UNKNOWN, 0, 0, &[7; 1000]),
            Between::OtherCall => {
                let head = frame(HEADERS, END_HEADERS, OTHER, &request_block(UNARY));
                [head, frame(DATA, END_STREAM, OTHER, &message("other"))].concat()
            }
            Between::WindowUpdate => frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1]),
        }
    }
}

/// DATA frames of these bytes, the last of which ends the stream; behind the frame number `at` comes something else, and
/// that frame itself may be padded or short.
fn cut(bytes: &[u8], frame_bytes: usize, at: usize, between: Between, is_padded: bool) -> Vec<u8> {
    let mut frames = Vec::new();
    let mut rest = bytes;
    for number in 0.. {
        let length = if number == at { frame_bytes / 3 } else { frame_bytes }.min(rest.len());
        let (payload, more) = rest.split_at(length);
        rest = more;
        let flags = if rest.is_empty() { END_STREAM } else { 0 };
        if is_padded && number == at {
            frames.extend(frame(DATA, flags | PADDED, UPLOAD, &[&[9][..], payload, &[0; 9]].concat()));
        } else {
            frames.extend(frame(DATA, flags, UPLOAD, payload));
        }
        if rest.is_empty() {
            return frames;
        }
        if number == at {
            frames.extend(between.frames());
        }
    }
    frames
}

/// The text of the answer to the upload.
async fn answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut answer = Vec::new();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let mut payload = vec![0; usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        match head[3] {
            DATA if head[5..] == UPLOAD.to_be_bytes() => answer.extend(payload),
            HEADERS if head[5..] == UPLOAD.to_be_bytes() && head[4] & END_STREAM != 0 => break,
            _ => {}
        }
    }
    let response: SimpleResponse = prost::Message::decode(answer.get(5..).unwrap_or_default()).unwrap();
    response.payload.unwrap_or_default().body
}

#[tokio::test]
async fn an_upload_arrives_as_it_was_sent_however_it_is_cut() {
    if is_other_carrier() {
        return;
    }
    let server = Running::start(Server::builder().add_service(Probe::new().0.server())).await;
    let texts = [text(300_000, 3), text(200_001, 5), text(70_000, 7)];
    let messages: Vec<u8> = texts.iter().flat_map(|text| message(text)).collect();
    let table = [
        (FRAME_BYTES, usize::MAX, Between::Nothing, false),
        (FRAME_BYTES - 1, usize::MAX, Between::Nothing, false),
        (1000, usize::MAX, Between::Nothing, false),
        (FRAME_BYTES, 4, Between::Nothing, false),
        (FRAME_BYTES, 5, Between::Nothing, true),
        (FRAME_BYTES, 6, Between::Ping, false),
        (FRAME_BYTES, 7, Between::Empty, false),
        (FRAME_BYTES, 8, Between::Unknown, false),
        (FRAME_BYTES, 9, Between::OtherCall, false),
        (FRAME_BYTES, 10, Between::WindowUpdate, true),
        (FRAME_BYTES, 18, Between::Ping, true),
    ];
    for (number, (frame_bytes, at, between, is_padded)) in table.into_iter().enumerate() {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let largest_window = frame(SETTINGS, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
        let window = frame(WINDOW_UPDATE, 0, 0, &[0x7f, 0, 0, 0]);
        let head = frame(HEADERS, END_HEADERS, UPLOAD, &request_block(UP));
        stream.write_all(&[PREFACE, &largest_window, &window, &head].concat()).await.unwrap();
        let frames = cut(&messages, frame_bytes, at, between, is_padded);
        // In pieces, so that the handler waits for what comes next and has said where to.
        let mut rest = &frames[..];
        for piece in [40_000, 20_000, 150_000, 1, 8, 100_000, usize::MAX] {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            rest = later;
            patiently(stream.write_all(now)).await.unwrap();
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        let answer = patiently(answer(&mut stream)).await;
        assert!(answer == texts.join(" ").into_bytes(), "case {number}: {} bytes came back", answer.len());
    }
}
