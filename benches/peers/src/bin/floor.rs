//! The least that answers a unary call: walks frames, sends the request's DATA back between canned headers.
//!
//! ```text
//! floor PORT
//! ```
//!
//! No header is decoded, no window is kept but one update for the connection now and then, nothing is checked. It is
//! there to show what the kernel and the loopback cost by themselves.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::process::ExitCode;

use seltzer_peers as _;
use seltzer_peers::arguments::Arguments;
use seltzer_peers::wire::frame::{self, Head, flag, kind};
use seltzer_peers::wire::socket;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Builder;
use tokio::task::LocalSet;

/// `:status: 200` and `content-type: application/grpc`, without the table.
const RESPONSE: &[u8] = b"\x88\x0f\x10\x10application/grpc";

/// `grpc-status: 0`, without the table.
const TRAILERS: &[u8] = b"\x00\x0bgrpc-status\x010";

/// More than a hundred requests fit.
const BUFFER_BYTES: usize = 64 * 1024;

/// How much may arrive before the peer is told that there is room again.
const UPDATE_BYTES: u32 = 1 << 20;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("floor: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = Arguments::of_this_process();
    let port = arguments.word("PORT")?;
    arguments.end()?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let listener = socket::listen(port, None)?;
    listener.set_nonblocking(true)?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener)?;
        println!("listening on port {port}");
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            tokio::task::spawn_local(async move { drop(answer(stream).await) });
        }
    })
}

async fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let mut input = vec![0; BUFFER_BYTES];
    let mut filled = 0;
    let mut output = Vec::with_capacity(BUFFER_BYTES);
    frame::settings(&mut output, &[]);
    frame::window_update(&mut output, 0, 1 << 30);
    let mut walked = frame::PREFACE.len();
    let mut arrived = 0;
    loop {
        let count = stream.read(&mut input[filled..]).await?;
        if count == 0 {
            return Ok(());
        }
        filled += count;
        while let Some(head) = input.get(walked..filled).and_then(Head::read) {
            let begin = walked + frame::HEAD_BYTES;
            let Some(payload) = input[..filled].get(begin..begin + head.length) else { break };
            match head.kind {
                kind::DATA if head.has(flag::END_STREAM) => {
                    arrived += head.length as u32;
                    frame::push(&mut output, kind::HEADERS, flag::END_HEADERS, head.stream, RESPONSE);
                    frame::push(&mut output, kind::DATA, 0, head.stream, payload);
                    let last = flag::END_HEADERS | flag::END_STREAM;
                    frame::push(&mut output, kind::HEADERS, last, head.stream, TRAILERS);
                }
                kind::SETTINGS if !head.has(flag::ACK) => frame::push(&mut output, kind::SETTINGS, flag::ACK, 0, &[]),
                kind::PING if !head.has(flag::ACK) => frame::push(&mut output, kind::PING, flag::ACK, 0, payload),
                _ => {}
            }
            walked = begin + head.length;
        }
        let done = walked.min(filled);
        input.copy_within(done..filled, 0);
        filled -= done;
        walked -= done;
        if arrived > UPDATE_BYTES {
            frame::window_update(&mut output, 0, arrived);
            arrived = 0;
        }
        if !output.is_empty() {
            stream.write_all(&output).await?;
            output.clear();
        }
    }
}
