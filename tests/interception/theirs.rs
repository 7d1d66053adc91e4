//! Services that tonic generated: interceptors see their messages as bytes, and all else as they see it of ours.

use std::time::Duration;

use bytes::Bytes;
use seltzer::metadata::MetadataMap;
use seltzer::prost::Message as _;
use seltzer::server::{CallEnd, Interceptors, Message as AnyMessage, Next, ServerCall, ServerReply};
use seltzer::service::IntoRoute as _;
use seltzer::{Channel, Code, MethodKind, Request, Response, Server, Status};
use seltzer_fixtures::tonic_style::echo::echo_server::{Echo, EchoServer};
use seltzer_fixtures::tonic_style::echo::{Message, echo_client::EchoClient};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;

use crate::interception::{Diary, Noting};
use crate::support::kinds::{KINDS, Kind};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{Running, patiently};

/// A service written for tonic that does as it is told.
struct Theirs;

type Messages = tokio_stream::Iter<std::vec::IntoIter<Result<Message, Status>>>;

fn obey(request: &Request<Message>) -> Result<Message, Status> {
    match request.get_ref().text.as_str() {
        "fail" => {
            let mut status = Status::with_details(Code::FailedPrecondition, "as told", Bytes::from_static(b"details"));
            status.metadata_mut().insert("x-why", "because".parse().unwrap());
            Err(status)
        }
        "panic" => panic!("as told"),
        "trailer" => {
            seltzer::context::current().set_trailing_metadata("x-trailer", "seven")?;
            Ok(message("set"))
        }
        "user" => Ok(message(request.metadata().get("x-user").map_or("nobody", |user| user.to_str().unwrap()))),
        "identity" => Ok(message(request.extensions().get::<&str>().unwrap())),
        other => Ok(message(other)),
    }
}

#[tonic::async_trait]
impl Echo for Theirs {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        if request.get_ref().text == "hang" {
            std::future::pending::<()>().await;
        }
        let mut response = Response::new(obey(&request)?);
        response.metadata_mut().insert("x-theirs", "1".parse().unwrap());
        Ok(response)
    }

    type ServerStreamStream = Messages;

    async fn server_stream(&self, request: Request<Message>) -> Result<Response<Messages>, Status> {
        let answer = obey(&request);
        let messages = if answer.is_ok() { vec![answer] } else { vec![Ok(message("first")), answer] };
        Ok(Response::new(tokio_stream::iter(messages)))
    }

    async fn client_stream(&self, request: Request<tonic::Streaming<Message>>) -> Result<Response<Message>, Status> {
        let mut messages = request.into_inner();
        let mut text = String::new();
        while let Some(message) = messages.message().await? {
            text += &message.text;
        }
        obey(&Request::new(message(&text))).map(Response::new)
    }

    type BidiStream = tonic::Streaming<Message>;

    async fn bidi(&self, request: Request<tonic::Streaming<Message>>) -> Result<Response<Self::BidiStream>, Status> {
        Ok(Response::new(request.into_inner()))
    }
}

fn message(text: &str) -> Message {
    Message { text: text.to_owned() }
}

async fn theirs(interceptors: impl Into<Interceptors>) -> (Running, EchoClient<Channel>) {
    let server = Running::start(Server::builder().intercept(interceptors).add_service(EchoServer::new(Theirs))).await;
    let client = EchoClient::new(server.channel().await);
    (server, client)
}

/// A call of a kind: what it answers, message by message with spaces between.
async fn call(client: &mut EchoClient<Channel>, kind: Kind, text: &str) -> Result<String, Status> {
    let (one, many) = (message(text), tokio_stream::iter([message(text)]));
    let mut answers = match kind {
        Kind::Unary => return Ok(patiently(client.unary(one)).await?.into_inner().text),
        Kind::ClientStreaming => return Ok(patiently(client.client_stream(many)).await?.into_inner().text),
        Kind::ServerStreaming => patiently(client.server_stream(one)).await?.into_inner(),
        Kind::BidiStreaming => patiently(client.bidi(many)).await?.into_inner(),
    };
    let mut words = Vec::new();
    while let Some(answer) = patiently(answers.message()).await? {
        words.push(answer.text);
    }
    Ok(words.join(" "))
}

/// Changes the text of a message that is bytes.
fn edit(mut message: AnyMessage, change: impl FnOnce(&mut String)) -> AnyMessage {
    let bytes = message.downcast_mut::<Bytes>().expect("nobody knows their types");
    let mut decoded = Message::decode(&**bytes).unwrap();
    change(&mut decoded.text);
    *bytes = decoded.encode_to_vec().into();
    message
}

async fn shouting(mut call: ServerCall, next: Next) -> Result<ServerReply, Status> {
    assert_eq!((call.kind(), call.descriptor().is_none()), (MethodKind::BidiStreaming, true));
    call.metadata_mut().insert("x-user", "alice".parse().unwrap());
    call.extensions_mut().insert("known");
    let call = call.map_requests(|message| Ok(edit(message, |text| text.push('?'))));
    next.run(call).await?.map_messages(|message| Ok(edit(message, |text| text.make_ascii_uppercase())))
}

#[tokio::test]
async fn messages_are_seen_and_changed_both_ways() {
    let (_server, mut client) = theirs(shouting).await;
    for kind in KINDS {
        assert_eq!(call(&mut client, kind, "hi").await.unwrap(), "HI?", "{kind:?}");
    }
    let (_server, mut client) = theirs(async |mut call: ServerCall, next: Next| {
        call.metadata_mut().insert("x-user", "alice".parse().unwrap());
        call.extensions_mut().insert("known");
        next.run(call).await
    })
    .await;
    for (command, expected) in [("user", "alice"), ("identity", "known")] {
        assert_eq!(call(&mut client, Kind::Unary, command).await.unwrap(), expected);
    }
}

#[tokio::test]
async fn compressed_messages_are_seen_as_they_are() {
    use seltzer::codec::{CompressionEncoding, ProstCodec};
    use seltzer::codegen::Client as AnyClient;

    let (server, _) = theirs(shouting).await;
    let mut client = AnyClient::new(server.channel().await);
    client.send_compressed(CompressionEncoding::Gzip);
    let codec = ProstCodec::<Message, Message>::default();
    static UNARY: seltzer::codegen::MethodDescriptor =
        seltzer::codegen::MethodDescriptor::new("/echo.Echo/Unary", MethodKind::Unary);
    let long = "hi".repeat(500);
    let answer = client.unary(&UNARY, codec, Request::new(message(&long))).await.unwrap();
    assert_eq!(answer.get_ref().text, "HI".repeat(500) + "?");
}

#[tokio::test]
async fn metadata_trailers_and_statuses_are_seen_and_changed() {
    let (_server, mut client) = theirs(async |call: ServerCall, next: Next| {
        let mut reply = next.run(call).await.map_err(|status| {
            assert_eq!((status.message(), status.details()), ("as told", &b"details"[..]));
            let mut better = Status::not_found("changed");
            *better.metadata_mut() = status.metadata().clone();
            better
        })?;
        reply.metadata_mut().insert("x-added", "1".parse().unwrap());
        reply.map_end(|end| {
            let mut trailers = end.map_err(|status| Status::aborted(status.message()))?;
            trailers.insert("x-other", "eight".parse().unwrap());
            Ok(trailers)
        })
    })
    .await;
    let answer = client.unary(message("trailer")).await.unwrap();
    for (key, value) in [("x-theirs", "1"), ("x-added", "1"), ("x-other", "eight"), ("x-trailer", "seven")] {
        assert_eq!(answer.metadata().get(key).unwrap(), value);
    }
    let status = client.unary(message("fail")).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "changed"));
    assert_eq!(status.metadata().get("x-why").unwrap(), "because");
    let mut stream = client.server_stream(message("fail")).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap().unwrap().text, "first");
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Aborted);
}

#[tokio::test]
async fn an_answer_may_come_without_the_service() {
    let (_server, mut client) = theirs(async |_: ServerCall, _: Next| {
        let answer = || AnyMessage::new(Bytes::from(message("early").encode_to_vec()));
        Ok::<_, Status>(ServerReply::from_stream(tokio_stream::once(Ok(answer())), MetadataMap::new()))
    })
    .await;
    for kind in KINDS {
        assert_eq!(call(&mut client, kind, "panic").await.unwrap(), "early", "{kind:?}");
    }
    let (_server, mut client) =
        theirs(async |_: ServerCall, _: Next| Err::<ServerReply, _>(Status::permission_denied("closed"))).await;
    for kind in KINDS {
        assert_eq!(call(&mut client, kind, "hi").await.unwrap_err().code(), Code::PermissionDenied, "{kind:?}");
    }
}

#[tokio::test]
async fn every_end_is_seen() {
    let (tell, mut told) = mpsc::unbounded_channel();
    let (_server, mut client) = theirs(move |call: ServerCall, next: Next| {
        let tell = tell.clone();
        let on_end = move |end: &CallEnd| {
            let line = format!("{:?} {}/{} {}", end.code(), end.requests(), end.request_bytes(), end.replies());
            tell.send(line).unwrap();
        };
        async move { next.run_watched(call, on_end).await }
    })
    .await;
    let mut next = async || patiently(told.recv()).await.unwrap();
    for kind in KINDS {
        call(&mut client, kind, "hi").await.unwrap();
        assert_eq!(next().await, "Ok 1/4 1", "{kind:?}");
    }
    for (kind, expected) in
        [(Kind::Unary, "FailedPrecondition 1/6 0"), (Kind::ServerStreaming, "FailedPrecondition 1/6 1")]
    {
        call(&mut client, kind, "fail").await.unwrap_err();
        assert_eq!(next().await, expected, "{kind:?}");
    }
    assert_eq!(call(&mut client, Kind::Unary, "panic").await.unwrap_err().code(), Code::Internal);
    assert_eq!(next().await, "Internal 1/7 0");
    let mut request = Request::new(message("hang"));
    request.set_timeout(Duration::from_millis(50));
    assert_eq!(patiently(client.unary(request)).await.unwrap_err().code(), Code::DeadlineExceeded);
    let end = next().await;
    assert!(["DeadlineExceeded 1/6 0", "Cancelled 1/6 0"].contains(&&*end), "{end}");
}

#[tokio::test]
async fn services_of_both_kinds_have_their_own_interceptors() {
    let diary = Diary::default();
    let noting = |name| Noting { name, diary: diary.clone() };
    let server = Server::builder()
        .intercept(noting("all"))
        .add_service(EchoServer::new(Theirs).intercept(noting("theirs")))
        .add_service(Probe::new().0.server().intercept(noting("ours")));
    let server = Running::start(server).await;
    let channel = server.channel().await;
    call(&mut EchoClient::new(channel.clone()), Kind::Unary, "hi").await.unwrap();
    let seen: Vec<_> = diary.take().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(seen, ["all", "theirs", "theirs", "all"]);
    assert_eq!(text(Client::new(channel).unary_call(ask("hi")).await.unwrap().get_ref()), "hi");
    let seen: Vec<_> = diary.take().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect();
    assert_eq!(seen, ["all", "ours", "ours", "all"]);
}

#[tokio::test]
async fn a_stream_goes_on_while_it_comes() {
    let (_server, mut client) = theirs(shouting).await;
    let (requests, stream) = mpsc::channel(1);
    let stream = tokio_stream::wrappers::ReceiverStream::new(stream).map(|text: &str| message(text));
    let mut answers = patiently(client.bidi(stream)).await.unwrap().into_inner();
    for (said, heard) in [("one", "ONE?"), ("two", "TWO?")] {
        requests.send(said).await.unwrap();
        assert_eq!(patiently(answers.message()).await.unwrap().unwrap().text, heard);
    }
    drop(requests);
    assert!(patiently(answers.message()).await.unwrap().is_none());
}
