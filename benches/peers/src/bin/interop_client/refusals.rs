//! Calls that end with a status other than OK.

use std::time::Duration;

use seltzer::{Code, Request, Status};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::check::{self, Result};
use crate::connect::{channel, client};
use crate::flags::Flags;
use crate::schemas::{
    EchoStatus, Empty, SimpleRequest, StreamingOutputCallRequest, TestServiceClient, UnimplementedServiceClient, zeros,
};

/// The message of the plain case.
const MESSAGE: &str = "test status message";

/// The message of the special one: white space, and characters of two, three and four bytes.
const SPECIAL_MESSAGE: &str = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";

/// Shorter than any server's answer.
const TIMEOUT: Duration = Duration::from_millis(1);

fn wanted(message: &str) -> EchoStatus {
    EchoStatus { code: Code::Unknown as i32, message: message.to_owned() }
}

/// The status that a request asks for is the call's, unary and both ways.
pub(crate) async fn code_and_message(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let request = SimpleRequest { response_status: Some(wanted(MESSAGE)), ..SimpleRequest::default() };
    check::status(client.unary_call(request).await, Code::Unknown, MESSAGE)?;
    let request = StreamingOutputCallRequest { response_status: Some(wanted(MESSAGE)), ..Default::default() };
    check::status(both_ways(&client, Request::new(tokio_stream::once(request))).await, Code::Unknown, MESSAGE)?;
    Ok(())
}

/// A status message keeps every character.
pub(crate) async fn special_message(flags: Flags) -> Result {
    let request = SimpleRequest { response_status: Some(wanted(SPECIAL_MESSAGE)), ..SimpleRequest::default() };
    check::status(client(&flags).await?.unary_call(request).await, Code::Unknown, SPECIAL_MESSAGE)?;
    Ok(())
}

/// A method that the service does not have.
pub(crate) async fn unimplemented_method(flags: Flags) -> Result {
    check::code(client(&flags).await?.unimplemented_call(Empty {}).await, Code::Unimplemented)?;
    Ok(())
}

/// A service that the server does not have.
pub(crate) async fn unimplemented_service(flags: Flags) -> Result {
    let client = UnimplementedServiceClient::new(channel(&flags).await?);
    check::code(client.unimplemented_call(Empty {}).await, Code::Unimplemented)?;
    Ok(())
}

/// A call whose time is up ends so, though the server says nothing.
pub(crate) async fn timeout(flags: Flags) -> Result {
    let client = client(&flags).await?;
    // The stream of requests stays open, so that the server has no reason to end the call either.
    let (requests, receiver) = mpsc::channel(1);
    requests.send(StreamingOutputCallRequest { payload: zeros(27_182), ..Default::default() }).await?;
    let mut request = Request::new(ReceiverStream::new(receiver));
    request.set_timeout(TIMEOUT);
    check::code(both_ways(&client, request).await, Code::DeadlineExceeded)?;
    drop(requests);
    Ok(())
}

/// Calls and reads to the end.
async fn both_ways<S>(client: &TestServiceClient, request: Request<S>) -> std::result::Result<(), Status>
where
    S: tokio_stream::Stream<Item = StreamingOutputCallRequest> + Send + 'static,
{
    let mut responses = client.full_duplex_call(request).await?.into_inner();
    while responses.message().await?.is_some() {}
    Ok(())
}
