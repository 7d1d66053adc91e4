//! Real schemas and broken ones.

#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;
use prost_types::FileDescriptorProto;
use seltzer_syntax::parse;

/// The schemas that are built into seltzer-build, and the demo schemas.
fn schemas() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut folders: Vec<PathBuf> =
        ["crates/seltzer-build/proto", "proto", "tests/fixtures/proto"].map(|folder| root.join(folder)).into();
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "proto") {
                found.push((path.display().to_string(), fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(found.len() > 40, "the schemas were not found");
    found
}

/// Another parser must read the same: descriptors, places and comments.
#[test]
fn schemas_are_read_as_protox_reads_them() {
    let mut compared = 0;
    for (name, text) in schemas() {
        // It knows no editions, nor options at a single extension number.
        let Ok(theirs) = protox_parse::parse(&name, &text) else {
            continue;
        };
        // Its columns are bytes, ours are those of protoc, where tabs are wide.
        if text.contains('\t') {
            continue;
        }
        let own = parse(&name, &text).unwrap_or_else(|error| panic!("{name}: {error}"));
        let own = FileDescriptorProto::decode(own.encode_to_vec().as_slice()).unwrap();
        let (own, theirs) = (shown(own), shown(theirs));
        let differs = own.bytes().zip(theirs.bytes()).position(|(own, theirs)| own != theirs);
        if let Some(at) = differs.or((own.len() != theirs.len()).then_some(0)) {
            let near = |text: &str| text.chars().skip(at.saturating_sub(200)).take(300).collect::<String>();
            panic!("{name}:\n{}\n{}", near(&own), near(&theirs));
        }
        compared += 1;
    }
    assert!(compared > 40, "{compared}");
}

/// A descriptor as text, without the values of options between braces: white space in them differs.
fn shown(mut file: FileDescriptorProto) -> String {
    let info = file.source_code_info.as_mut().unwrap();
    info.location.sort_by(|left, right| (&left.path, &left.span).cmp(&(&right.path, &right.span)));
    // It names the fields of a map's entries in JSON, which is left to compilers here.
    let text = format!("{file:?}");
    let text = text
        .replace("json_name: Some(\"key\")", "json_name: None")
        .replace("json_name: Some(\"value\")", "json_name: None");
    let mut pieces = text.split("aggregate_value: Some(\"");
    let mut out = pieces.next().unwrap().to_owned();
    for piece in pieces {
        let end = piece.match_indices('"').find(|(at, _)| !piece[..*at].ends_with('\\')).unwrap().0;
        out.push_str(&piece[end..]);
    }
    out
}

/// A generator of numbers that are the same every time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }
}

/// Pieces of schemas that are put where they do not belong.
const PIECES: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    ";",
    "=",
    ",",
    ".",
    "-",
    "\"",
    "'",
    "/*",
    "*/",
    "//",
    "\n",
    "\t",
    "\0",
    "é",
    "0x",
    "1e",
    "99999999999999999999",
    "message",
    "enum",
    "option",
    "extend",
    "map<",
    "group",
    "oneof",
    "reserved",
    "to max",
    "edition = \"2023\";",
    "features.",
    "export",
    "local",
    "import option",
];

/// Whatever a text is, it is read, or refused at a place within it and with a hint.
#[test]
fn broken_texts_are_refused_with_place_and_hint() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../seltzer-build/tests/suite/editions/accepted.txt");
    let cases = fs::read_to_string(cases).unwrap();
    let texts: Vec<&str> = cases.split("\n== ").skip(1).filter_map(|case| Some(case.split_once('\n')?.1)).collect();
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    let (mut read, mut refused) = (0, 0);
    for round in 0..20_000 {
        let mut text = texts[round % texts.len()].to_owned();
        for _ in 0..=numbers.below(3) {
            let at = |numbers: &mut Numbers, text: &str| numbers.below(text.len() + 1).at_boundary(text);
            let (start, end) = (at(&mut numbers, &text), at(&mut numbers, &text));
            match numbers.below(3) {
                0 => text.insert_str(start, PIECES[numbers.below(PIECES.len())]),
                1 => text.truncate(start),
                _ => text.replace_range(start.min(end)..start.max(end).min(start.min(end) + 9).at_boundary(&text), ""),
            }
        }
        match parse("a.proto", &text) {
            Ok(_) => read += 1,
            Err(error) => {
                refused += 1;
                assert!(text.get(error.range()).is_some(), "{error:?} of {text}");
                assert!(error.hint().is_some(), "{error:?} of {text}");
            }
        }
    }
    assert!(read > 500 && refused > 5_000, "{read} read, {refused} refused");
}

trait Boundary {
    /// The first offset from this one on at which the text can be cut.
    fn at_boundary(self, text: &str) -> usize;
}

impl Boundary for usize {
    fn at_boundary(mut self, text: &str) -> usize {
        while !text.is_char_boundary(self) {
            self += 1;
        }
        self
    }
}
