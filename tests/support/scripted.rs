//! A service whose handlers fail and succeed attempt by attempt, as the call's first message says.
//!
//! The message is a list of steps with `|` between them, one for each attempt; the last one holds for all that follow.
//!
//! | step | what the attempt comes to |
//! |---|---|
//! | `ok` | the words of all request messages, with spaces between them |
//! | `UNAVAILABLE`, or another code | that status, before an answer begins |
//! | `UNAVAILABLE+20` | the same, and `grpc-retry-pushback-ms: 20` |
//! | `UNAVAILABLE@3` | the same, after so many request messages were read |
//! | `late-UNAVAILABLE` | the status, after an answer has begun |
//! | `hang` | nothing |

use std::pin::Pin;
use std::sync::Arc;

use futures_core::Stream;
use seltzer::metadata::MetadataMap;
use seltzer::services::schemas::grpc::testing::benchmark_service_server::{BenchmarkService, BenchmarkServiceServer};
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::{Code, Request, Response, Status, Streaming, context};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_stream::StreamExt as _;

use crate::support::probe::{ask, body};

/// The service. What reached it is seen through the watch.
#[derive(Clone)]
pub(crate) struct Scripted {
    seen: Arc<watch::Sender<Vec<Attempt>>>,
}

/// An attempt that reached a handler.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// What it said about those before it.
    pub(crate) previous: Option<String>,
    /// What was left of its deadline.
    pub(crate) has_deadline: bool,
    pub(crate) at: Instant,
}

type Answers = Pin<Box<dyn Stream<Item = Result<SimpleResponse, Status>> + Send>>;

impl Scripted {
    pub(crate) fn new() -> (Self, watch::Receiver<Vec<Attempt>>) {
        let (seen, watch) = watch::channel(Vec::new());
        (Scripted { seen: Arc::new(seen) }, watch)
    }

    pub(crate) fn server(self) -> BenchmarkServiceServer<Self> {
        BenchmarkServiceServer::new(self)
    }

    /// Does what the first message says.
    async fn play(
        &self,
        metadata: &MetadataMap,
        mut messages: impl Stream<Item = Result<SimpleRequest, Status>> + Unpin,
    ) -> Result<SimpleResponse, Status> {
        let previous = metadata.get("grpc-previous-rpc-attempts").map(|value| value.to_str().unwrap().to_owned());
        let number: usize = previous.as_ref().map_or(0, |previous| previous.parse().unwrap());
        let has_deadline = context::current().deadline().is_some();
        self.seen.send_modify(|seen| seen.push(Attempt { previous, has_deadline, at: Instant::now() }));

        let mut words = vec![body(&messages.next().await.unwrap()?)];
        let script = words[0].clone();
        let steps: Vec<_> = script.split(' ').next().unwrap().split('|').collect();
        let step = steps[number.min(steps.len() - 1)];
        let (step, reads) = step.split_once('@').map_or((step, 1), |(step, reads)| (step, reads.parse().unwrap()));
        if step == "hang" {
            std::future::pending::<()>().await;
        }
        if step == "ok" {
            while let Some(message) = messages.next().await {
                words.push(body(&message?));
            }
            return Ok(SimpleResponse { payload: ask(&words.join(" ")).payload, ..SimpleResponse::default() });
        }
        for _ in 1..reads {
            messages.next().await.unwrap()?;
        }
        let (step, pushback) = step.split_once('+').map_or((step, None), |(step, pushback)| (step, Some(pushback)));
        if step.starts_with("late-") {
            context::current().send_initial_metadata(MetadataMap::new())?;
            // As soon as a handler waits on a task of its own, what it has said goes out.
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
        let code = (0..=16).map(Code::from_i32).find(|code| name(*code) == step.trim_start_matches("late-"));
        let mut status =
            Status::new(code.unwrap_or_else(|| panic!("{step:?} is no step")), format!("attempt {number}"));
        if let Some(pushback) = pushback {
            status.metadata_mut().insert("grpc-retry-pushback-ms", pushback.parse().unwrap());
        }
        Err(status)
    }
}

fn name(code: Code) -> String {
    let name = format!("{code:?}");
    let parts = name.char_indices().flat_map(|(at, letter)| {
        (at > 0 && letter.is_uppercase()).then_some('_').into_iter().chain([letter.to_ascii_uppercase()])
    });
    parts.collect()
}

fn only(request: &Request<SimpleRequest>) -> impl Stream<Item = Result<SimpleRequest, Status>> + Unpin + use<> {
    tokio_stream::once(Ok(request.get_ref().clone()))
}

impl BenchmarkService for Scripted {
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        self.play(request.metadata(), only(&request)).await.map(Response::new)
    }

    type StreamingCallStream = Answers;

    async fn streaming_call(&self, request: Request<Streaming<SimpleRequest>>) -> Result<Response<Answers>, Status> {
        let (metadata, _, messages) = request.into_parts();
        let answer = self.play(&metadata, messages).await?;
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(answer)))))
    }

    async fn streaming_from_client(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let (metadata, _, messages) = request.into_parts();
        self.play(&metadata, messages).await.map(Response::new)
    }

    type StreamingFromServerStream = Answers;

    async fn streaming_from_server(&self, request: Request<SimpleRequest>) -> Result<Response<Answers>, Status> {
        let answer = self.play(request.metadata(), only(&request)).await?;
        Ok(Response::new(Box::pin(tokio_stream::once(Ok(answer)))))
    }

    type StreamingBothWaysStream = Answers;

    async fn streaming_both_ways(&self, _: Request<Streaming<SimpleRequest>>) -> Result<Response<Answers>, Status> {
        Err(Status::unimplemented("the script has no such thing"))
    }
}
