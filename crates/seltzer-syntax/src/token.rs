//! From text to tokens. Comments are no tokens: they are read from the gaps between them.

use std::ops::Range;

use crate::error::SyntaxError;

/// What kind of token it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Identifier,
    Integer,
    Float,
    String,
    Symbol,
    /// Behind the last one.
    End,
}

/// Where something stands: both counted from zero, columns in bytes and with tabs to the next eighth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: i32,
    pub(crate) column: i32,
}

/// A word, a number, a string or a sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a str,
    /// The offset of its first byte.
    pub(crate) offset: usize,
    pub(crate) start: Position,
    pub(crate) end: Position,
}

impl Token<'_> {
    pub(crate) fn range(&self) -> Range<usize> {
        self.offset..self.offset + self.text.len()
    }
}

/// Longer texts are refused: places in them would not fit into descriptors.
const TEXT_BYTES_MAX: usize = i32::MAX as usize / 8;

/// Splits a text into tokens. The last one is [`Kind::End`].
pub(crate) fn tokens(text: &str) -> Result<Vec<Token<'_>>, SyntaxError> {
    if text.len() > TEXT_BYTES_MAX {
        return Err(SyntaxError::new("the schema is longer than a schema can be", 0..0)
            .with_hint(format!("split it: files have at most {TEXT_BYTES_MAX} bytes")));
    }
    let mut lexer = Lexer { text, offset: 0, position: Position { line: 0, column: 0 } };
    if text.starts_with('\u{feff}') {
        // It is in the column of what follows, as with protoc.
        lexer.advance('\u{feff}'.len_utf8());
    }
    let mut tokens = Vec::new();
    loop {
        lexer.skip_blanks()?;
        let start = lexer.position;
        let offset = lexer.offset;
        let Some(first) = lexer.rest().chars().next() else {
            tokens.push(Token { kind: Kind::End, text: "", offset, start, end: start });
            return Ok(tokens);
        };
        let (kind, length) = lexer.token(first)?;
        lexer.advance(length);
        tokens.push(Token { kind, text: &text[offset..offset + length], offset, start, end: lexer.position });
    }
}

struct Lexer<'a> {
    text: &'a str,
    offset: usize,
    position: Position,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.offset..]
    }

    fn advance(&mut self, length: usize) {
        for byte in &self.text.as_bytes()[self.offset..self.offset + length] {
            match byte {
                b'\n' => self.position = Position { line: self.position.line + 1, column: 0 },
                b'\t' => self.position.column += TAB_WIDTH - self.position.column % TAB_WIDTH,
                _ => self.position.column += 1,
            }
        }
        self.offset += length;
    }

    fn error(&self, message: &str, length: usize) -> SyntaxError {
        SyntaxError::new(message, self.offset..self.offset + length)
    }

    /// White space and comments.
    fn skip_blanks(&mut self) -> Result<(), SyntaxError> {
        loop {
            let rest = self.rest();
            let blank = rest.bytes().take_while(|byte| is_blank(*byte)).count();
            self.advance(blank);
            let rest = &rest[blank..];
            if rest.starts_with("//") {
                self.advance(rest.find('\n').unwrap_or(rest.len()));
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(end) = comment.find("*/") else {
                    return Err(self.error("the comment is never closed", 2).with_hint("close it with `*/`"));
                };
                if let Some(inner) = comment[..end].find("/*") {
                    let start = self.offset + 2 + inner;
                    return Err(SyntaxError::new("a comment starts inside of a comment", start..start + 2)
                        .with_hint("comments do not nest: drop the inner `/*`"));
                }
                self.advance(end + 4);
            } else {
                return Ok(());
            }
        }
    }

    /// The kind and the length of the token that starts here.
    fn token(&self, first: char) -> Result<(Kind, usize), SyntaxError> {
        let rest = self.rest();
        let second = rest.as_bytes().get(1).copied().unwrap_or_default();
        match first {
            '"' | '\'' => self.string(first).map(|length| (Kind::String, length)),
            '0'..='9' => self.number(),
            '.' if second.is_ascii_digit() => {
                // `a.1` is a slip, `= .1` is a number.
                let before = self.text[..self.offset].chars().next_back();
                if before.is_some_and(is_word) {
                    return Err(self
                        .error("a number must not follow a name without a space", 2)
                        .with_hint("names start with a letter; is a space missing?"));
                }
                self.number()
            }
            letter if is_word(letter) => Ok((Kind::Identifier, rest.find(|c| !is_word(c)).unwrap_or(rest.len()))),
            sign if sign.is_ascii_graphic() => Ok((Kind::Symbol, 1)),
            other => Err(self
                .error(&format!("`{}` is not a sign of the language", other.escape_default()), other.len_utf8())
                .with_hint(
                    "names consist of ASCII letters, digits and `_`; anything may stand in strings and comments",
                )),
        }
    }

    fn number(&self) -> Result<(Kind, usize), SyntaxError> {
        let rest = self.rest().as_bytes();
        let digits = |from: usize| rest[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (kind, length) = if rest.len() > 1 && rest[0] == b'0' && matches!(rest[1], b'x' | b'X') {
            let count = rest[2..].iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            if count == 0 {
                return Err(self.error("`0x` needs digits behind it", 2).with_hint("write a number such as `0x1f`"));
            }
            (Kind::Integer, 2 + count)
        } else {
            let mut length = digits(0);
            let mut kind = Kind::Integer;
            if rest.get(length) == Some(&b'.') {
                kind = Kind::Float;
                length += 1 + digits(length + 1);
            }
            if matches!(rest.get(length), Some(b'e' | b'E')) {
                kind = Kind::Float;
                length += 1;
                length += usize::from(matches!(rest.get(length), Some(b'+' | b'-')));
                let count = digits(length);
                if count == 0 {
                    return Err(self
                        .error("an exponent needs digits", length)
                        .with_hint("write a number such as `1e6`"));
                }
                length += count;
            }
            (kind, length)
        };
        self.check_number(kind, length)?;
        Ok((kind, length))
    }

    fn check_number(&self, kind: Kind, length: usize) -> Result<(), SyntaxError> {
        let text = &self.rest()[..length];
        let next = self.rest()[length..].chars().next();
        if next.is_some_and(is_word) {
            return Err(self
                .error("a name must not follow a number without a space", length + 1)
                .with_hint("names start with a letter; is a space missing?"));
        }
        if next == Some('.') {
            let message = if kind == Kind::Float { "a number has one decimal point" } else { "digits are missing" };
            return Err(self.error(message, length + 1).with_hint("write a number such as `1.5`"));
        }
        let is_octal = kind == Kind::Integer && text.len() > 1 && text.starts_with('0') && !text.contains(['x', 'X']);
        if is_octal && text.contains(['8', '9']) {
            return Err(self
                .error("a number that starts with `0` is octal, which has no digits 8 and 9", length)
                .with_hint("drop the leading zero"));
        }
        Ok(())
    }

    /// A string ends on the line on which it starts.
    fn string(&self, quote: char) -> Result<usize, SyntaxError> {
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\n' | '\0' => break,
                '\\' => {
                    let escape = &self.rest()[at..];
                    let Some(length) = escape_length(escape) else {
                        let shown = 1 + escape[1..].chars().next().map_or(0, char::len_utf8);
                        let start = self.offset + at;
                        return Err(SyntaxError::new("the string has an invalid escape", start..start + shown)
                            .with_hint("write `\\\\` for a backslash"));
                    };
                    for _ in 1..escape[..length].chars().count() {
                        letters.next();
                    }
                }
                letter if letter == quote => return Ok(at + 1),
                _ => {}
            }
        }
        let length = self.rest().find('\n').unwrap_or(self.rest().len());
        Err(self.error("the string does not end on its line", length).with_hint(format!("is a `{quote}` missing?")))
    }
}

/// The bytes of an escape, its backslash included.
pub(crate) fn escape_length(escape: &str) -> Option<usize> {
    let bytes = escape.as_bytes();
    let hex =
        |from: usize, max: usize| bytes.iter().skip(from).take(max).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match bytes.get(1)? {
        b'a' | b'b' | b'f' | b'n' | b'r' | b't' | b'v' | b'\\' | b'?' | b'\'' | b'"' => Some(2),
        b'0'..=b'7' => Some(1 + bytes.iter().skip(1).take(3).take_while(|byte| (b'0'..=b'7').contains(*byte)).count()),
        b'x' | b'X' => Some(2 + hex(2, 2)).filter(|length| *length > 2),
        b'u' => Some(6).filter(|_| hex(2, 4) == 4),
        b'U' => {
            let is_unicode =
                hex(2, 8) == 8 && u32::from_str_radix(&escape[2..10], 16).is_ok_and(|code| code < 0x11_0000);
            Some(10).filter(|_| is_unicode)
        }
        _ => None,
    }
}

pub(crate) fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0x0b | 0x0c)
}

/// The bytes before a column of a line.
pub(crate) fn byte_column(line: &str, column: i32) -> i32 {
    let (mut at, mut bytes) = (0, 0);
    for byte in line.bytes() {
        if at >= column {
            break;
        }
        at += if byte == b'\t' { TAB_WIDTH - at % TAB_WIDTH } else { 1 };
        bytes += 1;
    }
    bytes
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// In places of descriptors a tab reaches to the next multiple of this.
const TAB_WIDTH: i32 = 8;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at once")]

    use super::*;

    #[test]
    fn texts_become_tokens() {
        let text = "a_1 = .5e-3; // x\n\t\"q\\\"\" 0x1F /* b */ é";
        let error = tokens(text).unwrap_err();
        assert_eq!(error.position(text), (2, 21));
        let found = tokens(&text[..text.len() - 2]).unwrap();
        let texts: Vec<&str> = found.iter().map(|token| token.text).collect();
        assert_eq!(texts, ["a_1", "=", ".5e-3", ";", "\"q\\\"\"", "0x1F", ""]);
        assert_eq!((found[4].start, found[4].end), (Position { line: 1, column: 8 }, Position { line: 1, column: 13 }));
    }

    #[test]
    fn slips_are_found_where_they_are() {
        for (text, message, range) in [
            ("/* x", "the comment is never closed", 0..2),
            ("/* /* */", "a comment starts inside of a comment", 3..5),
            ("\"a", "the string does not end on its line", 0..2),
            ("\"a\\\n\"", "the string has an invalid escape", 2..4),
            ("'\\q'", "the string has an invalid escape", 1..3),
            ("1a", "a name must not follow a number without a space", 0..2),
            ("1.2.3", "a number has one decimal point", 0..4),
            ("089", "a number that starts with `0` is octal, which has no digits 8 and 9", 0..3),
            ("0x", "`0x` needs digits behind it", 0..2),
            ("1e+", "an exponent needs digits", 0..3),
            ("a.1", "a number must not follow a name without a space", 1..3),
        ] {
            let error = tokens(text).unwrap_err();
            assert_eq!((error.message(), error.range()), (message, range), "{text}");
            assert!(error.hint().is_some(), "{text}");
        }
    }
}
