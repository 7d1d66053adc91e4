//! Numbers with a prefix, section 5.1.

use bytes::BufMut;

use crate::hpack::Error;

/// More than 28 bits after the prefix are never needed: no table, string or index is that large.
const SHIFT_MAX: u32 = 28;

/// Reads a number whose first byte holds `prefix_bits` of it; gives it and the bytes after it.
#[inline]
pub(super) fn decode(block: &[u8], prefix_bits: u32) -> Result<(usize, &[u8]), Error> {
    let (first, rest) = block.split_first().ok_or(Error::Truncated)?;
    let mask = (1_u32 << prefix_bits) - 1;
    let value = u32::from(*first) & mask;
    if value < mask { Ok((value as usize, rest)) } else { decode_more(value, rest) }
}

/// The bytes after a full prefix.
fn decode_more(mut value: u32, mut rest: &[u8]) -> Result<(usize, &[u8]), Error> {
    let mut shift = 0;
    loop {
        let (byte, tail) = rest.split_first().ok_or(Error::Truncated)?;
        rest = tail;
        let more = u32::from(byte & 0x7f);
        if shift > SHIFT_MAX || (shift == SHIFT_MAX && more > 0xf) {
            return Err(Error::IntegerOverflow);
        }
        value = value.checked_add(more << shift).ok_or(Error::IntegerOverflow)?;
        if byte & 0x80 == 0 {
            return Ok((usize::try_from(value).map_err(|_| Error::IntegerOverflow)?, rest));
        }
        shift += 7;
    }
}

/// Appends a number; `pattern` is what stands in the first byte above the prefix.
#[inline]
pub(super) fn encode(value: usize, prefix_bits: u32, pattern: u8, output: &mut impl BufMut) {
    let mask = (1_usize << prefix_bits) - 1;
    if value < mask {
        output.put_u8(pattern | low_byte(value));
        return;
    }
    output.put_u8(pattern | low_byte(mask));
    let mut rest = value - mask;
    while rest >= 0x80 {
        output.put_u8(low_byte(rest & 0x7f) | 0x80);
        rest >>= 7;
    }
    output.put_u8(low_byte(rest));
}

fn low_byte(value: usize) -> u8 {
    (value & 0xff) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        // Appendix C.1: 10 and 1337 with five bits, 42 with eight.
        for (value, prefix_bits, bytes) in [(10, 5, &[0x0a][..]), (1337, 5, &[0x1f, 0x9a, 0x0a]), (42, 8, &[0x2a])] {
            let mut output = Vec::new();
            encode(value, prefix_bits, 0, &mut output);
            assert_eq!(output, bytes);
            assert_eq!(decode(bytes, prefix_bits), Ok((value, &[][..])));
        }
    }

    #[test]
    fn every_number_comes_back_and_leaves_the_rest() {
        for prefix_bits in 4..=7 {
            for value in (0..1000).chain([16_383, 16_384, 1 << 20, u32::MAX as usize]) {
                let mut output = Vec::new();
                encode(value, prefix_bits, 0, &mut output);
                output.push(0xaa);
                assert_eq!(decode(&output, prefix_bits), Ok((value, &[0xaa][..])), "{value} in {prefix_bits}");
            }
        }
    }

    #[test]
    fn too_much_is_refused() {
        let table: [(&[u8], Error); 6] = [
            (&[], Error::Truncated),
            (&[0x1f], Error::Truncated),
            (&[0x1f, 0x80], Error::Truncated),
            (&[0x1f, 0xff, 0xff, 0xff, 0xff, 0x1f], Error::IntegerOverflow),
            (&[0x1f, 0xff, 0xff, 0xff, 0xff, 0xff], Error::IntegerOverflow),
            (&[0x1f, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00], Error::IntegerOverflow),
        ];
        for (bytes, error) in table {
            assert_eq!(decode(bytes, 5), Err(error), "{bytes:x?}");
        }
    }
}
