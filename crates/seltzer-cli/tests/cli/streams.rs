//! Standard input and standard output while a call runs.

use std::io::Write as _;

use crate::program::{Program, Server, check};

#[test]
fn each_message_is_sent_and_each_reply_printed_at_once() {
    let server = Server::start(&[]);
    let mut call = server.start_call(&["Contact/sendStatus", "-d", "@"]);
    for name in ["one", "two", "three"] {
        // The next message is written only after the reply to this one was read.
        call.send(&format!("{{\"msg\":\n \"{name}\"}}"));
        assert_eq!(call.line(), format!("{{\"ret\":\"received: {name}\"}}"));
    }
    check(&call.ended(), 0, "", "");
}

#[test]
fn a_method_that_takes_one_message_reads_it_from_standard_input_too() {
    let server = Server::start(&[]);
    let table = [
        (r#"{"a":1,"b":2}"#, 0, "{\"value\":3.0,\"message\":\"1 + 2 = 3\"}\n", ""),
        // Some editors put this mark in front of UTF-8.
        ("\u{feff}{\"a\":1,\"b\":2}", 0, "{\"value\":3.0,\"message\":\"1 + 2 = 3\"}\n", ""),
        ("", 64, "", "Calculator/Add takes one message, and there are 0"),
        ("{} {}", 64, "", "Calculator/Add takes one message, and there are 2"),
    ];
    for (input, code, stdout, stderr) in table {
        let mut call = server.start_call(&["Calculator/Add", "-d", "@"]);
        call.send(input);
        check(&call.ended(), code, stdout, stderr);
    }
    let mut file = tempfile::NamedTempFile::new().unwrap();
    writeln!(file, r#"{{"value":1}} {{"value":2}}"#).unwrap();
    let data = format!("@{}", file.path().display());
    let sum = "{\"value\":3.0,\"message\":\"the sum of 2 numbers\"}\n";
    check(&server.call(&["Calculator/SumNumbers", "-d", &data]), 0, sum, "");
    // What `>` of some shells writes.
    let utf_16: Vec<u8> = "\u{feff}{}".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(file.path(), utf_16).unwrap();
    let error = "error: cannot read the messages: it is UTF-16; save it as UTF-8\n";
    check(&server.call(&["Calculator/SumNumbers", "-d", &data]), 64, "", error);
}

#[test]
fn half_a_stream_is_not_taken_for_a_whole_one() {
    let server = Server::start(&["-v"]);
    let table = [
        (r#"{"msg": 7}"#, "error: message 2: not a ClientMsg in JSON: "),
        (r#"{"msg": "b""#, "error: message 2: not JSON: EOF while parsing an object"),
    ];
    for (second, error) in table {
        let mut call = server.start_call(&["Contact/sendStatus", "-d", "@"]);
        call.send(r#"{"msg": "a"}"#);
        assert_eq!(call.line(), "{\"ret\":\"received: a\"}");
        call.send(second);
        check(&call.ended(), 64, "", error);
        // A stream that ended well would be OK.
        let logged = server.program.error_line();
        assert!(logged.starts_with("Contact/sendStatus CANCELLED "), "{logged}");
    }
}

#[test]
fn a_reader_who_leaves_ends_the_call_quietly() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let server = Server::start(&["-v"]);
    let arguments =
        ["call", &server.address, "--reflection", "never", "Calculator/GetSquares", "-d", r#"{"value": 1e15}"#];
    let mut child = crate::program::command(&arguments).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "{\"value\":1.0,\"message\":\"1 * 1 = 1\"}\n");
    // The pipe is closed by now.
    let mut stderr = String::new();
    child.stderr.take().unwrap().read_to_string(&mut stderr).unwrap();
    assert_eq!((child.wait().unwrap().code(), stderr.as_str()), (Some(0), ""));
    assert!(server.program.error_line().starts_with("Calculator/GetSquares CANCELLED "));
}

#[cfg(unix)]
#[test]
fn ctrl_c_cancels_the_call() {
    let server = Server::start(&["-v"]);
    let call: Program = server.start_call(&["Contact/getTask"]);
    assert_eq!(call.line(), "{\"task\":\"task 1\"}");
    call.signal("INT");
    check(&call.ended(), 1, "", "CANCELLED: interrupted here\n");
    assert!(server.program.error_line().starts_with("Contact/getTask CANCELLED "));
}
