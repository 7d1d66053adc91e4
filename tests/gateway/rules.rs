//! Rules that are wrong, rules from a service config, and the demo services.

use seltzer::Server;
use seltzer::gateway::Gateway;

use crate::gateway::library::Library;
use crate::gateway::{check, serve};
use crate::support::Running;

/// What a server says that does not start with these rules.
async fn refused(rules: &str) -> String {
    let gateway = match Gateway::new().rules_json(&format!(r#"{{"http":{{"rules":[{rules}]}}}}"#)) {
        Ok(gateway) => gateway,
        Err(error) => return error.to_string(),
    };
    let server = Server::builder().add_service(Library::server()).speak(gateway);
    match server.bind("127.0.0.1:0").await {
        Ok(_) => "it started".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn wrong_rules_keep_the_server_from_starting() {
    let plain = |rest: &str| format!(r#"{{"selector":"rest.Library.Plain",{rest}}}"#);
    for (rule, said) in [
        (
            plain(r#""post":"/v1/echo","body":"*""#),
            "of rest.Library.Plain matches the same requests as POST /v1/echo of rest.Library.Echo",
        ),
        (plain(r#""get":"/v1/isbn/{text}""#), "of rest.Library.GetBook"),
        (plain(r#""get":"v1""#), "must begin with a slash"),
        (plain(r#""get":"/a/{nothing}""#), "the message rest.Everything has no field nothing"),
        (plain(r#""get":"/a/{inner.nothing}""#), "has no field nothing"),
        (plain(r#""get":"/a/{numbers}""#), "the field numbers is repeated"),
        (plain(r#""get":"/a/{labels}""#), "the field labels is a map"),
        (plain(r#""get":"/a/{inner}""#), "a rest.Everything cannot be written in a path"),
        (plain(r#""get":"/a/{struct}""#), "cannot be written in a path"),
        (plain(r#""get":"/a/{text.x}""#), "the field text is no message"),
        (plain(r#""get":"/a/{inners.text}""#), "the field inners is repeated"),
        (plain(r#""get":"/a","body":"*""#), "a GET request has no body"),
        (plain(r#""post":"/a","body":"nothing""#), "`body: \"nothing\"`"),
        (plain(r#""post":"/a","body":"inner.text""#), "a field of the message itself"),
        (plain(r#""post":"/a","response_body":"nothing""#), "`response_body: \"nothing\"`"),
        (plain(r#""custom":{"kind":"A B","path":"/a"}"#), "is no HTTP method"),
        (plain(r#""get":"/a","post":"/b""#), "several HTTP methods"),
        (plain(r#""body":"*""#), "neither an HTTP method nor a path"),
        (plain(r#""get":"/a","nonsense":1"#), "`nonsense` is unknown"),
        (
            plain(r#""get":"/a","additional_bindings":[{"get":"/b","additional_bindings":[{"get":"/c"}]}]"#),
            "additional bindings have none of their own",
        ),
        (plain(r#""get":"/a","additional_bindings":[{"get":"/{x"}]"#), "additional binding 1"),
        (r#"{"selector":"rest.Library.Nothing","get":"/a"}"#.to_owned(), "no service here has such a method"),
        (r#"{"get":"/a"}"#.to_owned(), "no selector"),
        (r#"{"selector":"rest.Library.ImportBooks","post":"/a"}"#.to_owned(), "comes in the body"),
        ("1".to_owned(), "an object was expected"),
        ("x".to_owned(), "not JSON"),
    ] {
        let answer = refused(&rule).await;
        assert!(answer.contains(said), "{rule}: {answer}");
    }
}

#[tokio::test]
async fn rules_of_a_service_config_replace_those_of_schemas() {
    let rules = r#"{"type": "google.api.Service", "http": {"fullyDecodeReservedExpansion": true, "rules": [
        {"selector": "rest.Library.Echo", "get": "/new/{text=**}"},
        {"selector": "rest.Library.Plain", "put": "/plain", "body": "inner", "responseBody": "inner",
         "additionalBindings": [{"custom": {"kind": "COPY", "path": "/plain/{text}"}}]}]}}"#;
    let server = serve(Gateway::new().rules_json(rules).unwrap()).await;
    check(
        &server,
        &[
            ("GET /new/a/b%2Fc", "", r#"200 {"text":"a/b/c"}"#),
            ("POST /v1/echo", "{}", "404 ..."),
            ("PUT /plain", r#"{"text":"a"}"#, r#"200 {"text":"a"}"#),
            ("COPY /plain/a", "", r#"200 {"text":"a"}"#),
            ("GET /v1/isbn/1", "", r#"200 {"title":"1"}"#),
        ],
    )
    .await;
    server.stop().await;
    let server = serve(Gateway::new().methods_without_rules(false)).await;
    check(&server, &[("POST /rest.Library/Plain", "{}", "415 ...")]).await;
    server.stop().await;
}

#[tokio::test]
async fn the_demo_services_have_rules() {
    let server = seltzer::services::add_to(Server::builder(), &seltzer::services::Settings::default());
    let server = Running::start(server.speak(Gateway::new())).await;
    check(
        &server,
        &[
            ("POST /v1/hello", r#"{"name": "world"}"#, r#"200 {"message":"hello world"}"#),
            ("GET /v1/hello/world", "", r#"200 {"message":"hello world"}"#),
            ("POST /v1/hello:again", r#"{"name": "world"}"#, r#"200 {"message":"hello world"}"#),
            ("GET /v1/greetings/world", "", r#"200 {"message":"Hello, world"}"#),
            ("GET /v1/worlds/world", "", r#"200 {"message":"Hello, world!"}"#),
            ("GET /v1/users/2", "", r#"200 {"id":2,"value":"twtrubiks"}"#),
            ("GET /v1/users/999", "", "404 ...999"),
            ("GET /v1/calculator/6/by/3", "", r#"200 {"value":2.0,"message":"6 / 3 = 2"}"#),
            ("GET /v1/calculator/6/by/0", "", "400 ...除数不能为零！"),
            ("POST /v1/calculator:add", r#"{"a":1,"b":2}"#, r#"200 {"value":3.0,"message":"1 + 2 = 3"}"#),
            (
                "GET /v1/calculator/squares/2",
                "",
                r#"200 [{"value":1.0,"message":"1 * 1 = 1"},{"value":4.0,"message":"2 * 2 = 4"}]"#,
            ),
            (
                "POST /v1/calculator:sum",
                r#"[{"value":1},{"value":2}]"#,
                r#"200 {"value":3.0,"message":"the sum of 2 numbers"}"#,
            ),
            ("GET /v1/cal/2/times/3", "", r#"200 {"number":6}"#),
            ("GET /v1/compute/abc", "", r#"200 {"result":"3"}"#),
            ("GET /v1/features/409146138/-746188906", "", "200 ...Berkshire Valley Management Area Trail"),
            ("GET /v1/guide/features/409146138/-746188906", "", "200 ...Berkshire Valley Management Area Trail"),
            ("POST /v1/contact/status", r#"[{"msg":"a"}]"#, "200 ..."),
            ("POST /v1/contact/results", r#"[{"ret":"a"}]"#, "200 {}"),
            ("POST /grpc.testing.TestService/EmptyCall", "{}", "200 {}"),
        ],
    )
    .await;
    server.stop().await;
}
