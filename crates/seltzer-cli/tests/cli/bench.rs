//! `bench`: calls are made, counted and reported.

use serde_json::Value;

use crate::program::{Ended, Server, check, run};

fn bench(server: &Server, words: &[&str]) -> Ended {
    run(&[&["bench", &server.address], words].concat())
}

fn json(ended: &Ended) -> Value {
    serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:#?}"))
}

#[test]
fn calls_of_every_kind_are_counted() {
    let server = Server::start(&[]);
    // (method, options, exit status, calls, failed, messages sent, messages received)
    type Row<'a> = (&'a str, &'a [&'a str], i32, [u64; 4]);
    let table: &[Row<'_>] = &[
        ("Calculator/Add", &["-n", "200", "-d", r#"{"a": {{random 1 5}}}"#], 0, [200, 0, 200, 200]),
        ("Calculator/Add", &["-n", "200", "--threads", "2", "--connections", "3", "-c", "5"], 0, [200, 0, 200, 200]),
        ("Calculator/Divide", &["-n", "30", "-c", "3", "-d", r#"{"a": 1}"#], 1, [30, 30, 30, 0]),
        ("Calculator/GetSquares", &["-n", "10", "-d", r#"{"value": 4}"#], 0, [10, 0, 10, 40]),
        ("Calculator/SumNumbers", &["-n", "10", "-d", "{}", "-d", "{}", "--stream-repeat", "3"], 0, [10, 0, 60, 10]),
        (
            "grpc.testing.TestService/FullDuplexCall",
            &["-n", "5", "-d", r#"{"responseParameters": [{"size": 9}]}"#, "--stream-repeat", "4"],
            0,
            [5, 0, 20, 20],
        ),
        ("Calculator/Add", &["-n", "50", "--rate", "500"], 0, [50, 0, 50, 50]),
    ];
    for (method, options, code, [calls, failed, sent, received]) in table {
        let ended = bench(&server, &[&[*method, "--format", "json"], *options].concat());
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(*code), ""), "{method} {options:?}: {ended:#?}");
        let report = json(&ended);
        let found =
            ["calls", "failed", "messages_sent", "messages_received"].map(|name| report[name].as_u64().unwrap());
        assert_eq!(found, [*calls, *failed, *sent, *received], "{method} {options:?}");
        let seconds = report["seconds"].as_array().unwrap();
        let sum = |name: &str| seconds.iter().map(|second| second[name].as_u64().unwrap()).sum::<u64>();
        assert_eq!((sum("ok"), sum("failed")), (calls - failed, *failed), "{method} {options:?}");
        let latency = &report["latency_ms"];
        let [least, middle, most] =
            [&latency["min"], &latency["percentiles"]["p50"], &latency["max"]].map(|value| value.as_f64().unwrap());
        assert!(failed == calls || 0.0 < least && least <= middle && middle <= most, "{latency}");
    }
}

#[test]
fn failures_are_told_with_their_words() {
    let server = Server::start(&[]);
    let ended = bench(&server, &["Calculator/Divide", "-n", "7", "-c", "1", "-d", r#"{"a": 1}"#]);
    assert_eq!(ended.code, Some(1));
    assert!(ended.stdout.contains("failed      7\n"), "{}", ended.stdout);
    assert!(ended.stdout.contains("7 INVALID_ARGUMENT: 除数不能为零！\n"), "{}", ended.stdout);
}

#[test]
fn latencies_are_those_of_the_server_and_count_from_the_intended_time() {
    const DELAY_MS: f64 = 100.0;
    // Two answers, each after 50 ms: a delay that is known.
    let data = r#"{"responseParameters": [{"size": 1, "intervalUs": 50000}, {"size": 1, "intervalUs": 50000}]}"#;
    let slow = ["grpc.testing.TestService/StreamingOutputCall", "-d", data, "--format", "json", "-n", "4"];
    let server = Server::start(&[]);
    let closed = json(&bench(&server, &[&slow[..], &["-c", "2"]].concat()));
    let least = closed["latency_ms"]["min"].as_f64().unwrap();
    assert!(least >= DELAY_MS * 0.98, "{least} ms");
    // One at a time, though four begin within a moment: the last one waits for three, and that is latency.
    let open = json(&bench(&server, &[&slow[..], &["--rate", "1000", "--max-in-flight", "1"]].concat()));
    let most = open["latency_ms"]["max"].as_f64().unwrap();
    assert!(most >= 4.0 * DELAY_MS * 0.98 - 3.0, "the last of four took {most} ms");
    assert_eq!(open["begun_late"].as_u64(), Some(3));
}

#[test]
fn reports_have_the_form_of_their_files() {
    let server = Server::start(&[]);
    let folder = tempfile::tempdir().unwrap();
    // (file, how it begins, what is in it)
    let table = [
        ("report.json", "{", "\"calls_per_second\""),
        ("report.csv", "second,ok,failed,p50_ms,p90_ms,p99_ms,max_ms\n0,20,0,", "\n"),
        ("report.html", "<!doctype html>\n", "<svg viewBox"),
        ("report.txt", "Calculator/Add at ", "Latency of calls, where OK:"),
    ];
    for (name, beginning, part) in table {
        let path = folder.path().join(name);
        check(&bench(&server, &["Calculator/Add", "-n", "20", "-o", path.to_str().unwrap()]), 0, "", "");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.starts_with(beginning) && text.contains(part), "{name}: {text}");
        // Nothing is fetched from elsewhere.
        assert!(!text.contains("http://") && !text.contains("https://"), "{name}: {text}");
    }
}

#[test]
fn mistakes_are_64() {
    let server = Server::start(&[]);
    let table: &[(&[&str], &str)] = &[
        (&["Calculator/Ad"], "did you mean `Calculator/Add`?"),
        (&["Calculator/Add", "-d", "{c}"], "message 1: not a BinaryOperation in JSON"),
        (&["Calculator/Add", "-d", "{\"a\": {{m}}}"], "message 1: `{{m}}` is not known"),
        (&["Calculator/Add", "--rate", "0"], "a rate is more than 0"),
        (&["Calculator/Add", "--rate", "1..5", "-n", "5"], "a rate that changes needs a time to change in"),
        (&["Calculator/Add", "--rate", "1..5", "-z", "1", "--warmup", "1"], "cannot have a time to warm up"),
        (&["Calculator/Add", "--rate", "5", "-c", "5"], "cannot be used with"),
        (&["Calculator/Add", "-n", "0"], "it must be at least 1"),
    ];
    for (words, stderr) in table {
        check(&bench(&server, words), 64, "", stderr);
    }
    check(&run(&["bench", "127.0.0.1:1", "Calculator/Add"]), 14, "", "UNAVAILABLE: cannot connect to 127.0.0.1:1");
}
