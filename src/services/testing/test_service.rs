//! The service `grpc.testing.TestService`: the server side of gRPC's interoperability tests.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio_stream::{Iter, Once};
use tonic::{Request, Response};

use crate::codec::{CompressionSwitch, ReceivedCompressed, Streaming};
use crate::context;
use crate::metadata::MetadataMap;
use crate::orca;
use crate::services::schemas::grpc::testing::test_service_server::TestService;
use crate::services::schemas::grpc::testing::{
    BoolValue, Empty, Payload, SimpleRequest, SimpleResponse, StreamingInputCallRequest, StreamingInputCallResponse,
    StreamingOutputCallRequest,
};
use crate::services::testing::load_reports::{LoadReports, load_report};
use crate::services::testing::output::{self, Output};
use crate::services::testing::payload::response_to;
use crate::status::Status;

/// Does what each request asks for: payloads, pauses, statuses, compression, metadata that comes back.
#[derive(Debug, Clone)]
pub struct TestServiceHandler {
    server_id: String,
    load_reports: LoadReports,
}

/// Requests that arrive and are already complete.
type Complete = Iter<std::vec::IntoIter<Result<StreamingOutputCallRequest, Status>>>;

/// A caller's value under this key comes back in the initial metadata.
const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";

/// A caller's bytes under this key come back in the trailing metadata.
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";

/// How many responses one `HalfDuplexCall` may ask for, because all requests are kept until the last has come.
const HALF_DUPLEX_RESPONSES_MAX: usize = 10_000;

impl Default for TestServiceHandler {
    fn default() -> Self {
        TestServiceHandler::new(LoadReports::default())
    }
}

impl TestServiceHandler {
    /// A handler whose calls set what `load_reports` tells listeners.
    #[must_use]
    pub fn new(load_reports: LoadReports) -> Self {
        // The process and the moment tell this server from all others without a source of randomness.
        let server_id = format!("seltzer-{}-{}", std::process::id(), nanos_since_1970());
        TestServiceHandler { server_id, load_reports }
    }
}

impl TestService for TestServiceHandler {
    async fn empty_call(&self, request: Request<Empty>) -> Result<Response<Empty>, Status> {
        echo(&request, Empty {})
    }

    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        self.answer(&request, false)
    }

    async fn cacheable_unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        self.answer(&request, true)
    }

    type StreamingOutputCallStream = Output<Once<Result<StreamingOutputCallRequest, Status>>>;

    async fn streaming_output_call(
        &self,
        request: Request<StreamingOutputCallRequest>,
    ) -> Result<Response<Self::StreamingOutputCallStream>, Status> {
        let mut response = echo(&request, ())?;
        let switch = switched(&mut response, None);
        Ok(response.map(|()| Output::new(tokio_stream::once(Ok(request.into_inner())), switch)))
    }

    async fn streaming_input_call(
        &self,
        request: Request<Streaming<StreamingInputCallRequest>>,
    ) -> Result<Response<StreamingInputCallResponse>, Status> {
        let response = echo(&request, ())?;
        let mut uploads = request.into_inner();
        let mut total = 0_usize;
        while let Some(upload) = uploads.message().await? {
            check_compression(upload.expect_compressed, uploads.last_was_compressed())?;
            total = total.saturating_add(upload.payload.map_or(0, |payload| payload.body.len()));
        }
        let aggregated_payload_size = i32::try_from(total)
            .map_err(|_| Status::out_of_range(format!("{total} bytes are more than the response can count")))?;
        Ok(response.map(|()| StreamingInputCallResponse { aggregated_payload_size }))
    }

    type FullDuplexCallStream = Output<Streaming<StreamingOutputCallRequest>>;

    async fn full_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::FullDuplexCallStream>, Status> {
        let mut response = echo(&request, ())?;
        let switch = switched(&mut response, None);
        let output = Output::new(request.into_inner(), switch).with_reports(self.load_reports.clone());
        Ok(response.map(|()| output))
    }

    type HalfDuplexCallStream = Output<Complete>;

    async fn half_duplex_call(
        &self,
        request: Request<Streaming<StreamingOutputCallRequest>>,
    ) -> Result<Response<Self::HalfDuplexCallStream>, Status> {
        let mut response = echo(&request, ())?;
        let switch = switched(&mut response, None);
        let mut arriving = request.into_inner();
        let mut requests = Vec::new();
        let mut responses = 0;
        while let Some(mut request) = arriving.message().await? {
            responses += request.response_parameters.len().max(1);
            if responses > HALF_DUPLEX_RESPONSES_MAX {
                return Err(Status::resource_exhausted(format!(
                    "a call may ask for {HALF_DUPLEX_RESPONSES_MAX} responses: use FullDuplexCall for more"
                )));
            }
            request.payload = None;
            requests.push(Ok(request));
        }
        Ok(response.map(|()| Output::new(tokio_stream::iter(requests), switch)))
    }

    async fn unimplemented_call(&self, _: Request<Empty>) -> Result<Response<Empty>, Status> {
        Err(Status::unimplemented("UnimplementedCall is not implemented, so that callers can test for it"))
    }
}

impl TestServiceHandler {
    fn answer(&self, request: &Request<SimpleRequest>, cacheable: bool) -> Result<Response<SimpleResponse>, Status> {
        let mut response = echo(request, ())?;
        let message = request.get_ref();
        check_compression(message.expect_compressed, request.extensions().get::<ReceivedCompressed>().is_some())?;
        if let Some(report) = &message.orca_per_query_report {
            orca::record(|recorded| *recorded = load_report(report))?;
        }
        if let Some(status) = message.response_status.clone().and_then(output::status) {
            return Err(status);
        }
        let mut answer = response_to(message)?;
        if message.fill_server_id {
            answer.server_id.clone_from(&self.server_id);
        }
        if cacheable {
            // The moment instead of zeros: a caller sees by it whether a proxy answered in our place.
            let body = nanos_since_1970().to_string().into_bytes();
            answer.payload = Some(Payload { r#type: message.response_type, body });
            let value = "max-age=60, public".parse().expect("these are printable letters");
            response.metadata_mut().insert("cache-control", value);
        }
        switched(&mut response, message.response_compressed);
        Ok(response.map(|()| answer))
    }
}

/// A response whose metadata, initial and trailing, brings back what the request's asks to see again.
fn echo<T, R>(request: &Request<T>, message: R) -> Result<Response<R>, Status> {
    let mut response = Response::new(message);
    let metadata: &MetadataMap = request.metadata();
    for value in metadata.get_all(ECHO_INITIAL) {
        response.metadata_mut().append(ECHO_INITIAL, value.clone());
    }
    for value in metadata.get_all_bin(ECHO_TRAILING) {
        let bytes = value
            .to_bytes()
            .map_err(|_| Status::invalid_argument(format!("the value of {ECHO_TRAILING} is not base64")))?;
        context::current().set_trailing_metadata_bin(ECHO_TRAILING, &bytes)?;
    }
    Ok(response)
}

/// Compresses a response's messages only where that is asked for, given that the service can compress at all.
fn switched<T>(response: &mut Response<T>, compressed: Option<BoolValue>) -> CompressionSwitch {
    let switch = CompressionSwitch::default();
    if !compressed.is_some_and(|compressed| compressed.value) {
        switch.off();
    }
    response.extensions_mut().insert(switch.clone());
    switch
}

/// # Errors
/// INVALID_ARGUMENT for a message that ought to have arrived compressed and did not.
fn check_compression(expected: Option<BoolValue>, was_compressed: bool) -> Result<(), Status> {
    if expected.is_some_and(|expected| expected.value) && !was_compressed {
        return Err(Status::invalid_argument("expect_compressed is true, but this message came uncompressed"));
    }
    Ok(())
}

fn nanos_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use super::*;
    use crate::client::Channel;
    use crate::metadata::MetadataValue;
    use crate::orca::OrcaLoadReport;
    use crate::server::Server;
    use crate::services::schemas::grpc::testing::test_service_client::TestServiceClient;
    use crate::services::schemas::grpc::testing::test_service_server::TestServiceServer;
    use crate::services::schemas::grpc::testing::{
        EchoStatus, ResponseParameters, StreamingOutputCallResponse, TestOrcaReport,
    };
    use crate::status::Code;

    fn client() -> TestServiceClient {
        let service = TestServiceServer::new(TestServiceHandler::default());
        let server = Server::builder().add_service(service).serve_in_process().unwrap();
        TestServiceClient::new(Channel::in_process(&server))
    }

    fn with_metadata<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        request.metadata_mut().insert(ECHO_INITIAL, "initial".parse().unwrap());
        request.metadata_mut().insert_bin(ECHO_TRAILING, MetadataValue::from_bytes(b"\x0a\x0b"));
        request
    }

    fn wanted(sizes: &[i32]) -> StreamingOutputCallRequest {
        let response_parameters =
            sizes.iter().map(|size| ResponseParameters { size: *size, ..ResponseParameters::default() }).collect();
        StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() }
    }

    async fn sizes(mut responses: Streaming<StreamingOutputCallResponse>) -> Vec<usize> {
        let mut sizes = Vec::new();
        while let Some(response) = responses.message().await.unwrap() {
            sizes.push(response.payload.map_or(0, |payload| payload.body.len()));
        }
        sizes
    }

    #[tokio::test]
    async fn metadata_comes_back_before_and_after() {
        let client = client();
        let response = client.unary_call(with_metadata(SimpleRequest::default())).await.unwrap();
        assert_eq!(response.metadata().get(ECHO_INITIAL).unwrap(), "initial");
        assert_eq!(response.metadata().get_bin(ECHO_TRAILING).unwrap().to_bytes().unwrap(), &b"\x0a\x0b"[..]);

        let requests = with_metadata(tokio_stream::once(wanted(&[1])));
        let response = client.full_duplex_call(requests).await.unwrap();
        assert_eq!(response.metadata().get(ECHO_INITIAL).unwrap(), "initial");
        let trailers = response.into_inner().trailers().await.unwrap().unwrap();
        assert_eq!(trailers.get_bin(ECHO_TRAILING).unwrap().to_bytes().unwrap(), &b"\x0a\x0b"[..]);
    }

    #[tokio::test]
    async fn a_wanted_status_is_the_calls() {
        let message = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n";
        let request = SimpleRequest {
            response_status: Some(EchoStatus { code: 2, message: message.to_owned() }),
            ..SimpleRequest::default()
        };
        let error = client().unary_call(with_metadata(request)).await.unwrap_err();
        assert_eq!((error.code(), error.message()), (Code::Unknown, message));
        assert!(error.metadata().get_bin(ECHO_TRAILING).is_some());
    }

    #[tokio::test]
    async fn streams_answer_what_is_asked() {
        let client = client();
        let expected = [31_415_usize, 9, 0, 58_979];
        let asked = [31_415, 9, 0, 58_979];
        let requests = || tokio_stream::iter(asked.map(|size| wanted(&[size])));
        assert_eq!(sizes(client.streaming_output_call(wanted(&asked)).await.unwrap().into_inner()).await, expected);
        assert_eq!(sizes(client.full_duplex_call(requests()).await.unwrap().into_inner()).await, expected);
        assert_eq!(sizes(client.half_duplex_call(requests()).await.unwrap().into_inner()).await, expected);
        let uploads = tokio_stream::iter([27_182, 8, 1_828, 45_904].map(|size| StreamingInputCallRequest {
            payload: Some(Payload { r#type: 0, body: vec![0; size] }),
            ..StreamingInputCallRequest::default()
        }));
        assert_eq!(client.streaming_input_call(uploads).await.unwrap().get_ref().aggregated_payload_size, 74_922);
    }

    #[tokio::test]
    async fn half_duplex_keeps_a_bounded_number_of_requests() {
        let too_many = tokio_stream::iter((0..=HALF_DUPLEX_RESPONSES_MAX).map(|_| wanted(&[])));
        let error = client().half_duplex_call(too_many).await.unwrap_err();
        assert_eq!(error.code(), Code::ResourceExhausted);
    }

    #[tokio::test]
    async fn a_cacheable_response_says_so_and_when_it_was_made() {
        let client = client();
        let first = client.cacheable_unary_call(SimpleRequest::default()).await.unwrap();
        assert_eq!(first.metadata().get("cache-control").unwrap(), "max-age=60, public");
        let second = client.cacheable_unary_call(SimpleRequest::default()).await.unwrap();
        assert_ne!(first.get_ref().payload, second.get_ref().payload);
    }

    #[tokio::test]
    async fn the_server_names_itself_and_reports_its_load_when_asked() {
        let client = client();
        let report = TestOrcaReport { cpu_utilization: 0.5, ..TestOrcaReport::default() };
        let request = || SimpleRequest {
            fill_server_id: true,
            orca_per_query_report: Some(report.clone()),
            ..SimpleRequest::default()
        };
        let (one, two) = (client.unary_call(request()).await.unwrap(), client.unary_call(request()).await.unwrap());
        assert!(!one.get_ref().server_id.is_empty());
        assert_eq!(one.get_ref().server_id, two.get_ref().server_id);
        assert_eq!(OrcaLoadReport::of(one.metadata()), Some(load_report(&report)));
        let silent = client.unary_call(SimpleRequest::default()).await.unwrap();
        assert!(silent.get_ref().server_id.is_empty() && OrcaLoadReport::of(silent.metadata()).is_none());
    }

    #[tokio::test]
    async fn one_method_is_missing() {
        let error = client().unimplemented_call(Empty {}).await.unwrap_err();
        assert_eq!(error.code(), Code::Unimplemented);
        assert_eq!(client().empty_call(Empty {}).await.unwrap().into_inner(), Empty {});
    }
}
