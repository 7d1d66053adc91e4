//! Calls from pages of other origins, in all protocols.

use seltzer::Server;
use seltzer::connect::Connect;
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
}
