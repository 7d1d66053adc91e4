//! Bytes of any kind: `google.api.HttpBody`.

use seltzer::gateway::Gateway;

use crate::gateway::{ask, serve};

#[tokio::test]
async fn bytes_go_through_as_they_are() {
    let server = serve(Gateway::new()).await;
    let bytes = [0, 159, 146, 150, b'"', 0xff];
    let answer = ask(&server, "POST /v1/reflect", &[("content-type", "image/webp")], bytes).await;
    assert_eq!((answer.status, answer.header("content-type"), &answer.body[..]), (200, "image/webp", &bytes[..]));
    let answer = ask(&server, "POST /v1/reflect", &[], b"").await;
    assert_eq!((answer.status, answer.header("content-type"), answer.body.len()), (200, "application/octet-stream", 0));
    let answer = ask(&server, "GET /v1/shelves/1/books/2/cover", &[], b"").await;
    assert_eq!((answer.header("content-type"), answer.text().as_str()), ("image/png", "shelves/1/books/2"));
    let put = "PUT /v1/shelves/1/books/2/cover?comment=fine";
    let answer = ask(&server, put, &[("content-type", "multipart/mixed")], b"{]").await;
    assert_eq!(
        (answer.header("content-type"), answer.text().as_str()),
        ("multipart/mixed", "shelves/1/books/2 fine {]")
    );
    server.stop().await;
}

#[tokio::test]
async fn bytes_stream_both_ways() {
    let server = serve(Gateway::new()).await;
    let long = vec![7; 200_000];
    let answer = ask(&server, "POST /v1/upload/a/b?comment=c", &[("content-type", "x/y")], &long).await;
    assert_eq!(answer.text(), r#"{"count":200000,"titles":["a/b","x/y","c"]}"#);
    let answer = ask(&server, "POST /v1/upload/a", &[], b"").await;
    assert_eq!(answer.text(), r#"{"titles":["a","",""]}"#);
    let answer = ask(&server, "GET /v1/download/a/b", &[], b"").await;
    assert_eq!((answer.header("content-type"), answer.text().as_str()), ("text/plain", "a/b and more"));
    assert!(answer.is_whole);
    let answer = ask(&server, "GET /v1/download/broken/b", &[], b"").await;
    assert!(!answer.is_whole, "what broke off must not look whole: {answer:?}");
    server.stop().await;
}

#[cfg(feature = "gzip")]
#[tokio::test]
async fn bodies_may_be_compressed() {
    use std::io::{Read as _, Write as _};

    let compressed = |text: &str| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(text.as_bytes()).unwrap();
        encoder.finish().unwrap()
    };
    let server = serve(Gateway::new().max_body_size(10_000)).await;
    let gzip = [("content-encoding", "gzip")];
    let answer = ask(&server, "POST /v1/echo", &gzip, compressed(r#"{"text":"a"}"#)).await;
    assert_eq!((answer.status, answer.text().as_str()), (200, r#"{"text":"a"}"#));
    let answer = ask(&server, "POST /v1/echo", &gzip, b"no gzip").await;
    assert_eq!(answer.status, 400, "{}", answer.text());
    for (request, known) in [("POST /v1/echo", "gzip, identity"), ("POST /v1/books:import", "identity")] {
        let answer = ask(&server, request, &[("content-encoding", "br")], "{}").await;
        assert_eq!((answer.status, answer.header("accept-encoding")), (415, known), "{request}: {}", answer.text());
    }
    let bomb = compressed(&format!(r#"{{"text":"{}"}}"#, "x".repeat(1_000_000)));
    assert!(bomb.len() < 10_000);
    let answer = ask(&server, "POST /v1/echo", &gzip, bomb).await;
    assert_eq!(answer.status, 413, "{}", answer.text());
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(2000));
    for (accept, is_compressed) in [("gzip, br", true), ("br", false), ("gzip;q=0", false), ("*", true)] {
        let answer = ask(&server, "POST /v1/echo", &[("accept-encoding", accept)], &long).await;
        assert_eq!(
            (answer.header("content-encoding") == "gzip", answer.header("vary")),
            (is_compressed, "accept-encoding")
        );
        let mut text = String::new();
        match is_compressed {
            true => flate2::read::GzDecoder::new(&answer.body[..]).read_to_string(&mut text).map(drop).unwrap(),
            false => text = answer.text(),
        }
        assert_eq!(text, long, "{accept}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_does_not_come_is_waited_for_as_long_as_was_said() {
    let server = serve(Gateway::new().body_timeout(std::time::Duration::from_millis(20))).await;
    // Whoever waits longer hears that it was slow, whoever does not, that its time was up.
    for (headers, status) in [("", 408), ("grpc-timeout: 1M\r\n", 408), ("grpc-timeout: 5m\r\n", 504)] {
        let request = format!(
            "POST /v1/echo HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{headers}transfer-encoding: chunked\r\n\r\n1\r\n{{\r\n"
        );
        let mut stream = tokio::net::TcpStream::connect(server.address).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, request.as_bytes()).await.unwrap();
        let mut read = Vec::new();
        crate::support::patiently(async {
            while !String::from_utf8_lossy(&read).contains("\"code\":4") {
                assert_ne!(tokio::io::AsyncReadExt::read_buf(&mut stream, &mut read).await.unwrap(), 0);
            }
        })
        .await;
        let said = String::from_utf8_lossy(&read);
        assert!(said.starts_with(&format!("HTTP/1.1 {status} ")), "{headers}: {said}");
    }
}
