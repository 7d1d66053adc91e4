//! The four kinds of call, made alike, and the ways that they go.

use seltzer::client::GrpcService;
use seltzer::services::schemas::grpc::testing::SimpleResponse;
use seltzer::{Channel, Request, Status, Streaming};
use tonic::service::interceptor::InterceptedService;

use crate::support::patiently;
use crate::support::probe::{Client, ask, text};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ClientStreaming,
    ServerStreaming,
    BidiStreaming,
}

pub(crate) const KINDS: [Kind; 4] = [Kind::Unary, Kind::ClientStreaming, Kind::ServerStreaming, Kind::BidiStreaming];

type Untouched = fn(Request<()>) -> Result<Request<()>, Status>;

/// A client whose calls all go the general way.
pub(crate) fn general(channel: Channel) -> Client<InterceptedService<Channel, Untouched>> {
    Client::with_interceptor(channel, Ok as Untouched)
}

/// Makes a call of a kind; `prepare` changes its request. What it answers, message by message with spaces between.
pub(crate) async fn call<C: GrpcService>(
    client: &Client<C>,
    kind: Kind,
    command: &str,
    prepare: impl FnOnce(Request<()>) -> Request<()>,
) -> Result<String, Status> {
    let (metadata, extensions, ()) = prepare(Request::new(())).into_parts();
    let one = ask(command);
    let many = tokio_stream::iter([ask(command)]);
    let answer = async {
        match kind {
            Kind::Unary => {
                let answer = client.unary_call(Request::from_parts(metadata, extensions, one)).await?;
                Ok(text(answer.get_ref()))
            }
            Kind::ClientStreaming => {
                let answer = client.streaming_from_client(Request::from_parts(metadata, extensions, many)).await?;
                Ok(text(answer.get_ref()))
            }
            Kind::ServerStreaming => {
                let answer = client.streaming_from_server(Request::from_parts(metadata, extensions, one)).await?;
                words(answer.into_inner()).await
            }
            Kind::BidiStreaming => {
                let answer = client.streaming_call(Request::from_parts(metadata, extensions, many)).await?;
                words(answer.into_inner()).await
            }
        }
    };
    patiently(answer).await
}

async fn words(mut answers: Streaming<SimpleResponse>) -> Result<String, Status> {
    let mut words = Vec::new();
    while let Some(answer) = answers.message().await? {
        words.push(text(&answer));
    }
    Ok(words.join(" "))
}
