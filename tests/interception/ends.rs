//! How calls end, seen from interceptors: each end once, whatever it is.

use std::time::Duration;

use seltzer::server::{CallEnd, Interceptors, Next, ServerCall, ServerReply};
use seltzer::{Code, Deadline, Request, Server, Status};
use tokio::sync::mpsc;

use crate::interception::{Diary, as_it_is, probe};
use crate::support::kinds::{KINDS, Kind, call};
use crate::support::probe::{Client, Probe, ask, text};
use crate::support::{PATIENCE, Running, patiently};

const SHORT: Duration = Duration::from_millis(50);

/// An interceptor that tells how calls end, and what it told.
fn watching() -> (Interceptors, mpsc::UnboundedReceiver<String>) {
    let (tell, told) = mpsc::unbounded_channel();
    let watching = move |call: ServerCall, next: Next| {
        let tell = tell.clone();
        let on_end = move |end: &CallEnd| {
            let bytes = end.request_bytes() > 0 && (end.reply_bytes() > 0) == (end.replies() > 0);
            let line = format!("{:?} {} {} {bytes}", end.code(), end.requests(), end.replies());
            tell.send(line).unwrap();
        };
        async move { next.run_watched(call, on_end).await }
    };
    (Interceptors::from(watching), told)
}

#[tokio::test]
async fn every_end_is_seen_once() {
    let (watching, mut told) = watching();
    let (_server, client, mut seen) = probe(watching).await;
    let mut next = async || patiently(told.recv()).await.unwrap();
    for kind in KINDS {
        call(&client, kind, "hi", as_it_is).await.unwrap();
        assert_eq!(next().await, "Ok 1 1 true", "{kind:?}");
        let (code, replies) = if kind == Kind::ClientStreaming { (Code::Ok, 1) } else { (Code::Internal, 0) };
        if kind != Kind::BidiStreaming {
            let _ = call(&client, kind, "panic", as_it_is).await;
            assert_eq!(next().await, format!("{code:?} 1 {replies} true"), "{kind:?}");
        }
    }
    client.unary_call(ask("fail no")).await.unwrap_err();
    assert_eq!(next().await, "FailedPrecondition 1 0 true");
    let mut stream = client.streaming_from_server(ask("one-then fail no")).await.unwrap().into_inner();
    while let Ok(Some(_)) = stream.message().await {}
    assert_eq!(next().await, "FailedPrecondition 1 1 true");
    let mut stream = client.streaming_from_server(ask("one-then panic")).await.unwrap().into_inner();
    while let Ok(Some(_)) = stream.message().await {}
    assert_eq!(next().await, "Internal 1 1 true");

    // Dropped by the caller: while the handler is at work, and while its stream goes on.
    let hanging = tokio::spawn({
        let client = client.clone();
        async move { client.unary_call(ask("hang")).await }
    });
    patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
    hanging.abort();
    assert_eq!(next().await, "Cancelled 1 0 true");
    patiently(seen.wait_for(|seen| seen.dropped == 1)).await.unwrap();
    let mut stream = client.streaming_from_server(ask("one-then hang")).await.unwrap().into_inner();
    stream.message().await.unwrap();
    drop(stream);
    assert_eq!(next().await, "Cancelled 1 1 true");
    patiently(seen.wait_for(|seen| seen.dropped == 2)).await.unwrap();

    // Out of time, before the answer and in the middle of it.
    for command in ["hang", "one-then hang"] {
        let within = |mut request: Request<()>| {
            request.set_timeout(SHORT);
            request
        };
        let status = call(&client, Kind::ServerStreaming, command, within).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded);
        let replies = usize::from(command != "hang");
        // A client that gives up at the same moment may be quicker than the server's clock.
        let end = next().await;
        let expected = ["DeadlineExceeded", "Cancelled"].map(|code| format!("{code} 1 {replies} true"));
        assert!(expected.contains(&end), "{end}");
    }
}

#[tokio::test]
async fn what_cannot_be_read_or_sent_is_an_end_too() {
    let (watching, mut told) = watching();
    let server = Server::builder()
        .intercept(watching)
        .max_decoding_message_size(1000)
        .max_encoding_message_size(500)
        .add_service(Probe::new().0.server());
    let server = Running::start(server).await;
    let client = Client::new(server.channel().await);
    let too_long = "x".repeat(2000);
    for (kind, command, expected) in [
        (Kind::Unary, "size 600", "ResourceExhausted 1 0 true"),
        (Kind::ServerStreaming, "size 600", "ResourceExhausted 1 0 true"),
        // They did not come.
        (Kind::ServerStreaming, &too_long, "ResourceExhausted 0 0 false"),
        (Kind::ClientStreaming, &too_long, "ResourceExhausted 0 0 false"),
    ] {
        let status = call(&client, kind, command, as_it_is).await.unwrap_err();
        assert_eq!(status.code(), Code::ResourceExhausted, "{kind:?}");
        assert_eq!(patiently(told.recv()).await.unwrap(), expected, "{kind:?}");
    }
}

/// Notes that it was dropped.
struct Noted(Diary, mpsc::UnboundedSender<()>);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.note("dropped");
        let _ = self.1.send(());
    }
}

#[tokio::test]
async fn cancellation_drops_interceptors() {
    let diary = Diary::default();
    let (began, mut begun) = mpsc::unbounded_channel();
    let (dropped, mut gone) = mpsc::unbounded_channel();
    let (_server, client, _) = probe({
        let diary = diary.clone();
        move |call: ServerCall, next: Next| {
            let (noted, began) = (Noted(diary.clone(), dropped.clone()), began.clone());
            async move {
                let _noted = noted;
                began.send(()).unwrap();
                std::future::pending::<()>().await;
                next.run(call).await
            }
        }
    })
    .await;
    for kind in KINDS {
        let calling = tokio::spawn({
            let client = client.clone();
            async move { call(&client, kind, "hi", as_it_is).await }
        });
        patiently(begun.recv()).await.unwrap();
        assert!(diary.take().is_empty());
        calling.abort();
        patiently(gone.recv()).await.unwrap();
        assert_eq!(diary.take(), ["dropped"], "{kind:?}");
    }
}

#[tokio::test]
async fn an_interceptor_that_panics_ends_its_own_call_only() {
    type Panicking = fn(ServerCall, Next) -> Panicked;
    type Panicked = std::pin::Pin<Box<dyn Future<Output = Result<ServerReply, Status>> + Send>>;
    let table: [(&str, Panicking); 5] = [
        ("without a future", |_, _| panic!("as told")),
        ("before", |_, _| Box::pin(async { panic!("as told") })),
        ("after", |call, next| {
            Box::pin(async {
                let _reply = next.run(call).await;
                panic!("as told")
            })
        }),
        ("over a request", |call, next| Box::pin(next.run(call.map_requests(|_| panic!("as told"))))),
        ("over an answer", |call, next| Box::pin(async { next.run(call).await?.map_messages(|_| panic!("as told")) })),
    ];
    for (when, panicking) in table {
        let (watching, mut told) = watching();
        let careless = move |call: ServerCall, next: Next| -> Panicked {
            if call.metadata().get("x-careful").is_some() { Box::pin(next.run(call)) } else { panicking(call, next) }
        };
        let (_server, client, _) = probe(watching.with(careless)).await;
        let careful = |mut request: Request<()>| {
            request.metadata_mut().insert("x-careful", "1".parse().unwrap());
            request
        };
        for kind in KINDS {
            let status = call(&client, kind, "hi", as_it_is).await.unwrap_err();
            assert_eq!(status.code(), Code::Internal, "{when} {kind:?} {status:?}");
            let end = patiently(told.recv()).await.unwrap();
            assert!(end.starts_with("Internal"), "{when} {kind:?} {end}");
            assert_eq!(call(&client, kind, "hi", careful).await.unwrap(), "hi", "{when} {kind:?}");
            assert!(patiently(told.recv()).await.unwrap().starts_with("Ok"));
        }
    }
}

#[tokio::test]
async fn a_deadline_may_be_brought_forward() {
    let (_server, client, mut seen) = probe(async |mut call: ServerCall, next: Next| {
        call.limit_deadline(Deadline::after(SHORT));
        call.limit_deadline(Deadline::after(PATIENCE));
        next.run(call).await
    })
    .await;
    // Handlers see it.
    let left: u64 = text(client.unary_call(ask("deadline")).await.unwrap().get_ref()).parse().unwrap();
    assert!(left <= SHORT.as_millis() as u64, "{left}");
    for (number, (kind, command)) in
        [(Kind::Unary, "hang"), (Kind::ServerStreaming, "hang"), (Kind::ServerStreaming, "one-then hang")]
            .into_iter()
            .enumerate()
    {
        let status = call(&client, kind, command, as_it_is).await.unwrap_err();
        assert_eq!(status.code(), Code::DeadlineExceeded, "{kind:?} {command} {status:?}");
        patiently(seen.wait_for(|seen| seen.dropped == number + 1 && seen.cancelled == number + 1)).await.unwrap();
    }
    // Even where nobody reads the answer.
    let stream = client.streaming_from_server(ask("endless")).await.unwrap();
    patiently(seen.wait_for(|seen| seen.dropped == 4)).await.unwrap();
    drop(stream);
    // A caller's own, earlier one still holds.
    let mut request = Request::new(ask("deadline"));
    request.set_timeout(SHORT / 2);
    let left: u64 = text(client.unary_call(request).await.unwrap().get_ref()).parse().unwrap();
    assert!(left <= SHORT.as_millis() as u64 / 2, "{left}");
}
