//! A connection that sends whatever it likes.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use prost::Message as _;
use seltzer_peers::load::paced::wait;
use seltzer_peers::schemas::probe::HoldRequest;
use seltzer_peers::wire::frame::{self, HEAD_BYTES, Head, flag, kind};
use seltzer_peers::wire::hpack::Encoder;
use seltzer_peers::wire::socket;
use seltzer_peers::wire::tls::Secured;

use crate::Target;
use crate::plain::framed;

/// How long to wait before another look at a socket that was not ready.
const LOOK: Duration = Duration::from_micros(200);

/// How long the server may take for a handshake of TLS.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// What the server has said.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// When and why the server said good-bye.
    pub(crate) goaway: Option<(Instant, u32)>,
    /// When the socket was closed.
    pub(crate) closed: Option<Instant>,
    /// RST_STREAM frames.
    pub(crate) resets: u64,
    /// Streams that ended by END_STREAM.
    pub(crate) ended: u64,
    /// PING and SETTINGS acknowledgements.
    pub(crate) acknowledgements: u64,
    /// Bytes of DATA.
    pub(crate) data_bytes: u64,
}

/// A client without manners.
#[derive(Debug)]
pub(crate) struct Hostile {
    /// What the server has said, as far as it was read.
    pub(crate) heard: Heard,
    /// Bytes that the socket has taken.
    pub(crate) sent_bytes: u64,
    stream: Secured<TcpStream>,
    encoder: Encoder,
    next_stream: u32,
    input: Vec<u8>,
    scratch: Vec<u8>,
}

impl Hostile {
    /// Connects, and sends preface and settings.
    pub(crate) fn connect(target: &Target, settings: &[(u16, u32)]) -> io::Result<Self> {
        let stream = socket::connect(target.port, None)?;
        stream.set_read_timeout(Some(HANDSHAKE_MAX))?;
        let mut stream = target.security.around(stream)?;
        stream.shake_hands()?;
        stream.get_ref().set_nonblocking(true)?;
        let mut hostile = Hostile {
            heard: Heard::default(),
            sent_bytes: 0,
            stream,
            encoder: Encoder::default(),
            next_stream: 1,
            input: Vec::new(),
            scratch: vec![0; 64 * 1024],
        };
        let mut hello = frame::PREFACE.to_vec();
        frame::settings(&mut hello, settings);
        frame::push(&mut hello, kind::SETTINGS, flag::ACK, 0, &[]);
        hostile.push(&hello, true, Duration::from_secs(1));
        Ok(hostile)
    }

    /// The id of a new stream.
    pub(crate) fn new_stream(&mut self) -> u32 {
        let stream = self.next_stream;
        self.next_stream += 2;
        stream
    }

    /// The header block of a gRPC call.
    pub(crate) fn block(&mut self, path: &str) -> Vec<u8> {
        let mut block = Vec::new();
        self.encoder.indexed(":method", "POST", &mut block);
        self.encoder.indexed(":scheme", "http", &mut block);
        self.encoder.literal(":path", path, &mut block);
        self.encoder.indexed(":authority", "127.0.0.1", &mut block);
        self.encoder.indexed("content-type", "application/grpc", &mut block);
        self.encoder.indexed("te", "trailers", &mut block);
        block
    }

    /// Appends a call of a method, without its end.
    pub(crate) fn call(&mut self, output: &mut Vec<u8>, path: &str) -> u32 {
        let stream = self.new_stream();
        let block = self.block(path);
        frame::push(output, kind::HEADERS, flag::END_HEADERS, stream, &block);
        stream
    }

    /// Appends a complete call of a handler that takes its time.
    pub(crate) fn call_hold(&mut self, output: &mut Vec<u8>) -> u32 {
        let stream = self.call(output, "/probe.Probe/Hold");
        frame::push(output, kind::DATA, flag::END_STREAM, stream, &hold_message());
        stream
    }

    /// Whether nothing more can come of this connection.
    pub(crate) fn is_over(&self) -> bool {
        self.heard.closed.is_some()
    }

    /// Whether the server has said that it wants no more, in one way or the other.
    pub(crate) fn is_unwelcome(&self) -> bool {
        self.is_over() || self.heard.goaway.is_some()
    }

    /// Writes as much as the socket takes in so long, reading meanwhile if asked to. Says whether all went out.
    pub(crate) fn push(&mut self, mut bytes: &[u8], reads: bool, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while !bytes.is_empty() && !self.is_over() {
            match self.stream.write(bytes) {
                Ok(count) => {
                    self.sent_bytes += count as u64;
                    bytes = &bytes[count..];
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if reads {
                        self.read();
                    }
                    if Instant::now() > deadline {
                        return false;
                    }
                    wait(LOOK);
                }
                Err(_) => self.close(),
            }
        }
        bytes.is_empty()
    }

    fn close(&mut self) {
        // What is still in the socket's buffer may say why.
        if self.heard.closed.is_none() {
            self.heard.closed = Some(Instant::now());
            self.read();
        }
    }

    /// Takes in what has come.
    pub(crate) fn read(&mut self) {
        loop {
            match self.stream.read(&mut self.scratch) {
                Ok(0) => {
                    self.heard.closed.get_or_insert_with(Instant::now);
                    break;
                }
                Ok(count) => {
                    self.input.extend_from_slice(&self.scratch[..count]);
                    self.look();
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.heard.closed.get_or_insert_with(Instant::now);
                    break;
                }
            }
        }
    }

    fn look(&mut self) {
        let mut at = 0;
        while let Some(head) = Head::read(&self.input[at..]) {
            let Some(payload) = self.input.get(at + HEAD_BYTES..at + HEAD_BYTES + head.length) else { break };
            let ends = matches!(head.kind, kind::DATA | kind::HEADERS) && head.has(flag::END_STREAM);
            self.heard.ended += u64::from(ends);
            match head.kind {
                kind::DATA => self.heard.data_bytes += payload.len() as u64,
                kind::RST_STREAM => self.heard.resets += 1,
                kind::SETTINGS | kind::PING if head.has(flag::ACK) => self.heard.acknowledgements += 1,
                kind::GOAWAY => {
                    let reason = payload.get(4..8).and_then(|code| code.try_into().ok()).map_or(0, u32::from_be_bytes);
                    // A graceful one comes first and says nothing of guilt.
                    if self.heard.goaway.is_none_or(|(_, known)| known == frame::reason::NO_ERROR) {
                        self.heard.goaway = Some((Instant::now(), reason));
                    }
                }
                _ => {}
            }
            at += HEAD_BYTES + head.length;
        }
        self.input.drain(..at);
    }

    /// Reads until something holds, for no longer than told. Says whether it came to hold.
    pub(crate) fn read_until(&mut self, patience: Duration, holds: impl Fn(&Self) -> bool) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            self.read();
            if holds(self) {
                return true;
            }
            if self.is_over() || Instant::now() > deadline {
                return false;
            }
            wait(LOOK);
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }
}

/// The request for a handler that waits longer than any of these tests.
pub(crate) fn hold_message() -> Vec<u8> {
    let message = HoldRequest { wait_ms: 600_000, ..HoldRequest::default() }.encode_to_vec();
    framed(&message)
}
