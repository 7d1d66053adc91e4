//! `grpc.reflection.v1` and `v1alpha`, as their contract says.

use prost::Message as _;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, EnumValueDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
    FileDescriptorSet, MethodDescriptorProto, OneofDescriptorProto, ServiceDescriptorProto, SourceCodeInfo,
};
use seltzer::prost;
use seltzer::prost_types;
use seltzer::reflection::Reflection;
use seltzer::reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use seltzer::reflection::pb::v1::server_reflection_request::MessageRequest;
use seltzer::reflection::pb::v1::server_reflection_response::MessageResponse;
use seltzer::reflection::pb::v1::{ExtensionRequest, ServerReflectionRequest, ServerReflectionResponse};
use seltzer::reflection::pb::v1alpha;
use seltzer::services::schemas;
use seltzer::services::{self, Settings};
use seltzer::{Channel, Code, Server};

use crate::support::{Running, patiently};

/// What an answer came to, short enough for a table.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    /// Files by their names.
    Files(Vec<String>),
    Numbers(Vec<i32>),
    Services(Vec<String>),
    Error(Code),
}

fn told(answer: ServerReflectionResponse) -> Told {
    match answer.message_response.unwrap() {
        MessageResponse::FileDescriptorResponse(files) => {
            let names = files.file_descriptor_proto.iter();
            Told::Files(names.map(|file| FileDescriptorProto::decode(&**file).unwrap().name.unwrap()).collect())
        }
        MessageResponse::AllExtensionNumbersResponse(numbers) => Told::Numbers(numbers.extension_number),
        MessageResponse::ListServicesResponse(list) => {
            Told::Services(list.service.into_iter().map(|service| service.name).collect())
        }
        MessageResponse::ErrorResponse(error) => Told::Error(Code::from_i32(error.error_code)),
    }
}

fn files(names: &[&str]) -> Told {
    Told::Files(names.iter().map(|name| (*name).to_owned()).collect())
}

fn by_name(name: &str) -> MessageRequest {
    MessageRequest::FileByFilename(name.to_owned())
}

fn by_symbol(name: &str) -> MessageRequest {
    MessageRequest::FileContainingSymbol(name.to_owned())
}

fn by_extension(message: &str, extension_number: i32) -> MessageRequest {
    let containing_type = message.to_owned();
    MessageRequest::FileContainingExtension(ExtensionRequest { containing_type, extension_number })
}

fn numbers_of(message: &str) -> MessageRequest {
    MessageRequest::AllExtensionNumbersOfType(message.to_owned())
}

fn list() -> MessageRequest {
    MessageRequest::ListServices(String::new())
}

fn question(message_request: Option<MessageRequest>) -> ServerReflectionRequest {
    ServerReflectionRequest { host: "shop.example".to_owned(), message_request }
}

/// A channel to a server within this process that tells what `reflection` knows.
fn channel(reflection: &Reflection) -> Channel {
    let server = Server::builder().add_service(reflection.v1()).add_service(reflection.v1alpha());
    Channel::in_process(&server.serve_in_process().unwrap())
}

/// Asks all in one call.
async fn ask(channel: Channel, questions: Vec<MessageRequest>) -> Vec<ServerReflectionResponse> {
    let requests: Vec<_> = questions.into_iter().map(|asked| question(Some(asked))).collect();
    let client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(tokio_stream::iter(requests)).await.unwrap().into_inner();
    let mut collected = Vec::new();
    while let Some(answer) = patiently(answers.message()).await.unwrap() {
        collected.push(answer);
    }
    collected
}

/// Asks in a call of its own.
async fn ask_one(reflection: &Reflection, asked: MessageRequest) -> Told {
    told(ask(channel(reflection), vec![asked]).await.remove(0))
}

fn file(name: &str, package: &str, dependencies: &[&str]) -> FileDescriptorProto {
    FileDescriptorProto {
        name: Some(name.to_owned()),
        package: Some(package.to_owned()),
        dependency: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        syntax: Some("proto2".to_owned()),
        ..FileDescriptorProto::default()
    }
}

fn field(name: &str, number: i32, extendee: Option<&str>) -> FieldDescriptorProto {
    FieldDescriptorProto {
        name: Some(name.to_owned()),
        number: Some(number),
        label: Some(Label::Optional.into()),
        r#type: Some(Type::Int32.into()),
        extendee: extendee.map(str::to_owned),
        ..FieldDescriptorProto::default()
    }
}

fn message(name: &str) -> DescriptorProto {
    DescriptorProto { name: Some(name.to_owned()), ..DescriptorProto::default() }
}

fn service(name: &str, message: &str) -> ServiceDescriptorProto {
    let method = MethodDescriptorProto {
        name: Some("Do".to_owned()),
        input_type: Some(message.to_owned()),
        output_type: Some(message.to_owned()),
        ..MethodDescriptorProto::default()
    };
    ServiceDescriptorProto { name: Some(name.to_owned()), method: vec![method], ..ServiceDescriptorProto::default() }
}

fn set(files: &[FileDescriptorProto]) -> Vec<u8> {
    FileDescriptorSet { file: files.to_vec() }.encode_to_vec()
}

/// `top.proto` imports two files, both of which import `base.proto`.
fn diamond() -> Vec<FileDescriptorProto> {
    let mut base = file("base.proto", "base", &[]);
    let value = EnumValueDescriptorProto { name: Some("RED".to_owned()), number: Some(0), options: None };
    let color =
        EnumDescriptorProto { name: Some("Color".to_owned()), value: vec![value], ..EnumDescriptorProto::default() };
    let mut thing = message("Thing");
    thing.field.push(field("id", 1, None));
    thing.nested_type.push(message("Part"));
    thing.enum_type.push(color.clone());
    thing.oneof_decl.push(OneofDescriptorProto { name: Some("choice".to_owned()), options: None });
    base.message_type.push(thing);
    base.enum_type.push(color);
    let mut left = file("left.proto", "left", &["base.proto"]);
    left.extension.push(field("weight", 101, Some(".base.Thing")));
    let mut right = file("right.proto", "right", &["base.proto"]);
    let mut holder = message("Holder");
    holder.extension.push(field("height", 100, Some(".base.Thing")));
    right.message_type.push(holder);
    let mut top = file("top.proto", "top", &["left.proto", "right.proto", "nobody/has.proto"]);
    top.service.push(service("Top", ".base.Thing"));
    vec![base, left, right, top]
}

#[tokio::test]
async fn every_kind_of_question_is_answered() {
    let reflection = Reflection::new();
    reflection.add_service("top.Top", set(&diamond())).unwrap();
    let base = || files(&["base.proto"]);
    let left = || files(&["left.proto", "base.proto"]);
    let right = || files(&["right.proto", "base.proto"]);
    let top = || files(&["top.proto", "left.proto", "right.proto", "base.proto"]);
    let missing = Told::Error(Code::NotFound);
    let table = [
        (by_name("base.proto"), base()),
        (by_name("left.proto"), left()),
        (by_name("top.proto"), top()),
        (by_name("nobody/has.proto"), missing.clone()),
        (by_name(""), missing.clone()),
        (by_symbol("top.Top"), top()),
        (by_symbol("top.Top.Do"), top()),
        (by_symbol(".top.Top"), top()),
        (by_symbol("base.Thing"), base()),
        (by_symbol("base.Thing.id"), base()),
        (by_symbol("base.Thing.choice"), base()),
        (by_symbol("base.Thing.Part"), base()),
        (by_symbol("base.Thing.Color"), base()),
        // Values stand beside their enum.
        (by_symbol("base.Thing.RED"), base()),
        (by_symbol("base.RED"), base()),
        (by_symbol("base.Color"), base()),
        (by_symbol("base.Color.RED"), missing.clone()),
        (by_symbol("left.weight"), left()),
        (by_symbol("right.Holder.height"), right()),
        (by_symbol("top"), missing.clone()),
        (by_symbol("top.Top.Undo"), missing.clone()),
        (by_extension("base.Thing", 101), left()),
        (by_extension("base.Thing", 100), right()),
        (by_extension("base.Thing", 102), missing.clone()),
        (by_extension("base.Nothing", 100), missing.clone()),
        (numbers_of("base.Thing"), Told::Numbers(vec![100, 101])),
        (numbers_of("right.Holder"), Told::Numbers(vec![])),
        (numbers_of("top.Top"), missing.clone()),
        (numbers_of("base.Nothing"), missing),
        (list(), Told::Services(vec!["top.Top".to_owned()])),
    ];
    for (asked, expected) in table {
        assert_eq!(ask_one(&reflection, asked.clone()).await, expected, "{asked:?}");
    }
}

#[tokio::test]
async fn what_a_call_was_sent_is_not_sent_again_with_others() {
    let reflection = Reflection::new();
    reflection.add_descriptor_set(set(&diamond())).unwrap();
    let questions = ["left.proto", "top.proto", "top.proto", "base.proto", "x.proto", "right.proto"].map(by_name);
    let answers = ask(channel(&reflection), questions.to_vec()).await;
    for (answer, asked) in answers.iter().zip(&questions) {
        assert_eq!(answer.original_request, Some(question(Some(asked.clone()))));
        assert_eq!(answer.valid_host, "shop.example");
    }
    let told: Vec<_> = answers.into_iter().map(told).collect();
    let expected = [
        files(&["left.proto", "base.proto"]),
        files(&["top.proto", "right.proto"]),
        // What is asked for is sent, always.
        files(&["top.proto"]),
        files(&["base.proto"]),
        Told::Error(Code::NotFound),
        files(&["right.proto"]),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_question_about_nothing_is_an_error_and_the_call_goes_on() {
    let client = ServerReflectionClient::new(channel(&Reflection::new()));
    let questions = [question(None), question(Some(list()))];
    let mut answers = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap().into_inner();
    let first = answers.message().await.unwrap().unwrap();
    assert_eq!(told(first), Told::Error(Code::InvalidArgument));
    assert_eq!(told(answers.message().await.unwrap().unwrap()), Told::Services(vec![]));
    assert!(answers.message().await.unwrap().is_none());
}

#[tokio::test]
async fn services_come_and_go() {
    let reflection = Reflection::new();
    let channel = channel(&reflection);
    let (sender, questions) = tokio::sync::mpsc::channel(1);
    let questions = tokio_stream::wrappers::ReceiverStream::new(questions);
    let client = ServerReflectionClient::new(channel);
    let mut answers = client.server_reflection_info(questions).await.unwrap().into_inner();
    let mut ask = async |asked| {
        sender.send(question(Some(asked))).await.unwrap();
        told(patiently(answers.message()).await.unwrap().unwrap())
    };
    let (missing, listed) = (Told::Error(Code::NotFound), |names: &[&str]| {
        Told::Services(names.iter().map(|name| (*name).to_owned()).collect())
    });
    assert_eq!(ask(list()).await, listed(&[]));
    assert_eq!(ask(by_symbol("top.Top")).await, missing);
    reflection.add_service("top.Top", set(&diamond())).unwrap();
    reflection.add_service("without.Schema", Vec::new()).unwrap();
    assert_eq!(ask(list()).await, listed(&["top.Top", "without.Schema"]));
    assert_eq!(ask(by_symbol("left.weight")).await, files(&["left.proto", "base.proto"]));
    assert_eq!(ask(by_symbol("without.Schema")).await, missing);
    assert!(reflection.remove_service("top.Top"));
    assert!(!reflection.remove_service("top.Top"));
    assert_eq!(ask(list()).await, listed(&["without.Schema"]));
    assert_eq!(ask(by_symbol("left.weight")).await, missing);
    reflection.add_descriptor_set(set(&diamond())).unwrap();
    assert_eq!(ask(list()).await, listed(&["without.Schema"]));
    // What was forgotten and comes back is as good as new.
    assert_eq!(ask(by_symbol("right.Holder")).await, files(&["right.proto", "base.proto"]));
}

/// Two sets that have a file `common.proto`, which says something else in each.
fn clashing(package: &str) -> Vec<FileDescriptorProto> {
    let mut common = file("common.proto", "", &[]);
    common.message_type.extend([message("Result"), message(&format!("Only{package}"))]);
    let mut own = file(&format!("{package}.proto"), package, &["common.proto"]);
    own.service.push(service("Service", ".Result"));
    vec![common, own]
}

#[tokio::test]
async fn files_of_one_name_are_told_apart_by_symbols() {
    let reflection = Reflection::new();
    let sets = [clashing("one"), clashing("two")];
    for (files, service) in sets.iter().zip(["one.Service", "two.Service"]) {
        reflection.add_service(service, set(files)).unwrap();
    }
    // With its service comes the `common.proto` of its own set.
    for (files, symbol) in sets.iter().zip(["one.Service", "two.Service"]) {
        let answer = ask(channel(&reflection), vec![by_symbol(symbol)]).await.remove(0);
        let Some(MessageResponse::FileDescriptorResponse(sent)) = answer.message_response else { panic!("{symbol}") };
        let expected: Vec<_> = [&files[1], &files[0]].map(prost::Message::encode_to_vec).into();
        assert_eq!(sent.file_descriptor_proto, expected, "{symbol}");
    }
    // What both have is that of the first, and each has what only it has.
    for (symbol, common) in [("Result", &sets[0][0]), ("Onlyone", &sets[0][0]), ("Onlytwo", &sets[1][0])] {
        let answer = ask(channel(&reflection), vec![by_symbol(symbol)]).await.remove(0);
        let Some(MessageResponse::FileDescriptorResponse(sent)) = answer.message_response else { panic!("{symbol}") };
        assert_eq!(sent.file_descriptor_proto, [common.encode_to_vec()], "{symbol}");
    }
    // By the name alone nobody can say which is meant; a call that has met one of them means that.
    let answer = ask(channel(&reflection), vec![by_name("common.proto")]).await.remove(0);
    let Some(MessageResponse::ErrorResponse(error)) = answer.message_response else { panic!("it is ambiguous") };
    assert_eq!(error.error_code, i32::from(Code::FailedPrecondition));
    assert!(error.error_message.contains("\"common.proto\"") && error.error_message.contains("Result"), "{error:?}");
    let answers = ask(channel(&reflection), vec![by_symbol("two.Service"), by_name("common.proto")]).await;
    let Some(MessageResponse::FileDescriptorResponse(sent)) = &answers[1].message_response else { panic!("met") };
    assert_eq!(sent.file_descriptor_proto, [sets[1][0].encode_to_vec()]);
}

#[tokio::test]
async fn the_same_file_in_two_sets_is_one() {
    let reflection = Reflection::new();
    let [base, left, right, _] = <[_; 4]>::try_from(diamond()).unwrap();
    let mut commented = base.clone();
    commented.source_code_info = Some(SourceCodeInfo::default());
    reflection.add_descriptor_set(set(&[base, left])).unwrap();
    reflection.add_descriptor_set(set(&[commented, right])).unwrap();
    let questions = ["base.proto", "left.proto", "right.proto"].map(by_name);
    let answers: Vec<_> = ask(channel(&reflection), questions.to_vec()).await.into_iter().map(told).collect();
    assert_eq!(answers, ["base.proto", "left.proto", "right.proto"].map(|name| files(&[name])));
}

#[tokio::test]
async fn a_service_goes_before_what_is_called_like_it() {
    let reflection = Reflection::new();
    let mut first = file("message.proto", "", &[]);
    first.message_type.push(message("Calculator"));
    let mut second = file("service.proto", "", &[]);
    second.service.push(service("Calculator", ".x"));
    reflection.add_descriptor_set(set(&[first])).unwrap();
    reflection.add_descriptor_set(set(&[second])).unwrap();
    assert_eq!(ask_one(&reflection, by_symbol("Calculator")).await, files(&["service.proto"]));
}

#[tokio::test]
async fn custom_options_are_told_as_they_are() {
    let mut bytes = file("options.proto", "options", &[]).encode_to_vec();
    // `FileOptions` with an extension of the number 50000, which nobody here knows.
    bytes.extend([0x42, 4, 0x80, 0xb5, 0x18, 7]);
    let reflection = Reflection::new();
    reflection.add_descriptor_set([&[0x0a, u8::try_from(bytes.len()).unwrap()][..], &bytes].concat()).unwrap();
    let answer = ask(channel(&reflection), vec![by_name("options.proto")]).await.remove(0);
    let Some(MessageResponse::FileDescriptorResponse(sent)) = answer.message_response else { panic!("it is there") };
    assert_eq!(sent.file_descriptor_proto, [bytes]);
}

#[test]
fn what_is_no_descriptor_set_is_refused() {
    let reflection = Reflection::new();
    let nameless = set(&[FileDescriptorProto::default()]);
    let twice = set(&[file("a.proto", "one", &[]), file("a.proto", "two", &[])]);
    let table: [(&str, &[u8], &str); 6] = [
        ("no message", b"\xff", "no encoded FileDescriptorSet"),
        ("a file that is cut off", b"\x0a\x05a", "end within a file"),
        ("a length beyond measure", b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "end within a file"),
        ("a file that is none", b"\x0a\x01\xff", "no encoded FileDescriptorSet"),
        ("a file without a name", &nameless, "has no name"),
        ("two files of one name", &twice, "two different files \"a.proto\""),
    ];
    for (name, bytes, expected) in table {
        let error = reflection.add_descriptor_set(bytes.to_vec()).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    let error = reflection.add_service("top.Bottom", set(&diamond())).unwrap_err().to_string();
    assert!(error.contains("\"top.Bottom\""), "{error}");
    assert!(reflection.services().is_empty());
}

#[tokio::test]
async fn a_server_tells_of_all_its_services() {
    let reflection = Reflection::new();
    // Before the services, which makes no difference.
    let server = services::add_to(Server::builder().reflection(&reflection), &Settings::default());
    let (_, theirs) = tonic_health::server::health_reporter();
    let server = Running::start(server.add_service(theirs)).await;
    let channel = server.channel().await;
    let names = reflection.services();
    assert!(names.is_sorted());
    for name in
        ["Calculator", "grpc.testing.TestService", "grpc.reflection.v1.ServerReflection", "grpc.health.v1.Health"]
    {
        assert!(names.iter().any(|known| known == name), "{name} of {names:?}");
    }
    let unserved = "grpc.testing.ReconnectService";
    assert!(!names.iter().any(|known| known == unserved), "it has a schema, and no handler");
    assert_eq!(told(ask(channel.clone(), vec![list()]).await.remove(0)), Told::Services(names.clone()));
    for name in &names {
        // tonic's service comes without a schema.
        let answer = told(ask(channel.clone(), vec![by_symbol(name)]).await.remove(0));
        assert_eq!(matches!(answer, Told::Files(_)), name != "grpc.health.v1.Health", "{name}: {answer:?}");
    }
    // Two schemas without packages declare a `Result` each.
    for (service, file) in [("Calculator", "calculator.proto"), ("Contact", "contact.proto")] {
        let expected = [&[file], &ANNOTATIONS[..]].concat();
        assert_eq!(told(ask(channel.clone(), vec![by_symbol(service)]).await.remove(0)), files(&expected));
    }
}

/// What schemas with HTTP rules import.
const ANNOTATIONS: [&str; 3] =
    ["google/api/annotations.proto", "google/api/http.proto", "google/protobuf/descriptor.proto"];

#[tokio::test]
async fn v1alpha_answers_the_same() {
    let reflection = Reflection::new();
    reflection.add_service("hello.Greeter", schemas::hello::FILE_DESCRIPTOR_SET).unwrap();
    let client = v1alpha::server_reflection_client::ServerReflectionClient::new(channel(&reflection));
    let questions = [by_symbol("hello.Greeter.SayHello"), list()].map(|asked| question(Some(asked)));
    let mut answers = client.server_reflection_info(tokio_stream::iter(questions)).await.unwrap().into_inner();
    let expected = [&["hello.proto"], &ANNOTATIONS[..]].concat();
    assert_eq!(told(answers.message().await.unwrap().unwrap()), files(&expected));
    assert_eq!(told(answers.message().await.unwrap().unwrap()), Told::Services(vec!["hello.Greeter".to_owned()]));
}
