//! Bytes as text: base64, with either alphabet, padded or not.

/// Reads base64 as protobuf's JSON mapping allows it.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    if padding > 2 || (padding > 0 && !text.len().is_multiple_of(4)) {
        return Err("this is not base64: the padding is wrong");
    }
    if digits.len() % 4 == 1 {
        return Err("this is not base64: it was cut off");
    }
    let mut bytes = Vec::with_capacity(digits.len() / 4 * 3 + 2);
    let (mut held, mut bits) = (0u32, 0);
    for digit in digits.bytes() {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return Err("this is not base64: bytes are written in base64"),
        };
        held = (held << 6) | u32::from(value);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((held >> bits) as u8);
            held &= (1 << bits) - 1;
        }
    }
    Ok(bytes)
}

/// Writes bytes as base64, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let held = three.iter().fold(0u32, |held, byte| (held << 8) | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = DIGITS[(held >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { char::from(digit) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_alphabets_are_read_with_padding_and_without() {
        for (text, expected) in [
            ("", &b""[..]),
            ("AA==", b"\0"),
            ("AA", b"\0"),
            ("aGk=", b"hi"),
            ("aGk", b"hi"),
            ("aGV5", b"hey"),
            ("-_8=", b"\xfb\xff"),
            ("+/8=", b"\xfb\xff"),
        ] {
            assert_eq!(decode(text).as_deref(), Ok(expected), "{text}");
        }
        for bytes in [&b""[..], b"h", b"hi", b"hey", b"\xfb\xff\0"] {
            assert_eq!(decode(&encode(bytes)).as_deref(), Ok(bytes));
        }
        assert_eq!(encode(b"\xfb\xff"), "+/8=");
        for text in ["A", "AA=", "AA===", "AAAA=", "A A=", "\u{e9}a", "AA\n", "====", "a=Gk"] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
