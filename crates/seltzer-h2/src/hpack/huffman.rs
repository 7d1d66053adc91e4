//! The Huffman code for strings, section 5.2 and appendix B.
//!
//! The code is canonical: among codes of one length, smaller symbols have smaller codes. So the lengths alone say
//! everything, and the tables are computed from them when this crate is compiled.

use bytes::BufMut;

use crate::hpack::Error;

/// Every byte, and the symbol that ends nothing: only its first bits appear, as padding.
const SYMBOLS: usize = 257;

/// The longest code.
const BITS_MAX: usize = 30;

/// Bits that are looked up at once: enough for two of the common symbols. One bit less was a tenth slower on paths; one
/// more makes a table that leaves the processor's nearest cache no room.
const LOOKUP_BITS: usize = 12;

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
}

static CODE: Code = compute_code();

/// For the next [`LOOKUP_BITS`] bits: the symbols that they begin with.
static LOOKUP: [Step; 1 << LOOKUP_BITS] = compute_lookup();

/// One or two symbols at once, packed: from the lowest bit on eight bits for how many bits they take together (0 if the
/// first one's code is longer than the lookup), eight and eight for the symbols, two for their count, six for the bits
/// of the first.
///
/// What the next look waits for is in front, where no instruction is needed to get at it.
#[derive(Clone, Copy)]
struct Step(u32);

impl Step {
    const LONG: Step = Step(0);

    const fn new(symbols: [u8; 2], bits: usize, count: usize, first_bits: usize) -> Step {
        let [first, second] = symbols;
        Step(
            bits as u32
                | (first as u32) << 8
                | (second as u32) << 16
                | (count as u32) << 24
                | (first_bits as u32) << 26,
        )
    }

    const fn bits(self) -> usize {
        (self.0 & 0x3f) as usize
    }

    const fn symbols(self) -> [u8; 2] {
        [(self.0 >> 8) as u8, (self.0 >> 16) as u8]
    }

    const fn count(self) -> usize {
        (self.0 >> 24 & 3) as usize
    }

    const fn first_bits(self) -> usize {
        (self.0 >> 26) as usize
    }
}

const fn compute_code() -> Code {
    let mut code = Code {
        bits: [0; SYMBOLS],
        by_code: [0; SYMBOLS],
        first: [0; BITS_MAX + 1],
        start: [0; BITS_MAX + 1],
        count: [0; BITS_MAX + 1],
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

const fn compute_lookup() -> [Step; 1 << LOOKUP_BITS] {
    let mut lookup = [Step::LONG; 1 << LOOKUP_BITS];
    let code = compute_code();
    let mut window = 0;
    while window < lookup.len() {
        if let Some((first, first_bits)) = symbol_at(&code, window, LOOKUP_BITS) {
            let rest = window & ((1 << (LOOKUP_BITS - first_bits)) - 1);
            let (second, bits, count) = match symbol_at(&code, rest, LOOKUP_BITS - first_bits) {
                Some((second, second_bits)) => (second, first_bits + second_bits, 2),
                None => (0, first_bits, 1),
            };
            lookup[window] = Step::new([first, second], bits, count, first_bits);
        }
        window += 1;
    }
    lookup
}

/// The symbol whose code is whole at the beginning of a window of so many bits, and the code's length.
const fn symbol_at(code: &Code, window: usize, window_bits: usize) -> Option<(u8, usize)> {
    let mut length = 1;
    while length <= window_bits {
        let offset = ((window >> (window_bits - length)) as u32).wrapping_sub(code.first[length]);
        if offset < code.count[length] as u32 {
            return Some((code.by_code[code.start[length] as usize + offset as usize] as u8, length));
        }
        length += 1;
    }
    None
}

/// Appends what the Huffman string stands for.
pub(super) fn decode(bytes: &[u8], output: &mut Vec<u8>) -> Result<(), Error> {
    let start = output.len();
    // The shortest code has five bits; a step writes two bytes even where it means one.
    output.resize(start + bytes.len() * 8 / 5 + 2, 0);
    let written = decode_into(bytes, &mut output[start..])?;
    output.truncate(start + written);
    Ok(())
}

/// Looks that one refill of the 64 bits serves: 56 bits at least.
const LOOKS_PER_REFILL: usize = 56 / LOOKUP_BITS;

fn decode_into(bytes: &[u8], output: &mut [u8]) -> Result<usize, Error> {
    // The bits that wait, left-aligned, and how many of them are accounted for. The ones behind are true as well.
    let mut waiting = 0_u64;
    let mut count = 0_usize;
    // The bits of the string that are not decoded, waiting or not.
    let mut left = bytes.len() * 8;
    let mut position = 0;
    let mut written = 0;
    loop {
        waiting |= word_at(bytes, position) >> count;
        position += (63 - count) >> 3;
        count |= 56;
        for _ in 0..LOOKS_PER_REFILL {
            let step = LOOKUP[(waiting >> (64 - LOOKUP_BITS)) as usize];
            let bits = step.bits();
            if bits == 0 || bits > left {
                // One symbol with a long code, or the last ones.
                if bits == 0 && count < BITS_MAX {
                    break;
                }
                let (symbol, bits) = symbol_or_end(step, waiting)?;
                if bits > left {
                    check_padding(waiting, left)?;
                    return Ok(written);
                }
                *output.get_mut(written).ok_or(Error::InvalidHuffman)? = symbol;
                written += 1;
                waiting <<= bits;
                count -= bits;
                left -= bits;
                break;
            }
            output.get_mut(written..written + 2).ok_or(Error::InvalidHuffman)?.copy_from_slice(&step.symbols());
            written += step.count();
            waiting <<= bits;
            count -= bits;
            left -= bits;
        }
    }
}

/// Eight bytes from a position, zeros behind the end.
#[inline]
fn word_at(bytes: &[u8], position: usize) -> u64 {
    let rest = bytes.get(position..).unwrap_or_default();
    if let Some(word) = rest.first_chunk::<8>() {
        return u64::from_be_bytes(*word);
    }
    rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)).checked_shl(64 - 8 * rest.len() as u32).unwrap_or(0)
}

/// The first symbol of what waits, and its bits: more than are left if what waits is no whole symbol.
#[inline]
fn symbol_or_end(step: Step, waiting: u64) -> Result<(u8, usize), Error> {
    if step.bits() == 0 { decode_long(waiting) } else { Ok((step.symbols()[0], step.first_bits())) }
}

/// A code longer than the lookup, and its length.
#[cold]
fn decode_long(waiting: u64) -> Result<(u8, usize), Error> {
    for length in LOOKUP_BITS + 1..=BITS_MAX {
        let code = (waiting >> (64 - length)) as u32;
        let offset = code.wrapping_sub(CODE.first[length]);
        if offset < u32::from(CODE.count[length]) {
            let symbol = CODE.by_code[usize::from(CODE.start[length]) + offset as usize];
            // The end symbol must not be sent.
            return u8::try_from(symbol).map(|symbol| (symbol, length)).map_err(|_| Error::InvalidHuffman);
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
pub(super) fn encode(bytes: &[u8], output: &mut impl BufMut) {
    let mut waiting = 0_u64;
    let mut count = 0_usize;
    for byte in bytes {
        let symbol = usize::from(*byte);
        let length = usize::from(LENGTHS[symbol]);
        waiting |= u64::from(CODE.bits[symbol]) << (64 - length - count);
        count += length;
        if count >= 32 {
            output.put_u32((waiting >> 32) as u32);
            waiting <<= 32;
            count -= 32;
        }
    }
    if count > 0 {
        // Padding is the beginning of the end symbol: all ones.
        let padded = waiting | u64::MAX >> count;
        output.put_slice(&padded.to_be_bytes()[..count.div_ceil(8)]);
    }
}

const _: () = assert!(LENGTHS[SYMBOLS - 1] as usize == BITS_MAX);

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
    fn every_byte_comes_back_behind_any_number_of_bits() {
        for symbol in 0..=255_u8 {
            // Codes of five, seven and thirteen bits.
            for filler in [b'a', b'A', b'~'] {
                for before in 0..20 {
                    for after in 0..3 {
                        let text = [vec![filler; before], vec![symbol], vec![filler; after]].concat();
                        let mut output = Vec::new();
                        encode(&text, &mut output);
                        assert_eq!(decoded(&output).as_deref(), Ok(&text[..]));
                    }
                }
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
