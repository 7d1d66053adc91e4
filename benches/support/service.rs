//! What the measured service answers, whoever carries it.
//!
//! It speaks the schema of `grpc.testing.BenchmarkService`. Unlike the demo service of that name, its streams end,
//! and it tells what has arrived, so that a bench can assert what it measured:
//!
//! - A request with a payload gets it back if it asks for that many bytes; otherwise it gets what it asks for.
//! - `StreamingFromServer` sends as many responses as the request's payload says (a [`Count`]).
//! - `StreamingFromClient` answers with the [`Count`] of messages and of bytes that have arrived.

use std::pin::Pin;
use std::task::{Context, Poll};

use seltzer::Status;
use seltzer::services::schemas::grpc::testing::{Payload, SimpleRequest, SimpleResponse};
use tokio_stream::{Stream, StreamExt as _};

/// Numbers in a payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Count {
    pub(crate) fn to_payload(self) -> Payload {
        payload([self.messages.to_be_bytes(), self.bytes.to_be_bytes()].concat())
    }

    /// `None` for a payload that is something else.
    pub(crate) fn from_payload(payload: Option<&Payload>) -> Option<Self> {
        let body: &[u8; 16] = payload?.body.as_slice().try_into().ok()?;
        let bits = u128::from_be_bytes(*body);
        Some(Count { messages: (bits >> 64) as u64, bytes: bits as u64 })
    }
}

pub(crate) fn payload(body: Vec<u8>) -> Payload {
    Payload { body, ..Payload::default() }
}

/// The answer to one request.
pub(crate) fn answer(request: SimpleRequest) -> SimpleResponse {
    let size = usize::try_from(request.response_size).unwrap_or_default();
    let payload = match request.payload {
        _ if size == 0 => None,
        Some(sent) if sent.body.len() == size => Some(sent),
        _ => Some(payload(vec![0; size])),
    };
    SimpleResponse { payload, ..SimpleResponse::default() }
}

/// The answer to a request that wants many.
///
/// # Errors
/// INVALID_ARGUMENT for one that does not say how many.
pub(crate) fn answer_many(mut request: SimpleRequest) -> Result<Repeat<Result<SimpleResponse, Status>>, Status> {
    let count = Count::from_payload(request.payload.take().as_ref());
    let count = count.ok_or_else(|| Status::invalid_argument("the payload must be a count"))?;
    Ok(Repeat::new(Ok(answer(request)), count.messages))
}

/// The answer to a stream of requests.
///
/// # Errors
/// What the stream fails with.
pub(crate) async fn tally(
    mut requests: impl Stream<Item = Result<SimpleRequest, Status>> + Unpin,
) -> Result<SimpleResponse, Status> {
    let mut count = Count::default();
    while let Some(request) = requests.next().await {
        count.messages += 1;
        count.bytes += request?.payload.map_or(0, |payload| payload.body.len()) as u64;
    }
    Ok(SimpleResponse { payload: Some(count.to_payload()), ..SimpleResponse::default() })
}

/// The answers to a stream of requests, one each.
#[derive(Debug)]
pub(crate) struct Answers<S>(pub(crate) S);

impl<S> Stream for Answers<S>
where
    S: Stream<Item = Result<SimpleRequest, Status>> + Unpin,
{
    type Item = Result<SimpleResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx).map(|request| request.map(|request| request.map(answer)))
    }
}

/// The same message so many times, each a copy, as if it had been made for the occasion.
#[derive(Debug)]
pub(crate) struct Repeat<T> {
    message: T,
    left: u64,
}

impl<T> Repeat<T> {
    pub(crate) fn new(message: T, times: u64) -> Self {
        Repeat { message, left: times }
    }
}

impl<T: Clone + Unpin> Stream for Repeat<T> {
    type Item = T;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<T>> {
        let Some(left) = self.left.checked_sub(1) else { return Poll::Ready(None) };
        self.left = left;
        Poll::Ready(Some(self.message.clone()))
    }
}
