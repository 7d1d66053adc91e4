//! Calls from pages of other origins, in all protocols.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use seltzer::Server;
use seltzer::connect::Connect;
use seltzer::gateway::Gateway;
use seltzer::server::Cors;
use seltzer::web::GrpcWeb;

use crate::support::Running;
use crate::support::page::{BOTH, request};
use crate::support::probe::{Probe, ask};
use crate::support::raw::framed;

const PAGE: &str = "https://app.example";
const UNARY: &str = "/grpc.testing.BenchmarkService/UnaryCall";

fn speaking(server: Server) -> Server {
    server.add_service(Probe::new().0.server()).speak(Connect::new()).speak(GrpcWeb::new())
}

#[tokio::test]
async fn pages_of_other_origins_call_in_every_protocol() {
    use prost::Message as _;
    let server = Running::start(speaking(Server::builder().cors(Cors::origins([PAGE])))).await;
    let message = ask("trailer seen").encode_to_vec();
    for http in BOTH {
        for (content_type, body) in
            [("application/proto", message.clone()), ("application/grpc-web", framed(0, &message))]
        {
            let preflight = [
                ("origin", PAGE),
                ("access-control-request-method", "POST"),
                ("access-control-request-headers", "content-type,x-grpc-web,connect-protocol-version"),
            ];
            let answer = request(http, server.address, "OPTIONS", UNARY, &preflight, b"").await;
            assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (204, &PAGE.parse().unwrap()));

            let headers = [("origin", PAGE), ("content-type", content_type)];
            let answer = request(http, server.address, "POST", UNARY, &headers, &body).await;
            assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (200, &PAGE.parse().unwrap()));
            let exposed = answer.headers["access-control-expose-headers"].to_str().unwrap();
            assert!(exposed.contains("grpc-status"), "{exposed}");
            if content_type == "application/proto" {
                assert!(exposed.contains("trailer-x-trailer"), "{exposed}");
            }
        }
        // Errors of HTTP can be read, too.
        let headers = [("origin", PAGE), ("content-type", "image/jpeg")];
        let answer = request(http, server.address, "POST", UNARY, &headers, b"").await;
        assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (415, &PAGE.parse().unwrap()));
        // Others are answered, and their browsers keep it from them.
        let headers = [("origin", "https://other.example"), ("content-type", "application/proto")];
        let answer = request(http, server.address, "POST", UNARY, &headers, &message).await;
        assert_eq!((answer.status, answer.headers.get("access-control-allow-origin")), (200, None));
    }
}

#[tokio::test]
async fn without_being_told_to_a_server_says_nothing_of_origins() {
    let server = Running::start(speaking(Server::builder())).await;
    for http in BOTH {
        let preflight = [("origin", PAGE), ("access-control-request-method", "POST")];
        let answer = request(http, server.address, "OPTIONS", UNARY, &preflight, b"").await;
        assert!(answer.status >= 400, "{answer:?}");
        assert!(answer.headers.keys().all(|name| !name.as_str().starts_with("access-control-")), "{answer:?}");
    }
}

#[tokio::test]
async fn preflights_pass_before_layers_that_would_refuse_them() {
    let layer = tower::util::MapRequestLayer::new(|request: http::Request<seltzer::server::Body>| {
        assert_ne!(request.method(), http::Method::OPTIONS, "a layer has seen a preflight");
        request
    });
    let server = Running::start(speaking(Server::builder().layer(layer).cors(Cors::any_origin()))).await;
    let preflight = [("origin", PAGE), ("access-control-request-method", "POST")];
    for http in BOTH {
        let answer = request(http, server.address, "OPTIONS", UNARY, &preflight, b"").await;
        assert_eq!((answer.status, &answer.headers["access-control-allow-origin"]), (204, &"*".parse().unwrap()));
    }
}

#[tokio::test]
async fn an_origin_that_is_none_keeps_the_server_from_starting() {
    let server = speaking(Server::builder().cors(Cors::origins(["app.example"])));
    let error = server.bind("127.0.0.1:0").await.expect_err("it is no origin").to_string();
    assert!(error.contains("\"app.example\" is no origin"), "{error}");
    let server = speaking(Server::builder().cors(Cors::any_origin().allow_credentials()));
    let error = server.bind("127.0.0.1:0").await.expect_err("anybody could act as anybody").to_string();
    assert!(error.contains("Cors::origins([...])"), "{error}");
}

#[tokio::test]
async fn which_pages_may_read_is_not_the_handlers_to_say() {
    use prost::Message as _;
    let rest = Gateway::new().response_headers(["access-control-allow-origin", "access-control-allow-credentials"]);
    let server = Server::builder().cors(Cors::origins([PAGE]));
    let server = Running::start(speaking(server).speak(rest)).await;
    let other = "https://other.example";
    let message = ask(&format!("claim {other}")).encode_to_vec();
    let json = format!(r#"{{"payload":{{"body":"{}"}}}}"#, STANDARD.encode(format!("claim {other}"))).into_bytes();
    let stream = "/grpc.testing.BenchmarkService/StreamingCall";
    for http in BOTH {
        for (path, content_type, body) in [
            (UNARY, "application/proto", message.clone()),
            (stream, "application/connect+proto", framed(0, &message)),
            (stream, "application/connect+json", framed(0, &json)),
            (UNARY, "application/grpc-web", framed(0, &message)),
            (UNARY, "application/grpc-web+json", framed(0, &json)),
            (UNARY, "application/json; charset=utf-8", json.clone()),
            (UNARY, "text/json", json.clone()),
        ] {
            for (origin, admitted) in [(other, None), (PAGE, Some(PAGE))] {
                let headers = [("origin", origin), ("content-type", content_type)];
                let answer = request(http, server.address, "POST", path, &headers, &body).await;
                let said = |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap());
                assert_eq!(answer.status, 200, "{content_type}");
                assert_eq!(said("access-control-allow-origin"), admitted, "{content_type}");
                assert_eq!(said("access-control-allow-credentials"), None, "{content_type}");
            }
        }
    }
}
