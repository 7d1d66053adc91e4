//! `grpc.testing.TestService`: the server side of gRPC's interoperability tests.

use std::time::{Duration, Instant};

use seltzer::codec::{CompressionEncoding, CompressionSwitch, ProstCodec};
use seltzer::codegen::Client;
use seltzer::metadata::{MetadataMap, MetadataValue};
use seltzer::services::schemas::grpc::testing::test_service_client::TestServiceClient;
use seltzer::services::schemas::grpc::testing::unimplemented_service_client::UnimplementedServiceClient;
use seltzer::services::schemas::grpc::testing::{
    BoolValue, EchoStatus, Empty, Payload, ResponseParameters, SimpleRequest, SimpleResponse,
    StreamingInputCallRequest, StreamingOutputCallRequest, StreamingOutputCallResponse, test_service_descriptor,
};
use seltzer::{Code, Request, Response, Status, Streaming};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::services::carriers::{all, next, over_both, refused};
use crate::support::patiently;

const ECHO_INITIAL: &str = "x-grpc-test-echo-initial";
const ECHO_TRAILING: &str = "x-grpc-test-echo-trailing-bin";
const TRAILING_BYTES: &[u8] = b"\xab\x00\xff";

/// The sizes that the interoperability tests use.
const SIZES: [i32; 4] = [31_415, 9, 2_653, 58_979];

fn flag(value: bool) -> Option<BoolValue> {
    Some(BoolValue { value })
}

fn payload(size: i32) -> Option<Payload> {
    Some(Payload { body: vec![0; usize::try_from(size).unwrap()], ..Payload::default() })
}

fn simple(response_size: i32) -> SimpleRequest {
    SimpleRequest { response_size, payload: payload(271_828), ..SimpleRequest::default() }
}

fn output(sizes: &[i32]) -> StreamingOutputCallRequest {
    let parameters = |size: &i32| ResponseParameters { size: *size, ..ResponseParameters::default() };
    StreamingOutputCallRequest {
        response_parameters: sizes.iter().map(parameters).collect(),
        ..StreamingOutputCallRequest::default()
    }
}

fn ending_with(code: i32, message: &str) -> Option<EchoStatus> {
    Some(EchoStatus { code, message: message.to_owned() })
}

fn responses(sizes: &[i32]) -> Vec<StreamingOutputCallResponse> {
    sizes
        .iter()
        .map(|size| StreamingOutputCallResponse { payload: payload(*size), ..StreamingOutputCallResponse::default() })
        .collect()
}

/// A request that wants metadata back.
fn echoing<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert(ECHO_INITIAL, "test_initial_metadata_value".parse().unwrap());
    request.metadata_mut().insert_bin(ECHO_TRAILING, MetadataValue::from_bytes(TRAILING_BYTES));
    request
}

#[track_caller]
fn has_initial(metadata: &MetadataMap) {
    assert_eq!(metadata.get(ECHO_INITIAL).unwrap(), "test_initial_metadata_value");
}

#[track_caller]
fn has_trailing(metadata: &MetadataMap) {
    assert_eq!(metadata.get_bin(ECHO_TRAILING).unwrap().to_bytes().unwrap(), TRAILING_BYTES);
}

/// The address that the server sees is the one that the connection has here.
#[tokio::test]
async fn the_callers_address_is_told_when_asked_for() {
    over_both(async |demo| {
        let wanted = |fill| ResponseParameters { size: 1, fill_peer_socket_address: fill, ..Default::default() };
        let request = StreamingOutputCallRequest {
            response_parameters: vec![wanted(flag(true)), wanted(flag(false)), wanted(None)],
            ..StreamingOutputCallRequest::default()
        };
        let client = TestServiceClient::new(demo.channel.clone());
        let answers = all(client.streaming_output_call(request).await.unwrap()).await;
        let told: Vec<_> = answers.iter().map(|answer| answer.peer_socket_address.as_str()).collect();
        assert_eq!(told[1..], ["", ""]);
        // Within a process there are no addresses.
        assert!(told[0].is_empty() || told[0].starts_with("127.0.0.1:"), "{told:?}");
    })
    .await;
}

#[tokio::test]
async fn nothing_is_answered_with_nothing() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        assert_eq!(client.empty_call(Empty {}).await.unwrap().into_inner(), Empty {});
    })
    .await;
}

#[tokio::test]
async fn one_payload_is_answered_with_another() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let expected = SimpleResponse { payload: payload(314_159), ..SimpleResponse::default() };
        assert_eq!(client.unary_call(simple(314_159)).await.unwrap().into_inner(), expected);
        assert_eq!(client.unary_call(simple(0)).await.unwrap().into_inner(), SimpleResponse::default());
        let strange = SimpleRequest { response_type: 7, response_size: 1, ..SimpleRequest::default() };
        for request in [simple(-1), simple(i32::MAX), strange] {
            refused(client.unary_call(request).await, Code::InvalidArgument);
        }
    })
    .await;
}

#[tokio::test]
async fn a_server_names_itself_when_asked_and_always_alike() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let mut names = Vec::new();
        for _ in 0..2 {
            let request = SimpleRequest { fill_server_id: true, ..SimpleRequest::default() };
            names.push(client.unary_call(request).await.unwrap().into_inner().server_id);
        }
        assert!(!names[0].is_empty() && names[0] == names[1], "{names:?}");
    })
    .await;
}

#[tokio::test]
async fn a_cacheable_answer_says_so_and_when_it_was_made() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let mut moments = Vec::new();
        for _ in 0..2 {
            let response = client.cacheable_unary_call(echoing(SimpleRequest::default())).await.unwrap();
            assert_eq!(response.metadata().get("cache-control").unwrap(), "max-age=60, public");
            has_initial(response.metadata());
            let text = String::from_utf8(response.into_inner().payload.unwrap().body).unwrap();
            moments.push(text.parse::<u128>().unwrap());
        }
        assert!(moments[0] < moments[1], "{moments:?}");
    })
    .await;
}

#[tokio::test]
async fn metadata_comes_back_before_and_after_every_kind_of_call() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let upload = || tokio_stream::once(StreamingInputCallRequest::default());
        let singles = [
            client.empty_call(echoing(Empty {})).await.unwrap().metadata().clone(),
            client.unary_call(echoing(simple(1))).await.unwrap().metadata().clone(),
            client.streaming_input_call(echoing(upload())).await.unwrap().metadata().clone(),
        ];
        for metadata in singles {
            has_initial(&metadata);
            has_trailing(&metadata);
        }
        let requests = || echoing(tokio_stream::once(output(&[1])));
        let streams = [
            client.streaming_output_call(echoing(output(&[1]))).await.unwrap(),
            client.full_duplex_call(requests()).await.unwrap(),
            client.half_duplex_call(requests()).await.unwrap(),
        ];
        for response in streams {
            has_initial(response.metadata());
            assert!(response.metadata().get_bin(ECHO_TRAILING).is_none(), "the trailers have it");
            has_trailing(&patiently(response.into_inner().trailers()).await.unwrap().unwrap());
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_ends_with_the_status_that_it_asks_for() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let table = [
            (2, "test status message"),
            (2, "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"),
            (16, ""),
        ];
        for (code, message) in table {
            let is_wanted = |status: &Status| {
                assert_eq!((status.code() as i32, status.message()), (code, message));
                has_trailing(status.metadata());
            };
            let request = SimpleRequest { response_status: ending_with(code, message), ..SimpleRequest::default() };
            is_wanted(&client.unary_call(echoing(request)).await.unwrap_err());
            // A stream has its responses first.
            let request = StreamingOutputCallRequest { response_status: ending_with(code, message), ..output(&[1]) };
            let requests = echoing(tokio_stream::once(request.clone()));
            let streams = [
                client.streaming_output_call(echoing(request)).await.unwrap(),
                client.full_duplex_call(requests).await.unwrap(),
            ];
            for mut stream in streams.map(Response::into_inner) {
                assert_eq!(next(&mut stream).await.payload, payload(1));
                is_wanted(&patiently(stream.message()).await.unwrap_err());
            }
        }
        let fine = SimpleRequest { response_status: ending_with(0, "fine"), ..SimpleRequest::default() };
        assert!(client.unary_call(fine).await.is_ok());
    })
    .await;
}

#[tokio::test]
async fn a_download_has_the_responses_asked_for_in_their_time() {
    const INTERVAL: Duration = Duration::from_millis(5);
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        assert_eq!(all(client.streaming_output_call(output(&SIZES)).await.unwrap()).await, responses(&SIZES));
        assert!(all(client.streaming_output_call(output(&[])).await.unwrap()).await.is_empty());

        let mut slow = output(&SIZES);
        for parameters in &mut slow.response_parameters {
            parameters.interval_us = i32::try_from(INTERVAL.as_micros()).unwrap();
        }
        let start = Instant::now();
        assert_eq!(all(client.streaming_output_call(slow).await.unwrap()).await, responses(&SIZES));
        assert!(start.elapsed() >= INTERVAL * 4, "{:?}", start.elapsed());
    })
    .await;
}

#[tokio::test]
async fn an_upload_is_counted() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        for (sizes, total) in [(vec![27_182, 8, 1_828, 45_904], 74_922), (vec![0], 0), (vec![], 0)] {
            let uploads = sizes.into_iter().map(|size| StreamingInputCallRequest {
                payload: payload(size),
                ..StreamingInputCallRequest::default()
            });
            let response = client.streaming_input_call(tokio_stream::iter(uploads)).await.unwrap();
            assert_eq!(response.get_ref().aggregated_payload_size, total);
        }
    })
    .await;
}

#[tokio::test]
async fn full_duplex_answers_each_request_in_turn() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let (sender, requests) = mpsc::channel(1);
        let mut stream = client.full_duplex_call(ReceiverStream::new(requests)).await.unwrap().into_inner();
        for size in SIZES {
            patiently(sender.send(output(&[size, 1]))).await.unwrap();
            assert_eq!(next(&mut stream).await.payload, payload(size));
            assert_eq!(next(&mut stream).await.payload, payload(1));
        }
        drop(sender);
        assert!(patiently(stream.message()).await.unwrap().is_none());
        assert!(all(client.full_duplex_call(tokio_stream::empty()).await.unwrap()).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn half_duplex_answers_when_the_last_request_has_come() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let (sender, requests) = mpsc::channel(1);
        let call = tokio::spawn(async move { client.half_duplex_call(ReceiverStream::new(requests)).await });
        for size in SIZES {
            patiently(sender.send(output(&[size]))).await.unwrap();
        }
        assert!(!call.is_finished());
        drop(sender);
        assert_eq!(all(patiently(call).await.unwrap().unwrap()).await, responses(&SIZES));
    })
    .await;
}

#[tokio::test]
async fn what_is_missing_is_unimplemented() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        refused(client.unimplemented_call(Empty {}).await, Code::Unimplemented);
        let client = UnimplementedServiceClient::new(demo.channel.clone());
        refused(client.unimplemented_call(Empty {}).await, Code::Unimplemented);
    })
    .await;
}

/// A request that travels compressed or not.
fn travelling<T>(message: T, compressed: bool) -> Request<T> {
    let mut request = Request::new(message);
    if compressed {
        request.extensions_mut().insert(CompressionEncoding::Gzip);
    }
    request
}

#[tokio::test]
async fn a_request_that_should_have_come_compressed_is_refused_otherwise() {
    let table = [
        (flag(true), true, true),
        (flag(true), false, false),
        (flag(false), false, true),
        (None, true, true),
        (None, false, true),
    ];
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        for (expect_compressed, compressed, is_fine) in table {
            let request = || SimpleRequest { expect_compressed, ..simple(314_159) };
            let results = [
                client.unary_call(travelling(request(), compressed)).await.map(drop),
                client.cacheable_unary_call(travelling(request(), compressed)).await.map(drop),
                client.streaming_input_call(uploads([(expect_compressed, compressed, 1)])).await.map(drop),
            ];
            for result in results {
                let code = result.map_or_else(|status| status.code(), |()| Code::Ok);
                let expected = if is_fine { Code::Ok } else { Code::InvalidArgument };
                assert_eq!(code, expected, "{expect_compressed:?}, compressed: {compressed}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_message_of_an_upload_is_compressed_or_not() {
    over_both(async |demo| {
        let client = TestServiceClient::new(demo.channel.clone());
        let mixed = uploads([(flag(true), true, 27_182), (flag(false), false, 45_904)]);
        let response = client.streaming_input_call(mixed).await.unwrap();
        assert_eq!(response.get_ref().aggregated_payload_size, 73_086);
        let broken = uploads([(flag(true), true, 27_182), (flag(true), false, 45_904)]);
        refused(client.streaming_input_call(broken).await, Code::InvalidArgument);
    })
    .await;
}

type Upload = (Option<BoolValue>, bool, i32);

/// Uploads with what each expects, whether it travels compressed, and its size.
fn uploads<const N: usize>(
    uploads: [Upload; N],
) -> Request<impl tokio_stream::Stream<Item = StreamingInputCallRequest> + Send + 'static> {
    let switch = CompressionSwitch::default();
    let stream = uploads.into_iter().map({
        let switch = switch.clone();
        move |(expect_compressed, compressed, size)| {
            // Set as the message is taken, which is when it is encoded.
            if compressed {
                switch.on();
            } else {
                switch.off();
            }
            StreamingInputCallRequest { payload: payload(size), expect_compressed }
        }
    });
    let mut request = travelling(tokio_stream::iter(stream), true);
    request.extensions_mut().insert(switch);
    request
}

/// Takes the single response as a stream, which tells how it travelled.
async fn was_compressed(client: &Client<seltzer::Channel>, request: SimpleRequest) -> bool {
    let method = test_service_descriptor::METHODS.iter().find(|method| method.name() == "UnaryCall").unwrap();
    let codec = ProstCodec::<SimpleRequest, SimpleResponse>::default();
    let mut stream = client.server_streaming(method, codec, Request::new(request)).await.unwrap().into_inner();
    assert_eq!(next(&mut stream).await.payload, payload(314_159));
    stream.last_was_compressed()
}

#[tokio::test]
async fn responses_are_compressed_where_asked_for() {
    over_both(async |demo| {
        let client = Client::new(demo.channel.clone());
        for (response_compressed, expected) in [(flag(true), true), (flag(false), false), (None, false)] {
            let request = SimpleRequest { response_compressed, ..simple(314_159) };
            assert_eq!(was_compressed(&client, request).await, expected, "{response_compressed:?}");
        }

        let client = TestServiceClient::new(demo.channel.clone());
        let wanted = [flag(true), flag(false), None, flag(true)];
        let mut request = output(&SIZES);
        for (parameters, compressed) in request.response_parameters.iter_mut().zip(wanted) {
            parameters.compressed = compressed;
        }
        let requests = tokio_stream::once(request.clone());
        let streams =
            [client.streaming_output_call(request).await.unwrap(), client.full_duplex_call(requests).await.unwrap()];
        for response in streams {
            assert_eq!(how_they_travelled(response.into_inner()).await, [true, false, false, true]);
        }
    })
    .await;
}

async fn how_they_travelled(mut stream: Streaming<StreamingOutputCallResponse>) -> Vec<bool> {
    let mut flags = Vec::new();
    while patiently(stream.message()).await.unwrap().is_some() {
        flags.push(stream.last_was_compressed());
    }
    flags
}
