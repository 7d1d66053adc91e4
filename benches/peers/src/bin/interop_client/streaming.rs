//! Calls that stream, one way or both.

use crate::check::{self, Result, equal};
use crate::connect::client;
use crate::flags::Flags;
use crate::schemas::{StreamingInputCallRequest, StreamingOutputCallRequest, sized, turn, zeros};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

/// The payloads that go up, in bytes.
const REQUESTS: [usize; 4] = [27_182, 8, 1_828, 45_904];

/// The payloads that come down, in bytes.
const RESPONSES: [i32; 4] = [31_415, 9, 2_653, 58_979];

/// The server counts the bytes of an upload.
pub(crate) async fn up(flags: Flags) -> Result {
    let requests = REQUESTS.map(|bytes| StreamingInputCallRequest { payload: zeros(bytes), expect_compressed: None });
    let response = client(&flags).await?.streaming_input_call(tokio_stream::iter(requests)).await?;
    equal("the sum of the sizes", &response.get_ref().aggregated_payload_size, &74_922)
}

/// One request has as many responses as it asks for, in order.
pub(crate) async fn down(flags: Flags) -> Result {
    let response_parameters = RESPONSES.map(sized).to_vec();
    let request = StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() };
    let mut responses = client(&flags).await?.streaming_output_call(request).await?.into_inner();
    for bytes in RESPONSES {
        check::next(&mut responses, bytes).await?;
    }
    check::end(&mut responses).await
}

/// Each request is sent when the response to the one before has come.
pub(crate) async fn ping_pong(flags: Flags) -> Result {
    let (requests, receiver) = mpsc::channel(1);
    let client = client(&flags).await?;
    // Servers may hold the response's head back until they have something to say.
    requests.send(turn(REQUESTS[0], RESPONSES[0])).await?;
    let mut responses = client.full_duplex_call(ReceiverStream::new(receiver)).await?.into_inner();
    check::next(&mut responses, RESPONSES[0]).await?;
    for (request, response) in REQUESTS.into_iter().zip(RESPONSES).skip(1) {
        requests.send(turn(request, response)).await?;
        check::next(&mut responses, response).await?;
    }
    drop(requests);
    check::end(&mut responses).await
}

/// No request has no response.
pub(crate) async fn empty(flags: Flags) -> Result {
    let requests = tokio_stream::empty::<StreamingOutputCallRequest>();
    let mut responses = client(&flags).await?.full_duplex_call(requests).await?.into_inner();
    check::end(&mut responses).await
}
