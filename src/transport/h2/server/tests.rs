//! A connection over a socket that does as it is told.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use seltzer_h2::{Config, FieldList, Limits, Prepared};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::status::Status;
use crate::transport::h2::server::ServerConnection;
use crate::transport::h2::{Answer, AnswerFuture, Later, Message, Routed, Unary};
use crate::transport::hyper::server::Drain;
use crate::transport::io::Io;

/// A socket below a buffer, as with TLS: what was written is on its way only when it was flushed.
#[derive(Clone, Default)]
struct Buffered(Arc<Mutex<Wire>>);

#[derive(Default)]
struct Wire {
    input: VecDeque<u8>,
    reader: Option<Waker>,
    buffered: Vec<u8>,
    sent: Vec<u8>,
    is_stuck: bool,
    flusher: Option<Waker>,
}

impl Buffered {
    fn wire(&self) -> std::sync::MutexGuard<'_, Wire> {
        self.0.lock().expect("nothing panics under this lock")
    }

    fn say(&self, bytes: &[u8]) {
        self.wire().input.extend(bytes);
    }
}

impl AsyncRead for Buffered {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut wire = self.wire();
        if wire.input.is_empty() {
            wire.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let count = wire.input.len().min(buffer.remaining());
        buffer.put_slice(&wire.input.drain(..count).collect::<Vec<_>>());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Buffered {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.wire().buffered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self.wire();
        if wire.is_stuck {
            wire.flusher = Some(cx.waker().clone());
            return Poll::Pending;
        }
        wire.sent.append(&mut wire.buffered);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

/// Takes every request for a unary call of at most ten bytes with a deadline, and answers the word "answer".
struct Fixed;

const MESSAGE_BYTES_MAX: usize = 10;

impl Answer for Fixed {
    type Head = (Prepared, Prepared);

    fn route(&self, _: &FieldList) -> Routed<Self::Head> {
        Routed::Unary((Prepared::new([]), Prepared::new([])))
    }

    fn blocks(head: &Self::Head) -> (&Prepared, &Prepared) {
        (&head.0, &head.1)
    }

    fn message_bytes_max(&self, _: &Self::Head) -> usize {
        MESSAGE_BYTES_MAX
    }

    fn timeout(&self, _: &Self::Head) -> Option<Duration> {
        Some(Duration::from_secs(60))
    }

    fn unary(&mut self, _: &Arc<Self::Head>, _: Message<'_>, _: Instant, _: &mut BytesMut) -> Unary {
        Unary::Later(Later { answer: answer(), is_long: false, deadline: None })
    }

    fn refuse(&mut self, _: &Arc<Self::Head>, _: Status, _: Instant) -> Later {
        Later { answer: answer(), is_long: false, deadline: None }
    }

    fn cardinality(&self, _: &Self::Head, came: &str) -> Status {
        Status::unimplemented(came)
    }

    fn deadline_status(&self) -> Status {
        Status::deadline_exceeded("too late")
    }

    fn answer(&mut self, _: http::Request<Body>) -> Later {
        Later { answer: answer(), is_long: false, deadline: None }
    }
}

fn answer() -> AnswerFuture {
    let body = http_body_util::Full::new(Bytes::from_static(b"answer"));
    Box::pin(std::future::ready(http::Response::new(Body::new(body))))
}

fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    let length = u8::try_from(payload.len()).expect("short frames");
    [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// `POST /`, without its end.
fn request(stream: u8) -> Vec<u8> {
    frame(1, 4, stream, &[0x83, 0x86, 0x84])
}

fn connection(wire: &Buffered) -> ServerConnection<Fixed> {
    let drain = Drain { begin: CancellationToken::new(), grace: Duration::ZERO };
    wire.say(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, b""), frame(4, 1, 0, b"")].concat());
    let config = Config::with_limits(Limits::server());
    ServerConnection::new(Io::new(wire.clone()), Vec::new(), &config, Fixed, drain, None)
}

/// Lets the connection do what it can.
fn poll(connection: &mut ServerConnection<Fixed>) {
    let polled = Pin::new(connection).poll(&mut Context::from_waker(Waker::noop()));
    assert!(polled.is_pending(), "{polled:?}");
}

fn has_sent(wire: &Buffered, bytes: &[u8]) -> bool {
    wire.wire().sent.windows(bytes.len()).any(|window| window == bytes)
}

#[tokio::test]
async fn what_lies_in_a_buffer_below_is_flushed_until_it_is_out() {
    let wire = Buffered::default();
    let mut connection = connection(&wire);
    poll(&mut connection);
    wire.wire().is_stuck = true;
    wire.say(&[request(1), frame(0, 1, 1, &[0; 5])].concat());
    poll(&mut connection);
    // Nothing more to write, and still the peer has not got it.
    assert!(!connection.engine.has_output() && !has_sent(&wire, b"answer"));
    poll(&mut connection);
    wire.wire().is_stuck = false;
    assert!(wire.wire().flusher.take().is_some(), "the connection waits for the socket");
    poll(&mut connection);
    assert!(has_sent(&wire, b"answer") && wire.wire().buffered.is_empty());
}

#[tokio::test]
async fn a_unary_call_that_is_over_leaves_nothing_behind() {
    let pieces = |first: &[u8], second: Vec<u8>| [frame(0, 0, 1, first), second];
    let first = [0, 0, 0, 0, 9, 1];
    let table = [
        ("complete", pieces(&first, frame(0, 1, 1, &[1; 8]))),
        ("cut short", pieces(&first, frame(0, 1, 1, &[1; 7]))),
        ("too long", pieces(&first, frame(0, 0, 1, &[1; 9]))),
        ("reset", pieces(&first, frame(3, 0, 1, &[0, 0, 0, 8]))),
        ("a claim over the limit", pieces(&first[..4], frame(0, 0, 1, &[11]))),
    ];
    for (name, pieces) in table {
        let wire = Buffered::default();
        let mut connection = connection(&wire);
        wire.say(&request(1));
        for bytes in pieces {
            poll(&mut connection);
            assert_eq!(connection.deadlines.len(), 1, "{name}: it waits");
            wire.say(&bytes);
        }
        poll(&mut connection);
        assert!(connection.deadlines.is_empty(), "{name}: deadlines");
        assert_eq!(connection.collected_bytes, 0, "{name}: bytes");
        assert!(connection.calls.is_empty(), "{name}: calls");
    }
}
