//! Which schemas are found, and what is said when they are not.

use std::path::{Path, PathBuf};

use seltzer_build::{Builder, Error, Schemas, configure};

use crate::support::Workspace;

const SCHEMA: &str = "syntax = \"proto3\";\npackage a;\nmessage A {}\n";

fn load(workspace: &Workspace, builder: &Builder, proto: &str, includes: &[&str]) -> Result<Schemas, Error> {
    let includes: Vec<PathBuf> = includes.iter().map(|name| workspace.path(name)).collect();
    builder.load(&[workspace.path(proto)], &includes)
}

/// Loads and compares the error's line and hint; `DIR/` is the workspace.
#[track_caller]
fn check_refused(workspace: &Workspace, proto: &str, includes: &[&str], says: &str, hint: &str) {
    let error = load(workspace, &configure(), proto, includes).unwrap_err();
    assert_eq!(workspace.without_directory(&error.to_string()), says);
    assert_eq!(workspace.without_directory(error.hint().unwrap_or_default()), hint);
}

fn file_names(schemas: &Schemas) -> Vec<&str> {
    schemas.files().map(seltzer_build::SchemaFile::name).collect()
}

#[test]
fn mistakes_with_paths_are_explained() {
    let workspace = Workspace::new(SCHEMA);
    workspace.write("sub/b.proto", SCHEMA.as_bytes());
    workspace.write("other/a.proto", SCHEMA.as_bytes());
    check_refused(
        &workspace,
        "missing.proto",
        &["sub"],
        "`missing.proto` does not exist",
        "searched `sub` and the built-in schemas",
    );
    check_refused(
        &workspace,
        "b.proto",
        &[""],
        "`b.proto` does not exist",
        "searched `` and the built-in schemas; did you mean `sub/b.proto`?",
    );
    check_refused(
        &workspace,
        "deep/status.proto",
        &["sub"],
        "`deep/status.proto` does not exist",
        "searched `sub` and the built-in schemas; did you mean `google/rpc/status.proto`?",
    );
    check_refused(
        &workspace,
        "sub",
        &[""],
        "`sub` is a directory, not a schema",
        "list the .proto files in it; directories belong in the second argument",
    );
    check_refused(
        &workspace,
        "sub/b.proto",
        &["other", "nowhere", "a.proto"],
        "`sub/b.proto` is not under any include directory",
        "searched `other`, `nowhere` (does not exist), `a.proto` (a file, not a directory) and the built-in schemas; \
         add `sub` to them, or the directory that its imports start from",
    );
    check_refused(
        &workspace,
        "sub/b.proto",
        &[],
        "`sub/b.proto` is not under any include directory",
        "no include directory was given: pass the directory that imports start from; add `sub` to them, or the \
         directory that its imports start from",
    );
    workspace.write("sub/a.proto", SCHEMA.as_bytes());
    check_refused(
        &workspace,
        "other/a.proto",
        &["sub", "other"],
        "`other/a.proto` is hidden by `sub/a.proto`: both are `a.proto` to an import",
        "put the directory of the file that you want first, or rename one of the two",
    );
}

#[test]
fn nothing_to_compile_is_an_error() {
    let error = configure().load(&[] as &[&str], &["proto"]).unwrap_err();
    assert_eq!(error.to_string(), "no schemas were given");
}

#[test]
fn a_file_must_be_utf_8() {
    let workspace = Workspace::new(SCHEMA);
    workspace.write("latin.proto", b"// caf\xe9\nsyntax = \"proto3\";\n");
    check_refused(
        &workspace,
        "latin.proto",
        &[""],
        "latin.proto:1:7: the file is not UTF-8",
        "save the file as UTF-8, the only encoding that schemas have",
    );
}

#[test]
fn paths_may_be_relative_absolute_and_have_dots() {
    let workspace = Workspace::new(SCHEMA);
    workspace.write("sub/b.proto", SCHEMA.as_bytes());
    for (proto, include, name) in
        [("./a.proto", ".", "a.proto"), ("sub/../a.proto", "", "a.proto"), ("sub/b.proto", "sub/.", "b.proto")]
    {
        let schemas = load(&workspace, &configure(), proto, &[include]).unwrap();
        assert_eq!(file_names(&schemas), [name]);
    }
    // By its import name.
    let schemas = configure().load(&["sub/b.proto"], &[workspace.root()]).unwrap();
    assert_eq!(file_names(&schemas), ["sub/b.proto"]);
}

#[test]
fn a_prefix_may_be_mapped_to_a_directory() {
    let workspace = Workspace::new("syntax = \"proto3\";\nimport \"company/types/t.proto\";\n");
    workspace.write("third_party/t.proto", b"syntax = \"proto3\";\nimport \"company/types/sub/u.proto\";\n");
    workspace.write("third_party/sub/u.proto", SCHEMA.as_bytes());
    let builder = configure().include_mapped("company/types", workspace.path("third_party"));
    let schemas = load(&workspace, &builder, "a.proto", &[""]).unwrap();
    assert_eq!(file_names(&schemas), ["company/types/sub/u.proto", "company/types/t.proto", "a.proto"]);
    // The file itself may be listed by its path on disk.
    let schemas = builder.load(&[workspace.path("third_party/sub/u.proto")], &[] as &[&Path]).unwrap();
    assert_eq!(file_names(&schemas), ["company/types/sub/u.proto"]);

    let error = load(&workspace, &configure(), "a.proto", &[""]).unwrap_err();
    assert_eq!(
        workspace.without_directory(&error.to_string()),
        "a.proto:2:8: import `company/types/t.proto` is not found"
    );
}

/// Every built-in schema compiles, alone and with all the others, and generates Rust.
#[test]
fn built_in_schemas_need_no_file() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("proto");
    let mut names = Vec::new();
    collect(&root, &root, &mut names);
    assert!(names.len() >= 35, "{names:?}");
    let none: &[&Path] = &[];
    for name in &names {
        let schemas = configure().load(&[name], none).unwrap();
        let file = schemas.files().last().unwrap();
        assert_eq!((file.name(), file.path(), file.is_import()), (name.as_str(), None, false));
    }
    let schemas = configure().load(&names, none).unwrap();
    let out = tempfile::tempdir().unwrap();
    configure().include_file("all.rs").generate_to(&schemas, out.path()).unwrap();
    for well_known in ["any", "api", "duration", "empty", "field_mask", "struct", "timestamp", "type", "wrappers"] {
        configure().load(&[format!("google/protobuf/{well_known}.proto")], none).unwrap();
    }
}

fn collect(directory: &Path, root: &Path, names: &mut Vec<String>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, root, names);
        } else {
            let parts = path.strip_prefix(root).unwrap().iter().map(|part| part.to_str().unwrap());
            names.push(parts.collect::<Vec<_>>().join("/"));
        }
    }
}

/// The wire facts of the built-in options that others depend on.
#[test]
fn built_in_options_have_their_numbers() {
    let names = [
        "google/api/annotations.proto",
        "google/api/field_behavior.proto",
        "google/api/client.proto",
        "google/api/resource.proto",
    ];
    let pool = configure().load(&names, &[] as &[&Path]).unwrap().descriptor_pool();
    for (name, number) in [
        ("google.api.http", 72_295_728),
        ("google.api.field_behavior", 1052),
        ("google.api.method_signature", 1051),
        ("google.api.default_host", 1049),
        ("google.api.resource", 1053),
        ("google.api.resource_reference", 1055),
    ] {
        assert_eq!(pool.get_extension_by_name(name).unwrap().number(), number, "{name}");
    }
}

#[test]
fn a_file_on_disk_wins_over_a_built_in_one() {
    let workspace = Workspace::new(
        "syntax = \"proto3\";\nimport \"google/type/date.proto\";\nmessage A { google.type.Own own = 1; }\n",
    );
    workspace.write("google/type/date.proto", b"syntax = \"proto3\";\npackage google.type;\nmessage Own {}\n");
    let schemas = load(&workspace, &configure(), "a.proto", &[""]).unwrap();
    let date = schemas.files().next().unwrap();
    assert_eq!(date.path(), Some(workspace.path("google/type/date.proto").as_path()));
}

#[test]
fn a_descriptor_set_has_imports_and_options_and_comments_if_wanted() {
    let workspace = Workspace::new(
        "syntax = \"proto3\";\nimport \"google/protobuf/descriptor.proto\";\n\
         extend google.protobuf.MessageOptions { string note = 50000; }\n\
         // A comment.\nmessage A { option (note) = \"kept\"; }\n",
    );
    for wanted in [false, true] {
        let schemas = load(&workspace, &configure().include_source_info(wanted), "a.proto", &[""]).unwrap();
        let set = schemas.descriptor_set();
        let pool = prost_reflect::DescriptorPool::decode(set.as_slice()).unwrap();
        let file = pool.get_file_by_name("a.proto").unwrap();
        assert_eq!(file.file_descriptor_proto().source_code_info.is_some(), wanted);
        assert!(pool.get_file_by_name("google/protobuf/descriptor.proto").is_some());
        let note = pool.get_extension_by_name("note").unwrap();
        let options = pool.get_message_by_name("A").unwrap().options();
        assert_eq!(options.get_extension(&note).as_str(), Some("kept"));
    }
}
