//! `seltzer protoc`, and its other names.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const A: &str = "syntax = \"proto3\";\npackage a;\nimport \"b.proto\";\nmessage A {\n  b.B b = 1;\n  map<string, int32> counts = 4;\n}\n";
const B: &str = "syntax = \"proto3\";\npackage b;\n// A comment.\nmessage B { int32 x = 1; }\n";

/// A folder with schemas.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("a.proto", A),
        ("b.proto", B),
        ("unused.proto", "syntax = \"proto3\";\nimport \"b.proto\";\n"),
        ("broken.proto", "syntax = \"proto3\";\nmessage M {\n  strin x = 1;\n  strin y = 2;\n}\n"),
    ] {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn run(folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    run_program(Path::new(env!("CARGO_BIN_EXE_seltzer-protoc")), folder, arguments, input)
}

fn run_program(program: &Path, folder: &Path, arguments: &[&str], input: &[u8]) -> Output {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).env("NO_COLOR", "1");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

#[track_caller]
fn check(output: &Output, succeeds: bool, stdout: &[u8], stderr: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.success(), output.stdout.as_slice()), (succeeds, stdout), "{said}");
    assert!(if stderr.is_empty() { said.is_empty() } else { said.contains(stderr) }, "{said}");
}

#[test]
fn sets_are_written_and_read() {
    let folder = folder();
    let folder = folder.path();
    check(&run(folder, &["-I.", "-owhole", "--include_imports", "a.proto"], b""), true, b"", "");
    check(&run(folder, &["-I.", "-oalone", "--include_source_info", "a.proto"], b""), true, b"", "");
    let names = |file: &str| {
        let set = prost_types_names(&fs::read(folder.join(file)).unwrap());
        set.join(" ")
    };
    assert_eq!((names("whole"), names("alone")), ("b.proto a.proto".to_owned(), "a.proto".to_owned()));
    check(&run(folder, &["--descriptor_set_in=whole", "--include_imports", "-oagain", "a.proto"], b""), true, b"", "");
    assert_eq!(fs::read(folder.join("again")).unwrap(), fs::read(folder.join("whole")).unwrap());
    let lacks = run(folder, &["--descriptor_set_in=alone", "-oagain", "a.proto"], b"");
    check(&lacks, false, b"", "import `b.proto` is not found");
    check(&run(folder, &["--descriptor_set_in=a.proto", "-ox", "a.proto"], b""), false, b"", "is not a descriptor set");
}

/// The names of the files in a set.
fn prost_types_names(set: &[u8]) -> Vec<String> {
    use seltzer::prost::Message as _;
    let set = seltzer::prost_types::FileDescriptorSet::decode(set).unwrap();
    set.file.iter().map(|file| file.name().to_owned()).collect()
}

#[test]
fn messages_are_encoded_and_decoded() {
    let folder = folder();
    let text = b"b {\n  x: 1\n}\ncounts {\n  key: \"a\"\n  value: 1\n}\ncounts {\n  key: \"z\"\n}\n";
    let encoded = [&[0x0a, 2, 8, 1, 0x22, 5, 0x0a, 1, b'a', 0x10, 1, 0x22][..], &[3, 0x0a, 1, b'z']].concat();
    let mixed = b"counts { key: 'z' } counts { key: 'a' value: 1 } b { x: 1 }";
    for input in [&text[..], mixed] {
        let output = run(folder.path(), &["-I.", "--encode=a.A", "a.proto"], input);
        assert!(output.status.success(), "{output:?}");
        assert_eq!(output.stdout[..12], encoded[..12]);
        let back = run(folder.path(), &["-I.", "--decode=a.A", "a.proto"], &output.stdout);
        assert_eq!(String::from_utf8_lossy(&back.stdout).replace("  value: 0\n", ""), String::from_utf8_lossy(text));
    }
    let wrong = run(folder.path(), &["-I.", "--encode=a.A", "a.proto"], b"\nb { y: 1 }");
    check(&wrong, false, b"", "input:2:5: field 'y' not found");
    let nothing = run(folder.path(), &["-I.", "--encode=a.Aa", "a.proto"], b"");
    check(&nothing, false, b"", "did you mean `a.A`?");
    let raw = run(folder.path(), &["--decode_raw"], &[0x08, 7, 0x12, 2, 8, 1]);
    check(&raw, true, b"1: 7\n2 {\n  1: 1\n}\n", "");
}

#[test]
fn what_is_wrong_is_said_in_every_format() {
    let folder = folder();
    let said = |options: &[&str]| {
        let output = run(folder.path(), &[&["-I.", "-oset"], options].concat(), b"");
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let gcc = said(&["--error_format=gcc", "broken.proto"]);
    assert!(gcc.lines().any(|line| line.starts_with("broken.proto:3:3: ")) && !gcc.contains("help"), "{gcc}");
    let msvs = said(&["--error_format=msvs", "broken.proto"]);
    assert!(msvs.contains("broken.proto(3) : error in column=3: "), "{msvs}");
    let quoted = said(&["broken.proto"]);
    for part in ["broken.proto:3:3: ", " 3 │   strin x = 1;", "╰──", "  help: did you mean `string`?"] {
        assert!(quoted.contains(part), "{part}: {quoted}");
    }
    assert!(!folder.path().join("set").exists());
    let warned = said(&["--fatal_warnings", "--error_format=gcc", "unused.proto"]);
    assert!(warned.contains("unused.proto:2:1: warning: import `b.proto` is not used"), "{warned}");
    let builtin = said(&["--cpp_out=.", "a.proto"]);
    assert!(builtin.contains("part of protoc itself"), "{builtin}");
    assert!(said(&["--include_import", "a.proto"]).contains("did you mean `--include_imports`?"));
}

/// A shell is enough of a plugin: one that answers with a file, and one that fails.
#[cfg(unix)]
#[test]
fn plugins_are_asked_and_their_files_written() {
    use std::os::unix::fs::PermissionsExt;

    let folder = folder();
    let folder = folder.path();
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // supported_features = 1; file { name: "x/y" content: "hello" }
    write("good", "#!/bin/sh\ncat > request\nprintf '\\020\\001\\172\\014\\012\\003x/y\\172\\005hello'\n");
    write("bad", "#!/bin/sh\ncat > /dev/null\nexit 3\n");
    fs::create_dir(folder.join("out")).unwrap();
    let good = ["-I.", "--plugin=protoc-gen-x=./good", "--x_out=a:out", "--x_opt=b", "a.proto"];
    check(&run(folder, &good, b""), true, b"", "");
    assert_eq!(fs::read_to_string(folder.join("out/x/y")).unwrap(), "hello");
    let request = fs::read(folder.join("request")).unwrap();
    assert!(request.starts_with(b"\x0a\x07a.proto\x12\x03a,b\x1a"), "{request:?}");
    let bad = ["-I.", "--plugin=protoc-gen-x=./bad", "--x_out=out", "-oset", "a.proto"];
    check(&run(folder, &bad, b""), false, b"", "--x_out: protoc-gen-x: Plugin failed with status code 3.");
    assert!(!folder.join("set").exists());
    let nowhere = ["-I.", "--plugin=protoc-gen-x=./good", "--x_out=nowhere", "a.proto"];
    check(&run(folder, &nowhere, b""), false, b"", "nowhere/: No such file or directory");
    check(
        &run(folder, &["-I.", "--no-such_out=out", "a.proto"], b""),
        false,
        b"",
        "protoc-gen-no-such: program not found",
    );
}

#[test]
fn other_names_mean_the_same() {
    let folder = folder();
    let seltzer = Path::new(env!("CARGO_BIN_EXE_seltzer"));
    check(&run_program(seltzer, folder.path(), &["protoc", "--version"], b""), true, b"libprotoc 35.1\n", "");
    #[cfg(unix)]
    {
        let link = folder.path().join("protoc");
        std::os::unix::fs::symlink(seltzer, &link).unwrap();
        check(&run_program(&link, folder.path(), &["--version"], b""), true, b"libprotoc 35.1\n", "");
    }
    fs::write(folder.path().join("arguments"), "-I.\n--print_free_field_numbers\na.proto\n").unwrap();
    let numbers = run(folder.path(), &["@arguments"], b"");
    check(
        &numbers,
        true,
        b"a.A.CountsEntry                     free: 3-INF\na.A                                 free: 2-3 5-INF\n",
        "",
    );
}

#[test]
fn files_of_editions_are_handed_on_as_they_are() {
    let folder = folder();
    let folder = folder.path();
    let text = "edition = \"2024\";\npackage e;\noption features.enforce_naming_style = STYLE_LEGACY;\n\
        message M {\n  int32 x = 1 [features.field_presence = IMPLICIT];\n}\n";
    fs::write(folder.join("e.proto"), text).unwrap();
    check(&run(folder, &["-I.", "-oset", "e.proto"], b""), true, b"", "");
    check(&run(folder, &["-I.", "-oretained", "--retain_options", "e.proto"], b""), true, b"", "");
    let [set, retained] = ["set", "retained"].map(|name| fs::read(folder.join(name)).unwrap());
    let has = |bytes: &[u8], part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    // syntax = 12 is "editions", edition = 14 is 1001; `features` of the field, 21, has field_presence = 1 for 2.
    for bytes in [&set, &retained] {
        assert!(has(bytes, b"\x62\x08editions\x70\xe9\x07"), "{bytes:?}");
        assert!(has(bytes, b"\xaa\x01\x02\x08\x02"), "{bytes:?}");
    }
    // Only the compiler needs to know of the naming style: features = 50 of the file's options, style = 7 is 2.
    let style = b"\x92\x03\x02\x38\x02";
    assert!(has(&retained, style) && !has(&set, style), "{set:?} {retained:?}");
}
