//! Headers as metadata, deadlines, and what comes back.

use seltzer::gateway::Gateway;

use crate::gateway::{ask, serve};
use crate::support::raw;

#[tokio::test]
async fn headers_are_metadata() {
    let server = serve(Gateway::new()).await;
    let host = server.address.to_string();
    // What the handler finds under a name, of these headers.
    for (headers, name, expected) in [
        (&[("authorization", "Bearer t")][..], "authorization", "Bearer t"),
        (&[("Grpc-Metadata-X-Tenant", "a")], "x-tenant", "a"),
        (&[("x-tenant", "a"), ("grpc-metadata-x-tenant", "b")], "x-tenant", "a"),
        (&[("grpc-metadata-authorization", "a")], "authorization", "a"),
        (&[("authorization", "real"), ("grpc-metadata-authorization", "false")], "authorization", "real"),
        (&[("x-request-id", "7")], "x-request-id", "7"),
        (&[("traceparent", "00-1-2-3")], "traceparent", "00-1-2-3"),
        (&[("accept", "application/json"), ("content-type", "x/y")], "accept", ""),
        (&[("grpc-metadata-grpc-timeout", "1S")], "timeout", "false"),
        (&[("grpc-timeout", "10S")], "timeout", "true"),
        (&[("x-forwarded-for", "10.0.0.1")], "x-forwarded-for", "10.0.0.1, 127.0.0.1"),
        (&[], "x-forwarded-for", "127.0.0.1"),
        (&[], "x-forwarded-host", &host),
        (&[("x-forwarded-host", "public.example")], "x-forwarded-host", "public.example"),
        (&[], "host", ""),
    ] {
        let answer = ask(&server, &format!("GET /v1/isbn/metadata:{name}"), headers, "").await;
        let expected = if expected.is_empty() { "{}".to_owned() } else { format!(r#"{{"title":"{expected}"}}"#) };
        assert_eq!((answer.status, answer.text()), (200, expected), "{name} of {headers:?}");
    }
    server.stop().await;
}

#[tokio::test]
async fn metadata_of_replies_comes_back() {
    let server = serve(Gateway::new()).await;
    let answer = ask(&server, "GET /v1/isbn/1", &[("x-echo", "a")], "").await;
    assert_eq!((answer.header("grpc-metadata-x-echoed"), answer.header("x-echoed")), ("a", ""));
    assert_eq!(answer.header("location"), "");
    server.stop().await;
    let server = serve(Gateway::new().response_headers(["Location"])).await;
    let answer = ask(&server, "GET /v1/isbn/1", &[("x-echo", "a")], "").await;
    assert_eq!((answer.header("location"), answer.header("grpc-metadata-location")), ("/v1/somewhere", ""));
    server.stop().await;
}

#[tokio::test]
async fn timeouts_that_are_none_are_refused() {
    let server = serve(Gateway::new()).await;
    for timeout in ["soon", "1", "-1S", "123456789S"] {
        let answer = ask(&server, "GET /v1/isbn/1", &[("grpc-timeout", timeout)], "").await;
        assert_eq!(answer.status, 400, "{timeout}");
        assert!(answer.text().contains("Grpc-Timeout"), "{}", answer.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn head_is_get_without_a_body() {
    let server = serve(Gateway::new()).await;
    let answer = ask(&server, "HEAD /v1/isbn/978", &[], "").await;
    assert_eq!((answer.status, answer.header("content-length"), answer.body.len()), (200, "15", 0));
    let answer = ask(&server, "HEAD /v1/heads/978", &[], "").await;
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let answer = ask(&server, "HEAD /v1/echo", &[], "").await;
    assert_eq!((answer.status, answer.body.len()), (405, 0));
    server.stop().await;
}

#[tokio::test]
async fn http_2_is_answered_too() {
    let server = serve(Gateway::new()).await;
    let answer = raw::send(server.address, "POST", "/v1/echo", &[], br#"{"text":"a"}"#).await.unwrap();
    assert_eq!((answer.status, &answer.body[..]), (200, &br#"{"text":"a"}"#[..]));
    let answer = raw::send(server.address, "GET", "/v1/isbn/metadata:x-forwarded-host", &[], b"").await.unwrap();
    assert_eq!(&answer.body[..], br#"{"title":"localhost"}"#);
    let answer = raw::send(server.address, "HEAD", "/v1/isbn/1", &[], b"").await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    let answer = raw::send(server.address, "GET", "/v1/fail:later?after=2&code=5", &[], b"").await.unwrap();
    let expected = r#"[{"born":1},{"born":2},{"error":{"code":5,"details":[],"message":""}}]"#;
    assert_eq!((answer.status, &answer.body[..]), (200, expected.as_bytes()));
    server.stop().await;
}
