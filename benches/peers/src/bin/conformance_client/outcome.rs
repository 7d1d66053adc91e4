//! What came of a call, in the suite's words.

use prost::Message as _;
use seltzer::metadata::MetadataMap;
use seltzer::{Code, Status};
use seltzer_peers::conformance::schemas::{
    BidiStreamResponse, ClientResponseResult, ClientStreamResponse, ConformancePayload, Error, IdempotentUnaryResponse,
    ServerStreamResponse, UnaryResponse, UnimplementedResponse,
};
use seltzer_peers::conformance::{RpcStatus, headers};

/// A response of the suite's service.
pub(crate) trait HasPayload {
    /// What it carries.
    fn into_payload(self) -> Option<ConformancePayload>;
}

macro_rules! has_payload {
    ($($response:ty),*) => {$(
        impl HasPayload for $response {
            fn into_payload(self) -> Option<ConformancePayload> {
                // A response without a payload counts as one with an empty one.
                Some(self.payload.unwrap_or_default())
            }
        }
    )*};
}

has_payload!(UnaryResponse, IdempotentUnaryResponse, ServerStreamResponse, ClientStreamResponse, BidiStreamResponse);

impl HasPayload for UnimplementedResponse {
    fn into_payload(self) -> Option<ConformancePayload> {
        None
    }
}

/// Records the metadata before the responses.
pub(crate) fn begin(result: &mut ClientResponseResult, metadata: &MetadataMap) {
    result.response_headers = headers(metadata);
}

/// Records a response.
pub(crate) fn receive(result: &mut ClientResponseResult, response: impl HasPayload) {
    result.payloads.extend(response.into_payload());
}

/// Records a good end.
pub(crate) fn end(result: &mut ClientResponseResult, metadata: &MetadataMap) {
    result.response_trailers = headers(metadata);
}

/// Records a bad one.
pub(crate) fn fail(result: &mut ClientResponseResult, status: &Status) {
    let details = RpcStatus::decode(status.details()).unwrap_or_default().details;
    result.error = Some(Error { code: i32::from(status.code()), message: Some(status.message().to_owned()), details });
    result.response_trailers = headers(status.metadata());
}

/// Records that the client gave the call up: whoever drops a call knows by itself what its status is.
pub(crate) fn cancel(result: &mut ClientResponseResult) {
    result.error = Some(Error { code: i32::from(Code::Cancelled), ..Error::default() });
}
