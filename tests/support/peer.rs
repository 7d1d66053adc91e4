//! A server that says exactly what a test tells it, frame by frame.

use std::collections::VecDeque;
use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::support::{patiently, raw};

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;

pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const END_HEADERS: u8 = 0x4;

pub(crate) const NO_ERROR: u32 = 0;
pub(crate) const REFUSED_STREAM: u32 = 7;
pub(crate) const CANCEL: u32 = 8;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// Of SETTINGS entries.
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;

/// What a client says first (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The head of a good answer.
pub(crate) const GOOD: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc")];

/// A port on which scripted servers listen.
pub(crate) struct Place(TcpListener);

/// A port that belongs to the test, and at which nobody listens yet: whoever connects is refused.
pub(crate) struct Reserved(TcpSocket);

impl Reserved {
    pub(crate) fn new() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        Reserved(socket)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn listen(self) -> Place {
        Place(self.0.listen(16).unwrap())
    }
}

/// A frame as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The first four bytes of the payload as a number: the code of a reset, the increment of a window.
    pub(crate) fn number(&self) -> u32 {
        u32::from_be_bytes(*self.payload.first_chunk().unwrap())
    }
}

/// The server's end of one connection.
pub(crate) struct Peer {
    stream: TcpStream,
    /// What came before the settings were known.
    early: VecDeque<Frame>,
}

impl Place {
    pub(crate) async fn new() -> Self {
        Place(TcpListener::bind("127.0.0.1:0").await.unwrap())
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address())
    }

    /// Accepts a connection and exchanges prefaces, with these settings.
    pub(crate) async fn accept(&self, settings: &[(u16, u32)]) -> Peer {
        Peer::greet(self.accept_socket().await, settings).await
    }

    /// Accepts a connection, and says nothing.
    pub(crate) async fn accept_socket(&self) -> TcpStream {
        patiently(self.0.accept()).await.unwrap().0
    }
}

impl Peer {
    /// Exchanges prefaces on a connection, with these settings.
    pub(crate) async fn greet(stream: TcpStream, settings: &[(u16, u32)]) -> Peer {
        // Frame after frame, none waits for an acknowledgement of the one before.
        stream.set_nodelay(true).unwrap();
        let mut peer = Peer { stream, early: VecDeque::new() };
        let mut preface = [0; PREFACE.len()];
        patiently(peer.stream.read_exact(&mut preface)).await.unwrap();
        peer.settings(settings).await;
        peer.send(SETTINGS, ACK, 0, b"").await;
        peer
    }

    /// Says settings, and waits until the client knows them.
    pub(crate) async fn settings(&mut self, settings: &[(u16, u32)]) {
        let entry = |(name, value): &(u16, u32)| [name.to_be_bytes().as_slice(), &value.to_be_bytes()].concat();
        let payload: Vec<u8> = settings.iter().flat_map(entry).collect();
        self.send(SETTINGS, 0, 0, &payload).await;
        let mut early = VecDeque::new();
        self.until(|frame| {
            early.push_back(frame.clone());
            (frame.kind, frame.flags) == (SETTINGS, ACK)
        })
        .await;
        self.early = early;
    }

    pub(crate) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.send_frames(&frame(kind, flags, stream, payload)).await;
    }

    /// Sends frames that [`frame`] has made, in one write.
    pub(crate) async fn send_frames(&mut self, frames: &[u8]) {
        patiently(self.stream.write_all(frames)).await.unwrap();
    }

    /// The next frame; `None` when the client has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<Frame> {
        if let Some(frame) = self.early.pop_front() {
            return Some(frame);
        }
        let mut head = [0; 9];
        if patiently(self.stream.read_exact(&mut head)).await.is_err() {
            return None;
        }
        let length = usize::try_from(u32::from_be_bytes([0, head[0], head[1], head[2]])).unwrap();
        let mut payload = vec![0; length];
        patiently(self.stream.read_exact(&mut payload)).await.unwrap();
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// The next frame of which this is true; those before are passed over.
    pub(crate) async fn until(&mut self, mut is_it: impl FnMut(&Frame) -> bool) -> Frame {
        loop {
            let frame = self.next().await.expect("the connection lives");
            if is_it(&frame) {
                return frame;
            }
        }
    }

    /// The next frame of a kind.
    pub(crate) async fn next_of(&mut self, kind: u8) -> Frame {
        self.until(|frame| frame.kind == kind).await
    }

    /// The stream of the next call whose request is complete.
    pub(crate) async fn next_call(&mut self) -> u32 {
        self.until(|frame| matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0).await.stream
    }

    /// Waits until the client closes the connection.
    pub(crate) async fn end(&mut self) {
        while self.next().await.is_some() {}
    }

    /// Closes the connection once everything that was said is on its way: what the client says meanwhile is read, so
    /// that nothing is lost to a reset of TCP.
    pub(crate) async fn finish(mut self) {
        patiently(self.stream.shutdown()).await.unwrap();
        let _ = patiently(tokio::io::copy(&mut self.stream, &mut tokio::io::sink())).await;
    }

    pub(crate) async fn headers(&mut self, stream: u32, fields: &[(&str, &str)], is_end: bool) {
        let flags = END_HEADERS | if is_end { END_STREAM } else { 0 };
        self.send(HEADERS, flags, stream, &block(fields)).await;
    }

    pub(crate) async fn reset(&mut self, stream: u32, code: u32) {
        self.send(RST_STREAM, 0, stream, &code.to_be_bytes()).await;
    }

    pub(crate) async fn go_away(&mut self, last: u32, code: u32) {
        self.go_away_saying(last, code, b"").await;
    }

    pub(crate) async fn go_away_saying(&mut self, last: u32, code: u32, words: &[u8]) {
        self.send(GOAWAY, 0, 0, &[&last.to_be_bytes(), &code.to_be_bytes(), words].concat()).await;
    }

    /// A whole good answer with this message.
    pub(crate) async fn answer(&mut self, stream: u32, message: &[u8]) {
        self.headers(stream, GOOD, false).await;
        self.answer_rest(stream, message).await;
    }

    /// What follows the headers of such an answer.
    pub(crate) async fn answer_rest(&mut self, stream: u32, message: &[u8]) {
        self.send(DATA, 0, stream, &raw::framed(0, message)).await;
        self.headers(stream, &[("grpc-status", "0")], true).await;
    }
}

/// The bytes of a frame.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(payload.len()).unwrap().to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// A header block without any compression.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for part in [name, value] {
            assert!(part.len() < 0x7f, "longer ones need more than a byte for their length");
            block.push(u8::try_from(part.len()).unwrap());
            block.extend(part.as_bytes());
        }
    }
    block
}
