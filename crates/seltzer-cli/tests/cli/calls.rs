//! `seltzer call`: what goes in, what comes out.

use crate::program::{Ended, Server, check};

#[test]
fn calls_of_all_four_kinds_and_their_statuses() {
    let server = Server::start(&[]);
    let squares = "{\"value\":1.0,\"message\":\"1 * 1 = 1\"}\n{\"value\":4.0,\"message\":\"2 * 2 = 4\"}\n";
    let details = "ClCTuHi9doRoDA"; // Not a google.rpc.Status.
    let table: &[(&[&str], i32, &str, &str)] = &[
        (&["Calculator/Divide", "-d", r#"{"a":1,"b":4}"#], 0, "{\"value\":0.25,\"message\":\"1 / 4 = 0.25\"}\n", ""),
        (&["Calculator/GetSquares", "-d", r#"{"value":2}"#], 0, squares, ""),
        (&["Calculator/SumNumbers", "-d", r#"{"value":1} {"value":2}"#], 0, SUM, ""),
        (&["Calculator/SumNumbers", "-d", r#"{"value":1}"#, "-d", r#"{"value":2}"#], 0, SUM, ""),
        (&["Contact/sendStatus", "-d", r#"{"msg":"a"}{"msg":"b"}"#], 0, ECHO, ""),
        // Names of methods are forgiving.
        (&["/Calculator/Divide", "-d", r#"{"a":1,"b":4}"#], 0, "{\"value\":0.25,\"message\":\"1 / 4 = 0.25\"}\n", ""),
        (&["user.User.GetUser", "-d", r#"{"id":2}"#], 0, "{\"details\":{\"id\":2,\"value\":\"twtrubiks\"}}\n", ""),
        // Without -d there is one empty message, or a stream without messages.
        (&["Calculator/Add"], 0, "{\"message\":\"0 + 0 = 0\"}\n", ""),
        (&["Contact/sendStatus"], 0, "", ""),
        // Statuses.
        (&["Calculator/Divide", "-d", r#"{"a":1,"b":0}"#], 3, "", "INVALID_ARGUMENT: 除数不能为零！\n"),
        (&["user.User/GetUser", "-d", r#"{"id":99}"#], 5, "", "NOT_FOUND: "),
        (&["grpc.testing.TestService/UnimplementedCall"], 12, "", "UNIMPLEMENTED: UnimplementedCall"),
        (&["grpc.testing.ReconnectService/Stop"], 12, "", "UNIMPLEMENTED: there is no service"),
        (&["grpc.health.v1.Health/Nothing"], 64, "", "there is no method"),
        (&["Calculator/GetSquares", "-d", r#"{"value":9}"#, "--max-message-bytes", "4"], 8, "", "RESOURCE_EXHAUSTED: "),
        (&["Calculator/Add", "-H", &format!("x-bin: {details}")], 0, "{\"message\":\"0 + 0 = 0\"}\n", ""),
    ];
    for (arguments, code, stdout, stderr) in table {
        check(&server.call(arguments), *code, stdout, stderr);
    }
}

const SUM: &str = "{\"value\":3.0,\"message\":\"the sum of 2 numbers\"}\n";
const ECHO: &str = "{\"ret\":\"received: a\"}\n{\"ret\":\"received: b\"}\n";

#[test]
fn calls_are_made_in_other_protocols() {
    let server = Server::start(&[]);
    for way in [
        &["--protocol", "grpc"][..],
        &["--protocol", "grpc-web"],
        &["--protocol", "connect"],
        &["--protocol", "grpc-web", "--http1"],
        &["--protocol", "connect", "--http1", "--compression", "gzip"],
    ] {
        let call = |arguments: &[&str]| server.call(&[arguments, way].concat());
        check(&call(&["Calculator/SumNumbers", "-d", r#"{"value":1} {"value":2}"#]), 0, SUM, "");
        check(&call(&["Contact/sendStatus", "-d", r#"{"msg":"a"}{"msg":"b"}"#]), 0, ECHO, "");
        check(&call(&["Calculator/Add"]), 0, "{\"message\":\"0 + 0 = 0\"}\n", "");
        check(&call(&["user.User/GetUser", "-d", r#"{"id":99}"#]), 5, "", "NOT_FOUND: ");
    }
    check(&server.call(&["Calculator/Add", "--http1"]), 64, "", "gRPC needs HTTP/2");
}

#[test]
fn the_timeout_is_for_the_whole_call() {
    let server = Server::start(&["--task-interval", "3600"]);
    let ended = server.call(&["Contact/getTask", "--timeout", "1.5"]);
    check(&ended, 4, "{\"task\":\"task 1\"}\n", "DEADLINE_EXCEEDED: ");
}

#[test]
fn verbose_shows_metadata_both_ways() {
    let server = Server::start(&["--compression", "gzip"]);
    let call = |method: &str, data: &str| -> Ended {
        let echo = ["-H", "X-Grpc-Test-Echo-Initial: abc", "-H", "x-grpc-test-echo-trailing-bin: AQID"];
        server.call(&[&[method, "-d", data, "-v"][..], &echo].concat())
    };
    let ended = call("grpc.testing.TestService/EmptyCall", "{}");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "{}\n"));
    for line in [
        "> x-grpc-test-echo-initial: abc\n",
        "> x-grpc-test-echo-trailing-bin: AQID\n",
        "< x-grpc-test-echo-initial: abc\n",
        "<< x-grpc-test-echo-trailing-bin: AQID\n",
        "OK in ",
    ] {
        assert!(ended.stderr.contains(line), "{line}: {ended:#?}");
    }
    let ended = call("grpc.testing.TestService/UnaryCall", r#"{"responseStatus": {"code": 10, "message": "no"}}"#);
    check(&ended, 10, "", "<< x-grpc-test-echo-trailing-bin: AQID\n");
    assert!(ended.stderr.contains("ABORTED: no\n"), "{ended:#?}");
}

#[test]
fn compression_goes_both_ways() {
    let server = Server::start(&["--compression", "deflate"]);
    for encoding in ["gzip", "deflate"] {
        let method = "grpc.testing.TestService/UnaryCall";
        // The service refuses a request that it expects compressed and that is not.
        let data = r#"{"expectCompressed": {"value": true}, "responseSize": 3}"#;
        let ended = server.call(&[method, "-d", data, "--compression", encoding]);
        assert_eq!(ended.code, Some(0), "{encoding}: {ended:#?}");
        assert!(ended.stdout.contains("\"body\":\"AAAA\""), "{ended:#?}");
    }
    let greeting = "{\"message\":\"hello Ann\"}\n";
    check(&server.call(&["Greeter/SayHello", "-d", r#"{"name": "Ann"}"#]), 0, greeting, "");
}

#[test]
fn a_token_is_asked_for() {
    let server = Server::start(&["--token", "token123"]);
    let sum = "{\"value\":3.0,\"message\":\"1 + 2 = 3\"}\n";
    let add = ["Calculator/Add", "-d", r#"{"a":1,"b":2}"#];
    let with = |header: &str| server.call(&[&add[..], &["-H", header]].concat());
    check(&with("authorization: Bearer token123"), 0, sum, "");
    check(&with("authorization: Bearer token12"), 16, "", "UNAUTHENTICATED: this token is not accepted here");
    check(&with("authorization: Basic eA"), 16, "", "UNAUTHENTICATED: the metadata `authorization` is not of the form");
    let without = "UNAUTHENTICATED: the call carries no token: send the metadata `authorization: Bearer TOKEN`\n";
    check(&server.call(&add), 16, "", without);
}
