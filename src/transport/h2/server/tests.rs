//! A connection over a socket that does as it is told.

use std::collections::VecDeque;
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use seltzer_h2::{Config, FieldList, Limits, Prepared, StreamId};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::body::Body;

use crate::codec::{Quota, Rope};
use crate::status::Status;
use crate::transport::drain::Drain;
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::{ServerConnection, Stop};
use crate::transport::h2::{Answer, AnswerFuture, Later, Message, Routed, Unary};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::io::{Io, Moved};
use crate::transport::response_body::{MessageSource, ResponseBody};

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
    type Meaning = ();

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

    fn unary(&mut self, _: &Arc<Self::Head>, _: Message<'_>, _: Instant, _: &mut Rope) -> Unary {
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

    fn understand(&self, _: &http::Request<()>) {}

    fn collects_messages((): &()) -> bool {
        false
    }

    fn answer(&mut self, (): &(), _: http::Request<IncomingBody>) -> Later {
        Later { answer: answer(), is_long: false, deadline: None }
    }
}

fn answer() -> AnswerFuture {
    let body = http_body_util::Full::new(Bytes::from_static(b"answer"));
    Box::pin(std::future::ready(http::Response::new(ResponseBody::Http(Body::new(body)))))
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
    connection_with(wire, Limits::server())
}

fn connection_with(wire: &Buffered, limits: Limits) -> ServerConnection<Fixed> {
    let drain = Drain { begin: CancellationToken::new(), grace: Duration::ZERO };
    wire.say(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), frame(4, 0, 0, b""), frame(4, 1, 0, b"")].concat());
    let config = Config::with_limits(limits);
    ServerConnection::new(Io::new(wire.clone()), Vec::new(), &config, Fixed, drain, None, Arc::default())
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
async fn a_large_frame_that_comes_in_small_reads_is_collected_once() {
    const PIECE: usize = 1000;
    // (bytes of the header block, what may be copied at most)
    for (length, copied_bytes_max) in [(10_000, 200_000), (100_000, 400_000), (1_000_000, 400_000)] {
        let wire = Buffered::default();
        let mut limits = Limits::server();
        limits.frame_bytes_max = 1 << 24;
        limits.header_list_bytes_max = 1 << 20;
        let mut connection = connection_with(&wire, limits);
        poll(&mut connection);
        let mut head = frame(1, 5, 1, &[]);
        head[..3].copy_from_slice(&u32::try_from(length).expect("it is short").to_be_bytes()[1..]);
        wire.say(&head);
        // GET http / with a field of zeros, which is no Huffman string: 0x00, 1 x 'x', length, text.
        let mut block = vec![0x82, 0x86, 0x84, 0, 1, b'x', 0x7f];
        let mut rest = length - block.len() - 3 - 127;
        block.extend([(rest & 127) as u8 | 128, (rest >> 7 & 127) as u8 | 128, (rest >> 14) as u8]);
        rest += 127;
        block.resize(block.len() + rest, b'0');
        assert_eq!(block.len(), length);
        for piece in block.chunks(PIECE) {
            assert!(!has_sent(&wire, b"answer"), "{length}");
            wire.say(piece);
            poll(&mut connection);
        }
        assert!(has_sent(&wire, b"answer"), "{length}");
        let copied = connection.copied_bytes;
        assert!(copied <= copied_bytes_max, "{length}: {copied} bytes were copied");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_of_a_buffer_below_is_given_up() {
    let timeout = Limits::server().stall_timeout;
    let table = [("nothing leaves", false), ("a byte leaves now and then", true)];
    for (name, is_moving) in table {
        let wire = Buffered::default();
        let below = Arc::new(Moved::default());
        let mut connection = connection(&wire);
        connection.io = Io::new(wire.clone()).above(Arc::clone(&below));
        wire.wire().is_stuck = true;
        poll(&mut connection);
        let mut given_up = None;
        for _ in 0..5 {
            tokio::time::advance(timeout / 2 - Duration::from_millis(1)).await;
            if is_moving {
                below.write(1);
            }
            let polled = Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(ended) = polled {
                given_up = ended.err().map(|error| error.kind());
                break;
            }
            // What the peer sends meanwhile is no sign that it reads.
            wire.say(&frame(0xfa, 0, 0, b"nothing"));
        }
        assert_eq!(given_up, (!is_moving).then_some(io::ErrorKind::TimedOut), "{name}");
    }
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
        assert_eq!(connection.ready.memory().bytes(), 0, "{name}: bytes");
        assert!(connection.calls.is_empty(), "{name}: calls");
    }
}

/// Answers every request with what it is given.
struct General {
    answer: fn() -> AnswerFuture,
}

/// Two messages.
fn two() -> AnswerFuture {
    zeros(false)
}

fn endless() -> AnswerFuture {
    zeros(true)
}

fn never() -> AnswerFuture {
    Box::pin(std::future::pending())
}

fn zeros(is_endless: bool) -> AnswerFuture {
    let body = ResponseBody::messages(Zeros { is_endless, count: 0 });
    Box::pin(std::future::ready(http::Response::new(body)))
}

struct Zeros {
    is_endless: bool,
    count: usize,
}

impl MessageSource for Zeros {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        output: &mut Rope,
        _: Quota,
    ) -> Poll<Option<HeaderMap>> {
        self.count += 1;
        output.written().extend_from_slice(&[0; 16 * 1024]);
        Poll::Ready((!self.is_endless && self.count == 2).then(HeaderMap::new))
    }
}

impl Answer for General {
    type Head = (Prepared, Prepared);
    type Meaning = ();

    fn route(&self, _: &FieldList) -> Routed<Self::Head> {
        Routed::General
    }

    fn blocks(head: &Self::Head) -> (&Prepared, &Prepared) {
        (&head.0, &head.1)
    }

    fn message_bytes_max(&self, _: &Self::Head) -> usize {
        MESSAGE_BYTES_MAX
    }

    fn timeout(&self, _: &Self::Head) -> Option<Duration> {
        None
    }

    fn unary(&mut self, _: &Arc<Self::Head>, _: Message<'_>, _: Instant, _: &mut Rope) -> Unary {
        unreachable!("nothing is unary")
    }

    fn refuse(&mut self, _: &Arc<Self::Head>, _: Status, _: Instant) -> Later {
        unreachable!("nothing is unary")
    }

    fn cardinality(&self, _: &Self::Head, came: &str) -> Status {
        Status::unimplemented(came)
    }

    fn deadline_status(&self) -> Status {
        Status::deadline_exceeded("too late")
    }

    fn understand(&self, _: &http::Request<()>) {}

    fn collects_messages((): &()) -> bool {
        true
    }

    fn answer(&mut self, (): &(), _: http::Request<IncomingBody>) -> Later {
        Later { answer: (self.answer)(), is_long: false, deadline: None }
    }
}

/// A connection whose peer takes as much as it is sent.
fn greedy(wire: &Buffered, answer: fn() -> AnswerFuture, begin: &CancellationToken) -> ServerConnection<General> {
    let drain = Drain { begin: begin.clone(), grace: Duration::ZERO };
    let largest_window = frame(4, 0, 0, &[0, 4, 0x7f, 0xff, 0xff, 0xff]);
    let window = frame(8, 0, 0, &[0x7f, 0, 0, 0]);
    wire.say(&[b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(), largest_window, frame(4, 1, 0, b""), window].concat());
    let config = Config::with_limits(Limits::server());
    let answer = General { answer };
    ServerConnection::new(Io::new(wire.clone()), Vec::new(), &config, answer, drain, None, Arc::default())
}

#[tokio::test]
async fn an_answer_that_ends_in_its_first_turn_leaves_nothing_behind() {
    let wire = Buffered::default();
    let mut connection = greedy(&wire, two, &CancellationToken::new());
    for number in 0..100 {
        wire.say(&frame(1, 5, 2 * number + 1, &[0x83, 0x86, 0x84]));
        let polled = Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "{polled:?}");
    }
    // A turn amid which the machine did something else counts as long, and its call went on in a task. None is left
    // with the connection.
    for number in 0..100 {
        let call = connection.calls.get(StreamId::new(2 * number + 1));
        assert!(!matches!(call, Some(Call::Writing(_) | Call::Begun(_))), "call {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_due_is_done_however_busy_a_connection_is() {
    for (name, answer) in [("two", two as fn() -> AnswerFuture), ("endless", endless)] {
        let (wire, begin) = (Buffered::default(), CancellationToken::new());
        let mut connection = greedy(&wire, answer, &begin);
        wire.say(&frame(1, 5, 1, &[0x83, 0x86, 0x84]));
        assert!(Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        begin.cancel();
        let mut is_over = false;
        for _ in 0..10 {
            tokio::time::advance(Duration::from_secs(1)).await;
            is_over |= Pin::new(&mut connection).poll(&mut Context::from_waker(Waker::noop())).is_ready();
            wire.wire().sent.clear();
            if is_over {
                break;
            }
        }
        assert!(is_over, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_never_leaves_holds_a_drain_up_no_longer_than_its_grace() {
    // (grace, when the drain is over at the latest), in milliseconds
    let table = [(0, 250), (300, 550), (2_000, 2_250), (30_000, 3_000)];
    for (grace_ms, over_ms) in table {
        let (wire, begin) = (Buffered::default(), CancellationToken::new());
        let mut connection = connection(&wire);
        poll(&mut connection);
        let grace = Duration::from_millis(grace_ms);
        connection.stop = Stop::Waiting { begin: Box::pin(begin.clone().cancelled_owned()), grace };
        let told = Instant::now();
        begin.cancel();
        (&mut connection).await.expect("it is quiet");
        connection.farewell().await.expect("nobody answers");
        let took = told.elapsed();
        assert!(took <= Duration::from_millis(over_ms), "grace of {grace_ms} ms: {took:?}");
        assert!(has_sent(&wire, &frame(7, 0, 0, &[0x7f, 0xff, 0xff, 0xff, 0, 0, 0, 0])), "it was told to go");
    }
}

/// A server that is simply dropped loses its handlers before its connections, or behind them.
#[tokio::test]
async fn a_runtime_that_stops_amid_a_call_ends_the_connection_and_does_not_fail_the_call() {
    let pool = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a thread");
    let wire = Buffered::default();
    let mut connection = greedy(&wire, never, &CancellationToken::new());
    connection.pool = Some(pool.handle().clone());
    wire.say(&frame(1, 5, 1, &[0x83, 0x86, 0x84]));
    let turned = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut connection).poll(cx))).await;
    assert!(turned.is_pending() && !connection.calls.is_empty(), "the handler waits");
    // The task runs before what is spawned behind it.
    pool.spawn(async {}).await.expect("it does nothing");
    pool.shutdown_background();
    let within = Duration::from_secs(10);
    let ended = tokio::time::timeout(within, &mut connection).await.expect("it hears of it");
    assert!(ended.is_ok(), "{ended:?}");
    let resets = wire.wire().sent.windows(9).filter(|head| head[..5] == [0, 0, 4, 3, 0]).count();
    assert_eq!(resets, 0);
}
