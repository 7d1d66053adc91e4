//! Metadata both ways.

use seltzer::codec::ProstCodec;
use seltzer::codegen::{Client, MethodDescriptor, MethodKind};
use seltzer::metadata::{MetadataMap, MetadataValue};
use seltzer::{Request, Response, Streaming};

use crate::check::{self, Result, ensure, equal};
use crate::connect::{channel, client};
use crate::flags::Flags;
use crate::schemas::{LARGE_REQUEST, LARGE_RESPONSE, SimpleRequest, SimpleResponse, large, turn};

const INITIAL: &str = "x-grpc-test-echo-initial";
const INITIAL_VALUE: &str = "test_initial_metadata_value";
const TRAILING: &str = "x-grpc-test-echo-trailing-bin";
const TRAILING_VALUE: &[u8] = b"\xab\xab\xab";

/// `UnaryCall` once more, called as if it streamed: a unary response has its initial and its trailing metadata in one
/// map, a stream keeps them apart.
static UNARY_CALL: MethodDescriptor =
    MethodDescriptor::new("/grpc.testing.TestService/UnaryCall", MethodKind::ServerStreaming);

/// What a call sends comes back, where it has to.
pub(crate) async fn custom(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let response = check::unary(client.unary_call(with_metadata(large())).await, LARGE_RESPONSE)?;
    has_initial(response.metadata())?;
    has_trailing(response.metadata())?;

    let apart = Client::new(channel(&flags).await?);
    let codec = ProstCodec::<SimpleRequest, SimpleResponse>::default();
    let response = apart.server_streaming(&UNARY_CALL, codec, with_metadata(large())).await?;
    let (initial, mut responses) = only_initial(response)?;
    let message: SimpleResponse = responses.message().await?.ok_or("there is no response")?;
    check::payload(message.payload.as_ref(), LARGE_RESPONSE)?;
    only_trailing(&initial, &mut responses).await?;

    let requests = with_metadata(tokio_stream::once(turn(LARGE_REQUEST, LARGE_RESPONSE)));
    let (initial, mut responses) = only_initial(client.full_duplex_call(requests).await?)?;
    check::next(&mut responses, LARGE_RESPONSE).await?;
    only_trailing(&initial, &mut responses).await
}

fn with_metadata<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(INITIAL, MetadataValue::from_static(INITIAL_VALUE));
    request.metadata_mut().insert_bin(TRAILING, MetadataValue::from_bytes(TRAILING_VALUE));
    request
}

fn only_initial<T>(response: Response<T>) -> Result<(MetadataMap, T)> {
    let (metadata, responses, _) = response.into_parts();
    has_initial(&metadata)?;
    ensure(metadata.get_bin(TRAILING).is_none(), "the trailing metadata came with the initial one")?;
    Ok((metadata, responses))
}

async fn only_trailing<T>(initial: &MetadataMap, responses: &mut Streaming<T>) -> Result {
    check::end(responses).await?;
    let trailing = responses.trailers().await?.ok_or("there is no trailing metadata")?;
    ensure(trailing.get(INITIAL).is_none(), format!("the initial metadata came again, after {initial:?}"))?;
    has_trailing(&trailing)
}

fn has_initial(metadata: &MetadataMap) -> Result {
    let value = metadata.get(INITIAL).ok_or(format!("{INITIAL} did not come back"))?;
    equal(INITIAL, &value.to_str()?, &INITIAL_VALUE)
}

fn has_trailing(metadata: &MetadataMap) -> Result {
    let value = metadata.get_bin(TRAILING).ok_or(format!("{TRAILING} did not come back"))?;
    equal(TRAILING, &value.to_bytes().map_err(|error| format!("{TRAILING}: {error}"))?.as_ref(), &TRAILING_VALUE)
}
