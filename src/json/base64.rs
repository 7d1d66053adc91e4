//! Bytes as text, as protobuf's JSON mapping has them: base64 with either alphabet, padded or not.

use base64::alphabet::{Alphabet, STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::{DecodeError, Engine as _};

/// Reads either form, whatever the last letter's unused bits are.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Reads base64 as protobuf's JSON mapping allows it.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, &'static str> {
    decode_in(if text.contains(['-', '_']) { &URL_SAFE } else { &STANDARD }, text).map_err(|error| match error {
        DecodeError::InvalidByte(..) => "this is not base64: bytes are written in base64",
        DecodeError::InvalidLength(_) | DecodeError::InvalidLastSymbol(..) => "this is not base64: it was cut off",
        DecodeError::InvalidPadding => "this is not base64: the padding is wrong",
    })
}

/// Reads base64 as URLs have it.
#[cfg(feature = "connect")]
pub(crate) fn decode_url(text: &[u8]) -> Result<Vec<u8>, DecodeError> {
    decode_in(&URL_SAFE, text)
}

/// Writes bytes as base64, padded.
pub(crate) fn encode(bytes: &[u8]) -> String {
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The same behind what was written before.
pub(crate) fn encode_into(bytes: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    let written = base64::engine::general_purpose::STANDARD.encode_slice(bytes, &mut out[begin..]);
    debug_assert_eq!(written, Ok(out.len() - begin), "three bytes are four letters");
}

fn decode_in(alphabet: &Alphabet, text: impl AsRef<[u8]>) -> Result<Vec<u8>, DecodeError> {
    GeneralPurpose::new(alphabet, LENIENT).decode(text)
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
            ("AB", b"\0"),
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
        for text in ["A", "AA===", "AAAA=", "A A=", "\u{e9}a", "AA\n", "====", "a=Gk", "-/8="] {
            assert!(decode(text).is_err(), "{text}");
        }
    }
}
