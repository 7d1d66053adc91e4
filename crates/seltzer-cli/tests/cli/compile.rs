//! `seltzer compile`, and `seltzer call` with schemas of the user's own.

use std::fs;
use std::path::Path;

use crate::program::{Server, check, command, run};

/// A schema that can be called at the demo services, in a file and package of its own.
const HELLO: &str = r#"syntax = "proto3";
package hello;
import "parts/messages.proto";
service Greeter {
  rpc SayHello(parts.Request) returns (parts.Reply);
  rpc Missing(parts.Request) returns (parts.Reply);
}
"#;

const MESSAGES: &str = r#"syntax = "proto3";
package parts;
message Request { string name = 1; }
message Reply { string message = 1; }
"#;

const BROKEN: &str = "syntax = \"proto3\";\nmessage M {\n  strin x = 1;\n}\n";

/// A folder with the schemas in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("parts")).unwrap();
    let files = [("hello.proto", HELLO), ("parts/messages.proto", MESSAGES), ("broken.proto", BROKEN)];
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn calls_by_schemas_and_by_descriptor_sets() {
    let server = Server::start(&[]);
    let folder = folder();
    let include = text(folder.path());
    let proto = folder.path().join("hello.proto");
    let proto = text(&proto);
    let set = folder.path().join("set.bin");
    let set = text(&set);
    check(&run(&["compile", proto, "-I", include, "-o", set, "--include-imports"]), 0, "", "");

    let moved = format!("-Iparts={include}/parts");
    let sources: &[&[&str]] = &[
        &["--proto", proto, "-I", include],
        &["--proto", proto],
        &["--proto", "hello.proto", "-I", include],
        &["--proto", proto, &moved, "-I", include],
        &["--descriptor-set", set],
    ];
    let data = ["-d", r#"{"name":"Ann"}"#];
    for source in sources {
        let call = |method: &str| server.call(&[&[method], *source, &data].concat());
        check(&call("hello.Greeter/SayHello"), 0, "{\"message\":\"Hello, Ann\"}\n", "");
        check(&call("hello.Greeter/Missing"), 12, "", "UNIMPLEMENTED: there is no method /hello.Greeter/Missing\n");
        check(&call("Calculator/Add"), 64, "", "no method \"Calculator/Add\" in these schemas");
        check(&call("Greeter/SayHelo"), 64, "", "did you mean `hello.Greeter/SayHello`?");
    }
}

#[test]
fn a_set_has_imports_and_comments_on_request() {
    let folder = folder();
    let proto = folder.path().join("hello.proto");
    let out = folder.path().join("set.bin");
    let set = |options: &[&str]| {
        let arguments = ["compile", text(&proto), "-I", text(folder.path()), "--descriptor-set-out", text(&out)];
        check(&run(&[&arguments, options].concat()), 0, "", "");
        fs::read(&out).unwrap()
    };
    let has = |set: &[u8], name: &str| set.windows(name.len()).any(|part| part == name.as_bytes());
    let plain = set(&[]);
    // What the file defines is there, what its import defines is not.
    assert!(has(&plain, "SayHello") && !has(&plain, "\x0a\x07message"));
    let whole = set(&["--include-imports"]);
    assert!(has(&whole, "SayHello") && has(&whole, "\x0a\x07message"));
    assert!(set(&["--include-source-info"]).len() > plain.len());

    // A set without its imports cannot be used to call.
    set(&[]);
    let call = run(&["call", "127.0.0.1:1", "hello.Greeter/SayHello", "--descriptor-set", text(&out)]);
    check(&call, 64, "", "hint: write it with `seltzer compile ... --descriptor-set-out FILE --include-imports`");
}

#[test]
fn a_set_goes_to_standard_output_too() {
    let folder = folder();
    let proto = folder.path().join("hello.proto");
    let out = folder.path().join("set.bin");
    let compile = ["compile", text(&proto), "--include-imports", "-o"];
    check(&run(&[&compile[..], &[text(&out)]].concat()), 0, "", "");
    let output = command(&[&compile[..], &["-"]].concat()).current_dir(folder.path()).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    assert_eq!(output.stdout, fs::read(&out).unwrap());
    assert!(!folder.path().join("-").exists());
}

#[test]
fn rust_is_written() {
    let folder = folder();
    let proto = folder.path().join("hello.proto");
    let out = folder.path().join("generated");
    let arguments = ["compile", text(&proto), "-I", text(folder.path()), "--rust-out", text(&out)];
    check(&run(&[&arguments[..], &["--module", "greeting", "--include-file", "all.rs"]].concat()), 0, "", "");
    let read = |name: &str| fs::read_to_string(out.join(name)).unwrap();
    assert!(read("greeting.rs").contains("pub trait Greeter"));
    assert!(read("parts.rs").contains("pub struct Request"));
    assert!(read("all.rs").contains("include!(\"greeting.rs\")"));
}

#[test]
fn a_broken_schema_is_quoted() {
    let folder = folder();
    let broken = folder.path().join("broken.proto");
    let broken = text(&broken);
    let out = folder.path().join("set.bin");
    let out = text(&out);
    let compile = run(&["compile", broken, "-o", out]);
    check(&compile, 1, "", "broken.proto:3:3]");
    for part in ["name 'strin' is not defined", "3 │   strin x = 1;", "did you mean `string`?"] {
        assert!(compile.stderr.contains(part), "{part}: {compile:#?}");
    }
    assert!(!Path::new(out).exists());
    check(&run(&["call", "127.0.0.1:1", "S/M", "--proto", broken]), 64, "", "name 'strin' is not defined");
    check(&run(&["compile", "/no/such.proto", "-o", out]), 1, "", "error: `/no/such.proto` does not exist\n  hint: ");
    let hello = folder.path().join("hello.proto");
    check(&run(&["compile", text(&hello), "-o", "/no/set.bin"]), 1, "", "error: cannot write /no/set.bin: ");
}
