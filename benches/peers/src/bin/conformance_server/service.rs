//! The service of the suite.

use std::time::Duration;

use prost_types::Any;
use seltzer::metadata::MetadataMap;
use seltzer::{Request, Response, Status, Streaming, context};
use seltzer_peers::conformance::metadata;
use seltzer_peers::conformance::schemas::conformance_service_server::ConformanceService;
use seltzer_peers::conformance::schemas::unary_response_definition::Response as Wanted;
use seltzer_peers::conformance::schemas::{
    BidiStreamRequest, BidiStreamResponse, ClientStreamRequest, ClientStreamResponse, ConformancePayload,
    IdempotentUnaryRequest, IdempotentUnaryResponse, ServerStreamRequest, ServerStreamResponse,
    StreamResponseDefinition, UnaryRequest, UnaryResponse, UnaryResponseDefinition, UnimplementedRequest,
    UnimplementedResponse,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::answers::{any, error, request_info, set_trailers};

/// Answers that are made and not yet sent.
const AHEAD: usize = 1;

/// Does what requests say.
#[derive(Debug)]
pub(crate) struct Conformance;

impl ConformanceService for Conformance {
    async fn unary(&self, request: Request<UnaryRequest>) -> Result<Response<UnaryResponse>, Status> {
        let seen = any("UnaryRequest", request.get_ref());
        let (asked, _, message) = request.into_parts();
        let payload = one_answer(&asked, message.response_definition, vec![seen]).await?;
        Ok(payload.map(|payload| UnaryResponse { payload: Some(payload) }))
    }

    async fn idempotent_unary(
        &self,
        request: Request<IdempotentUnaryRequest>,
    ) -> Result<Response<IdempotentUnaryResponse>, Status> {
        let seen = any("IdempotentUnaryRequest", request.get_ref());
        let (asked, _, message) = request.into_parts();
        let payload = one_answer(&asked, message.response_definition, vec![seen]).await?;
        Ok(payload.map(|payload| IdempotentUnaryResponse { payload: Some(payload) }))
    }

    async fn client_stream(
        &self,
        request: Request<Streaming<ClientStreamRequest>>,
    ) -> Result<Response<ClientStreamResponse>, Status> {
        let (asked, _, mut messages) = request.into_parts();
        let (mut definition, mut seen) = (None, Vec::new());
        while let Some(message) = messages.message().await? {
            seen.push(any("ClientStreamRequest", &message));
            if seen.len() == 1 {
                definition = message.response_definition;
            }
        }
        let payload = one_answer(&asked, definition, seen).await?;
        Ok(payload.map(|payload| ClientStreamResponse { payload: Some(payload) }))
    }

    type ServerStreamStream = ReceiverStream<Result<ServerStreamResponse, Status>>;

    async fn server_stream(
        &self,
        request: Request<ServerStreamRequest>,
    ) -> Result<Response<Self::ServerStreamStream>, Status> {
        let seen = any("ServerStreamRequest", request.get_ref());
        let (asked, _, message) = request.into_parts();
        let definition = message.response_definition.unwrap_or_default();
        let response_metadata = prepare(&definition)?;
        let (sender, receiver) = mpsc::channel(AHEAD);
        let mut answers = Answers { sender, definition, asked, sent: 0, make: server_stream_response };
        tokio::spawn(context::current().scope(async move { drop(answers.finish(vec![seen]).await) }));
        Ok(response(response_metadata, ReceiverStream::new(receiver)))
    }

    type BidiStreamStream = ReceiverStream<Result<BidiStreamResponse, Status>>;

    async fn bidi_stream(
        &self,
        request: Request<Streaming<BidiStreamRequest>>,
    ) -> Result<Response<Self::BidiStreamStream>, Status> {
        let (asked, _, mut messages) = request.into_parts();
        let (sender, receiver) = mpsc::channel(AHEAD);
        let first = messages.message().await?;
        let mut seen: Vec<Any> = first.iter().map(|message| any("BidiStreamRequest", message)).collect();
        let is_full_duplex = first.as_ref().is_some_and(|message| message.full_duplex);
        let definition = first.and_then(|message| message.response_definition).unwrap_or_default();
        let response_metadata = prepare(&definition)?;
        let mut answers = Answers { sender, definition, asked, sent: 0, make: bidi_stream_response };
        if is_full_duplex {
            tokio::spawn(context::current().scope(async move {
                drop(answers.take_turns(messages, seen).await);
            }));
        } else {
            while let Some(message) = messages.message().await? {
                seen.push(any("BidiStreamRequest", &message));
            }
            tokio::spawn(context::current().scope(async move { drop(answers.finish(seen).await) }));
        }
        Ok(response(response_metadata, ReceiverStream::new(receiver)))
    }

    async fn unimplemented(&self, _: Request<UnimplementedRequest>) -> Result<Response<UnimplementedResponse>, Status> {
        Err(Status::unimplemented("this one must not be implemented"))
    }
}

/// The answer that a definition asks for.
async fn one_answer(
    asked: &MetadataMap,
    definition: Option<UnaryResponseDefinition>,
    seen: Vec<Any>,
) -> Result<Response<ConformancePayload>, Status> {
    let info = request_info(asked, seen);
    let definition = definition.unwrap_or_default();
    let response_metadata = metadata(&definition.response_headers)?;
    set_trailers(&definition.response_trailers)?;
    wait(definition.response_delay_ms).await;
    match definition.response {
        Some(Wanted::Error(wanted)) => {
            context::current().send_initial_metadata(response_metadata)?;
            Err(error(wanted, Some(info)))
        }
        Some(Wanted::ResponseData(data)) => {
            Ok(response(response_metadata, ConformancePayload { data, request_info: Some(info) }))
        }
        None => Ok(response(response_metadata, ConformancePayload { data: Vec::new(), request_info: Some(info) })),
    }
}

fn response<T>(metadata: MetadataMap, message: T) -> Response<T> {
    let mut response = Response::new(message);
    *response.metadata_mut() = metadata;
    response
}

/// Sets the trailers of a stream, and says what goes before its answers.
fn prepare(definition: &StreamResponseDefinition) -> Result<MetadataMap, Status> {
    set_trailers(&definition.response_trailers)?;
    metadata(&definition.response_headers)
}

async fn wait(delay_ms: u32) {
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms.into())).await;
    }
}

fn server_stream_response(payload: ConformancePayload) -> ServerStreamResponse {
    ServerStreamResponse { payload: Some(payload) }
}

fn bidi_stream_response(payload: ConformancePayload) -> BidiStreamResponse {
    BidiStreamResponse { payload: Some(payload) }
}

/// The caller is gone.
#[derive(Debug)]
struct Gone;

/// The answers of a stream.
struct Answers<T> {
    sender: mpsc::Sender<Result<T, Status>>,
    definition: StreamResponseDefinition,
    asked: MetadataMap,
    sent: usize,
    make: fn(ConformancePayload) -> T,
}

impl<T> Answers<T> {
    /// Answers each request as it comes, then whatever is left.
    async fn take_turns(&mut self, mut messages: Streaming<BidiStreamRequest>, mut seen: Vec<Any>) -> Result<(), Gone> {
        while !seen.is_empty() && self.sent < self.definition.response_data.len() {
            self.answer(std::mem::take(&mut seen)).await?;
            match messages.message().await {
                Ok(Some(message)) => seen.push(any("BidiStreamRequest", &message)),
                Ok(None) => {}
                Err(status) => return self.sender.send(Err(status)).await.map_err(|_| Gone),
            }
        }
        self.finish(seen).await
    }

    /// Sends the answers that are left, and the error.
    async fn finish(&mut self, mut seen: Vec<Any>) -> Result<(), Gone> {
        while self.sent < self.definition.response_data.len() {
            self.answer(std::mem::take(&mut seen)).await?;
        }
        let Some(wanted) = self.definition.error.take() else { return Ok(()) };
        let info = (self.sent == 0).then(|| request_info(&self.asked, seen));
        self.sender.send(Err(error(wanted, info))).await.map_err(|_| Gone)
    }

    /// Sends the next answer; the first one tells what was seen of the call, later ones of the requests.
    async fn answer(&mut self, seen: Vec<Any>) -> Result<(), Gone> {
        let data = self.definition.response_data[self.sent].clone();
        let request_info = if self.sent == 0 {
            Some(request_info(&self.asked, seen))
        } else if seen.is_empty() {
            None
        } else {
            Some(seltzer_peers::conformance::schemas::conformance_payload::RequestInfo {
                requests: seen,
                ..Default::default()
            })
        };
        wait(self.definition.response_delay_ms).await;
        self.sent += 1;
        self.sender.send(Ok((self.make)(ConformancePayload { data, request_info }))).await.map_err(|_| Gone)
    }
}
