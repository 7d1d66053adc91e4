//! Servers that use HTTP/2 in rare ways. `scripts/interop/http2_server.py` is such a server: it judges the other half.

use std::time::Duration;

use seltzer::Status;
use tokio::task::JoinSet;

use crate::check::{self, Error, Result, ensure};
use crate::connect::client;
use crate::flags::Flags;
use crate::schemas::{LARGE_RESPONSE, TestServiceClient, large};

/// The time between the two calls of `goaway`: the connection is to be closed by then.
const PAUSE: Duration = Duration::from_secs(1);

/// How many calls are made at once where the server permits one.
const CALLS: usize = 10;

/// The server sends GOAWAY during the first call: that one is finished, the next goes over a new connection.
pub(crate) async fn goaway(flags: Flags) -> Result {
    let client = client(&flags).await?;
    answered(&client).await.map_err(|error| format!("the call during which GOAWAY came: {error}"))?;
    tokio::time::sleep(PAUSE).await;
    answered(&client).await.map_err(|error| format!("the call after GOAWAY: {error}").into())
}

/// The server resets the stream somewhere in its answer: the call fails, and does not hang.
pub(crate) async fn reset(flags: Flags) -> Result {
    let answer = client(&flags).await?.unary_call(large()).await;
    let failure: Status = answer.err().ok_or("the call succeeded, though its stream was reset")?;
    println!("the call ended with {:?}: {}", failure.code(), failure.message());
    ensure(!failure.message().is_empty(), "the status does not say what happened")
}

/// One call is answered, whatever comes between.
pub(crate) async fn answer(flags: Flags) -> Result {
    answered(&client(&flags).await?).await
}

/// The server permits one stream at a time: all calls are answered, one after the other.
pub(crate) async fn max_streams(flags: Flags) -> Result {
    let client = client(&flags).await?;
    answered(&client).await?;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let client = client.clone();
        calls.spawn(async move { answered(&client).await });
    }
    while let Some(call) = calls.join_next().await {
        call.map_err(Error::from)??;
    }
    Ok(())
}

async fn answered(client: &TestServiceClient) -> Result {
    check::unary(client.unary_call(large()).await, LARGE_RESPONSE).map(drop)
}
