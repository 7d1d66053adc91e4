//! Calls that their caller gives up. Dropping a call is how it is cancelled; nobody is left to be told its status, so
//! what is judged is what the caller can see: the requests are let go of, and the connection serves on.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::check::{self, Result, ensure};
use crate::connect::client;
use crate::flags::Flags;
use crate::schemas::{Empty, StreamingInputCallRequest, TestServiceClient, turn};

/// How long the library may hold on to the requests of a cancelled call.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(5);

/// A call that was begun and has sent nothing.
pub(crate) async fn after_begin(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let (requests, receiver) = mpsc::channel::<StreamingInputCallRequest>(1);
    {
        let mut call = pin!(client.streaming_input_call(ReceiverStream::new(receiver)));
        let begun = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await;
        ensure(begun.is_pending(), "the call was over before it could be cancelled")?;
    }
    is_let_go(&requests, &client).await
}

/// A call both ways that has been answered once.
pub(crate) async fn after_first_response(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let (requests, receiver) = mpsc::channel(1);
    requests.send(turn(27_182, 31_415)).await?;
    let mut responses = client.full_duplex_call(ReceiverStream::new(receiver)).await?.into_inner();
    check::next(&mut responses, 31_415).await?;
    drop(responses);
    is_let_go(&requests, &client).await
}

async fn is_let_go<T>(requests: &mpsc::Sender<T>, client: &TestServiceClient) -> Result {
    let closed = tokio::time::timeout(RELEASE_TIMEOUT, requests.closed()).await;
    ensure(closed.is_ok(), "the requests of the cancelled call are still waited for")?;
    client.empty_call(Empty {}).await.map_err(|status| format!("the next call on the connection: {status}"))?;
    Ok(())
}
