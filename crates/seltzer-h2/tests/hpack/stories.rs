//! Recorded traffic: header blocks of other people's encoders with the fields that they mean.
//!
//! `SELTZER_HPACK_STORIES` names the unpacked folder of `hpack-test-case`; `scripts/hpack-stories.sh` does the rest.
//! If `SELTZER_HPACK_OUTPUT` names a file, what our own encoder made of all headers is written there for other
//! decoders: a line with the fields in hexadecimal digits, a line with the block.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use seltzer_h2::FieldList;
use seltzer_h2::hpack::{Decoder, Encoder, Indexing, Limits};

use crate::json::Value;
use crate::{Fields, bytes, header, text};

/// Nothing in a story is too large.
const LIMITS: Limits = Limits::new(1 << 20, 1 << 12);

struct Case {
    wire: Option<Vec<u8>>,
    headers: Fields,
    table_bytes: Option<usize>,
}

/// The stories, or nothing, said aloud, where there are none.
fn stories() -> Option<Vec<(PathBuf, Vec<Case>)>> {
    let Some(root) = std::env::var_os("SELTZER_HPACK_STORIES") else {
        println!("skipped: SELTZER_HPACK_STORIES is not set");
        return None;
    };
    let mut paths = Vec::new();
    for folder in sorted(Path::new(&root)) {
        if folder.is_dir() {
            paths.extend(sorted(&folder).into_iter().filter(|path| path.extension().is_some_and(|end| end == "json")));
        }
    }
    assert!(!paths.is_empty(), "there are no stories in {}", root.display());
    Some(paths.into_iter().map(|path| (path.clone(), read(&path))).collect())
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn read(path: &Path) -> Vec<Case> {
    let story = Value::parse(&std::fs::read_to_string(path).unwrap());
    let cases = story.get("cases").expect("a story has cases").list();
    cases.iter().map(case).collect()
}

fn case(case: &Value) -> Case {
    let headers = case.get("headers").expect("a case has headers").list();
    let field = |header: &Value| match header {
        Value::Members(members) => (members[0].0.clone(), members[0].1.text().to_owned()),
        other => panic!("{other:?} is no header"),
    };
    Case {
        wire: case.get("wire").map(|wire| bytes(wire.text())),
        headers: headers.iter().map(field).collect(),
        table_bytes: match case.get("header_table_size") {
            Some(Value::Number(size)) => Some(usize::try_from(*size).unwrap()),
            _ => None,
        },
    }
}

#[test]
fn recorded_blocks_mean_what_was_recorded() {
    let Some(stories) = stories() else { return };
    let (mut blocks, mut recorded) = (0, 0);
    for (path, cases) in &stories {
        if cases.iter().all(|case| case.wire.is_none()) {
            continue;
        }
        recorded += 1;
        let mut cached = Decoder::default();
        let mut plain = Decoder::default();
        let mut list = FieldList::new();
        for (number, case) in cases.iter().enumerate() {
            let wire = case.wire.as_ref().expect("all cases of a story have a block, or none");
            if let Some(size) = case.table_bytes {
                cached.set_table_bytes_max(size);
                plain.set_table_bytes_max(size);
            }
            let decoded = cached.decode(wire, &LIMITS).unwrap();
            assert_eq!(text(cached.fields()), case.headers, "{}, block {number}", path.display());
            assert_eq!(decoded.field_count, case.headers.len());
            plain.decode_into(wire, &LIMITS, &mut list).unwrap();
            assert_eq!(text(&list), case.headers, "{}, block {number}", path.display());
            blocks += 1;
        }
    }
    assert!(blocks > 0, "no story has recorded blocks");
    println!("decoded {blocks} recorded blocks of {recorded} stories, all equal");
}

#[test]
fn recorded_headers_survive_our_encoder() {
    let Some(stories) = stories() else { return };
    let mut output = String::new();
    let (mut blocks, mut wire_bytes, mut text_bytes) = (0, 0, 0);
    for indexing in [Indexing::Automatic, Indexing::Always, Indexing::Without, Indexing::Never] {
        for (path, cases) in &stories {
            let mut encoder = Encoder::default();
            let mut decoder = Decoder::default();
            output.push_str("connection\n");
            for (number, case) in cases.iter().enumerate() {
                if let Some(size) = case.table_bytes {
                    encoder.set_table_bytes_max(size);
                }
                let mut block = Vec::new();
                for (name, value) in &case.headers {
                    encoder.encode(&header(name, value), indexing, &mut block);
                    text_bytes += name.len() + value.len();
                }
                decoder.decode(&block, &LIMITS).unwrap();
                assert_eq!(text(decoder.fields()), case.headers, "{}, block {number}", path.display());
                blocks += 1;
                wire_bytes += block.len();
                write_case(case, &block, &mut output);
            }
        }
    }
    assert!(blocks > 0);
    println!("encoded and decoded {blocks} blocks: {text_bytes} bytes of text in {wire_bytes}");
    if let Some(path) = std::env::var_os("SELTZER_HPACK_OUTPUT") {
        std::fs::write(path, output).unwrap();
    }
}

fn write_case(case: &Case, block: &[u8], output: &mut String) {
    for (name, value) in &case.headers {
        write!(output, "{} {} ", hex(name.as_bytes()), hex(value.as_bytes())).unwrap();
    }
    write!(output, "\n{}\n", hex(block)).unwrap();
}

/// Digits, or `-` for nothing.
fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "-".to_owned();
    }
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").unwrap();
        digits
    })
}
