//! Percent-encoding of paths and queries.

use std::borrow::Cow;

/// What is left encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reserved {
    /// Nothing is.
    Decoded,
    /// `%2F`, because it is a slash that separates nothing.
    SlashKept,
}

/// Decodes a part of a URL.
///
/// # Errors
/// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
pub(crate) fn percent_decode(text: &str, reserved: Reserved) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains('%') {
        return Ok(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        if *first != b'%' {
            bytes.push(*first);
            rest = behind;
            continue;
        }
        let (Some(high), Some(low)) = (behind.first().and_then(digit), behind.get(1).and_then(digit)) else {
            return Err("a percent sign is not followed by two hexadecimal digits");
        };
        match (high << 4 | low, reserved) {
            (b'/', Reserved::SlashKept) => bytes.extend_from_slice(&rest[..3]),
            (byte, _) => bytes.push(byte),
        }
        rest = &behind[2..];
    }
    String::from_utf8(bytes).map(Cow::Owned).map_err(|_| "what is percent-encoded is not UTF-8")
}

fn digit(character: &u8) -> Option<u8> {
    char::from(*character).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}
