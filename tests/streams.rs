//! Streams of answers, which their connection writes by itself as long as they are ready.

use std::collections::HashSet;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use seltzer::codec::{Codec, Rope};
use seltzer::codegen::{
    Client, MethodDescriptor, MethodKind, ReplyFuture, ServerCall, Service, ServiceConfig, ServiceDescriptor,
};
use seltzer::transport::{Carrier, Endpoint};
use seltzer::{Channel, Code, Request, Response, Server, Status, Streaming};
use tokio::sync::watch;

use crate::support::{Running, carrier, patiently, raw};

const DOWN: &MethodDescriptor = &METHODS[0];
const UP: &MethodDescriptor = &METHODS[1];
const METHODS: [MethodDescriptor; 2] = [
    MethodDescriptor::new("/test.Streams/Down", MethodKind::ServerStreaming),
    MethodDescriptor::new("/test.Streams/Up", MethodKind::ClientStreaming),
];
const STREAMS: ServiceDescriptor = ServiceDescriptor::new("test.Streams", &METHODS, &[]);

/// Around the sizes at which bytes are copied or shared, and frames are full.
const SIZES: [usize; 12] = [0, 1, 4091, 4096, 4097, 5000, 16_379, 16_384, 16_385, 70_000, 1_000_003, 9];

/// Messages that are their bytes, and that are shared as prost shares its `Bytes`.
#[derive(Clone)]
struct Plain;

impl Codec for Plain {
    type Encode = Bytes;
    type Decode = Bytes;

    fn encode(&mut self, message: &Bytes, buffer: &mut BytesMut) -> Result<(), Status> {
        buffer.extend_from_slice(message);
        Ok(())
    }

    fn encode_shared(&mut self, message: &Bytes, output: &mut Rope) -> Result<(), Status> {
        bytes::BufMut::put(output, message.clone());
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<Bytes, Status> {
        Ok(message)
    }
}

/// Answers with what the request orders.
struct Streams {
    config: ServiceConfig,
    /// How many answers are alive.
    alive: Arc<watch::Sender<usize>>,
    gate: watch::Receiver<bool>,
}

impl Service for Streams {
    fn descriptor(&self) -> &'static ServiceDescriptor {
        &STREAMS
    }

    fn config(&self) -> &ServiceConfig {
        &self.config
    }

    fn call(&self, method: usize, call: ServerCall) -> ReplyFuture {
        if method == 1 {
            return call.client_streaming(Plain, digests);
        }
        let (alive, gate) = (Arc::clone(&self.alive), self.gate.clone());
        call.server_streaming(Plain, |order: Request<Bytes>| async move {
            alive.send_modify(|alive| *alive += 1);
            let order = String::from_utf8(order.into_inner().to_vec()).unwrap();
            Ok(Response::new(Answers { order, count: 0, alive, gate: Box::pin(open(gate)) }))
        })
    }
}

/// Answers with the digests of all messages.
async fn digests(request: Request<Streaming<Bytes>>) -> Result<Response<Bytes>, Status> {
    let mut messages = request.into_inner();
    let mut all = BytesMut::new();
    while let Some(message) = messages.message().await? {
        all.extend_from_slice(&digest(&message));
    }
    Ok(Response::new(all.freeze()))
}

async fn open(mut gate: watch::Receiver<bool>) {
    let _ = gate.wait_for(|is_open| *is_open).await;
}

struct Answers {
    order: String,
    count: usize,
    alive: Arc<watch::Sender<usize>>,
    gate: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Stream for Answers {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let count = self.count;
        self.count += 1;
        let message = match self.order.as_str() {
            "sizes" => SIZES.get(count).map(|length| Ok(content(count, *length))),
            "panic" => {
                assert!(count < 3, "as told");
                Some(Ok(content(count, 10)))
            }
            "fail" if count == 3 => Some(Err(Status::data_loss("as told"))),
            "gate" if count == 1 => {
                self.count = 1;
                std::task::ready!(self.gate.as_mut().poll(cx));
                self.count = 2;
                Some(Ok(here()))
            }
            "gate" if count > 1 => None,
            "slow" => {
                compute(Duration::from_millis(1));
                (count < 200).then(|| Ok(here()))
            }
            "gate" => Some(Ok(here())),
            _ => Some(Ok(content(count, 100))),
        };
        Poll::Ready(message)
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        self.alive.send_modify(|alive| *alive -= 1);
    }
}

/// Bytes that tell where they belong.
fn content(number: usize, length: usize) -> Bytes {
    (0..length).map(|at| (at / 251 + at + number) as u8).collect()
}

/// The task that runs this.
fn here() -> Bytes {
    tokio::task::try_id().map_or_else(String::new, |id| id.to_string()).into()
}

fn compute(time: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < time {
        std::hint::spin_loop();
    }
}

struct Place {
    running: Running,
    alive: watch::Receiver<usize>,
    gate: watch::Sender<bool>,
}

impl Place {
    async fn start() -> Self {
        let (alive, seen) = watch::channel(0);
        let (gate, closed) = watch::channel(false);
        let service = Streams { config: ServiceConfig::default(), alive: Arc::new(alive), gate: closed };
        let running = Running::start(Server::builder().add_service(service)).await;
        Place { running, alive: seen, gate }
    }

    fn endpoint(&self) -> Endpoint {
        Channel::builder(format!("http://{}", self.running.address))
    }

    async fn all_gone(&mut self) {
        patiently(self.alive.wait_for(|alive| *alive == 0)).await.unwrap();
    }
}

async fn down(channel: &Channel, order: &'static str) -> Streaming<Bytes> {
    let mut client = Client::new(channel.clone());
    client.max_decoding_message_size(usize::MAX);
    let request = Request::new(Bytes::from_static(order.as_bytes()));
    patiently(client.server_streaming(DOWN, Plain, request)).await.unwrap().into_inner()
}

#[tokio::test]
async fn messages_of_all_sizes_arrive_whole() {
    let mut place = Place::start().await;
    for window in [65_535, 100_000, 4 << 20] {
        let channel = place.endpoint().initial_stream_window_size(window).connect().await.unwrap();
        let mut streams = [down(&channel, "sizes").await, down(&channel, "sizes").await];
        for stream in &mut streams {
            for (number, length) in SIZES.into_iter().enumerate() {
                let message = patiently(stream.message()).await.unwrap().unwrap();
                assert!(message == content(number, length), "window {window}: message {number} of {length} bytes");
            }
            assert_eq!(patiently(stream.message()).await.unwrap(), None, "window {window}");
        }
    }
    place.all_gone().await;
}

#[tokio::test]
async fn what_was_made_before_a_failure_arrives() {
    let mut place = Place::start().await;
    let channel = place.endpoint().connect().await.unwrap();
    for (order, code) in [("panic", Code::Internal), ("fail", Code::DataLoss)] {
        let mut stream = down(&channel, order).await;
        for number in 0..3 {
            let message = patiently(stream.message()).await.unwrap().unwrap();
            assert_eq!(message.len(), if order == "panic" { 10 } else { 100 }, "{order}: message {number}");
        }
        assert_eq!(patiently(stream.message()).await.unwrap_err().code(), code, "{order}");
    }
    place.all_gone().await;
}

#[tokio::test]
async fn endless_streams_take_turns_and_end_when_nobody_reads() {
    let mut place = Place::start().await;
    let channel = place.endpoint().connect().await.unwrap();
    let mut streams = Vec::new();
    for _ in 0..3 {
        streams.push(down(&channel, "endless").await);
    }
    for number in 0..5_000 {
        for stream in &mut streams {
            let message = patiently(stream.message()).await.unwrap().unwrap();
            assert!(message == content(number, 100), "message {number}");
        }
    }
    let mut other = down(&channel, "sizes").await;
    assert_eq!(patiently(other.message()).await.unwrap().unwrap().len(), SIZES[0], "other calls are answered");
    drop((streams, other));
    place.all_gone().await;
}

#[tokio::test]
async fn a_stream_that_waits_goes_on_in_a_task_of_its_own() {
    let mut place = Place::start().await;
    let channel = place.endpoint().connect().await.unwrap();
    let mut stream = down(&channel, "gate").await;
    let first = patiently(stream.message()).await.unwrap().unwrap();
    place.gate.send_replace(true);
    let second = patiently(stream.message()).await.unwrap().unwrap();
    assert_eq!(patiently(stream.message()).await.unwrap(), None);
    if carrier() == Carrier::Engine {
        assert_ne!(first, second, "the first message was made by the connection's task");
    }
    place.all_gone().await;
}

#[tokio::test]
async fn a_stream_that_computes_long_goes_to_a_task_of_its_own() {
    if carrier() != Carrier::Engine {
        return;
    }
    let place = Place::start().await;
    let channel = place.endpoint().connect().await.unwrap();
    let mut stream = down(&channel, "slow").await;
    let mut tasks = Vec::new();
    while let Some(task) = patiently(stream.message()).await.unwrap() {
        tasks.push(task);
    }
    assert_eq!(tasks.len(), 200);
    assert_ne!(tasks.first(), tasks.last(), "it has moved");
    assert_eq!(tasks.into_iter().collect::<HashSet<_>>().len(), 2, "and it moved once");
}

#[tokio::test]
async fn requests_whose_handlers_compute_long_go_to_tasks_of_their_own() {
    #[derive(Clone)]
    struct Busy;
    impl tower_service::Service<http::Request<tonic::body::Body>> for Busy {
        type Response = http::Response<String>;
        type Error = Infallible;
        type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
            Box::pin(async move {
                if request.uri().path() == "/long" {
                    compute(Duration::from_millis(1));
                }
                Ok(http::Response::new(String::from_utf8(here().to_vec()).unwrap()))
            })
        }
    }
    if carrier() != Carrier::Engine {
        return;
    }
    let running = Running::start(Server::builder().fallback(Busy)).await;
    let connection = raw::Connection::open(running.address).await.unwrap();
    let ask = async |path| patiently(connection.send("GET", path, &[], b"")).await.unwrap().body;
    let own = ask("/short").await;
    assert_eq!(ask("/short").await, own, "the connection's own task");
    assert_eq!(ask("/long").await, own, "nobody knows yet");
    let mut moved = 0;
    for _ in 0..10 {
        moved += usize::from(ask("/long").await != own);
    }
    assert!(moved >= 9, "{moved} of 10");
    assert_eq!(ask("/short").await, own, "other requests are not concerned");
}

/// Sends messages of all sizes, so that frames and messages end in each other's middle.
#[tokio::test]
async fn uploads_of_all_sizes_arrive_whole() {
    let place = Place::start().await;
    for (window, frame) in [(65_535, 16_384), (1 << 20, 16_384), (1 << 20, 65_536)] {
        let server = Server::builder()
            .initial_stream_window_size(window)
            .max_frame_size(frame)
            .max_decoding_message_size(usize::MAX)
            .add_service(Streams {
                config: ServiceConfig::default(),
                alive: Arc::new(watch::channel(0).0),
                gate: place.gate.subscribe(),
            });
        let running = Running::start(server).await;
        let client = Client::new(running.channel().await);
        let messages = (0..8).flat_map(|_| SIZES).enumerate().map(|(number, length)| content(number, length));
        let expected: Vec<u8> = messages.clone().flat_map(|message| digest(&message)).collect();
        let request = Request::new(tokio_stream::iter(messages));
        let answer = patiently(client.client_streaming(UP, Plain, request)).await.unwrap().into_inner();
        assert!(answer == expected, "window {window}, frames of {frame}");
    }
}

/// A few bytes that differ where messages do.
fn digest(message: &[u8]) -> [u8; 12] {
    let sum = message
        .iter()
        .enumerate()
        .fold(0_u64, |sum, (at, byte)| sum.wrapping_mul(31).wrapping_add(u64::from(*byte) ^ at as u64));
    let mut digest = [0; 12];
    digest[..8].copy_from_slice(&sum.to_be_bytes());
    digest[8..].copy_from_slice(&u32::try_from(message.len()).unwrap().to_be_bytes());
    digest
}
