//! `seltzer serve`: what it prints, what it serves, how it stops.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use crate::program::{Program, Server, check, listening};

#[test]
fn what_is_listed_is_what_is_served() {
    let server = Server::start(&[]);
    let mut listed = Vec::new();
    assert_eq!(server.program.line(), "");
    assert_eq!(server.program.line(), "serving");
    loop {
        let line = server.program.line();
        let mut words = line.split_whitespace();
        let Some(name) = words.next() else { break };
        assert!(words.next().is_some(), "{line:?} has no methods");
        listed.push(name.to_owned());
    }
    listed.sort();

    let mut page = String::new();
    let mut connection = TcpStream::connect(&server.address).unwrap();
    connection.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    connection.read_to_string(&mut page).unwrap();
    let mut served: Vec<_> =
        page.split("<h2>").skip(1).map(|rest| rest.split_once('<').unwrap().0.to_owned()).collect();
    served.sort();
    assert_eq!(listed, served);
}

#[test]
fn metrics_are_shown_where_they_are_asked_for() {
    let server = Server::start(&["--metrics", "127.0.0.1:0"]);
    let line = server.program.error_line();
    let address = line.strip_prefix("metrics at http://").and_then(|rest| rest.strip_suffix("/metrics"));
    let address = address.unwrap_or_else(|| panic!("{line}"));
    let called = server.call(&["hello.Greeter/SayHello", "-d", r#"{"name": "you"}"#]);
    assert_eq!(called.code, Some(0), "{called:#?}");
    let mut page = String::new();
    let mut connection = TcpStream::connect(address).unwrap();
    connection.write_all(b"GET /metrics HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").unwrap();
    connection.read_to_string(&mut page).unwrap();
    let started = "grpc_server_call_started_total{grpc_method=\"hello.Greeter/SayHello\"";
    assert!(page.lines().any(|line| line.starts_with(started) && line.ends_with(" 1")), "{page}");
}

#[cfg(unix)]
#[test]
fn the_commands_to_try_work() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let with_tls = ["--tls-self-signed", "--tls-self-signed-out", ca.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    for arguments in [&[][..], &with_tls] {
        let server = Server::start(arguments);
        while server.program.line() != "try in another terminal" {}
        let commands: Vec<String> = (0..3).map(|_| server.program.line()).collect();
        for command in commands {
            let output = std::process::Command::new("sh").args(["-c", &command]).output().unwrap();
            assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(!output.stdout.is_empty(), "{command}");
        }
    }
}

#[test]
fn it_listens_on_several_addresses_and_serves_by_default() {
    let folder = tempfile::tempdir().unwrap();
    let socket = format!("unix:{}", folder.path().join("seltzer.sock").display());
    // No command: it is `serve`.
    let mut arguments = vec!["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--workers", "1"];
    if cfg!(unix) {
        arguments.extend(["--listen", &socket]);
    }
    let program = Program::start(&arguments);
    let addresses: Vec<String> = (0..arguments.len() / 2 - 1).map(|_| listening(&program)).collect();
    assert_ne!(addresses[0], addresses[1]);
    let reply = "{\"message\":\"Hello, Ann\"}\n";
    for address in &addresses {
        let ended = crate::program::run(&["call", address, "hello.Greeter/SayHello", "-d", r#"{"name":"Ann"}"#]);
        check(&ended, 0, reply, "");
    }
    if cfg!(unix) {
        assert_eq!(addresses[2], socket);
    }
}

/// As systemd does it: the socket is descriptor 3, and `LISTEN_PID` is the server's own number.
#[cfg(target_os = "linux")]
#[test]
fn sockets_of_a_service_manager_are_served_and_it_is_told_how_things_stand() {
    let folder = tempfile::tempdir().unwrap();
    let manager = std::os::unix::net::UnixDatagram::bind(folder.path().join("notify")).unwrap();
    manager.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
    let told = || {
        let mut message = [0; 64];
        let bytes = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..bytes].to_vec()).unwrap()
    };
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    let mut shell = std::process::Command::new("sh");
    shell.args([
        "-c",
        "exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" serve",
        env!("CARGO_BIN_EXE_seltzer"),
    ]);
    shell.env("NOTIFY_SOCKET", folder.path().join("notify")).stdin(std::os::fd::OwnedFd::from(socket));
    shell.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let program = Program::run(shell);
    assert_eq!(listening(&program), address);
    assert_eq!(told(), "READY=1\n");
    let ended = crate::program::run(&["call", &address, "Cal/Add", "-d", r#"{"number1":1,"number2":2}"#]);
    check(&ended, 0, "{\"number\":3}\n", "");
    program.signal("TERM");
    assert_eq!(told(), "STOPPING=1\n");
    assert_eq!(program.ended().code, Some(0));
}

#[cfg(target_os = "linux")]
#[test]
fn workers_are_threads_of_the_server() {
    let server = Server::start(&["--workers", "2"]);
    check(&server.call(&["Cal/Add", "-d", r#"{"number1":1,"number2":2}"#]), 0, "{\"number\":3}\n", "");
    let threads = std::fs::read_dir(format!("/proc/{}/task", server.program.id())).unwrap();
    let names = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap());
    assert_eq!(names.filter(|name| name.starts_with("seltzer-io-")).count(), 2);
}

#[test]
fn http2_is_carried_by_what_was_asked_for() {
    for carrier in ["engine", "hyper"] {
        let server = Server::start(&["--carrier", carrier]);
        check(&server.call(&["Cal/Add", "-d", r#"{"number1":1,"number2":2}"#]), 0, "{\"number\":3}\n", "");
        let mut connection = TcpStream::connect(&server.address).unwrap();
        connection.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
        let mut head = [0; 9];
        connection.read_exact(&mut head).unwrap();
        let mut settings = vec![0; usize::from(head[2])];
        connection.read_exact(&mut settings).unwrap();
        // Only hyper says how large frames may be when that is what they may be anyway.
        let says_frame_size = settings.chunks(6).any(|setting| setting[..2] == [0, 5]);
        assert_eq!(says_frame_size, carrier == "hyper", "{carrier}: {settings:?}");
    }
}

#[test]
fn settings_reach_the_server() {
    let server = Server::start(&["--max-message-bytes", "20", "--task-interval", "0.001", "-v"]);
    let long = r#"{"name":"a name of more than twenty bytes"}"#;
    check(&server.call(&["Greeter/SayHello", "-d", long]), 8, "", "RESOURCE_EXHAUSTED: ");
    let logged = server.program.error_line();
    let words: Vec<_> = logged.split(' ').collect();
    assert_eq!(words[..2], ["Greeter/SayHello", "RESOURCE_EXHAUSTED"], "{logged}");
    assert!(words[2].ends_with('s') && words[3].starts_with("127.0.0.1:") && words.len() == 4, "{logged}");
    // Ten tasks would take twenty seconds at the usual interval.
    let call = server.start_call(&["Contact/getTask", "--timeout", "15"]);
    for number in 1..=10 {
        assert_eq!(call.line(), format!("{{\"task\":\"task {number}\"}}"));
    }
}

#[cfg(unix)]
#[test]
fn a_stop_drains() {
    for signal in ["TERM", "INT"] {
        let server = Server::start(&[]);
        let mut call = server.start_call(&["Contact/sendStatus", "-d", "@"]);
        call.send(r#"{"msg":"before"}"#);
        assert_eq!(call.line(), "{\"ret\":\"received: before\"}");
        server.program.signal(signal);
        assert!(server.program.error_line().starts_with("stopping: calls may go on for 30s"));
        call.send(r#"{"msg":"after"}"#);
        assert_eq!(call.line(), "{\"ret\":\"received: after\"}");
        check(&call.ended(), 0, "", "");
        let ended = server.program.ended();
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    }
}

#[cfg(unix)]
#[test]
fn the_drain_has_an_end() {
    // (the grace, whether it is told to stop again, its exit status)
    for (grace, again, code) in [("0", false, 0), ("3600", true, 143)] {
        let server = Server::start(&["--drain-grace", grace]);
        let call = server.start_call(&["Contact/getTask"]);
        assert_eq!(call.line(), "{\"task\":\"task 1\"}");
        server.program.signal("TERM");
        assert!(server.program.error_line().starts_with("stopping: "));
        if again {
            server.program.signal("TERM");
        }
        assert_eq!(server.program.ended().code, Some(code), "{grace}");
        check(&call.ended(), 14, "", "UNAVAILABLE: ");
    }
}

#[test]
fn a_script_may_read_the_first_line_only() {
    use std::io::{BufRead as _, BufReader};
    let mut child = crate::program::command(&["--listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
    let ended = crate::program::run(&["call", &address, "Cal/Add", "-d", r#"{"number1":1,"number2":2}"#]);
    let _ = child.kill();
    let _ = child.wait();
    check(&ended, 0, "{\"number\":3}\n", "");
}
