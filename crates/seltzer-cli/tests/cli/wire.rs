//! HTTP/2 frame by frame, for what no proper client does.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::program::PATIENCE;

/// Frame types (RFC 9113, section 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;
/// One that nobody has defined.
pub(crate) const UNKNOWN: u8 = 0xbb;

/// Flags.
pub(crate) const ACK: u8 = 1;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;

/// A frame that came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The number at this place of the payload.
    pub(crate) fn number(&self, at: usize) -> u32 {
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// A client's end of a connection.
pub(crate) struct Wire(TcpStream);

impl Wire {
    /// A connection on which nothing has been said.
    pub(crate) fn silent(address: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Wire(stream)
    }

    /// A connection with these settings of the client, which does not acknowledge the server's.
    pub(crate) fn open(address: &str, settings: &[(u16, u32)]) -> Self {
        let mut wire = Wire::silent(address);
        wire.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        let payload: Vec<u8> =
            settings.iter().flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
        wire.send(SETTINGS, 0, 0, &payload);
        wire
    }

    /// What the server closed takes nothing more; what it said before is still there to read.
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    pub(crate) fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.write(&[&head, payload].concat());
    }

    /// Begins a request; nothing more follows if it has no body.
    pub(crate) fn request(&mut self, stream: u32, path: &str, headers: &[(&str, &str)], has_body: bool) {
        let flags = END_HEADERS | if has_body { 0 } else { END_STREAM };
        self.send(HEADERS, flags, stream, &block(path, headers));
    }

    /// The next frame, or `None` at the end.
    pub(crate) fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        // A reset is an end, too.
        self.0.read_exact(&mut head).map_err(|error| assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock)).ok()?;
        let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
        self.0.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes(head[5..].try_into().unwrap()) & 0x7fff_ffff;
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The first frame that is looked for, or `None` at the end.
    pub(crate) fn find(&mut self, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        std::iter::from_fn(|| self.frame()).find(is_it)
    }

    /// How the server takes what was sent: `alive` if it answers a ping, or why it ends the connection.
    pub(crate) fn verdict(&mut self) -> String {
        self.send(PING, 0, 0, b"verdict?");
        let is_it = |frame: &Frame| frame.kind == GOAWAY || frame.kind == PING && frame.payload == b"verdict?";
        match self.find(is_it) {
            None => "closed".to_owned(),
            Some(frame) if frame.kind == PING => "alive".to_owned(),
            Some(frame) => format!("GOAWAY {} {}", frame.number(4), String::from_utf8_lossy(&frame.payload[8..])),
        }
    }

    /// What becomes of a stream: how it is reset, whether its first headers are its last.
    pub(crate) fn fate(&mut self, stream: u32) -> String {
        let frame = self.find(|frame| frame.stream == stream && matches!(frame.kind, HEADERS | RST_STREAM));
        match frame {
            None => "closed".to_owned(),
            Some(frame) if frame.kind == RST_STREAM => format!("reset {}", frame.number(0)),
            Some(frame) if frame.flags & END_STREAM != 0 => "only trailers".to_owned(),
            Some(_) => "headers".to_owned(),
        }
    }
}

/// A header block of a gRPC request, all of it literal.
pub(crate) fn block(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let usual = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    let mut bytes = Vec::new();
    for (name, value) in usual.iter().chain(headers) {
        bytes.push(0);
        for text in [name, value] {
            // Longer ones would need more than one byte for their length.
            assert!(text.len() < 127);
            bytes.push(text.len() as u8);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}
