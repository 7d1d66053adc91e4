//! Calls that tests make of scripted servers.

use prost::Message as _;
use seltzer::services::schemas::grpc::testing::SimpleResponse;
use seltzer::{Code, Response, Status};
use tokio::task::JoinHandle;

use crate::support::patiently;
use crate::support::probe::{Client, ask, text};

pub(crate) type Unary = JoinHandle<Result<Response<SimpleResponse>, Status>>;

/// A call at work.
pub(crate) fn begin(client: &Client, command: &str) -> Unary {
    let client = client.clone();
    let request = ask(command);
    tokio::spawn(async move { client.unary_call(request).await })
}

/// The text of a call's answer, or the code and the words of its status.
pub(crate) async fn outcome(call: Unary) -> Result<String, (Code, String)> {
    let answer = patiently(call).await.unwrap();
    answer.map(|answer| text(answer.get_ref())).map_err(|status| (status.code(), status.message().to_owned()))
}

/// An answer that says this.
pub(crate) fn say(words: &str) -> Vec<u8> {
    SimpleResponse { payload: ask(words).payload, ..SimpleResponse::default() }.encode_to_vec()
}
