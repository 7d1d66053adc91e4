//! What is written, when, and under which name.

use std::fs;
use std::path::PathBuf;

use seltzer_build::{Builder, Error, configure, manual};

use crate::support::{Generated, Workspace};

const NAMELESS: &str = "syntax = \"proto3\";\nmessage Result { int32 a = 1; }\n";
const OTHER_NAMELESS: &str = "syntax = \"proto3\";\nmessage Result { string b = 1; }\n";

/// Compiles as a build script does, into `out` of the workspace.
fn build(workspace: &Workspace, builder: Builder, proto: &str) -> Result<Generated, Error> {
    let out = workspace.path("out");
    builder.out_dir(&out).emit_rerun_if_changed(false).compile_protos(&[workspace.path(proto)], &[workspace.root()])?;
    Ok(Generated::read(&out))
}

#[test]
fn a_file_is_called_like_its_package() {
    for (package, name) in [
        ("package a;", "a"),
        ("package a.b.v1;", "a.b.v1"),
        ("package camelCase.x;", "camel_case.x"),
        ("package my.type;", "my.type"),
        ("", "_"),
    ] {
        let workspace = Workspace::new(&format!("syntax = \"proto3\";\n{package}\nmessage A {{}}\n"));
        let generated = workspace.generate(&configure()).unwrap();
        assert_eq!(generated.names(), [format!("{name}.fds.bin"), format!("{name}.rs")]);
        assert!(generated.text(&format!("{name}.rs")).contains(&format!("include_bytes!(\"{name}.fds.bin\")")));
    }
}

#[test]
fn a_module_names_the_listed_schemas() {
    let workspace = Workspace::new(
        "syntax = \"proto3\";\npackage p;\nimport \"b.proto\";\nmessage A { B b = 1; }\n=== b.proto\nsyntax = \"proto3\";\nmessage B {}\n",
    );
    let named = |proto: &[&str]| {
        let generated = workspace.generate_from(&configure().module("shop"), proto);
        let _ = fs::remove_dir_all(workspace.path("out"));
        generated.map(|generated| generated.names().into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    // One package is listed: it is the one. Without a package: likewise. Both: the one without.
    assert_eq!(named(&["a.proto"]).unwrap(), ["_.fds.bin", "_.rs", "shop.fds.bin", "shop.rs"]);
    assert_eq!(named(&["b.proto"]).unwrap(), ["shop.fds.bin", "shop.rs"]);
    assert_eq!(named(&["a.proto", "b.proto"]).unwrap(), ["p.fds.bin", "p.rs", "shop.fds.bin", "shop.rs"]);
}

#[test]
fn useless_and_clashing_module_names_are_refused() {
    let two = "syntax = \"proto3\";\npackage p;\n=== b.proto\nsyntax = \"proto3\";\npackage q;\n";
    let mixed = "syntax = \"proto3\";\npackage p;\nmessage M {}\n=== b.proto\nsyntax = \"proto3\";\n";
    for (schema, name, says) in [
        (two, "shop", "`.module(\"shop\")` fits none of package `p`, package `q`"),
        (mixed, "P", "schemas without a package and package `p` would both go to `p.rs`"),
        (NAMELESS, "a/b", "`a/b` cannot be the name of a file"),
        (NAMELESS, "", "`` cannot be the name of a file"),
    ] {
        let workspace = Workspace::new(schema);
        let protos: &[&str] = if schema == NAMELESS { &["a.proto"] } else { &["a.proto", "b.proto"] };
        let error = workspace.generate_from(&configure().module(name), protos).unwrap_err();
        assert_eq!(error.to_string(), says);
        assert!(error.hint().is_some());
    }
}

#[test]
fn one_call_does_not_write_over_another() {
    let workspace = Workspace::new(NAMELESS);
    workspace.write("b.proto", OTHER_NAMELESS.as_bytes());
    build(&workspace, configure(), "a.proto").unwrap();
    let error = build(&workspace, configure(), "b.proto").unwrap_err();
    assert_eq!(error.to_string(), "`_.rs` would be written twice: for `a.proto`, then for `b.proto`");
    assert!(error.hint().unwrap().contains(".module(\"name\")"), "{error:?}");
    // The same again is no problem, neither is another name.
    build(&workspace, configure(), "a.proto").unwrap();
    let generated = build(&workspace, configure().module("other"), "b.proto").unwrap();
    assert_eq!(generated.names(), ["_.fds.bin", "_.rs", "other.fds.bin", "other.rs"]);
    assert!(generated.text("_.rs").contains("pub a: i32"));
}

#[test]
fn unchanged_files_are_not_written() {
    let workspace = Workspace::new(NAMELESS);
    workspace.generate(&configure().include_file("all.rs")).unwrap();
    let long_ago = std::time::SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let files: Vec<PathBuf> = ["_.rs", "_.fds.bin", "all.rs"].map(|name| workspace.path("out").join(name)).into();
    for file in &files {
        fs::File::options().write(true).open(file).unwrap().set_modified(long_ago).unwrap();
    }
    let modified =
        || files.iter().map(|file| fs::metadata(file).unwrap().modified().unwrap() == long_ago).collect::<Vec<_>>();
    workspace.generate(&configure().include_file("all.rs")).unwrap();
    assert_eq!(modified(), [true, true, true]);
    workspace.write("a.proto", OTHER_NAMELESS.as_bytes());
    workspace.generate(&configure().include_file("all.rs")).unwrap();
    assert_eq!(modified(), [false, false, true]);
}

#[test]
fn an_include_file_nests_packages() {
    let workspace = Workspace::new(
        "syntax = \"proto3\";\npackage a.type.b;\nimport \"b.proto\";\nimport \"c.proto\";\n=== b.proto\nsyntax = \"proto3\";\npackage a;\nmessage B {}\n=== c.proto\nsyntax = \"proto3\";\nmessage C {}\n",
    );
    let generated = workspace.generate(&configure().include_file("all.rs")).unwrap();
    let expected = r#"// @generated by seltzer-build
include!("_.rs");
pub mod a {
    include!("a.rs");
    pub mod r#type {
        pub mod b {
            include!("a.type.b.rs");
        }
    }
}
"#;
    assert_eq!(generated.text("all.rs"), expected);
}

#[test]
fn a_package_may_clash_with_a_module_in_the_include_file_only() {
    let workspace = Workspace::new(
        "syntax = \"proto3\";\npackage p.greeter_server;\nimport \"b.proto\";\nmessage M {}\n=== b.proto\nsyntax = \"proto3\";\npackage p;\nservice Greeter {}\n",
    );
    workspace.generate(&configure()).unwrap();
    let error = workspace.generate(&configure().include_file("all.rs")).unwrap_err();
    assert_eq!(
        workspace.without_directory(&error.to_string()),
        "b.proto:3:9: the server of service `Greeter` and package `p.greeter_server` are both `greeter_server` in Rust"
    );
}

#[test]
fn a_descriptor_set_can_be_written_beside() {
    let workspace = Workspace::new(NAMELESS);
    let set = workspace.path("set.bin");
    build(&workspace, configure().file_descriptor_set_path(&set), "a.proto").unwrap();
    let pool = prost_reflect::DescriptorPool::decode(fs::read(set).unwrap().as_slice()).unwrap();
    assert!(pool.get_message_by_name("Result").is_some());
}

#[test]
fn settings_that_do_not_parse_are_named() {
    let schema = "syntax = \"proto3\";\npackage p;\nmessage A {}\nservice S { rpc Get(A) returns (A); }\n";
    for (builder, says) in [
        (configure().type_attribute(".", "#[derive(Hash"), "what was generated for `p` is not Rust: "),
        (configure().server_attribute(".", "derive(Hash)"), "`derive(Hash)` is not a Rust attribute: "),
        (configure().seltzer_path("a b"), "`a b` is not a Rust path: "),
        (configure().codec_path("1"), "`1` is not a Rust path: "),
        (configure().extern_path(".p.A", "not a type"), "`not a type` is not a Rust type: "),
        (configure().extern_path("p.A", "crate::A"), "the settings do not fit together: Protobuf paths must be "),
        (
            configure().extern_path(".google.protobuf", "crate::A"),
            "the settings do not fit together: duplicate extern ",
        ),
    ] {
        let workspace = Workspace::new(schema);
        let error = workspace.generate(&builder).unwrap_err();
        assert!(error.to_string().starts_with(says), "{error}");
        assert!(error.hint().is_some(), "{error:?}");
    }
}

#[test]
fn a_missing_out_dir_is_named() {
    // Tests have no OUT_DIR, as there is no build script here.
    assert_eq!(std::env::var_os("OUT_DIR"), None);
    let workspace = Workspace::new(NAMELESS);
    let error = seltzer_build::compile_protos(&[workspace.path("a.proto")], &[workspace.root()]).unwrap_err();
    assert_eq!(error.to_string(), "there is no `OUT_DIR` to write to");
    let blocked = configure().out_dir(workspace.path("a.proto"));
    let error = blocked.compile_protos(&[workspace.path("a.proto")], &[workspace.root()]).unwrap_err();
    assert!(workspace.without_directory(&error.to_string()).starts_with("cannot create `a.proto`: "), "{error}");
}

#[test]
fn services_by_hand_are_checked() {
    let method =
        || manual::Method::builder().route_name("Get").input_type("()").output_type("()").codec_path("crate::C");
    let service = |method: manual::MethodBuilder| manual::Service::builder().name("S").method(method.build()).build();
    let nameless = manual::Service::builder().method(method().build()).build();
    let twice = manual::Service::builder().name("S").method(method().build()).method(method().build()).build();
    for (service, says) in [
        (nameless, "a service has no name"),
        (service(method().route_name("")), "a method of service `S` has no name on the wire"),
        (service(method().codec_path("")), "method `S/Get` has no codec"),
        (service(method().input_type("")), "`` is not a Rust type: unexpected end of input, expected one of"),
        (service(method().name("%")), "`` cannot be a name in Rust"),
        (twice, "service `S` has two methods called `get`"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let error = manual::Builder::new().out_dir(out.path()).compile(&[service]).unwrap_err();
        assert!(error.to_string().starts_with(says), "{error}");
        assert!(error.hint().is_some(), "{error:?}");
    }
}
