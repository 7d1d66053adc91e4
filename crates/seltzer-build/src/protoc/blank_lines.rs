//! Blank lines in `/* ... */`, which the parser underneath leaves out of comments.

use std::collections::HashMap;

use prost::Message;
use prost::encoding::{DecodeContext, decode_key, decode_varint, skip_field};
use prost_types::SourceCodeInfo;

use crate::schemas;

/// A file's descriptor with the blank lines of its comments.
pub(crate) fn restored(file: Vec<u8>, text: &str) -> Vec<u8> {
    let comments: HashMap<String, String> = block_comments(text)
        .map(|comment| (lines(comment, |rest| rest.trim_start()), lines(comment, trim_within_line)))
        .filter(|(parsed, right)| parsed != right)
        .collect();
    if comments.is_empty() {
        return file;
    }
    let mut kept = schemas::without_field(&file, schemas::SOURCE_CODE_INFO_FIELD);
    let mut rest = file.as_slice();
    while !rest.is_empty() {
        let start = rest;
        let (field, wire_type) = decode_key(&mut rest).expect("the compiler encodes valid messages");
        skip_field(wire_type, field, &mut rest, DecodeContext::default()).expect("the compiler encodes valid messages");
        if field != schemas::SOURCE_CODE_INFO_FIELD {
            continue;
        }
        let mut info = &start[..start.len() - rest.len()];
        decode_key(&mut info).expect("it was decoded before");
        decode_varint(&mut info).expect("it was skipped before");
        let mut info = SourceCodeInfo::decode(info).expect("the compiler encodes valid messages");
        for location in &mut info.location {
            let single = location.leading_comments.iter_mut().chain(&mut location.trailing_comments);
            for comment in single.chain(&mut location.leading_detached_comments) {
                if let Some(right) = comments.get(comment) {
                    comment.clone_from(right);
                }
            }
        }
        prost::encoding::message::encode(schemas::SOURCE_CODE_INFO_FIELD, &info, &mut kept);
    }
    kept
}

/// What is between `/*` and `*/`, wherever that is no part of a string or of another comment.
fn block_comments(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(['"', '\'', '/'])?;
            rest = &rest[start..];
            if let Some(comment) = rest.strip_prefix("/*") {
                let (comment, behind) = comment.split_once("*/")?;
                rest = behind;
                return Some(comment);
            }
            let length = match rest.as_bytes() {
                [b'/', b'/', ..] => rest.find('\n')?,
                [b'/', ..] => 1,
                _ => string_length(rest),
            };
            rest = rest.get(length..)?;
        }
    })
}

/// The bytes of a string with its quotes, or up to the end of the line.
fn string_length(text: &str) -> usize {
    let quote = text.as_bytes()[0];
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate().skip(1) {
        match byte {
            b'\n' => return index,
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            _ if byte == quote => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// A comment's lines without white space and a star in front.
fn lines(comment: &str, trim: impl Fn(&str) -> &str) -> String {
    let mut result = String::with_capacity(comment.len());
    let mut rest = comment;
    while let Some((line, behind)) = rest.split_once('\n') {
        result.push_str(line);
        result.push('\n');
        rest = trim(behind);
        rest = rest.strip_prefix('*').unwrap_or(rest);
    }
    result.push_str(rest);
    result
}

fn trim_within_line(text: &str) -> &str {
    text.trim_start_matches(['\t', '\u{b}', '\u{c}', '\r', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_strings() {
        let text = "a = '/* no */'; // /* no */ ' \n /* yes\n\n * it\n is */ b / \"\\\"/*\" /**/ /* open";
        let comments: Vec<_> = block_comments(text).collect();
        assert_eq!(comments, [" yes\n\n * it\n is ", ""]);
        assert_eq!(lines(comments[0], trim_within_line), " yes\n\n it\nis ");
        assert_eq!(lines(comments[0], str::trim_start), " yes\n it\nis ");
    }
}
