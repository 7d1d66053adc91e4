//! The messages and clients that the cases use.

pub(crate) use seltzer::orca::pb::open_rca_service_client::OpenRcaServiceClient;
pub(crate) use seltzer::orca::pb::{OrcaLoadReport, OrcaLoadReportRequest};
pub(crate) use seltzer::services::schemas::grpc::testing::test_service_client::TestServiceClient;
pub(crate) use seltzer::services::schemas::grpc::testing::unimplemented_service_client::UnimplementedServiceClient;
pub(crate) use seltzer::services::schemas::grpc::testing::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingOutputCallRequest, StreamingOutputCallResponse, TestOrcaReport,
};

/// The payload of a large request, in bytes.
pub(crate) const LARGE_REQUEST: usize = 271_828;

/// The payload of a large response, in bytes.
pub(crate) const LARGE_RESPONSE: i32 = 314_159;

/// So many zeros.
#[allow(clippy::unnecessary_wraps, reason = "the field is optional, as all messages in messages are")]
pub(crate) fn zeros(bytes: usize) -> Option<Payload> {
    Some(Payload { r#type: 0, body: vec![0; bytes] })
}

/// A large request for a large response.
pub(crate) fn large() -> SimpleRequest {
    SimpleRequest { response_size: LARGE_RESPONSE, payload: zeros(LARGE_REQUEST), ..SimpleRequest::default() }
}

/// A request of a stream with so many zeros, for one response of that size.
pub(crate) fn turn(request_bytes: usize, response_bytes: i32) -> StreamingOutputCallRequest {
    StreamingOutputCallRequest {
        payload: zeros(request_bytes),
        ..StreamingOutputCallRequest { response_parameters: vec![sized(response_bytes)], ..Default::default() }
    }
}

/// A response of so many bytes.
pub(crate) fn sized(size: i32) -> ResponseParameters {
    ResponseParameters { size, ..ResponseParameters::default() }
}
