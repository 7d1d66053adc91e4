//! `list`, `describe` and `health`, and where `call` gets its schemas: from the server, from files, or built in.

use crate::program::{Ended, Server, check, run};

/// A schema that no server here knows.
const SHOP: &str = r#"
syntax = "proto3";
package shop.v1;

// What is for sale.
service Shop {
  rpc Buy(Order) returns (stream Receipt);
}

message Order {
  // How many.
  uint32 count = 1 [deprecated = true];
  map<string, Receipt> previous = 2;
  oneof payment {
    string card = 3;
    bytes cash_in_hand = 4 [json_name = "cash"];
  }
  optional Kind kind = 5;
  reserved 7, 9 to 11;
  reserved "price";
}

message Receipt {
  repeated Receipt parts = 1;
}

enum Kind {
  KIND_UNSPECIFIED = 0;
  KIND_GIFT = 1;
}
"#;

/// A folder with a file.
fn folder_with(name: &str, text: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (folder, path)
}

#[track_caller]
fn check_ok(ended: &Ended, stdout: &str) {
    check(ended, 0, stdout, "");
}

#[test]
fn a_server_tells_what_it_serves() {
    let server = Server::start(&[]);
    let list = run(&["list", &server.address]);
    assert_eq!((list.code, list.stderr.as_str()), (Some(0), ""));
    let names: Vec<_> = list.stdout.lines().collect();
    assert!(names.is_sorted() && names.contains(&"hello.Greeter") && names.contains(&"Calculator"), "{names:?}");
    check_ok(&run(&["list", &server.address, "hello.Greeter"]), "hello.Greeter.SayHello\n");
    let methods = run(&["list", &server.address, "--methods"]);
    assert!(methods.stdout.contains("Calculator.Add\n") && methods.stdout.contains("hello.Greeter.SayHello\n"));
    let described = run(&["describe", &server.address, "hello.HelloRequest", "Calculator/Add", "--template"]);
    check_ok(
        &described,
        "hello.HelloRequest is a message:\n// Whom to greet.\nmessage HelloRequest {\n  \
         // The name that the greeting mentions.\n  string name = 1;\n}\n\n\
         hello.HelloRequest in JSON:\n{\n  \"name\": \"\"\n}\n\n\
         Calculator.Add is a method:\n// Answers `a + b`.\n\
         rpc Add ( .BinaryOperation ) returns ( .Result ) {\n  option (google.api.http) = {\n    \
         post: \"/v1/calculator:add\"\n    body: \"*\"\n    additional_bindings: {\n      \
         get: \"/v1/calculator/{a}/plus/{b}\"\n    }\n  };\n}\n\n\
         BinaryOperation in JSON:\n{\n  \"a\": 0.0,\n  \"b\": 0.0\n}\n",
    );
    check_ok(&run(&["call", &server.address, "hello.Greeter/SayHello", "--template"]), "{\n  \"name\": \"\"\n}\n");
}

#[test]
fn names_that_a_server_does_not_have_are_64() {
    let server = Server::start(&[]);
    let at = format!("at {}\n", server.address);
    let table: &[(&[&str], &str, &str)] = &[
        (&["list", "hello.Greter"], "there is nothing called \"hello.Greter\" ", "did you mean `hello.Greeter`?"),
        (&["list", "hello.HelloRequest"], "hello.HelloRequest is no service", "`seltzer describe` shows messages"),
        (&["list", "a", "b"], "there is an argument too much: \"b\"", "ADDR SERVICE"),
        (&["describe", "no.Such"], "there is nothing called \"no.Such\" ", "the services are Cal, Calculator, "),
        (&["call", "hello.Greter/SayHello"], "there is no service called \"hello.Greter\" ", "`hello.Greeter`?"),
        (&["call", "Calculator/Ad"], "there is no method \"Calculator/Ad\" ", "did you mean `Calculator/Add`?"),
    ];
    for (words, message, hint) in table {
        let (command, names) = words.split_first().unwrap();
        let ended = run(&[&[*command, &server.address], names].concat());
        check(&ended, 64, "", &format!("error: {message}"));
        assert!(ended.stderr.contains(hint), "{words:?}: {}", ended.stderr);
        assert!(!message.ends_with(' ') || ended.stderr.contains(&at), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn schemas_in_files_need_no_server() {
    let (folder, shop) = folder_with("shop.proto", SHOP);
    check_ok(&run(&["list", "--proto", &shop]), "shop.v1.Shop\n");
    check_ok(&run(&["list", "--proto", &shop, "shop.v1.Shop"]), "shop.v1.Shop.Buy\n");
    let order = "shop.v1.Order is a message:\nmessage Order {\n  // How many.\n  uint32 count = 1 [deprecated = true];\n  \
        map<string, .shop.v1.Receipt> previous = 2;\n  oneof payment {\n    string card = 3;\n    \
        bytes cash_in_hand = 4 [json_name = \"cash\"];\n  }\n  optional .shop.v1.Kind kind = 5;\n  \
        reserved 7, 9 to 11;\n  reserved \"price\";\n}\n\n\
        shop.v1.Order in JSON:\n{\n  \"count\": 0,\n  \"previous\": {\n    \"\": {\n      \"parts\": []\n    }\n  },\n  \
        \"card\": \"\",\n  \"kind\": \"KIND_UNSPECIFIED\"\n}\n";
    check_ok(&run(&["describe", "--proto", &shop, "--template", ".shop.v1.Order"]), order);
    let parts = [
        (
            "shop.v1.Shop",
            "shop.v1.Shop is a service:\n// What is for sale.\nservice Shop {\n  \
            rpc Buy ( .shop.v1.Order ) returns ( stream .shop.v1.Receipt );\n}\n",
        ),
        (
            "shop.v1.Order.count",
            "shop.v1.Order.count is a field:\n// How many.\nuint32 count = 1 [deprecated = true];\n",
        ),
        (
            "shop.v1.Order.payment",
            "shop.v1.Order.payment is a one-of:\noneof payment {\n  string card = 3;\n  \
            bytes cash_in_hand = 4 [json_name = \"cash\"];\n}\n",
        ),
        ("shop.v1.KIND_GIFT", "shop.v1.KIND_GIFT is an enum value:\nKIND_GIFT = 1;\n"),
        ("shop.v1.Kind", "shop.v1.Kind is an enum:\nenum Kind {\n  KIND_UNSPECIFIED = 0;\n  KIND_GIFT = 1;\n}\n"),
    ];
    for (name, text) in parts {
        check_ok(&run(&["describe", "--proto", &shop, name]), text);
    }
    let set = folder.path().join("shop.bin");
    let set = set.to_str().unwrap();
    check_ok(&run(&["describe", "--proto", &shop, "shop.v1.Shop", "-o", set]), "");
    check_ok(&run(&["describe", "--descriptor-set", set, "--template", "shop.v1.Order"]), order);
    check(
        &run(&["describe", "--proto", &shop, "shop.v1.Nope"]),
        64,
        "",
        "there is nothing called \"shop.v1.Nope\" in these schemas",
    );
    check(&run(&["list"]), 64, "", "whom to ask? There is no address, and no schema either");
}

#[test]
fn files_and_the_server_are_both_asked_when_both_are_named() {
    let server = Server::start(&[]);
    let (_folder, shop) = folder_with("shop.proto", SHOP);
    let call = |more: &[&str]| run(&[&["call", &server.address, "--proto", &shop], more].concat());
    check(&call(&["hello.Greeter/SayHello"]), 64, "", "there is no method \"hello.Greeter/SayHello\" in these schemas");
    check_ok(&call(&["hello.Greeter/SayHello", "--reflection", "always"]), "{\"message\":\"Hello, \"}\n");
    // The server does not have it, but the schema is known.
    check(&call(&["shop.v1.Shop/Buy", "--reflection", "always"]), 12, "", "UNIMPLEMENTED: ");
    let all = run(&["list", &server.address, "--proto", &shop, "--reflection", "always"]);
    assert!(all.stdout.contains("hello.Greeter\n") && all.stdout.contains("shop.v1.Shop\n"), "{}", all.stdout);
}

#[test]
fn json_is_read_and_written_as_options_say() {
    let server = Server::start(&[]);
    let call = |more: &[&str]| run(&[&["call", &server.address], more].concat());
    check_ok(
        &call(&["Calculator/Subtract", "-d", "{}", "--emit-defaults"]),
        "{\"value\":0.0,\"message\":\"0 - 0 = 0\"}\n",
    );
    check(&call(&["Calculator/Add", "-d", "{\"c\":1}"]), 64, "", "unrecognized field name 'c'");
    let sum = "{\"value\":1.0,\"message\":\"1 + 0 = 1\"}\n";
    check_ok(&call(&["Calculator/Add", "-d", "{\"a\":1,\"c\":1}", "--allow-unknown-fields"]), sum);
}

#[test]
fn a_server_says_how_it_is_doing() {
    let server = Server::start(&[]);
    let health = |more: &[&str]| run(&[&["health", &server.address], more].concat());
    check_ok(&health(&[]), "SERVING\n");
    check_ok(&health(&["hello.Greeter"]), "SERVING\n");
    check(&health(&["no.Such"]), 5, "", "NOT_FOUND: ");
    let list = health(&["--list"]);
    assert!(list.stdout.starts_with("(the server) SERVING\n") && list.stdout.contains("\nhello.Greeter SERVING\n"));
    // Watching a service that may yet come: the server answers, and the deadline ends it.
    check(&health(&["no.Such", "--watch", "--timeout", "0.5"]), 4, "SERVICE_UNKNOWN\n", "DEADLINE_EXCEEDED: ");
}

#[test]
fn a_server_with_tls_is_recognised() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let server = Server::start(&["--tls-self-signed", "--tls-self-signed-out", ca]);
    let address = server.address.trim_start_matches("https://");
    let call = |more: &[&str]| run(&[&["call", address, "hello.Greeter/SayHello"], more].concat());
    check_ok(&call(&["--cacert", ca]), "{\"message\":\"Hello, \"}\n");
    check_ok(&call(&["--insecure"]), "{\"message\":\"Hello, \"}\n");
    // Found out by itself, but not trusted by itself.
    check(&call(&[]), 14, "", "certificate");
    check(&call(&["--plaintext"]), 14, "", "UNAVAILABLE: ");
}

#[test]
fn the_way_to_a_server_is_told_step_by_step() {
    let steps = |ended: &Ended| -> Vec<String> {
        let first = |line: &str| line.split_whitespace().next().unwrap_or_default().to_owned();
        ended.stderr.lines().map(first).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    let ca = ca.to_str().unwrap();
    let plain = Server::start(&[]);
    let encrypted = Server::start(&["--tls-self-signed", "--tls-self-signed-out", ca]);
    let address = encrypted.address.trim_start_matches("https://");
    let port = address.rsplit(':').next().unwrap();
    let (localhost, https) = (format!("localhost:{port}"), format!("https://localhost:{port}"));
    let told = ["resolve", "connect", "ask", "HTTP/2", "channel", "reflection", "method"];
    let with_tls = ["resolve", "connect", "TLS", "HTTP/2", "channel", "reflection", "method"];
    let distrusted = ["resolve", "connect", "ask", "TLS", "HTTP/2", "channel"];
    let greeting = "{\"message\":\"Hello, \"}\n";
    // (address, further arguments, exit status, standard output, steps, what the last one says)
    type Row<'a> = (&'a str, &'a [&'a str], i32, &'a str, &'a [&'a str], &'a str);
    let table: &[Row<'_>] = &[
        (&plain.address, &[], 0, greeting, &told, "the server speaks without TLS"),
        (&localhost, &["--cacert", ca], 0, greeting, &with_tls, "TLS 1.3, ALPN h2, one certificate"),
        (&https, &["--insecure"], 0, greeting, &with_tls, "streams at once"),
        (&localhost, &[], 14, "", &distrusted, "FAILED: TLS failed with https://localhost:"),
        ("127.0.0.1:1", &[], 14, "", &["resolve", "connect"], "FAILED: no address can be connected to: 127.0.0.1:1: "),
        ("no.such.host.invalid:1", &[], 14, "", &["resolve"], "FAILED: cannot resolve no.such.host.invalid: "),
    ];
    for (address, more, code, stdout, expected, part) in table {
        let ended = run(&[&["call", address, "hello.Greeter/SayHello", "--diagnose"], *more].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(*code), *stdout), "{ended:#?}");
        assert_eq!(steps(&ended)[..expected.len()], **expected, "{ended:#?}");
        assert!(ended.stderr.contains(part), "{part:?} is not in {ended:#?}");
    }
    let alone = run(&["call", &plain.address, "--diagnose"]);
    assert_eq!((alone.code, steps(&alone)), (Some(0), told[..6].iter().map(|&step| step.to_owned()).collect()));
}

#[test]
fn secrets_come_from_the_environment() {
    let server = Server::start(&["--token", "t0ps3cret"]);
    let call = |variable: &str| {
        let header = format!("authorization: Bearer ${{{variable}}}");
        let arguments = ["call", &server.address, "hello.Greeter/SayHello", "-H", &header];
        let mut command = crate::program::command(&arguments);
        command.env("SHOP_TOKEN", "t0ps3cret");
        crate::program::Program::run(command).ended()
    };
    check_ok(&call("SHOP_TOKEN"), "{\"message\":\"Hello, \"}\n");
    check(&call("NO_SUCH_TOKEN"), 64, "", "there is no environment variable `NO_SUCH_TOKEN`");
}
