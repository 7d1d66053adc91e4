//! What the user got wrong: one clear line, a hint, an exit status.

use std::net::SocketAddr;

use socket2::{Domain, SockAddr, Socket, Type};

use crate::program::{Program, Server, check, listening, run};

#[test]
fn mistakes_in_the_command_line_are_64() {
    let table: &[(&[&str], &str)] = &[
        (&["frobnicate"], "unrecognized subcommand 'frobnicate'"),
        (&["call"], "required arguments were not provided"),
        (&["call", "127.0.0.1:1"], "<SERVICE/METHOD>"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "--bogus"], "unexpected argument '--bogus'"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "--timeout", "soon"], "write a number of seconds"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "--timeout", "0"], "there must be some time"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "-H", "nothing"], "write it as name:value"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "-H", "grpc-timeout:1S"], "use --timeout"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "--compression", "br"], "possible values: gzip, deflate"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "--tls-cert", "a"], "--tls-key"),
        (&["call", "127.0.0.1:1", "Calculator/Add", "--tls-insecure", "--tls-ca", "a"], "cannot be used with"),
        (&["call", "http://127.0.0.1:1", "Calculator/Add", "--tls-insecure"], "hint: write https://"),
        (
            &["call", "127.0.0.1:1", "Calculator/Add", "--tls-ca", "/no/ca.pem"],
            "cannot read the certificate /no/ca.pem",
        ),
        (
            &["call", "gopher://host", "Calculator/Add"],
            "the scheme \"gopher\" is not known, unless to a resolver of your own\n  hint: write http://",
        ),
        (&["call", "https://127.0.0.1:1", "Calculator/Add", "--plaintext"], "hint: leave one of the two out"),
        (&["call", "50051", "Calculator/Add"], "hint: write 127.0.0.1:50051"),
        (&["call", "localhost", "Calculator/Add"], "it names no port\n  hint: write localhost:50051"),
        (
            &["call", "Calculator/Add", "127.0.0.1:50051"],
            "error: \"Calculator/Add\" is no address, and \"127.0.0.1:50051\" is no method\n  \
             hint: the address comes first: seltzer call 127.0.0.1:50051 Calculator/Add\n",
        ),
        (&["serve", "--listen", "nowhere"], "it is neither HOST:PORT nor unix:PATH"),
        (&["serve", "--tls-cert", "a"], "--tls-key"),
        (&["serve", "--tls-client-ca", "a"], "--tls-self-signed"),
        (&["serve", "--tls-sni", "a.example=a.pem"], "NAME=CERT:KEY"),
        (&["serve", "--tls-self-signed", "--tls-cert", "a", "--tls-key", "b"], "cannot be used with"),
        (&["serve", "--workers", "0"], "0 is not in 1..=1024"),
        (&["serve", "--carrier", "pigeon"], "possible values: engine, hyper"),
        (&["serve", "--token", "two words"], "printable ASCII without spaces"),
        (&["--listen"], "a value is required for '--listen <ADDR>'"),
        (&["compile"], "required arguments were not provided"),
        (&["compile", "a.proto"], "--descriptor-set-out <FILE>|--rust-out <DIR>"),
        (&["compile", "a.proto", "-o", "a.bin", "--module", "a"], "--rust-out"),
    ];
    for (arguments, stderr) in table {
        check(&run(arguments), 64, "", stderr);
    }
}

#[test]
fn help_and_version_are_no_mistakes() {
    let table: &[(&[&str], &str)] = &[
        (&["--help"], "seltzer COMMAND --help"),
        (&["--version"], concat!("seltzer ", env!("CARGO_PKG_VERSION"))),
        (&["serve", "--help"], "Exit status: 0 after a stop"),
        (&["call", "--help"], "Exit status: 0 for OK"),
        (&["compile", "-h"], "Exit status: 0, 64"),
    ];
    for (arguments, part) in table {
        let ended = run(arguments);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{arguments:?}");
        assert!(ended.stdout.contains(part), "{arguments:?}: {}", ended.stdout);
    }
}

#[test]
fn methods_and_messages_that_do_not_exist_are_64() {
    let table: &[(&[&str], &str)] = &[
        (
            &["Calculator/Divid"],
            "error: there is no method \"Calculator/Divid\" in the built-in schemas\n  \
             hint: did you mean `Calculator/Divide`? Calculator has the methods Add, ",
        ),
        (&["TestService/EmptyCall"], "did you mean `grpc.testing.TestService/EmptyCall`?"),
        (&["whatever"], "hint: write SERVICE/METHOD; the services are Calculator, user.User, "),
        (
            &["Calculator/Add", "-d", r#"{"c":1}"#],
            "error: message 1: not a BinaryOperation in JSON: unrecognized field name 'c' at line 1 column 4\n  \
             hint: BinaryOperation has the fields a (double) and b (double)\n",
        ),
        (&["Calculator/Add", "-d", "{a:1}"], "error: message 1: not JSON: key must be a string at line 1 column 2\n"),
        (&["Calculator/Add", "-d", "{} {}"], "Calculator/Add takes one message, and there are 2"),
        (
            &["Calculator/Add", "-d", "m.json"],
            "expected value at line 1 column 1\n  hint: `-d @m.json` reads that file\n",
        ),
        (&["Calculator/Add", "-d", "@/no/such/file"], "cannot read the messages in /no/such/file: "),
        (&["Calculator/Add", "--proto", "/no/such.proto"], "`/no/such.proto` does not exist\n  hint: searched `/no`"),
        (&["Calculator/Add", "--descriptor-set", "/no/set.bin"], "cannot read the descriptor set /no/set.bin: "),
    ];
    for (arguments, stderr) in table {
        // No server is needed to see it.
        check(&run(&[&["call", "127.0.0.1:1", "--reflection", "never"], *arguments].concat()), 64, "", stderr);
    }
}

#[test]
fn a_port_in_use_and_files_that_are_missing() {
    let taken = Server::start(&[]);
    let empty = tempfile::NamedTempFile::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    let table: &[(&[&str], &str)] = &[
        (&["--listen", &taken.address], "\n  hint: another program listens there; "),
        (&["--listen", "unix:/no/such/folder/socket"], "error: cannot listen on unix:/no/such/folder/socket: "),
        (
            &["--tls-cert", "/no/cert.pem", "--tls-key", "/no/key.pem"],
            "error: cannot read the certificate /no/cert.pem: ",
        ),
        (&["--tls-cert", empty, "--tls-key", "/no/key.pem"], "error: cannot read the private key /no/key.pem: "),
        (
            &["--tls-cert", empty, "--tls-key", empty],
            &format!("error: there is no certificate in {empty}: the file is empty\n"),
        ),
        (
            &["--tls-self-signed", "--tls-self-signed-out", "/no/ca.pem"],
            "error: cannot write the certificate to /no/ca.pem",
        ),
        (&["--tls-self-signed", "--tls-client-ca", "/no/ca.pem"], "error: cannot read the certificate /no/ca.pem"),
    ];
    for (arguments, stderr) in table {
        let listen: &[&str] = if arguments[0] == "--listen" { &[] } else { &["--listen", "127.0.0.1:0"] };
        check(&run(&[listen, *arguments].concat()), 1, "", stderr);
    }
}

#[test]
fn a_refused_connection_is_unavailable() {
    // Bound, so that nobody else gets it, but nobody listens.
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SockAddr::from(SocketAddr::from(([127, 0, 0, 1], 0)))).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap().to_string();
    let ended = run(&["call", &address, "Calculator/Add"]);
    let expected = format!("UNAVAILABLE: cannot connect to {address}: ");
    check(&ended, 14, "", &expected);
    assert!(ended.stderr.contains("\n  hint: nothing listens there: is the server running, and on this port?\n"));
    assert_eq!(ended.stderr.lines().count(), 2, "{ended:#?}");
}

#[cfg(unix)]
#[test]
fn unix_sockets_are_not_told_about_ports() {
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| format!("unix:{}", folder.path().join(name).display());
    // A server that was killed leaves its socket behind.
    drop(std::os::unix::net::UnixListener::bind(folder.path().join("dead")).unwrap());
    std::fs::write(folder.path().join("file"), "").unwrap();
    let calls = [
        ("none", "hint: there is no such file: is the server running, and with this path?\n"),
        (
            "dead",
            "hint: no server listens on this file; one that was killed leaves its socket behind: start it again\n",
        ),
        ("file", "hint: no server listens on this file; "),
    ];
    for (name, stderr) in calls {
        let ended = run(&["call", &place(name), "Calculator/Add"]);
        check(&ended, 14, "", stderr);
        assert!(ended.stderr.starts_with(&format!("UNAVAILABLE: cannot connect to {}: ", place(name))), "{ended:#?}");
    }
    let taken = Program::start(&["--listen", &place("taken")]);
    listening(&taken);
    let servers = [
        ("taken", "hint: another server listens on this socket; stop it, or listen on another path\n"),
        ("file", "hint: a file that is no socket is in the way; move it, or listen on another path\n"),
        ("no/such/folder", "hint: there is no such folder; make it, or listen on another path\n"),
    ];
    for (name, stderr) in servers {
        check(&run(&["--listen", &place(name)]), 1, "", stderr);
    }
}

#[test]
fn shells_and_man_know_the_commands() {
    for (shell, part) in
        [("bash", "complete -F _seltzer"), ("zsh", "#compdef seltzer"), ("fish", "complete -c seltzer")]
    {
        let ended = run(&["completions", shell]);
        assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""), "{shell}");
        assert!(ended.stdout.contains(part) && ended.stdout.contains("describe"), "{shell}: {}", ended.stdout);
    }
    let page = run(&["man", "call"]);
    assert!(page.stdout.contains(".TH seltzer-call 1") && page.stdout.contains("emit\\-defaults"), "{}", page.stdout);
    check(&run(&["man", "cal"]), 64, "", "there is no command \"cal\"\n  hint: there are serve, call, ");
    let folder = tempfile::tempdir().unwrap();
    check(&run(&["man", "--out", folder.path().to_str().unwrap()]), 0, "", "");
    let mut pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    pages.sort();
    assert!(pages.contains(&"seltzer.1".into()) && pages.contains(&"seltzer-serve.1".into()), "{pages:?}");
}
