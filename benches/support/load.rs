//! Callers that do a workload and check every answer.

use std::future::Future;
use std::pin::pin;

use seltzer::Status;
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;
use tokio_stream::{Stream, StreamExt as _};

use crate::service::{Count, Repeat, payload};
use crate::workload::{Kind, Workload};

/// What a generated client of `grpc.testing.BenchmarkService` can do, whoever generated it.
pub(crate) trait Client: Clone + Send + 'static {
    /// The responses of a stream.
    type Responses: Stream<Item = Result<SimpleResponse, Status>> + Send;

    fn unary(&mut self, request: SimpleRequest) -> impl Future<Output = Result<SimpleResponse, Status>> + Send;

    fn stream_down(&mut self, request: SimpleRequest) -> impl Future<Output = Result<Self::Responses, Status>> + Send;

    fn stream_up<S>(&mut self, requests: S) -> impl Future<Output = Result<SimpleResponse, Status>> + Send
    where
        S: Stream<Item = SimpleRequest> + Send + 'static;

    fn both_ways<S>(&mut self, requests: S) -> impl Future<Output = Result<Self::Responses, Status>> + Send
    where
        S: Stream<Item = SimpleRequest> + Send + 'static;
}

/// Moves the messages of one iteration, and returns when all of them have arrived.
pub(crate) async fn run<C: Client>(workload: Workload, client: &C) {
    if workload.in_flight == 1 {
        return run_caller(workload, client.clone()).await;
    }
    let mut callers = JoinSet::new();
    for _ in 0..workload.in_flight {
        callers.spawn(run_caller(workload, client.clone()));
    }
    while let Some(caller) = callers.join_next().await {
        caller.expect("a caller found a wrong answer");
    }
}

async fn run_caller<C: Client>(workload: Workload, client: C) {
    let (bytes, messages) = (workload.size.bytes, workload.messages_per_caller());
    match workload.kind {
        Kind::UnaryDown => call_for_each(client, request(0, bytes), bytes, messages).await,
        Kind::UnaryUp => call_for_each(client, request(bytes, 0), 0, messages).await,
        Kind::UnaryBoth => call_for_each(client, request(bytes, bytes), bytes, messages).await,
        Kind::ServerStreaming => download(client, bytes, messages).await,
        Kind::ClientStreaming => upload(client, bytes, messages).await,
        Kind::Bidirectional => exchange(client, bytes, messages).await,
        Kind::PingPong => take_turns(client, bytes, messages).await,
    }
}

async fn call_for_each<C: Client>(mut client: C, request: SimpleRequest, answer_bytes: usize, messages: usize) {
    for _ in 0..messages {
        let response = client.unary(request.clone()).await.expect("the call succeeds");
        assert_eq!(body_bytes(&response), answer_bytes, "a response of another size");
    }
}

async fn download<C: Client>(mut client: C, bytes: usize, messages: usize) {
    let count = Count { messages: messages as u64, bytes: 0 };
    let request = SimpleRequest { payload: Some(count.to_payload()), ..request(0, bytes) };
    let responses = client.stream_down(request).await.expect("the call succeeds");
    assert_responses(responses, bytes, messages).await;
}

async fn upload<C: Client>(mut client: C, bytes: usize, messages: usize) {
    let requests = Repeat::new(request(bytes, 0), messages as u64);
    let response = client.stream_up(requests).await.expect("the call succeeds");
    let expected = Count { messages: messages as u64, bytes: (messages * bytes) as u64 };
    assert_eq!(Count::from_payload(response.payload.as_ref()), Some(expected), "not all has arrived");
}

async fn exchange<C: Client>(mut client: C, bytes: usize, messages: usize) {
    let requests = Repeat::new(request(bytes, bytes), messages as u64);
    let responses = client.both_ways(requests).await.expect("the call succeeds");
    assert_responses(responses, bytes, messages).await;
}

async fn take_turns<C: Client>(mut client: C, bytes: usize, messages: usize) {
    let request = request(bytes, bytes);
    let (requests, stream) = mpsc::channel(1);
    requests.send(request.clone()).await.expect("the stream takes the first request");
    let responses = client.both_ways(ReceiverStream::new(stream)).await.expect("the call succeeds");
    let mut responses = pin!(responses);
    for turn in 1..=messages {
        let response = responses.next().await.expect("there is an answer").expect("the stream goes on");
        assert_eq!(body_bytes(&response), bytes, "a response of another size");
        if turn < messages {
            requests.send(request.clone()).await.expect("the stream takes a request after each answer");
        }
    }
    drop(requests);
    assert!(responses.next().await.is_none(), "more answers than requests");
}

async fn assert_responses(
    responses: impl Stream<Item = Result<SimpleResponse, Status>>,
    bytes: usize,
    messages: usize,
) {
    let mut responses = pin!(responses);
    let mut arrived = 0;
    while let Some(response) = responses.next().await {
        assert_eq!(body_bytes(&response.expect("the stream goes on")), bytes, "a response of another size");
        arrived += 1;
    }
    assert_eq!(arrived, messages, "another number of responses");
}

/// A request with a payload, for an answer of so many bytes.
fn request(bytes: usize, answer_bytes: usize) -> SimpleRequest {
    SimpleRequest {
        payload: (bytes > 0).then(|| payload(vec![0; bytes])),
        response_size: i32::try_from(answer_bytes).expect("sizes are small"),
        ..SimpleRequest::default()
    }
}

fn body_bytes(response: &SimpleResponse) -> usize {
    response.payload.as_ref().map_or(0, |payload| payload.body.len())
}
