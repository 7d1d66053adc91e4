//! A service that does what the request's payload says, so that a test reads as one line.

use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use seltzer::codec::{CompressionEncoding, CompressionSwitch, ReceivedCompressed};
use seltzer::context;
use seltzer::error_details::{ErrorDetails, StatusExt as _};
use seltzer::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use seltzer::services::schemas::grpc::testing::benchmark_service_server::{BenchmarkService, BenchmarkServiceServer};
use seltzer::services::schemas::grpc::testing::{Payload, SimpleRequest, SimpleResponse};
use seltzer::{Channel, Code, Request, Response, Status, Streaming};
use tokio::sync::{mpsc, watch};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;

/// What the command `long` computes for at least.
const LONG: std::time::Duration = std::time::Duration::from_millis(1);

pub(crate) type Client<C = Channel> = BenchmarkServiceClient<C>;

/// The service. What happens inside is seen through [`Probe::watch`].
#[derive(Clone)]
pub(crate) struct Probe {
    seen: Arc<watch::Sender<Seen>>,
    /// Where the command `inherit` calls.
    next: Option<Channel>,
}

/// What the handlers went through so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Handlers that wait for ever now.
    pub(crate) hanging: usize,
    /// Handlers that were dropped while they waited.
    pub(crate) dropped: usize,
    /// Tasks that saw their call's context cancelled.
    pub(crate) cancelled: usize,
    /// Messages that an endless stream has made.
    pub(crate) made: usize,
}

impl Probe {
    pub(crate) fn new() -> (Self, watch::Receiver<Seen>) {
        let (seen, watch) = watch::channel(Seen::default());
        (Probe { seen: Arc::new(seen), next: None }, watch)
    }

    pub(crate) fn calling(mut self, next: Channel) -> Self {
        self.next = Some(next);
        self
    }

    pub(crate) fn server(self) -> BenchmarkServiceServer<Self> {
        BenchmarkServiceServer::new(self)
    }

    async fn hang(&self) -> Result<SimpleResponse, Status> {
        let _guard = Hanging::begin(&self.seen);
        let context = context::current();
        let seen = Arc::clone(&self.seen);
        tokio::spawn(async move {
            context.cancelled().await;
            seen.send_modify(|seen| seen.cancelled += 1);
        });
        std::future::pending().await
    }

    async fn obey(&self, request: &SimpleRequest) -> Result<SimpleResponse, Status> {
        let body = body(request);
        let (command, rest) = body.split_once(' ').unwrap_or((&body, ""));
        match command {
            "hang" => self.hang().await,
            "yield" => {
                tokio::task::yield_now().await;
                Ok(say("yielded"))
            }
            "panic" => panic!("as told"),
            "long" => {
                // Computes for longer than a handler may that is polled where its connection is served.
                let begin = std::time::Instant::now();
                while begin.elapsed() < LONG {
                    std::hint::spin_loop();
                }
                context::current().send_initial_metadata(seltzer::metadata::MetadataMap::new())?;
                tokio::task::yield_now().await;
                Ok(say("long"))
            }
            "block" => Ok(tokio::task::block_in_place(|| say("blocked"))),
            "spawn" => {
                let name = tokio::spawn(async { std::thread::current().name().unwrap_or_default().to_owned() });
                Ok(say(&name.await.unwrap()))
            }
            "fail" => Err(Status::failed_precondition(rest)),
            "detail" => Err(Status::with_error_details(
                Code::InvalidArgument,
                "bad",
                ErrorDetails::with_bad_request_violation("name", rest),
            )),
            "size" => Ok(SimpleResponse {
                payload: Some(Payload { body: vec![0; rest.parse().unwrap()], ..Payload::default() }),
                ..SimpleResponse::default()
            }),
            "trailer" => {
                context::current().set_trailing_metadata("x-trailer", rest)?;
                context::current().set_trailing_metadata_bin("x-trailer-bin", &[0, 255])?;
                Ok(say("ok"))
            }
            "early" => {
                let mut metadata = seltzer::metadata::MetadataMap::new();
                metadata.insert("x-early", "bird".parse().unwrap());
                context::current().send_initial_metadata(metadata)?;
                if rest == "then-hang" { self.hang().await } else { Ok(say("ok")) }
            }
            "claim" => {
                let mut metadata = seltzer::metadata::MetadataMap::new();
                metadata.insert("access-control-allow-origin", rest.parse().unwrap());
                metadata.insert("access-control-allow-credentials", "true".parse().unwrap());
                context::current().send_initial_metadata(metadata)?;
                Ok(say("ok"))
            }
            "deadline" => {
                let left = context::current().time_remaining();
                Ok(say(&left.map_or("none".to_owned(), |left| left.as_millis().to_string())))
            }
            "peer" => {
                let context = context::current();
                let peer = context.peer().and_then(context::Peer::remote_addr);
                let agent = context.user_agent().unwrap_or_default();
                Ok(say(&format!("{} {peer:?} {agent}", context.method())))
            }
            #[cfg(feature = "tls")]
            "secure" => {
                let context = context::current();
                let peer = context.peer().unwrap();
                let certificates =
                    peer.certificates().map_or("none".to_owned(), |c| format!("{} certificates", c.len()));
                Ok(say(&format!("{} {certificates}", peer.is_encrypted())))
            }
            #[cfg(feature = "tls")]
            "identity" => {
                let context = context::current();
                let Some(identity) = context.peer().and_then(context::Peer::identity) else {
                    return Ok(say("nobody"));
                };
                let id = identity.spiffe_id().map(|id| format!("{} {}", id.trust_domain(), id.path()));
                Ok(say(&format!(
                    "{} {:?} {:?} {}",
                    identity.common_name().unwrap_or_default(),
                    identity.dns_names(),
                    identity.uris(),
                    id.as_deref().unwrap_or("none"),
                )))
            }
            "inherit" => {
                let next = Client::new(self.next.clone().expect("the probe has somewhere to call"));
                next.unary_call(ask(rest)).await.map(Response::into_inner)
            }
            _ => Ok(say(&body)),
        }
    }
}

type Answers = Pin<Box<dyn Stream<Item = Result<SimpleResponse, Status>> + Send>>;

impl BenchmarkService for Probe {
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        if body(request.get_ref()) == "compressed?" {
            let was_compressed = request.extensions().get::<ReceivedCompressed>().is_some();
            return Ok(Response::new(say(&was_compressed.to_string())));
        }
        let mut response = Response::new(self.obey(request.get_ref()).await?);
        if let Some(encoding) = chosen_encoding(&body(request.get_ref())) {
            response.extensions_mut().insert(encoding);
        }
        // Whatever the caller sent under these names comes back.
        for name in ["x-echo", "x-echo-bin"] {
            if let Some(value) = request.metadata().get(name) {
                response.metadata_mut().insert(name, value.clone());
            }
            for value in request.metadata().get_all_bin(name) {
                let key = seltzer::metadata::BinaryMetadataKey::from_bytes(name.as_bytes()).unwrap();
                response.metadata_mut().append_bin(key, value.clone());
            }
        }
        Ok(response)
    }

    type StreamingCallStream = Answers;

    async fn streaming_call(&self, request: Request<Streaming<SimpleRequest>>) -> Result<Response<Answers>, Status> {
        let mut requests = request.into_inner();
        let (answers, stream) = mpsc::channel(1);
        let this = self.clone();
        tokio::spawn(context::current().scope(async move {
            while let Some(request) = requests.next().await {
                let answer = match request {
                    Ok(request) => this.obey(&request).await,
                    Err(status) => Err(status),
                };
                if answers.send(answer).await.is_err() {
                    return;
                }
            }
        }));
        Ok(Response::new(Box::pin(ReceiverStream::new(stream))))
    }

    async fn streaming_from_client(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let mut requests = request.into_inner();
        let mut words = Vec::new();
        while let Some(request) = requests.message().await? {
            words.push(body(&request));
        }
        Ok(Response::new(say(&words.join(" "))))
    }

    type StreamingFromServerStream = Answers;

    async fn streaming_from_server(&self, request: Request<SimpleRequest>) -> Result<Response<Answers>, Status> {
        let body = body(request.get_ref());
        let (command, rest) = body.split_once(' ').unwrap_or((&body, ""));
        let stream: Answers = match command {
            "count" => {
                let count: usize = rest.parse().unwrap();
                Box::pin(tokio_stream::iter((0..count).map(|n| Ok(say(&n.to_string())))))
            }
            "endless" => {
                let seen = Arc::clone(&self.seen);
                let guard = Hanging::begin(&self.seen);
                Box::pin(tokio_stream::iter(std::iter::repeat_with(move || {
                    let _lives_as_long_as_the_stream = &guard;
                    seen.send_modify(|seen| seen.made += 1);
                    Ok(say(&"x".repeat(1000)))
                })))
            }
            "one-then" => {
                let this = self.clone();
                let rest = ask(rest);
                Box::pin(tokio_stream::once(Ok(say("one"))).chain(once_of(async move { this.obey(&rest).await })))
            }
            "switch" => return Ok(switching()),
            _ => {
                let answer = self.obey(request.get_ref()).await?;
                Box::pin(tokio_stream::once(Ok(answer)))
            }
        };
        let mut response = Response::new(stream);
        if let Some(encoding) = chosen_encoding(&body) {
            response.extensions_mut().insert(encoding);
        }
        Ok(response)
    }

    type StreamingBothWaysStream = Answers;

    async fn streaming_both_ways(&self, _: Request<Streaming<SimpleRequest>>) -> Result<Response<Answers>, Status> {
        Err(Status::unimplemented("the probe has no such thing"))
    }
}

/// What the command `encoding NAME` wants the answer to be compressed with.
fn chosen_encoding(command: &str) -> Option<CompressionEncoding> {
    command.strip_prefix("encoding ").and_then(CompressionEncoding::from_name)
}

/// Two messages that are compressed, and between them one that is not.
fn switching() -> Response<Answers> {
    let switch = CompressionSwitch::default();
    let mut count = 0;
    let stream = tokio_stream::iter(std::iter::from_fn({
        let switch = switch.clone();
        move || {
            count += 1;
            if count == 2 {
                switch.off();
            } else {
                switch.on();
            }
            (count <= 3).then(|| Ok(say(&"x".repeat(1000))))
        }
    }));
    let mut response = Response::new(Box::pin(stream) as Answers);
    response.extensions_mut().insert(switch);
    response
}

fn once_of<F: Future>(future: F) -> impl Stream<Item = F::Output> {
    let mut future = Box::pin(future);
    let mut is_done = false;
    futures_stream(move |cx| {
        if is_done {
            return std::task::Poll::Ready(None);
        }
        future.as_mut().poll(cx).map(|output| {
            is_done = true;
            Some(output)
        })
    })
}

/// A stream made of a polling function.
pub(crate) fn futures_stream<T, F>(poll: F) -> impl Stream<Item = T>
where
    F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>>,
{
    struct PollFn<F>(F);
    impl<F> Unpin for PollFn<F> {}
    impl<T, F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<T>>> Stream for PollFn<F> {
        type Item = T;
        fn poll_next(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<Option<T>> {
            (self.0)(cx)
        }
    }
    PollFn(poll)
}

/// Counts a handler that waits for ever, and that it was dropped.
struct Hanging(Arc<watch::Sender<Seen>>);

impl Hanging {
    fn begin(seen: &Arc<watch::Sender<Seen>>) -> Self {
        seen.send_modify(|seen| seen.hanging += 1);
        Hanging(Arc::clone(seen))
    }
}

impl Drop for Hanging {
    fn drop(&mut self) {
        self.0.send_modify(|seen| {
            seen.hanging -= 1;
            seen.dropped += 1;
        });
    }
}

/// A request that tells the probe what to do.
pub(crate) fn ask(command: &str) -> SimpleRequest {
    SimpleRequest {
        payload: Some(Payload { body: command.as_bytes().to_vec(), ..Payload::default() }),
        ..SimpleRequest::default()
    }
}

fn say(text: &str) -> SimpleResponse {
    SimpleResponse {
        payload: Some(Payload { body: text.as_bytes().to_vec(), ..Payload::default() }),
        ..SimpleResponse::default()
    }
}

/// The text of a request.
pub(crate) fn body(request: &SimpleRequest) -> String {
    String::from_utf8_lossy(&request.payload.as_ref().map(|payload| payload.body.clone()).unwrap_or_default()).into()
}

/// The text of an answer.
pub(crate) fn text(response: &SimpleResponse) -> String {
    String::from_utf8_lossy(&response.payload.as_ref().map(|payload| payload.body.clone()).unwrap_or_default()).into()
}
