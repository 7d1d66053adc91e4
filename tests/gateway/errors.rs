//! What fails, and how it is said.

use seltzer::gateway::Gateway;

use crate::gateway::{ask, check, serve};

#[tokio::test]
async fn codes_become_http_statuses() {
    let server = serve(Gateway::new()).await;
    let table = [
        (1, 499),
        (2, 500),
        (3, 400),
        (4, 504),
        (5, 404),
        (6, 409),
        (7, 403),
        (8, 429),
        (9, 400),
        (10, 409),
        (11, 400),
        (12, 501),
        (13, 500),
        (14, 503),
        (15, 500),
        (16, 401),
    ];
    for (code, status) in table {
        let answer = ask(&server, "POST /v1/fail", &[], format!(r#"{{"code":{code},"message":"no\n\"é\""}}"#)).await;
        assert_eq!(answer.status, status, "{code}");
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("grpc-trailer-x-why"), "because");
        assert_eq!(answer.text(), format!(r#"{{"code":{code},"details":[],"message":"no\n\"é\""}}"#));
    }
    server.stop().await;
}

#[tokio::test]
async fn details_are_decoded() {
    let server = serve(Gateway::new()).await;
    let answer = ask(&server, "POST /v1/fail", &[], r#"{"code":3,"message":"detailed"}"#).await;
    let expected = concat!(
        r#"{"code":3,"details":[{"@type":"type.googleapis.com/google.rpc.BadRequest","#,
        r#""fieldViolations":[{"description":"must not be empty","field":"name"}]}],"message":"detailed"}"#
    );
    assert_eq!((answer.status, answer.text().as_str()), (400, expected));
    server.stop().await;
}

#[tokio::test]
async fn methods_that_a_path_has_not_are_refused_with_those_that_it_has() {
    let server = serve(Gateway::new()).await;
    for (request, allow) in [
        ("POST /v1/isbn/1", "GET, HEAD"),
        ("PURGE /v1/shelves/1/books/2", "DELETE, GET, HEAD, PATCH, PUT"),
        ("GET /v1/echo", "POST"),
    ] {
        let answer = ask(&server, request, &[], "").await;
        assert_eq!((answer.status, answer.header("allow")), (405, allow), "{request}: {}", answer.text());
    }
    check(&server, &[("GET /v1/nothing", "", "404 ..."), ("GET /rest.Library/Plain", "", "404 ...")]).await;
    server.stop().await;
}

#[tokio::test]
async fn what_is_too_long_or_of_another_kind_is_refused() {
    let server = serve(Gateway::new().max_body_size(1000)).await;
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(1000));
    check(&server, &[("POST /v1/echo", &long, "413 ...longer than 1000 bytes")]).await;
    for (content_type, status) in [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("application/json; charset=\"UTF-8\"", 200),
        ("application/json; charset=latin1", 415),
        ("application/x-www-form-urlencoded", 200),
        ("application/merge-patch+json", 200),
        ("text/plain", 200),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
        ("application/protobuf", 415),
    ] {
        let answer = ask(&server, "POST /v1/echo", &[("content-type", content_type)], r#"{"text":"a"}"#).await;
        assert_eq!(answer.status, status, "{content_type}: {}", answer.text());
    }
    let answer = ask(&server, "POST /v1/echo", &[("content-encoding", "br")], "{}").await;
    assert_eq!(answer.status, 415, "{}", answer.text());
    server.stop().await;
}

/// Browsers let pages send what forms can send without asking the server first.
#[tokio::test]
async fn pages_of_other_origins_do_not_call_as_forms_do() {
    let server = serve(Gateway::new()).await;
    let form = ("content-type", "application/x-www-form-urlencoded");
    let json = ("content-type", "application/json");
    let foreign = ("origin", "https://elsewhere.example");
    let table: [(&[(&str, &str)], u16); 8] = [
        (&[form], 200),
        (&[form, foreign], 415),
        (&[("content-type", "text/plain;charset=UTF-8"), foreign], 415),
        (&[foreign], 415),
        (&[json, foreign], 200),
        (&[form, ("sec-fetch-site", "cross-site")], 415),
        (&[form, foreign, ("sec-fetch-site", "same-origin")], 200),
        (&[form, ("origin", "null")], 415),
    ];
    for (headers, status) in table {
        let answer = ask(&server, "POST /v1/echo", headers, r#"{"text":"a"}"#).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text());
    }
    server.stop().await;
}

#[tokio::test]
async fn hostile_json_is_refused() {
    let server = serve(Gateway::new()).await;
    let deep_objects = r#"{"inner":"#.repeat(5000) + "{}" + &"}".repeat(5000);
    let deep_arrays = format!(r#"{{"value":{}"#, "[".repeat(100_000));
    let mut rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("POST /v1/echo", deep_objects.into_bytes(), "deep"),
        ("POST /v1/echo", deep_arrays.into_bytes(), "recursion limit"),
        ("POST /v1/echo", b"{\"text\":\"\xff\xfe\"}".to_vec(), "not UTF-8"),
        ("POST /v1/echo", b"{\"text\":\"\\ud800\"}".to_vec(), "hex escape"),
        ("POST /v1/echo", b"{\"aDouble\":1e999}".to_vec(), "out of range"),
        ("POST /v1/echo", b"{\"anInt64\":1e308}".to_vec(), "out of range"),
        ("POST /v1/echo", b"\0".to_vec(), "expected value"),
    ];
    rows.push(("POST /v1/echo", b"{\"__proto__\":{}}".to_vec(), "has no field"));
    for (request, body, said) in rows {
        let answer = ask(&server, request, &[], &body).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(answer.status, 400, "{shown}: {}", answer.text());
        assert!(answer.text().contains(said), "{shown}: {}", answer.text());
    }
    server.stop().await;
}
