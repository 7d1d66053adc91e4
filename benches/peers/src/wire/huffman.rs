//! The Huffman code for strings, RFC 7541 section 5.2 and appendix B. It is canonical, so that the lengths say all.

use std::sync::LazyLock;

/// How many bits each symbol takes; the last one ends a string and is never sent.
#[rustfmt::skip]
const LENGTHS: [u8; 257] = [
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
    30,];

/// Codes of up to so many bits are found by one look.
const LOOKUP_BITS: u32 = 12;

const END: u16 = 256;

struct Code {
    bits: [u32; 257],
    /// Symbol and length by the next bits.
    lookup: Vec<(u16, u8)>,
    /// Length, bits and symbol of the longer ones.
    long: Vec<(u8, u32, u16)>,
}

static CODE: LazyLock<Code> = LazyLock::new(|| {
    let mut symbols: Vec<u16> = (0..=END).collect();
    symbols.sort_by_key(|symbol| (LENGTHS[usize::from(*symbol)], *symbol));
    let mut code = Code { bits: [0; 257], lookup: vec![(END, 0); 1 << LOOKUP_BITS], long: Vec::new() };
    let (mut next, mut before) = (0_u32, 0_u8);
    for symbol in symbols {
        let length = LENGTHS[usize::from(symbol)];
        next <<= length - before;
        before = length;
        code.bits[usize::from(symbol)] = next;
        if u32::from(length) <= LOOKUP_BITS {
            let spread = 1 << (LOOKUP_BITS - u32::from(length));
            let begin = next as usize * spread;
            code.lookup[begin..begin + spread].fill((symbol, length));
        } else {
            code.long.push((length, next, symbol));
        }
        next += 1;
    }
    code
});

/// Appends a string in this code.
pub(super) fn encode(text: &[u8], output: &mut Vec<u8>) {
    let (mut waiting, mut count) = (0_u64, 0);
    for byte in text {
        let length = LENGTHS[usize::from(*byte)];
        waiting = waiting << length | u64::from(CODE.bits[usize::from(*byte)]);
        count += length;
        while count >= 8 {
            count -= 8;
            output.push((waiting >> count) as u8);
        }
    }
    if count > 0 {
        output.push((waiting << (8 - count)) as u8 | 0xff >> count);
    }
}

/// What a string in this code says; `None` if it is broken.
pub(super) fn decode(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(bytes.len() * 2);
    let (mut waiting, mut count, mut rest) = (0_u64, 0_u32, bytes.iter());
    loop {
        while count <= 48 {
            let Some(byte) = rest.next() else { break };
            waiting = waiting << 8 | u64::from(*byte);
            count += 8;
        }
        // What comes next, with ones after the end: the padding.
        let bits = |length: u32| {
            let padded = if count < length {
                waiting << (length - count) | ((1 << (length - count)) - 1)
            } else {
                waiting >> (count - length)
            };
            (padded & ((1 << length) - 1)) as u32
        };
        let (symbol, length) = match CODE.lookup[bits(LOOKUP_BITS) as usize] {
            (_, 0) => {
                let found = CODE.long.iter().find(|(length, code, _)| bits(u32::from(*length)) == *code);
                found.map(|(length, _, symbol)| (*symbol, *length))?
            }
            found => found,
        };
        if symbol == END || u32::from(length) > count {
            let is_padding = count < 8 && waiting & ((1 << count) - 1) == (1 << count) - 1;
            return is_padding.then_some(text);
        }
        count -= u32::from(length);
        text.push(symbol as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_specification() {
        let table: [(&[u8], &[u8]); 3] = [
            (b"www.example.com", &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff]),
            (b"no-cache", &[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]),
            (b"302", &[0x64, 0x02]),
        ];
        for (text, code) in table {
            let mut encoded = Vec::new();
            encode(text, &mut encoded);
            assert_eq!(encoded, code);
            assert_eq!(decode(code).as_deref(), Some(text));
        }
    }

    #[test]
    fn every_byte_comes_back() {
        let text: Vec<u8> = (0..=255).collect();
        let mut encoded = Vec::new();
        encode(&text, &mut encoded);
        assert_eq!(decode(&encoded), Some(text));
        assert_eq!(decode(&[0xff, 0xff]), None, "padding of more than seven bits");
    }
}
