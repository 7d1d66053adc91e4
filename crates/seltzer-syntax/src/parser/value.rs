//! Literals: numbers, strings, and defaults as descriptors have them.

use std::fmt::Write;
use std::ops::Range;

use crate::descriptor::Type;
use crate::error::SyntaxError;
use crate::parser::Parser;
use crate::token::{Kind, Token, escape_length};

impl Parser<'_> {
    /// A string, and those that follow it: they are one.
    pub(super) fn string(&mut self, what: &str) -> Result<(Vec<u8>, Range<usize>), SyntaxError> {
        let start = self.token();
        if start.kind != Kind::String {
            return Err(self.expected(what));
        }
        let mut value = Vec::new();
        let mut end = start.range().end;
        while self.token().kind == Kind::String {
            unescape(self.token().text, &mut value);
            end = self.token().range().end;
            self.advance();
        }
        Ok((value, start.offset..end))
    }

    /// A whole number that is not negative and fits into an `int32`.
    pub(super) fn field_number(&mut self, what: &str) -> Result<i32, SyntaxError> {
        let token = self.token();
        if token.kind != Kind::Integer {
            return Err(self.expected(what));
        }
        let number = integer(token.text).and_then(|number| i32::try_from(number).ok());
        let number = number.ok_or_else(|| self.out_of_range(i64::from(i32::MAX)))?;
        self.advance();
        Ok(number)
    }

    pub(super) fn signed_number(&mut self, what: &str) -> Result<i32, SyntaxError> {
        if !self.take("-") {
            return self.field_number(what);
        }
        let token = self.token();
        if token.kind != Kind::Integer {
            return Err(self.expected(what));
        }
        let number = integer(token.text).and_then(|number| i64::try_from(number).ok()).map(|number| -number);
        let number = number.and_then(|number| i32::try_from(number).ok());
        let number = number.ok_or_else(|| {
            self.error("the number is less than an enum's numbers can be")
                .with_hint(format!("the least is {}", i32::MIN))
        })?;
        self.advance();
        Ok(number)
    }

    fn out_of_range(&self, max: impl std::fmt::Display) -> SyntaxError {
        self.error("the number is too great").with_hint(format!("the greatest here is {max}"))
    }

    pub(super) fn float_of(&self, token: &Token<'_>) -> Result<f64, SyntaxError> {
        let value = match integer(token.text) {
            Some(integer) if token.kind == Kind::Integer => Some(integer as f64),
            _ => token.text.parse().ok(),
        };
        value.ok_or_else(|| {
            SyntaxError::new("the number is too great", token.range()).with_hint("write it with decimal digits")
        })
    }

    /// The text of a default in a descriptor. Without a scalar type it is the value of an enum.
    pub(super) fn default_text(&mut self, scalar: Option<Type>) -> Result<String, SyntaxError> {
        match scalar {
            Some(Type::Int32 | Type::Sint32 | Type::Sfixed32) => self.default_integer(i32::MAX as u64, true),
            Some(Type::Int64 | Type::Sint64 | Type::Sfixed64) => self.default_integer(i64::MAX as u64, true),
            Some(Type::Uint32 | Type::Fixed32) => self.default_integer(u64::from(u32::MAX), false),
            Some(Type::Uint64 | Type::Fixed64) => self.default_integer(u64::MAX, false),
            Some(Type::Float) => self.default_float().map(|value| float_text(value as f32)),
            Some(Type::Double) => self.default_float().map(double_text),
            Some(Type::Bool) => match self.token().text {
                text @ ("true" | "false") => {
                    self.advance();
                    Ok(text.to_owned())
                }
                _ => Err(self.expected("`true` or `false`")),
            },
            Some(Type::String) => {
                let (value, range) = self.string("the default in quotes")?;
                String::from_utf8(value).map_err(|_| {
                    SyntaxError::new("the default of a string must be UTF-8", range)
                        .with_hint("make it a field of `bytes`, or drop the escape")
                })
            }
            Some(Type::Bytes) => self.string("the default in quotes").map(|(value, _)| escape(&value)),
            Some(Type::Group | Type::Message) => {
                Err(self.error("messages have no default").with_hint("drop it: an absent message stays absent"))
            }
            Some(Type::Enum) | None => self.identifier("the name of an enum's value"),
        }
    }

    fn default_integer(&mut self, max: u64, is_signed: bool) -> Result<String, SyntaxError> {
        let is_negative = self.at("-");
        if is_negative && !is_signed {
            return Err(self.error("the default is negative, and the type is not").with_hint("take a signed type"));
        }
        self.take("-");
        let token = self.token();
        if token.kind != Kind::Integer {
            return Err(self.expected("a whole number as the default"));
        }
        let max = max + u64::from(is_negative);
        let value = integer(token.text).filter(|value| *value <= max).ok_or_else(|| self.out_of_range(max))?;
        self.advance();
        Ok(format!("{}{value}", if is_negative { "-" } else { "" }))
    }

    fn default_float(&mut self) -> Result<f64, SyntaxError> {
        let is_negative = self.take("-");
        let token = self.token();
        let value = match (token.kind, token.text) {
            (Kind::Identifier, "inf") => f64::INFINITY,
            (Kind::Identifier, "nan") => f64::NAN,
            (Kind::Integer | Kind::Float, _) => self.float_of(&token)?,
            _ => return Err(self.expected("a number as the default")),
        };
        self.advance();
        Ok(if is_negative { -value } else { value })
    }
}

/// The value of an integer in one of its three bases, if it fits.
pub(super) fn integer(text: &str) -> Option<u64> {
    if let Some(digits) = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        return u64::from_str_radix(digits, 16).ok();
    }
    match text.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => u64::from_str_radix(digits, 8).ok(),
        _ => text.parse().ok(),
    }
}

/// Adds the bytes of a string, whose quotes and escapes the lexer has checked.
fn unescape(literal: &str, value: &mut Vec<u8>) {
    let mut rest = literal.get(1..literal.len().saturating_sub(1)).unwrap_or_default();
    while let Some(at) = rest.find('\\') {
        value.extend_from_slice(&rest.as_bytes()[..at]);
        rest = &rest[at..];
        let length = escape_length(rest).unwrap_or(1);
        unescape_one(&rest[..length], value);
        rest = &rest[length..];
    }
    value.extend_from_slice(rest.as_bytes());
}

fn unescape_one(escape: &str, value: &mut Vec<u8>) {
    let number =
        |radix: u32, from: usize| u32::from_str_radix(escape.get(from..).unwrap_or_default(), radix).unwrap_or(0);
    match escape.as_bytes().get(1) {
        Some(b'a') => value.push(7),
        Some(b'b') => value.push(8),
        Some(b'f') => value.push(12),
        Some(b'n') => value.push(b'\n'),
        Some(b'r') => value.push(b'\r'),
        Some(b't') => value.push(b'\t'),
        Some(b'v') => value.push(11),
        Some(b'0'..=b'7') => value.push(number(8, 1) as u8),
        Some(b'x' | b'X') => value.push(number(16, 2) as u8),
        Some(b'u' | b'U') => {
            let letter = char::from_u32(number(16, 2)).unwrap_or(char::REPLACEMENT_CHARACTER);
            value.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
        }
        Some(other) => value.push(*other),
        None => {}
    }
}

/// Bytes as descriptors have them: printable ones as they are, the others in octal.
fn escape(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' | b'\'' | b'\\' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b' '..=b'~' => out.push(char::from(*byte)),
            _ => {
                let _ = write!(out, "\\{byte:03o}");
            }
        }
    }
    out
}

/// The fewest of the usual digits that read back as the same number.
fn double_text(value: f64) -> String {
    let short = general(value, f64::DIGITS as usize);
    if short.parse() == Ok(value) || value.is_nan() { short } else { general(value, 17) }
}

fn float_text(value: f32) -> String {
    let short = general(f64::from(value), f32::DIGITS as usize);
    if short.parse() == Ok(value) || value.is_nan() { short } else { general(f64::from(value), 9) }
}

/// What C's `%.*g` prints.
fn general(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    if value == 0.0 {
        return if value.is_sign_negative() { "-0" } else { "0" }.to_owned();
    }
    let scientific = format!("{value:.*e}", digits - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if exponent < -4 || exponent >= i32::try_from(digits).unwrap_or(i32::MAX) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.unsigned_abs());
    }
    let places = usize::try_from(i32::try_from(digits).unwrap_or(i32::MAX) - 1 - exponent).unwrap_or(0);
    without_zeros(&format!("{value:.places$}")).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_c_writes_them() {
        for (value, expected) in [
            (1e10, "10000000000"),
            (0.1, "0.1"),
            (1e22, "1e+22"),
            (123_456_789_012_345_678.0, "1.2345678901234568e+17"),
            (-1.5e-7, "-1.5e-07"),
            (0.0001, "0.0001"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
            (0.0, "0"),
        ] {
            assert_eq!(double_text(value), expected);
        }
        for (value, expected) in [(1e10, "1e+10"), (16_777_216.0, "16777216"), (0.1, "0.1"), (-1.17e-38, "-1.17e-38")] {
            assert_eq!(float_text(value), expected);
        }
    }

    #[test]
    fn strings_lose_their_escapes() {
        let mut value = Vec::new();
        unescape(r#""a\n\x41\101\u00e9\\\"""#, &mut value);
        assert_eq!(value, "a\nAA\u{e9}\\\"".as_bytes());
        assert_eq!(escape(b"a\n\x01\xff\""), "a\\n\\001\\377\\\"");
    }
}
