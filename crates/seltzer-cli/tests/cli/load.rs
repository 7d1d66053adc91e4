//! Options of `seltzer serve` that say how many calls it takes on, and how long they may last.

use crate::program::{Ended, Program, Server, check, run};
use crate::wire::Wire;

const ADD: &[&str] = &["Cal/Add", "-d", r#"{"number1":1,"number2":2}"#];
const SUM: &str = "{\"number\":3}\n";

/// A call that runs until it is dropped.
fn hang(server: &Server) -> Program {
    let mut call = server.start_call(&["Contact/sendStatus", "-d", "@"]);
    call.send(r#"{"msg":"here"}"#);
    assert_eq!(call.line(), "{\"ret\":\"received: here\"}");
    call
}

#[test]
fn calls_that_are_too_many_are_turned_away() {
    const OTHER: &[&str] = &["Contact/sendStatus", "-d", r#"{"msg":"x"}"#];
    const RETRY: &str = "<< grpc-retry-pushback-ms: 1500";
    // (the options, a call beside one that runs, its exit status, what standard error says)
    let table: &[(&[&str], &[&str], i32, &str)] = &[
        (&[], ADD, 0, ""),
        (&["--max-calls", "1"], ADD, 14, "UNAVAILABLE: this server has too many calls"),
        (&["--max-calls", "2"], ADD, 0, ""),
        (&["--max-calls", "1"], &["grpc.health.v1.Health/Check"], 0, ""),
        (&["--max-calls-per-connection", "1"], ADD, 0, ""),
        (&["--max-calls-of", "Contact/sendStatus=1"], OTHER, 14, "UNAVAILABLE: "),
        (&["--max-calls-of", "Contact/sendStatus=1"], ADD, 0, ""),
        (&["--max-calls", "1", "--shed-code", "RESOURCE_EXHAUSTED"], ADD, 8, "RESOURCE_EXHAUSTED: this server has"),
        (&["--max-calls", "1", "--shed-pushback", "1.5"], &["Cal/Add", "-v"], 14, RETRY),
        (&["--max-calls", "1", "--queue-length", "1", "--queue-timeout", "0.2"], ADD, 14, "this one waited for 200ms"),
    ];
    for (options, call, code, stderr) in table {
        let server = Server::start(options);
        let hanging = hang(&server);
        let ended = server.call(call);
        assert_eq!(ended.code, Some(*code), "{options:?}: {ended:#?}");
        assert!(ended.stderr.contains(stderr), "{options:?}: {ended:#?}");
        drop(hanging);
    }
}

#[test]
fn a_connection_has_so_many_calls() {
    for (options, expected) in [(&["--max-calls-per-connection", "1"][..], "only trailers"), (&[], "headers")] {
        let server = Server::start(options);
        let mut wire = Wire::open(&server.address, &[]);
        wire.request(1, "/Contact/sendStatus", &[], true);
        wire.request(3, "/grpc.testing.TestService/EmptyCall", &[], true);
        wire.send(crate::wire::DATA, crate::wire::END_STREAM, 3, &[0; 5]);
        assert_eq!(wire.fate(3), expected, "{options:?}");
    }
}

#[test]
fn a_call_in_the_queue_has_its_turn() {
    let server = Server::start(&["--max-calls", "1", "--queue-length", "1"]);
    let mut wire = Wire::open(&server.address, &[]);
    // One that runs, one that waits, and one that is too many: calls of a connection begin in their order.
    wire.request(1, "/Contact/sendStatus", &[], true);
    for stream in [3, 5] {
        wire.request(stream, "/grpc.testing.TestService/EmptyCall", &[], true);
        wire.send(crate::wire::DATA, crate::wire::END_STREAM, stream, &[0; 5]);
    }
    assert_eq!(wire.fate(5), "only trailers");
    wire.send(crate::wire::DATA, crate::wire::END_STREAM, 1, &[]);
    assert_eq!(wire.fate(3), "headers");
}

#[test]
fn callers_have_a_rate() {
    const KEY: [&str; 2] = ["--rate-limit-by", "metadata:x-key"];
    let call = |more: &[&str], server: &Server| -> Ended { server.call(&[ADD, more].concat()) };
    // (further options, further arguments of the second call, its exit status)
    let table: &[(&[&str], &[&str], i32)] = &[
        (&[], &[], 8),
        (&["--rate-limit-code", "UNAVAILABLE"], &[], 14),
        (&KEY, &["-H", "x-key:b"], 0),
        (&KEY, &["-H", "x-key:a"], 8),
        (&["--rate-limit-by", "method"], &[], 8),
    ];
    for (options, more, code) in table {
        let server = Server::start(&[&["--rate-limit", "0.001:1"], *options].concat());
        check(&call(&["-H", "x-key:a"], &server), 0, SUM, "");
        assert_eq!(call(more, &server).code, Some(*code), "{options:?} {more:?}");
        let other = server.call(&["hello.Greeter/SayHello"]);
        assert_eq!(other.code, Some(if options.contains(&"method") { 0 } else { other_code(options) }), "{options:?}");
        check(&server.call(&["grpc.health.v1.Health/Check"]), 0, "{\"status\":\"SERVING\"}\n", "");
    }
    let server = Server::start(&["--rate-limit", "0.001:3"]);
    let codes: Vec<_> = (0..4).map(|_| call(&[], &server).code).collect();
    assert_eq!(codes, [Some(0), Some(0), Some(0), Some(8)]);
}

/// What a call of another method ends with. One without the key has the bucket of all that have none, which is full.
fn other_code(options: &[&str]) -> i32 {
    match options {
        [_, "UNAVAILABLE"] => 14,
        [_, "metadata:x-key"] => 0,
        _ => 8,
    }
}

#[test]
fn calls_have_their_time() {
    const HANG: &[&str] = &["Contact/getTask"];
    // (the options, the call, what standard error says)
    let table: &[(&[&str], &[&str], &str)] = &[
        (&["--max-call-timeout", "0.3"], &["Contact/getTask", "--timeout", "50"], "DEADLINE_EXCEEDED: "),
        (&["--default-call-timeout", "0.3"], HANG, "DEADLINE_EXCEEDED: "),
        (&["--min-call-timeout", "9"], &["Cal/Add", "--timeout", "5"], "begins nothing with less than 9s"),
    ];
    for (options, call, stderr) in table {
        let ended = Server::start(options).call(call);
        assert_eq!(ended.code, Some(4), "{options:?}: {ended:#?}");
        assert!(ended.stderr.contains(stderr), "{options:?}: {ended:#?}");
    }
    let server = Server::start(&["--default-call-timeout", "0.3", "--min-call-timeout", "0.1"]);
    check(&server.call(&[ADD, &["--timeout", "30"]].concat()), 0, SUM, "");
}

#[test]
fn contradictions_are_refused_with_a_remedy() {
    // (the options, what is wrong, what to do)
    let table: &[(&[&str], &str, &str)] = &[
        (
            &["--queue-length", "3"],
            "--queue-length means nothing without --max-calls, --max-calls-per-connection or --max-calls-of",
            "add --max-calls, --max-calls-per-connection or --max-calls-of, or leave --queue-length out",
        ),
        (&["--max-calls", "3", "--queue-timeout", "1"], "without --queue-length", "add --queue-length, or leave"),
        (&["--shed-pushback", "1"], "--shed-pushback means nothing without --max-calls", "leave --shed-pushback out"),
        (&["--shed-code", "RESOURCE_EXHAUSTED"], "--shed-code means nothing", "leave --shed-code out"),
        (&["--rate-limit-by", "method"], "--rate-limit-by means nothing without --rate-limit", "add --rate-limit"),
        (&["--rate-limit-code", "UNAVAILABLE"], "nothing without --rate-limit", "add --rate-limit"),
        (&["--max-connection-age-grace", "9"], "nothing without --max-connection-age", "add --max-connection-age"),
        (&["--keepalive-interval", "none", "--keepalive-timeout", "9"], "--keepalive-interval", "add"),
        (&["--keepalive-interval", "none", "--keepalive-only-during-calls"], "--keepalive-interval", "add"),
        (&["--tls-handshake-timeout", "3"], "--tls-handshake-timeout means nothing without --tls-cert", "add"),
        (&["--max-tls-handshakes", "3"], "--max-tls-handshakes means nothing without --tls-cert", "add"),
        (
            &["--min-call-timeout", "9", "--max-call-timeout", "5"],
            "--min-call-timeout is above --max-call-timeout, so that it is never reached",
            "lower --min-call-timeout, or raise --max-call-timeout",
        ),
        (&["--default-call-timeout", "9", "--max-call-timeout", "5"], "--default-call-timeout is above", "lower"),
        (&["--default-call-timeout", "1", "--min-call-timeout", "5"], "--min-call-timeout is above", "lower"),
        (&["--max-calls-per-connection", "300"], "above --max-concurrent-streams", "raise --max-concurrent-streams"),
        (&["--max-calls-per-connection", "9", "--max-calls", "5"], "above --max-calls,", "raise --max-calls"),
        (&["--max-calls-of", "Cal/Add=9", "--max-calls", "5"], "--max-calls-of is above", "raise --max-calls"),
        (&["--connection-memory-bytes", "2GiB", "--memory-bytes", "1GiB"], "above --memory-bytes", "lower"),
        (&["--connection-memory-bytes", "1MiB"], "--max-message-bytes is above --connection-memory-bytes", "lower"),
        (&["--memory-bytes", "1MiB"], "--max-message-bytes is above --memory-bytes", "lower"),
        (&["--carrier", "hyper", "--glitches", "5:5"], "hyper knows nothing of --glitches", "`--carrier engine`"),
        (&["--carrier", "hyper", "--max-connection-age", "5"], "--max-connection-age", "leave --max-connection-age"),
        (&["--max-calls-of", "Calculator/Divid=3"], "no method \"Calculator/Divid\"", "`Calculator/Divide`"),
    ];
    for (options, wrong, remedy) in table {
        let ended = run(&[&["serve", "--listen", "127.0.0.1:0"], *options].concat());
        check(&ended, 64, "", wrong);
        assert!(ended.stderr.contains(&format!("hint: {remedy}")) || ended.stderr.contains(remedy), "{ended:#?}");
    }
}

#[test]
fn values_out_of_range_are_refused_with_the_range() {
    let table: &[(&[&str], &str)] = &[
        (&["--max-frame-bytes", "1000"], "it is too little: write 16KiB or more"),
        (&["--max-frame-bytes", "16MiB"], "it is too much: write 16777215 or less"),
        (&["--connection-window-bytes", "1000"], "it is too little: write 65535 or more"),
        (&["--stream-window-bytes", "4GiB"], "it is too much: write 2147483647 or less"),
        (&["--stream-window-bytes", "lots"], "write a number of bytes, such as 65536, 64KiB or 4MiB"),
        (&["--max-header-fields", "3"], "3 is not in 16"),
        (&["--max-concurrent-streams", "0"], "0 is not in 1.."),
        (&["--max-calls", "0"], "it must be at least 1; or write `none`"),
        (&["--max-calls-of", "Calculator"], "write it as SERVICE/METHOD=N"),
        (&["--glitches", "5"], "write it as BURST:PER_SECOND"),
        (&["--glitches", "0:5"], "a burst of 0 would permit none at all"),
        (&["--preface-timeout", "0"], "there must be some time"),
        (&["--max-connection-age=-1"], "it is not a time that can pass; or write `none`"),
        (&["--rate-limit", "0"], "more than 0"),
        (&["--rate-limit", "5", "--rate-limit-by", "name"], "write peer, method or metadata:NAME"),
        (&["--shed-code", "INTERNAL"], "write UNAVAILABLE or RESOURCE_EXHAUSTED"),
    ];
    for (options, stderr) in table {
        check(&run(&[&["serve"], *options].concat()), 64, "", stderr);
    }
}
