//! The service `grpc.testing.BenchmarkService`: all kinds of call, as fast as they go.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::services::schemas::grpc::testing::benchmark_service_server::BenchmarkService;
use crate::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use crate::services::testing::payload::response_to;
use crate::status::Status;

/// Answers with payloads of the size asked for, and does nothing else.
#[derive(Debug, Clone, Default)]
pub struct BenchmarkServiceHandler;

/// One response a request, in order.
#[derive(Debug)]
pub struct Echoes<S>(S);

/// One response over and over, for as long as somebody takes it.
#[derive(Debug, Clone)]
pub struct Endless(SimpleResponse);

/// The response to the first request over and over, while further requests are taken in, until these end.
#[derive(Debug)]
pub struct BothWays<S> {
    requests: S,
    response: Option<SimpleResponse>,
}

/// How many requests are taken in before a response is sent, so that neither direction waits for the other.
const REQUESTS_PER_RESPONSE: usize = 16;

impl BenchmarkService for BenchmarkServiceHandler {
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        response_to(request.get_ref()).map(Response::new)
    }

    type StreamingCallStream = Echoes<Streaming<SimpleRequest>>;

    async fn streaming_call(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<Self::StreamingCallStream>, Status> {
        Ok(Response::new(Echoes(request.into_inner())))
    }

    async fn streaming_from_client(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let mut requests = request.into_inner();
        let mut last = SimpleRequest::default();
        while let Some(request) = requests.message().await? {
            last = request;
        }
        response_to(&last).map(Response::new)
    }

    type StreamingFromServerStream = tokio_stream::Iter<Endless>;

    async fn streaming_from_server(
        &self,
        request: Request<SimpleRequest>,
    ) -> Result<Response<Self::StreamingFromServerStream>, Status> {
        let response = response_to(request.get_ref())?;
        Ok(Response::new(tokio_stream::iter(Endless(response))))
    }

    type StreamingBothWaysStream = BothWays<Streaming<SimpleRequest>>;

    async fn streaming_both_ways(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<Self::StreamingBothWaysStream>, Status> {
        Ok(Response::new(BothWays { requests: request.into_inner(), response: None }))
    }
}

impl<S> Stream for Echoes<S>
where
    S: Stream<Item = Result<SimpleRequest, Status>> + Unpin,
{
    type Item = Result<SimpleResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let request = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(request.map(|request| response_to(&request?)))
    }
}

impl Iterator for Endless {
    type Item = Result<SimpleResponse, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(Ok(self.0.clone()))
    }
}

impl<S> Stream for BothWays<S>
where
    S: Stream<Item = Result<SimpleRequest, Status>> + Unpin,
{
    type Item = Result<SimpleResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        for _ in 0..REQUESTS_PER_RESPONSE {
            match Pin::new(&mut this.requests).poll_next(cx) {
                Poll::Ready(Some(Ok(request))) => {
                    if this.response.is_none() {
                        this.response = Some(response_to(&request)?);
                    }
                }
                Poll::Ready(Some(Err(status))) => return Poll::Ready(Some(Err(status))),
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => break,
            }
        }
        match &this.response {
            Some(response) => Poll::Ready(Some(Ok(response.clone()))),
            None => Poll::Pending,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio_stream::StreamExt;

    use super::*;

    fn request(response_size: i32) -> SimpleRequest {
        SimpleRequest { response_size, ..SimpleRequest::default() }
    }

    fn size(response: SimpleResponse) -> usize {
        response.payload.map_or(0, |payload| payload.body.len())
    }

    #[tokio::test]
    async fn each_request_has_its_response() {
        let requests = [3, 0, 5].map(|size| Ok(request(size)));
        let responses: Vec<_> =
            Echoes(tokio_stream::iter(requests)).map(|response| size(response.unwrap())).collect().await;
        assert_eq!(responses, [3, 0, 5]);
    }

    #[tokio::test]
    async fn a_server_stream_has_no_end() {
        let request = Request::new(request(2));
        let stream = BenchmarkServiceHandler.streaming_from_server(request).await.unwrap().into_inner();
        let sizes: Vec<_> = stream.take(1_000).map(|response| size(response.unwrap())).collect().await;
        assert_eq!(sizes, [2; 1_000]);
    }

    #[tokio::test]
    async fn both_ways_sends_while_requests_are_awaited_and_ends_with_them() {
        let (sender, requests) = tokio::sync::mpsc::channel(1);
        sender.send(Ok(request(2))).await.unwrap();
        let requests = tokio_stream::wrappers::ReceiverStream::new(requests);
        let mut responses = BothWays { requests, response: None };
        for _ in 0..100 {
            assert_eq!(size(responses.next().await.unwrap().unwrap()), 2);
        }
        drop(sender);
        assert!(responses.next().await.is_none());
    }

    #[tokio::test]
    async fn a_request_that_cannot_be_answered_ends_the_stream() {
        let requests = tokio_stream::iter([Ok(request(-1))]);
        assert!(BothWays { requests, response: None }.next().await.unwrap().is_err());
    }
}
