//! One call, as the suite describes it.

use std::time::Duration;

use prost::Message;
use seltzer::codec::{CompressionEncoding, ProstCodec};
use seltzer::codegen::{Client, Idempotency, MethodDescriptor, MethodKind};
use seltzer::{Channel, Request, Response, Status, Streaming};
use seltzer_peers::conformance::metadata;
use seltzer_peers::conformance::schemas::client_compat_request::cancel::CancelTiming;
use seltzer_peers::conformance::schemas::{
    BidiStreamRequest, BidiStreamResponse, ClientCompatRequest, ClientResponseResult, ClientStreamRequest,
    ClientStreamResponse, Compression, IdempotentUnaryRequest, IdempotentUnaryResponse, ServerStreamRequest,
    ServerStreamResponse, StreamType, UnaryRequest, UnaryResponse, UnimplementedRequest, UnimplementedResponse,
};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

use crate::Error;
use crate::channels::Channels;
use crate::outcome::{self, HasPayload};

const fn method(path: &'static str, kind: MethodKind) -> MethodDescriptor {
    MethodDescriptor::new(path, kind)
}

static UNARY: MethodDescriptor = method("/connectrpc.conformance.v1.ConformanceService/Unary", MethodKind::Unary);
static UNIMPLEMENTED: MethodDescriptor =
    method("/connectrpc.conformance.v1.ConformanceService/Unimplemented", MethodKind::Unary);
static IDEMPOTENT_UNARY: MethodDescriptor =
    method("/connectrpc.conformance.v1.ConformanceService/IdempotentUnary", MethodKind::Unary)
        .with_idempotency(Idempotency::NoSideEffects);
static CLIENT_STREAM: MethodDescriptor =
    method("/connectrpc.conformance.v1.ConformanceService/ClientStream", MethodKind::ClientStreaming);
static SERVER_STREAM: MethodDescriptor =
    method("/connectrpc.conformance.v1.ConformanceService/ServerStream", MethodKind::ServerStreaming);
static BIDI_STREAM: MethodDescriptor =
    method("/connectrpc.conformance.v1.ConformanceService/BidiStream", MethodKind::BidiStreaming);

/// Makes a call.
///
/// # Errors
/// It cannot be made; what the server answers is no error here.
pub(crate) async fn make(channels: &Channels, request: ClientCompatRequest) -> Result<ClientResponseResult, Error> {
    let mut client = Client::new(channels.get(&request)?);
    if request.compression() == Compression::Gzip {
        client.send_compressed(CompressionEncoding::Gzip);
    }
    if request.message_receive_limit > 0 {
        client.max_decoding_message_size(usize::try_from(request.message_receive_limit)?);
    }
    let call = Call { client, request };
    match call.request.method() {
        "Unary" => call.unary::<UnaryRequest, UnaryResponse>(&UNARY).await,
        "IdempotentUnary" => call.unary::<IdempotentUnaryRequest, IdempotentUnaryResponse>(&IDEMPOTENT_UNARY).await,
        "Unimplemented" => call.unary::<UnimplementedRequest, UnimplementedResponse>(&UNIMPLEMENTED).await,
        "ClientStream" => call.up().await,
        "ServerStream" => call.down().await,
        "BidiStream" => call.both_ways().await,
        other => Err(format!("there is no method {other}").into()),
    }
}

struct Call {
    client: Client<Channel>,
    request: ClientCompatRequest,
}

impl Call {
    async fn unary<Q, S>(&self, method: &'static MethodDescriptor) -> Result<ClientResponseResult, Error>
    where
        Q: Message + Default + 'static,
        S: Message + HasPayload + Default + 'static,
    {
        let mut result = ClientResponseResult::default();
        let request = self.outgoing(self.only_message::<Q>()?)?;
        let codec = ProstCodec::<Q, S>::default();
        tokio::select! {
            answer = self.client.unary(method, codec, request) => one(&mut result, answer),
            () = self.cancelled_after_requests() => outcome::cancel(&mut result),
        }
        Ok(result)
    }

    async fn up(&self) -> Result<ClientResponseResult, Error> {
        let mut result = ClientResponseResult::default();
        let messages = self.messages::<ClientStreamRequest>()?;
        let (sender, receiver) = mpsc::channel(1);
        let request = self.outgoing(ReceiverStream::new(receiver))?;
        let codec = ProstCodec::<ClientStreamRequest, ClientStreamResponse>::default();
        let mut unsent = messages.len();
        tokio::select! {
            answer = self.client.client_streaming(&CLIENT_STREAM, codec, request) => one(&mut result, answer),
            () = self.feed(sender, messages, &mut unsent, None) => outcome::cancel(&mut result),
        }
        result.num_unsent_requests = i32::try_from(unsent)?;
        Ok(result)
    }

    async fn down(&self) -> Result<ClientResponseResult, Error> {
        let mut result = ClientResponseResult::default();
        let request = self.outgoing(self.only_message::<ServerStreamRequest>()?)?;
        let codec = ProstCodec::<ServerStreamRequest, ServerStreamResponse>::default();
        let was_cancelled = tokio::select! {
            was_cancelled = async {
                self.read(self.client.server_streaming(&SERVER_STREAM, codec, request).await, &mut result, None).await
            } => was_cancelled,
            () = self.cancelled_after_requests() => true,
        };
        if was_cancelled {
            outcome::cancel(&mut result);
        }
        Ok(result)
    }

    async fn both_ways(&self) -> Result<ClientResponseResult, Error> {
        let mut result = ClientResponseResult::default();
        let messages = self.messages::<BidiStreamRequest>()?;
        let (sender, receiver) = mpsc::channel(1);
        let request = self.outgoing(ReceiverStream::new(receiver))?;
        let codec = ProstCodec::<BidiStreamRequest, BidiStreamResponse>::default();
        let mut unsent = messages.len();
        // In full duplex each request but the first waits for the response to the one before.
        let turns = Semaphore::new(1);
        let turns = (self.request.stream_type() == StreamType::FullDuplexBidiStream).then_some(&turns);
        let was_cancelled = tokio::select! {
            was_cancelled = async {
                self.read(self.client.bidi_streaming(&BIDI_STREAM, codec, request).await, &mut result, turns).await
            } => was_cancelled,
            () = self.feed(sender, messages, &mut unsent, turns) => true,
        };
        if was_cancelled {
            outcome::cancel(&mut result);
        }
        result.num_unsent_requests = i32::try_from(unsent)?;
        Ok(result)
    }

    /// Reads a stream of responses to its end. `true`: so many have come that the call is to be cancelled.
    async fn read<S: HasPayload>(
        &self,
        answer: Result<Response<Streaming<S>>, Status>,
        result: &mut ClientResponseResult,
        turns: Option<&Semaphore>,
    ) -> bool {
        let cancel_after = match self.cancel_timing() {
            Some(CancelTiming::AfterNumResponses(count)) => Some(count as usize),
            _ => None,
        };
        let mut responses = match answer {
            Ok(response) => {
                outcome::begin(result, response.metadata());
                response.into_inner()
            }
            Err(status) => {
                outcome::fail(result, &status);
                return false;
            }
        };
        let mut count = 0;
        loop {
            match responses.message().await {
                Ok(Some(response)) => outcome::receive(result, response),
                Ok(None) => break,
                Err(status) => {
                    outcome::fail(result, &status);
                    return false;
                }
            }
            count += 1;
            if cancel_after == Some(count) {
                return true;
            }
            if let Some(turns) = turns {
                turns.add_permits(1);
            }
        }
        match responses.trailers().await {
            Ok(trailers) => outcome::end(result, &trailers.unwrap_or_default()),
            Err(status) => outcome::fail(result, &status),
        }
        false
    }

    /// Sends requests. Ready when the call is to be cancelled; else somebody else sees its end.
    async fn feed<Q>(&self, sender: mpsc::Sender<Q>, messages: Vec<Q>, unsent: &mut usize, turns: Option<&Semaphore>) {
        for message in messages {
            take_turn(turns).await;
            sleep(Duration::from_millis(self.request.request_delay_ms.into())).await;
            if sender.send(message).await.is_err() {
                // The call is over, and takes no more.
                std::future::pending::<()>().await;
            }
            *unsent -= 1;
        }
        take_turn(turns).await;
        if let Some(CancelTiming::BeforeCloseSend(_)) = self.cancel_timing() {
            // The last request was taken when there is room for another.
            let _ = sender.reserve().await;
            return;
        }
        drop(sender);
        self.cancelled_after_requests().await;
    }

    /// Ready when a call whose requests have been sent is to be cancelled.
    async fn cancelled_after_requests(&self) {
        match self.cancel_timing() {
            Some(CancelTiming::AfterCloseSendMs(delay_ms)) => sleep(Duration::from_millis(delay_ms.into())).await,
            _ => std::future::pending().await,
        }
    }

    fn cancel_timing(&self) -> Option<CancelTiming> {
        self.request.cancel.as_ref().and_then(|cancel| cancel.cancel_timing)
    }

    /// A request with the metadata and the timeout that are asked for.
    fn outgoing<T>(&self, message: T) -> Result<Request<T>, Error> {
        let mut request = Request::new(message);
        *request.metadata_mut() = metadata(&self.request.request_headers)?;
        if let Some(timeout_ms) = self.request.timeout_ms {
            request.set_timeout(Duration::from_millis(timeout_ms.into()));
        }
        Ok(request)
    }

    fn messages<Q: Message + Default>(&self) -> Result<Vec<Q>, Error> {
        self.request.request_messages.iter().map(|any| Ok(Q::decode(&*any.value)?)).collect()
    }

    fn only_message<Q: Message + Default>(&self) -> Result<Q, Error> {
        let mut messages = self.messages()?;
        if messages.len() == 1 { Ok(messages.remove(0)) } else { Err("there must be one request".into()) }
    }
}

/// Waits for the response to the request before, where requests and responses take turns.
async fn take_turn(turns: Option<&Semaphore>) {
    if let Some(turns) = turns
        && let Ok(turn) = turns.acquire().await
    {
        turn.forget();
    }
}

/// Records the answer of a call that has one. Its metadata is that of before and after together.
fn one<S: HasPayload>(result: &mut ClientResponseResult, answer: Result<Response<S>, Status>) {
    match answer {
        Ok(response) => {
            outcome::begin(result, response.metadata());
            outcome::end(result, response.metadata());
            outcome::receive(result, response.into_inner());
        }
        Err(status) => outcome::fail(result, &status),
    }
}
