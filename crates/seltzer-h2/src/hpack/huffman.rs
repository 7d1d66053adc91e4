//! The Huffman code for strings, section 5.2 and appendix B.
//!
//! The code is canonical: among codes of one length, smaller symbols have smaller codes. So the lengths alone say
//! everything, and the tables are computed from them when this crate is compiled.

use crate::hpack::Error;

/// The symbol that ends nothing: only its first bits appear, as padding.
const END: usize = 256;

const SYMBOLS: usize = 257;

/// The longest code.
const BITS_MAX: usize = 30;

/// Codes up to this length are found by one look into a table; nine of ten header bytes are shorter still.
const LOOKUP_BITS: usize = 10;

/// How many bits each symbol takes (appendix B).
#[rustfmt::skip]
const LENGTHS: [u8; SYMBOLS] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
    30,
];

/// The code, computed from its lengths.
struct Code {
    /// Each symbol's bits, right-aligned.
    bits: [u32; SYMBOLS],
    /// The symbols in the order of their codes.
    by_code: [u16; SYMBOLS],
    /// For each length: the first code, and where its symbols begin in `by_code`.
    first: [u32; BITS_MAX + 1],
    start: [u16; BITS_MAX + 1],
    count: [u16; BITS_MAX + 1],
    /// For the next `LOOKUP_BITS` bits: length and symbol of the code they begin with, zero for a longer one.
    lookup: [(u8, u8); 1 << LOOKUP_BITS],
}

static CODE: Code = compute();

const fn compute() -> Code {
    let mut code = Code {
        bits: [0; SYMBOLS],
        by_code: [0; SYMBOLS],
        first: [0; BITS_MAX + 1],
        start: [0; BITS_MAX + 1],
        count: [0; BITS_MAX + 1],
        lookup: [(0, 0); 1 << LOOKUP_BITS],
    };
    let mut next = 0_u32;
    let mut ranked = 0;
    let mut length = 1;
    while length <= BITS_MAX {
        next <<= 1;
        code.first[length] = next;
        code.start[length] = ranked as u16;
        let mut symbol = 0;
        while symbol < SYMBOLS {
            if LENGTHS[symbol] as usize == length {
                code.bits[symbol] = next;
                code.by_code[ranked] = symbol as u16;
                if length <= LOOKUP_BITS {
                    let spread = 1 << (LOOKUP_BITS - length);
                    let mut at = 0;
                    while at < spread {
                        code.lookup[(next as usize) * spread + at] = (length as u8, symbol as u8);
                        at += 1;
                    }
                }
                next += 1;
                ranked += 1;
                code.count[length] += 1;
            }
            symbol += 1;
        }
        length += 1;
    }
    code
}

/// Appends what the Huffman string stands for.
pub(super) fn decode(bytes: &[u8], output: &mut Vec<u8>) -> Result<(), Error> {
    // The bits that wait, left-aligned, and how many of them there are.
    let mut waiting = 0_u64;
    let mut count = 0_usize;
    let mut rest = bytes;
    output.reserve(bytes.len() * 8 / 5 + 1);
    loop {
        while count <= 56 {
            let Some((byte, tail)) = rest.split_first() else { break };
            waiting |= u64::from(*byte) << (56 - count);
            count += 8;
            rest = tail;
        }
        let index = usize::try_from(waiting >> (64 - LOOKUP_BITS)).expect("ten bits fit");
        let (length, symbol) = CODE.lookup[index];
        let (length, symbol) =
            if length != 0 { (usize::from(length), symbol) } else { decode_long(waiting, count)?.unwrap_or((0, 0)) };
        if length == 0 || length > count {
            return check_padding(waiting, count);
        }
        output.push(symbol);
        waiting <<= length;
        count -= length;
    }
}

/// A code longer than the lookup, or `None` when the bits that wait are the beginning of one.
fn decode_long(waiting: u64, count: usize) -> Result<Option<(usize, u8)>, Error> {
    for length in LOOKUP_BITS + 1..=BITS_MAX {
        if length > count {
            return Ok(None);
        }
        let code = u32::try_from(waiting >> (64 - length)).expect("thirty bits fit");
        let offset = code.wrapping_sub(CODE.first[length]);
        if offset < u32::from(CODE.count[length]) {
            let rank = usize::from(CODE.start[length]) + usize::try_from(offset).expect("it is below a count");
            let symbol = usize::from(CODE.by_code[rank]);
            return match u8::try_from(symbol) {
                Ok(symbol) => Ok(Some((length, symbol))),
                // The end symbol must not be sent.
                Err(_) => Err(Error::InvalidHuffman),
            };
        }
    }
    Err(Error::InvalidHuffman)
}

/// What is left at the end must be less than a byte, all ones.
fn check_padding(waiting: u64, count: usize) -> Result<(), Error> {
    if count < 8 && (count == 0 || waiting >> (64 - count) == (1 << count) - 1) {
        Ok(())
    } else {
        Err(Error::InvalidHuffman)
    }
}

/// How many bytes a string takes in this code.
pub(super) fn encoded_len(bytes: &[u8]) -> usize {
    let bits: usize = bytes.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends a string in this code.
pub(super) fn encode(bytes: &[u8], output: &mut Vec<u8>) {
    let mut waiting = 0_u64;
    let mut count = 0_usize;
    for byte in bytes {
        let symbol = usize::from(*byte);
        let length = usize::from(LENGTHS[symbol]);
        waiting |= u64::from(CODE.bits[symbol]) << (64 - length - count);
        count += length;
        while count >= 8 {
            output.push((waiting >> 56) as u8);
            waiting <<= 8;
            count -= 8;
        }
    }
    if count > 0 {
        // Padding is the beginning of the end symbol: all ones.
        output.push((waiting >> 56) as u8 | (0xff >> count));
    }
}

const _: () = assert!(LENGTHS[END] as usize == BITS_MAX);

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> Result<Vec<u8>, Error> {
        let mut output = Vec::new();
        decode(bytes, &mut output).map(|()| output)
    }

    #[test]
    fn the_examples_of_the_specification() {
        // Appendix C.4 and C.6.
        let table: [(&str, &[u8]); 4] = [
            ("www.example.com", &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]),
            ("no-cache", &[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]),
            ("302", &[0x64, 0x02]),
            ("private", &[0xae, 0xc3, 0x77, 0x1a, 0x4b]),
        ];
        for (text, bytes) in table {
            let mut output = Vec::new();
            encode(text.as_bytes(), &mut output);
            assert_eq!(output, bytes, "{text}");
            assert_eq!(encoded_len(text.as_bytes()), bytes.len(), "{text}");
            assert_eq!(decoded(bytes).as_deref(), Ok(text.as_bytes()));
        }
    }

    #[test]
    fn every_byte_comes_back_at_every_offset() {
        for first in 0..=255_u8 {
            for second in 0..=255_u8 {
                let text = [b'a', first, second, b'0', first];
                let mut output = Vec::new();
                encode(&text, &mut output);
                assert_eq!(decoded(&output).as_deref(), Ok(&text[..]));
            }
        }
    }

    #[test]
    fn broken_strings_are_refused() {
        let table: [(&str, &[u8]); 5] = [
            ("a whole byte of padding", &[0xff]),
            ("padding of zeros", &[0x00]),
            ("the end symbol", &[0xff, 0xff, 0xff, 0xff]),
            ("text, then a byte of padding", &[0xae, 0xc3, 0x77, 0x1a, 0x4b, 0xff]),
            ("half of a long code", &[0xff, 0xfe]),
        ];
        for (what, bytes) in table {
            assert_eq!(decoded(bytes), Err(Error::InvalidHuffman), "{what}");
        }
    }
}
