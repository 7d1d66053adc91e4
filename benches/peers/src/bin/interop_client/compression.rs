//! Messages that travel compressed, and those that must not.

use seltzer::codec::{CompressionEncoding, CompressionSwitch, ReceivedCompressed};
use seltzer::{Code, Request};
use tokio_stream::StreamExt as _;

use crate::check::{self, Result, ensure, equal};
use crate::connect::client;
use crate::flags::Flags;
use crate::schemas::{
    BoolValue, LARGE_RESPONSE, ResponseParameters, SimpleRequest, StreamingInputCallRequest,
    StreamingOutputCallRequest, large, zeros,
};

/// What `client_compressed_streaming` sends: the bytes of each payload, and whether it is compressed.
const UPLOADS: [(usize, bool); 2] = [(27_182, true), (45_904, false)];

/// What `server_compressed_streaming` asks for.
const DOWNLOADS: [(i32, bool); 2] = [(31_415, true), (92_653, false)];

#[allow(clippy::unnecessary_wraps, reason = "the field is optional, as all messages in messages are")]
fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

fn expecting(compressed: bool) -> SimpleRequest {
    SimpleRequest { expect_compressed: flag(compressed), ..large() }
}

/// The server sees whether a request was compressed.
pub(crate) async fn client_unary(flags: Flags) -> Result {
    let client = client(&flags).await?;
    // A server that cannot tell would take this, and what follows would prove less.
    if flags.compression_probe {
        check::code(client.unary_call(expecting(true)).await, Code::InvalidArgument)?;
    }
    check::unary(
        client.clone().send_compressed(CompressionEncoding::Gzip).unary_call(expecting(true)).await,
        LARGE_RESPONSE,
    )?;
    check::unary(client.unary_call(expecting(false)).await, LARGE_RESPONSE)?;
    // On a call that has announced compression, a single message may still go without.
    let switch = CompressionSwitch::default();
    switch.off();
    let mut request = Request::new(expecting(false));
    request.extensions_mut().insert(CompressionEncoding::Gzip);
    request.extensions_mut().insert(switch);
    check::unary(client.unary_call(request).await, LARGE_RESPONSE)?;
    Ok(())
}

/// The server compresses a response exactly where it is asked to.
pub(crate) async fn server_unary(flags: Flags) -> Result {
    let client = client(&flags).await?;
    for compressed in [true, false] {
        let request = SimpleRequest { response_compressed: flag(compressed), ..large() };
        let response = check::unary(client.unary_call(request).await, LARGE_RESPONSE)?;
        let was_compressed = response.extensions().get::<ReceivedCompressed>().is_some();
        equal("whether the response was compressed", &was_compressed, &compressed)?;
    }
    Ok(())
}

/// The server sees which requests of a stream were compressed.
pub(crate) async fn client_streaming(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let upload =
        |(bytes, compressed)| StreamingInputCallRequest { payload: zeros(bytes), expect_compressed: flag(compressed) };
    if flags.compression_probe {
        let probe = tokio_stream::once(upload(UPLOADS[0]));
        check::code(client.streaming_input_call(probe).await, Code::InvalidArgument)?;
    }

    let switch = CompressionSwitch::default();
    let setter = switch.clone();
    // A message is encoded when it has been taken, before the next one is.
    let requests = tokio_stream::iter(UPLOADS).map(move |(bytes, compressed)| {
        if compressed {
            setter.on();
        } else {
            setter.off();
        }
        upload((bytes, compressed))
    });
    let mut request = Request::new(requests);
    request.extensions_mut().insert(switch);
    let response = client.send_compressed(CompressionEncoding::Gzip).streaming_input_call(request).await?;
    equal("the sum of the sizes", &response.get_ref().aggregated_payload_size, &73_086)
}

/// The server compresses exactly those responses of a stream that it is asked to.
pub(crate) async fn server_streaming(flags: Flags) -> Result {
    let parameters =
        |(size, compressed)| ResponseParameters { size, compressed: flag(compressed), ..ResponseParameters::default() };
    let request = StreamingOutputCallRequest {
        response_parameters: DOWNLOADS.map(parameters).to_vec(),
        ..StreamingOutputCallRequest::default()
    };
    let mut responses = client(&flags).await?.streaming_output_call(request).await?.into_inner();
    for (bytes, compressed) in DOWNLOADS {
        check::next(&mut responses, bytes).await?;
        let was_compressed = responses.last_was_compressed();
        ensure(
            was_compressed == compressed,
            format!("of the response of {bytes} bytes compressed is {was_compressed}"),
        )?;
    }
    check::end(&mut responses).await
}
