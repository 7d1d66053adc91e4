//! Spellings that protoc reads and the parser underneath does not, written in another way before it sees them.
//!
//! Positions are set right again afterwards: those of errors, and those of the descriptor.

use prost_types::FileDescriptorProto;

use crate::scan::{self, Token};

/// A schema with some of its words replaced.
#[derive(Debug)]
pub(crate) struct Mended {
    pub(crate) text: String,
    /// In the order of the text; none spans lines.
    changes: Vec<Change>,
}

/// `length` bytes at `original` have become `new_length` bytes at `mended`.
#[derive(Debug)]
struct Change {
    original: usize,
    length: usize,
    mended: usize,
    new_length: usize,
}

/// Replaces what has to be; nothing in most schemas.
pub(crate) fn mend(text: &str) -> Option<Mended> {
    // A look at the bytes is cheap, tokens are not.
    if !text.contains("extensions") && !text.contains("inf") {
        return None;
    }
    let tokens: Vec<Token<'_>> = scan::tokens(text).collect();
    let mut mended = Mended { text: String::with_capacity(text.len()), changes: Vec::new() };
    let mut copied = 0;
    for index in 0..tokens.len() {
        let Some((original, replacement)) = replacement(&tokens, index) else { continue };
        mended.text.push_str(&text[copied..original.start]);
        mended.changes.push(Change {
            original: original.start,
            length: original.len(),
            mended: mended.text.len(),
            new_length: replacement.len(),
        });
        mended.text.push_str(&replacement);
        copied = original.end;
    }
    mended.text.push_str(&text[copied..]);
    (!mended.changes.is_empty()).then_some(mended)
}

/// What replaces a token, or nothing at the place behind it.
fn replacement(tokens: &[Token<'_>], index: usize) -> Option<(std::ops::Range<usize>, String)> {
    let token = &tokens[index];
    let before = |count: usize| index.checked_sub(count).map_or("", |index| tokens[index].text);
    // `extensions 5 [...]` is `extensions 5 to 5 [...]`.
    let is_number = token.text.starts_with(|c: char| c.is_ascii_digit());
    let is_alone = before(1) == "extensions" || (before(1) == "," && in_extensions(tokens, index));
    if is_number && is_alone && tokens.get(index + 1).is_some_and(|next| next.text == "[") {
        return Some((token.range.end..token.range.end, format!(" to {}", token.text)));
    }
    // A value of an option that is `inf` or `-inf`; defaults may be. A value of an enum may have that name too.
    let sign = usize::from(before(1) == "-");
    let is_value = token.text == "inf" && before(1 + sign) == "=" && before(2 + sign) != "default";
    if is_value && !tokens.windows(2).any(|pair| pair[0].text == "inf" && pair[1].text == "=") {
        return Some((token.range.clone(), "1e999".to_owned()));
    }
    None
}

/// Whether the statement that a token is in began with `extensions`.
fn in_extensions(tokens: &[Token<'_>], index: usize) -> bool {
    let statement = tokens[..index].iter().rev().take_while(|token| !matches!(token.text, ";" | "{" | "}" | "]"));
    statement.last().is_some_and(|first| first.text == "extensions")
}

impl Mended {
    /// Where something of the mended text was in the original one.
    pub(crate) fn original(&self, offset: usize) -> usize {
        let Some(change) = self.changes.iter().rev().find(|change| change.mended <= offset) else { return offset };
        if offset < change.mended + change.new_length {
            return change.original + (offset - change.mended).min(change.length);
        }
        change.original + change.length + (offset - change.mended - change.new_length)
    }

    /// Sets the positions of a descriptor right.
    pub(crate) fn set_positions(&self, file: &mut FileDescriptorProto, original: &str) {
        let Some(info) = &mut file.source_code_info else { return };
        let (mended_lines, lines) = (line_starts(&self.text), line_starts(original));
        let column = |line: i32, column: i32| {
            let place = usize::try_from(line).ok().zip(usize::try_from(column).ok());
            let found = place.and_then(|(line, column)| {
                let offset = self.original(mended_lines.get(line)? + column);
                i32::try_from(offset.checked_sub(*lines.get(line)?)?).ok()
            });
            found.unwrap_or(column)
        };
        for location in &mut info.location {
            match &mut location.span[..] {
                [line, start, end] => (*start, *end) = (column(*line, *start), column(*line, *end)),
                [line, start, end_line, end] => (*start, *end) = (column(*line, *start), column(*end_line, *end)),
                _ => {}
            }
        }
        // The end of a range that was added is where its start is.
        for index in 0..info.location.len() {
            let location = &info.location[index];
            let is_empty = matches!(location.span[..], [_, start, end] if start == end);
            if let ([.., EXTENSION_RANGE, _, RANGE_END], true) = (&location.path[..], is_empty) {
                let mut start = location.path.clone();
                if let Some(last) = start.last_mut() {
                    *last = RANGE_START;
                }
                if let Some(span) = info.location.iter().find(|other| other.path == start).map(|it| it.span.clone()) {
                    info.location[index].span = span;
                }
            }
        }
    }
}

/// Fields of descriptors.
const EXTENSION_RANGE: i32 = 5;
const RANGE_START: i32 = 1;
const RANGE_END: i32 = 2;

fn line_starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_spellings() {
        let table = [
            ("extensions 5 [x = 1];", "extensions 5 to 5 [x = 1];"),
            ("extensions 1 to 2, 5 [x = 1];", "extensions 1 to 2, 5 to 5 [x = 1];"),
            ("option (a) = -inf;", "option (a) = -1e999;"),
            ("option (a) = inf;", "option (a) = 1e999;"),
        ];
        for (text, expected) in table {
            assert_eq!(mend(text).expect(text).text, expected);
        }
        for text in
            ["extensions 5;", "extensions 5 to 6 [x = 1];", "int32 a = 5 [x = 1];", "[default = -inf]", "'\\U1'"]
        {
            assert!(mend(text).is_none(), "{text}");
        }
    }

    #[test]
    fn places_are_found_again() {
        let text = "extensions 5 [x];\nextensions 66 [y];";
        let mended = mend(text).expect("two changes");
        for letter in ['x', 'y', '6', '\n'] {
            let there = mended.text.find(letter).expect("it is there");
            assert_eq!(Some(mended.original(there)), text.find(letter), "{letter:?}");
        }
        assert_eq!(mended.original(mended.text.find("to 5").expect("added")), text.find(" [x").expect("there"));
    }
}
