//! A decoder without any cleverness, bit by bit and field by field: what the quick one is held against.

use std::collections::HashMap;
use std::sync::LazyLock;

use seltzer_h2::hpack::Error;

/// Name, value, and whether it is sensitive.
pub(crate) type Field = (Vec<u8>, Vec<u8>, bool);

/// Keeps its table as a list, the newest field first.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Vec<(Vec<u8>, Vec<u8>)>,
    size_max: usize,
    allowed: usize,
}

impl Decoder {
    pub(crate) fn new(allowed: usize) -> Self {
        Decoder { table: Vec::new(), size_max: allowed.min(4096), allowed }
    }

    pub(crate) fn table_len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn decode(&mut self, block: &[u8]) -> Result<Vec<Field>, Error> {
        let mut reader = Reader { rest: block };
        let mut fields = Vec::new();
        while let Some(first) = reader.rest.first().copied() {
            if first >= 0x80 {
                let index = reader.number(7)?;
                let (name, value) = self.entry(index)?;
                fields.push((name, value, false));
            } else if first >= 0x40 {
                let (name, value) = self.literal(&mut reader, 6)?;
                self.insert(&name, &value);
                fields.push((name, value, false));
            } else if first >= 0x20 {
                if !fields.is_empty() {
                    return Err(Error::InvalidTableSize);
                }
                self.size_max = reader.number(5)?;
                if self.size_max > self.allowed {
                    return Err(Error::InvalidTableSize);
                }
                self.evict(self.size_max);
            } else {
                let (name, value) = self.literal(&mut reader, 4)?;
                fields.push((name, value, first >= 0x10));
            }
        }
        Ok(fields)
    }

    fn literal(&self, reader: &mut Reader<'_>, prefix_bits: u32) -> Result<(Vec<u8>, Vec<u8>), Error> {
        let index = reader.number(prefix_bits)?;
        let name = if index == 0 { reader.string()? } else { self.entry(index)?.0 };
        Ok((name, reader.string()?))
    }

    fn entry(&self, index: usize) -> Result<(Vec<u8>, Vec<u8>), Error> {
        if index == 0 {
            return Err(Error::InvalidIndex);
        }
        if let Some((name, value)) = STATIC_TABLE.get(index - 1) {
            return Ok((name.to_vec(), value.to_vec()));
        }
        self.table.get(index - 62).cloned().ok_or(Error::InvalidIndex)
    }

    fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + 32;
        if size > self.size_max {
            self.table.clear();
            return;
        }
        self.evict(self.size_max - size);
        self.table.insert(0, (name.to_vec(), value.to_vec()));
    }

    fn evict(&mut self, size: usize) {
        while self.table.iter().map(|field| field.0.len() + field.1.len() + 32).sum::<usize>() > size {
            self.table.pop();
        }
    }
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, Error> {
        let (first, rest) = self.rest.split_first().ok_or(Error::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    fn number(&mut self, prefix_bits: u32) -> Result<usize, Error> {
        let mask = (1_u64 << prefix_bits) - 1;
        let mut value = u64::from(self.byte()?) & mask;
        if value < mask {
            return Ok(value as usize);
        }
        for round in 0.. {
            let byte = self.byte()?;
            // The sixth byte is one too many even if it says nothing.
            if round > 4 {
                return Err(Error::IntegerOverflow);
            }
            value += u64::from(byte & 0x7f) << (7 * round);
            if value > u64::from(u32::MAX) {
                return Err(Error::IntegerOverflow);
            }
            if byte < 0x80 {
                break;
            }
        }
        Ok(value as usize)
    }

    fn string(&mut self) -> Result<Vec<u8>, Error> {
        let first = *self.rest.first().ok_or(Error::Truncated)?;
        let length = self.number(7)?;
        if length > self.rest.len() {
            return Err(Error::Truncated);
        }
        let (raw, rest) = self.rest.split_at(length);
        self.rest = rest;
        if first >= 0x80 { huffman(raw) } else { Ok(raw.to_vec()) }
    }
}

/// Takes bit after bit until they are a code.
fn huffman(raw: &[u8]) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    let (mut code, mut length) = (0_u32, 0_u8);
    for bit in raw.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)) {
        code = code << 1 | u32::from(bit);
        length += 1;
        if let Some(symbol) = SYMBOLS.get(&(code, length)) {
            text.push(u8::try_from(*symbol).map_err(|_| Error::InvalidHuffman)?);
            (code, length) = (0, 0);
        }
    }
    let is_padding = length < 8 && code == (1 << length) - 1;
    if is_padding { Ok(text) } else { Err(Error::InvalidHuffman) }
}

/// Code and length of each symbol: among codes of one length, smaller symbols have smaller codes.
pub(crate) static CODES: LazyLock<Vec<(u32, u8)>> = LazyLock::new(|| {
    let mut codes = vec![(0, 0); LENGTHS.len()];
    let mut next = 0;
    for length in 1..=30 {
        next <<= 1;
        for (symbol, code) in codes.iter_mut().enumerate() {
            if LENGTHS[symbol] == length {
                *code = (next, length);
                next += 1;
            }
        }
    }
    codes
});

static SYMBOLS: LazyLock<HashMap<(u32, u8), usize>> =
    LazyLock::new(|| CODES.iter().enumerate().map(|(symbol, code)| (*code, symbol)).collect());

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
    30,
];

#[rustfmt::skip]
const STATIC_TABLE: [(&[u8], &[u8]); 61] = [
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    (b":status", b"200"),
    (b":status", b"204"),
    (b":status", b"206"),
    (b":status", b"304"),
    (b":status", b"400"),
    (b":status", b"404"),
    (b":status", b"500"),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    (b"accept-language", b""),
    (b"accept-ranges", b""),
    (b"accept", b""),
    (b"access-control-allow-origin", b""),
    (b"age", b""),
    (b"allow", b""),
    (b"authorization", b""),
    (b"cache-control", b""),
    (b"content-disposition", b""),
    (b"content-encoding", b""),
    (b"content-language", b""),
    (b"content-length", b""),
    (b"content-location", b""),
    (b"content-range", b""),
    (b"content-type", b""),
    (b"cookie", b""),
    (b"date", b""),
    (b"etag", b""),
    (b"expect", b""),
    (b"expires", b""),
    (b"from", b""),
    (b"host", b""),
    (b"if-match", b""),
    (b"if-modified-since", b""),
    (b"if-none-match", b""),
    (b"if-range", b""),
    (b"if-unmodified-since", b""),
    (b"last-modified", b""),
    (b"link", b""),
    (b"location", b""),
    (b"max-forwards", b""),
    (b"proxy-authenticate", b""),
    (b"proxy-authorization", b""),
    (b"range", b""),
    (b"referer", b""),
    (b"refresh", b""),
    (b"retry-after", b""),
    (b"server", b""),
    (b"set-cookie", b""),
    (b"strict-transport-security", b""),
    (b"transfer-encoding", b""),
    (b"user-agent", b""),
    (b"vary", b""),
    (b"via", b""),
    (b"www-authenticate", b""),
];
