//! The demo services: every method of each, in process and over a socket, through its generated client.
//!
//! Here is what the schemas promise to programs in other languages: paths, kinds of call, field numbers. What each
//! service answers is in the modules.

mod benchmarks;
mod calculator;
mod carriers;
mod contact;
mod route_guide;
mod small;
mod test_service;

use seltzer::MethodKind::{BidiStreaming as Both, ClientStreaming as Up, ServerStreaming as Down, Unary};
use seltzer::codec::ProstCodec;
use seltzer::codegen::{Client, MethodDescriptor};
use seltzer::prost::Message as _;
use seltzer::services::schemas;
use seltzer::services::schemas::grpc::testing::{self, Empty};
use seltzer::{Code, MethodKind, Request};

use crate::services::carriers::over_both;
use crate::support::patiently;

/// A service's methods as generated code knows them, its name, and its methods as they must be.
type Promise = (&'static [MethodDescriptor], &'static str, &'static [(&'static str, MethodKind)]);

const PROMISES: [Promise; 13] = [
    (
        schemas::calculator::calculator_descriptor::METHODS,
        "Calculator",
        &[
            ("Add", Unary),
            ("Subtract", Unary),
            ("Multiply", Unary),
            ("Divide", Unary),
            ("GetSquares", Down),
            ("SumNumbers", Up),
            ("Chat", Both),
        ],
    ),
    (schemas::user::user_descriptor::METHODS, "user.User", &[("GetUser", Unary)]),
    (schemas::greeter::greeter_descriptor::METHODS, "Greeter", &[("SayHello", Unary), ("SayHelloAgain", Unary)]),
    (schemas::hello::greeter_descriptor::METHODS, "hello.Greeter", &[("SayHello", Unary)]),
    (
        schemas::helloworld::greeter_descriptor::METHODS,
        "helloworld.Greeter",
        &[("SayHello", Unary), ("SayHelloStreamReply", Down)],
    ),
    (
        schemas::routeguide::route_guide_descriptor::METHODS,
        "RouteGuide",
        &[("GetFeature", Unary), ("ListFeature", Down), ("RecordRoute", Up), ("RouteChat", Both)],
    ),
    (
        schemas::route_guide::route_guide_descriptor::METHODS,
        "routeguide.RouteGuide",
        &[("GetFeature", Unary), ("ListFeatures", Down), ("RecordRoute", Up), ("RouteChat", Both)],
    ),
    (schemas::compute::compute_descriptor::METHODS, "compute.Compute", &[("SayHello", Unary)]),
    (schemas::simple_cal::cal_descriptor::METHODS, "Cal", &[("Add", Unary), ("Multiply", Unary)]),
    (
        schemas::contact::contact_descriptor::METHODS,
        "Contact",
        &[("sendStatus", Both), ("getTask", Down), ("tellResult", Up)],
    ),
    (
        testing::test_service_descriptor::METHODS,
        "grpc.testing.TestService",
        &[
            ("EmptyCall", Unary),
            ("UnaryCall", Unary),
            ("CacheableUnaryCall", Unary),
            ("StreamingOutputCall", Down),
            ("StreamingInputCall", Up),
            ("FullDuplexCall", Both),
            ("HalfDuplexCall", Both),
            ("UnimplementedCall", Unary),
        ],
    ),
    (
        testing::benchmark_service_descriptor::METHODS,
        "grpc.testing.BenchmarkService",
        &[
            ("UnaryCall", Unary),
            ("StreamingCall", Both),
            ("StreamingFromClient", Up),
            ("StreamingFromServer", Down),
            ("StreamingBothWays", Both),
        ],
    ),
    (
        testing::worker_service_descriptor::METHODS,
        "grpc.testing.WorkerService",
        &[("RunServer", Both), ("RunClient", Both), ("CoreCount", Unary), ("QuitWorker", Unary)],
    ),
];

#[test]
fn paths_and_kinds_are_the_promised_ones() {
    for (methods, service, promised) in PROMISES {
        let generated: Vec<_> = methods.iter().map(|method| (method.path.to_owned(), method.kind)).collect();
        let promised: Vec<_> = promised.iter().map(|(name, kind)| (format!("/{service}/{name}"), *kind)).collect();
        assert_eq!(generated, promised);
    }
}

#[tokio::test]
async fn every_method_is_served() {
    over_both(async |demo| {
        let client = Client::new(demo.channel.clone());
        for method in PROMISES.iter().flat_map(|(methods, ..)| *methods) {
            // An empty message, whose bytes every method reads as one of its own.
            let codec = ProstCodec::<Empty, Empty>::default();
            let outcome = match client.server_streaming(method, codec, Request::new(Empty {})).await {
                Ok(response) => patiently(response.into_inner().message()).await.map(drop),
                Err(status) => Err(status),
            };
            let is_missing = outcome.is_err_and(|status| status.code() == Code::Unimplemented);
            assert_eq!(is_missing, method.name() == "UnimplementedCall", "{}", method.path);
        }
    })
    .await;
}

#[test]
fn messages_have_the_promised_numbers() {
    const ONE: &[u8] = b"\x09\0\0\0\0\0\0\xf0\x3f";
    let point = schemas::route_guide::Point { latitude: 1, longitude: -1 };
    let here = b"\x08\x01\x10\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01";
    let text = |text: &str| text.to_owned();
    let phone = schemas::tutorial::person::PhoneNumber {
        number: text("#"),
        r#type: schemas::tutorial::person::PhoneType::Work.into(),
    };
    let person = schemas::tutorial::Person { name: text("n"), id: 7, email: text("e"), phones: vec![phone] };
    let table: [(Vec<u8>, Vec<u8>); 17] = [
        (
            schemas::calculator::BinaryOperation { a: 1.0, b: 1.0 }.encode_to_vec(),
            [ONE, b"\x11\0\0\0\0\0\0\xf0\x3f"].concat(),
        ),
        (schemas::calculator::Result { value: 1.0, message: text("m") }.encode_to_vec(), [ONE, b"\x12\x01m"].concat()),
        (schemas::calculator::Number { value: 1.0 }.encode_to_vec(), ONE.to_vec()),
        (
            schemas::calculator::Message { user: text("u"), text: text("t"), sent_at_ms: 300 }.encode_to_vec(),
            b"\x0a\x01u\x12\x01t\x18\xac\x02".to_vec(),
        ),
        (schemas::user::GetUserRequest { id: 2 }.encode_to_vec(), b"\x08\x02".to_vec()),
        (
            schemas::user::GetUserReply { details: Some(schemas::user::Details { id: 2, value: text("v") }) }
                .encode_to_vec(),
            b"\x0a\x05\x08\x02\x12\x01v".to_vec(),
        ),
        (point.encode_to_vec(), here.to_vec()),
        (
            schemas::route_guide::Rectangle { lo: Some(point), hi: Some(point) }.encode_to_vec(),
            [b"\x0a\x0d", &here[..], b"\x12\x0d", here].concat(),
        ),
        (
            schemas::route_guide::Feature { name: text("n"), location: Some(point) }.encode_to_vec(),
            [b"\x0a\x01n\x12\x0d", &here[..]].concat(),
        ),
        (
            schemas::route_guide::RouteNote { location: Some(point), message: text("m") }.encode_to_vec(),
            [b"\x0a\x0d", &here[..], b"\x12\x01m"].concat(),
        ),
        (
            schemas::route_guide::RouteSummary { point_count: 1, feature_count: 2, distance: 3, elapsed_time: 4 }
                .encode_to_vec(),
            b"\x08\x01\x10\x02\x18\x03\x20\x04".to_vec(),
        ),
        (schemas::simple_cal::AddRequest { number1: 1, number2: 2 }.encode_to_vec(), b"\x08\x01\x10\x02".to_vec()),
        (schemas::simple_cal::MultiplyRequest { number1: 1, number2: 2 }.encode_to_vec(), b"\x08\x01\x10\x02".to_vec()),
        (schemas::simple_cal::ResultReply { number: 3 }.encode_to_vec(), b"\x08\x03".to_vec()),
        (schemas::contact::Empty {}.encode_to_vec(), Vec::new()),
        (
            schemas::tutorial::AddressBook { people: vec![person] }.encode_to_vec(),
            b"\x0a\x0f\x0a\x01n\x10\x07\x1a\x01e\x22\x05\x0a\x01#\x10\x02".to_vec(),
        ),
        (testing::Empty {}.encode_to_vec(), Vec::new()),
    ];
    for (number, (encoded, promised)) in table.into_iter().enumerate() {
        assert_eq!(encoded, promised, "row {number}");
    }
}

#[test]
fn messages_of_one_text_have_it_first() {
    let text = || "x".to_owned();
    let table = [
        ("greeter request", schemas::greeter::HelloRequest { name: text() }.encode_to_vec()),
        ("greeter reply", schemas::greeter::HelloReply { message: text() }.encode_to_vec()),
        ("hello request", schemas::hello::HelloRequest { name: text() }.encode_to_vec()),
        ("hello reply", schemas::hello::HelloReply { message: text() }.encode_to_vec()),
        ("helloworld request", schemas::helloworld::HelloRequest { name: text() }.encode_to_vec()),
        ("helloworld reply", schemas::helloworld::HelloReply { message: text() }.encode_to_vec()),
        ("compute request", schemas::compute::HelloRequest { helloworld: text() }.encode_to_vec()),
        ("compute reply", schemas::compute::HelloReply { result: text() }.encode_to_vec()),
        ("contact status", schemas::contact::ClientMsg { msg: text() }.encode_to_vec()),
        ("contact task", schemas::contact::ServerMsg { task: text() }.encode_to_vec()),
        ("contact result", schemas::contact::Result { ret: text() }.encode_to_vec()),
    ];
    for (message, encoded) in table {
        assert_eq!(encoded, b"\x0a\x01x", "{message}");
    }
}
