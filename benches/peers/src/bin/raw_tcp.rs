//! What the bytes alone cost: writes or reads as many as it is asked for, and does nothing else.
//!
//! ```text
//! raw_tcp PORT [--congestion NAME] [--piece BYTES]
//! ```
//!
//! A client sends `d` or `u` and a number of eight bytes, big-endian. After `d` it gets so many bytes; after `u` it
//! sends so many and gets the number back.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it does")]

use std::io::{Error, ErrorKind, Read as _, Result, Write as _};
use std::net::TcpStream;
use std::process::ExitCode;

use seltzer_peers as _;
use seltzer_peers::arguments::Arguments;
use seltzer_peers::handlers::BODY_BYTE;
use seltzer_peers::wire::socket;

/// One write and one read, unless the command line says otherwise.
const PIECE_BYTES: usize = 256 * 1024;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("raw_tcp: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut arguments = Arguments::of_this_process();
    let congestion: Option<String> = arguments.option("--congestion")?;
    let piece_bytes = arguments.or("--piece", PIECE_BYTES)?;
    let port = arguments.word("PORT")?;
    arguments.end()?;
    let listener = socket::listen(port, congestion.as_deref())?;
    println!("listening on port {port}");
    for stream in listener.incoming() {
        let stream = stream?;
        stream.set_nodelay(true)?;
        std::thread::spawn(move || drop(answer(stream, piece_bytes)));
    }
    Ok(())
}

fn answer(mut stream: TcpStream, piece_bytes: usize) -> Result<()> {
    let mut piece = vec![BODY_BYTE; piece_bytes];
    let mut order = [0; 9];
    while stream.read_exact(&mut order).is_ok() {
        let [way, number @ ..] = order;
        let mut left = u64::from_be_bytes(number);
        match way {
            b'd' => {
                while left > 0 {
                    let count = left.min(piece.len() as u64);
                    stream.write_all(&piece[..count as usize])?;
                    left -= count;
                }
            }
            b'u' => {
                while left > 0 {
                    let count = stream.read(&mut piece)? as u64;
                    if count == 0 {
                        return Err(ErrorKind::UnexpectedEof.into());
                    }
                    left = left.checked_sub(count).ok_or_else(|| Error::other("more came than was announced"))?;
                }
                stream.write_all(&number)?;
            }
            _ => return Err(Error::other("neither down nor up")),
        }
    }
    Ok(())
}
