//! Protobuf's bytes, written as they come and read field by field.

use prost_reflect::{Kind, Value};

/// What a field's key says of the bytes behind it.
pub(crate) const VARINT: u8 = 0;
pub(crate) const FIXED64: u8 = 1;
pub(crate) const DELIMITED: u8 = 2;
pub(crate) const GROUP: u8 = 3;
const GROUP_END: u8 = 4;
pub(crate) const FIXED32: u8 = 5;

/// How deep groups may lie that nobody knows: the limit that messages have in bytes.
const UNKNOWN_DEPTH_MAX: usize = 100;

/// Why bytes are no message.
pub(crate) type Damage = &'static str;

const CUT_OFF: Damage = "the bytes end too early";

/// Writes a message whose parts become known one after another.
///
/// A length stands before what it counts. One byte is left for it, and is enough for most; what a longer one takes is
/// noted, and all are put in at once at the end, so that nothing is moved twice however deep messages lie.
#[derive(Debug, Default)]
pub(crate) struct WireWriter {
    bytes: Vec<u8>,
    /// Where lengths of several bytes stand, and what they are.
    long: Vec<(usize, usize)>,
    /// What they will take beside the byte that was left for each.
    extra: usize,
}

/// Where a length was left open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Opened {
    at: usize,
    extra: usize,
}

/// How far it was written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    bytes: usize,
    long: usize,
    extra: usize,
}

impl WireWriter {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        WireWriter { bytes: Vec::with_capacity(bytes), ..WireWriter::default() }
    }

    pub(crate) fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.bytes.push(value as u8);
    }

    pub(crate) fn key(&mut self, number: u32, wire_type: u8) {
        self.varint(u64::from(number) << 3 | u64::from(wire_type));
    }

    pub(crate) fn group_end(&mut self, number: u32) {
        self.key(number, GROUP_END);
    }

    /// Bytes behind their length.
    pub(crate) fn delimited(&mut self, bytes: &[u8]) {
        self.varint(bytes.len() as u64);
        self.bytes.extend_from_slice(bytes);
    }

    /// The bytes, for those who write a part by themselves.
    pub(crate) fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Leaves room for a length.
    pub(crate) fn open(&mut self) -> Opened {
        self.bytes.push(0);
        Opened { at: self.bytes.len() - 1, extra: self.extra }
    }

    /// Says the length of what was written since.
    pub(crate) fn close(&mut self, opened: Opened) {
        let length = self.bytes.len() - opened.at - 1 + (self.extra - opened.extra);
        if length < 0x80 {
            self.bytes[opened.at] = length as u8;
        } else {
            self.long.push((opened.at, length));
            self.extra += varint_bytes(length as u64) - 1;
        }
    }

    /// Whether nothing was written since a length was left open.
    pub(crate) fn is_empty_since(&self, opened: Opened) -> bool {
        self.bytes.len() == opened.at + 1
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark { bytes: self.bytes.len(), long: self.long.len(), extra: self.extra }
    }

    /// Takes back what was written since.
    pub(crate) fn take_back(&mut self, mark: Mark) {
        self.bytes.truncate(mark.bytes);
        self.long.truncate(mark.long);
        self.extra = mark.extra;
    }

    /// The message.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.long.is_empty() {
            return self.bytes;
        }
        // Inner ones were closed before those around them.
        self.long.sort_unstable();
        let mut whole = WireWriter::with_capacity(self.bytes.len() + self.extra);
        let mut begin = 0;
        for (at, length) in self.long {
            whole.bytes.extend_from_slice(&self.bytes[begin..at]);
            whole.varint(length as u64);
            begin = at + 1;
        }
        whole.bytes.extend_from_slice(&self.bytes[begin..]);
        whole.bytes
    }

    /// A scalar without its key.
    pub(crate) fn scalar(&mut self, kind: &Kind, value: &Value) {
        match value {
            Value::Bool(value) => self.bytes.push(u8::from(*value)),
            Value::I32(value) => match kind {
                Kind::Sint32 => self.varint(u64::from(((value << 1) ^ (value >> 31)) as u32)),
                Kind::Sfixed32 => self.bytes.extend_from_slice(&value.to_le_bytes()),
                _ => self.varint(i64::from(*value) as u64),
            },
            Value::I64(value) => match kind {
                Kind::Sint64 => self.varint(((value << 1) ^ (value >> 63)) as u64),
                Kind::Sfixed64 => self.bytes.extend_from_slice(&value.to_le_bytes()),
                _ => self.varint(*value as u64),
            },
            Value::U32(value) => match kind {
                Kind::Fixed32 => self.bytes.extend_from_slice(&value.to_le_bytes()),
                _ => self.varint(u64::from(*value)),
            },
            Value::U64(value) => match kind {
                Kind::Fixed64 => self.bytes.extend_from_slice(&value.to_le_bytes()),
                _ => self.varint(*value),
            },
            Value::F32(value) => self.bytes.extend_from_slice(&value.to_le_bytes()),
            Value::F64(value) => self.bytes.extend_from_slice(&value.to_le_bytes()),
            Value::EnumNumber(value) => self.varint(i64::from(*value) as u64),
            Value::String(value) => self.delimited(value.as_bytes()),
            Value::Bytes(value) => self.delimited(value),
            Value::Message(_) | Value::List(_) | Value::Map(_) => {}
        }
    }
}

/// How many bytes a number takes.
fn varint_bytes(value: u64) -> usize {
    (70 - (value | 1).leading_zeros() as usize) / 7
}

/// What a scalar of a kind looks like.
pub(crate) fn wire_type(kind: &Kind) -> u8 {
    match kind {
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => FIXED64,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => FIXED32,
        Kind::String | Kind::Bytes | Kind::Message(_) => DELIMITED,
        _ => VARINT,
    }
}

/// What stands behind a field's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Content<'a> {
    /// A varint, or the bits of a fixed size.
    Bits(u64),
    /// What has a length, or is a group.
    Bytes(&'a [u8]),
}

/// Reads a message field by field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WireReader<'a> {
    rest: &'a [u8],
}

impl<'a> WireReader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        WireReader { rest: bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// The next field: its number, its wire type, and what it holds. A group's end is no part of it.
    pub(crate) fn field(&mut self) -> Result<(u32, u8, Content<'a>), Damage> {
        let (number, wire_type) = self.key()?;
        Ok((number, wire_type, self.content(number, wire_type)?))
    }

    /// A value without a key, as it stands in a packed list.
    pub(crate) fn bits(&mut self, wire_type: u8) -> Result<u64, Damage> {
        match wire_type {
            VARINT => self.varint(),
            FIXED64 => self.fixed().map(u64::from_le_bytes),
            _ => self.fixed().map(u32::from_le_bytes).map(u64::from),
        }
    }

    fn content(&mut self, number: u32, wire_type: u8) -> Result<Content<'a>, Damage> {
        match wire_type {
            VARINT | FIXED32 | FIXED64 => self.bits(wire_type).map(Content::Bits),
            DELIMITED => {
                let length = usize::try_from(self.varint()?).map_err(|_| CUT_OFF)?;
                let (bytes, rest) = self.rest.split_at_checked(length).ok_or(CUT_OFF)?;
                self.rest = rest;
                Ok(Content::Bytes(bytes))
            }
            GROUP => self.group(number).map(Content::Bytes),
            GROUP_END => Err("a group ends that did not begin"),
            _ => Err("a field has a wire type that there is not"),
        }
    }

    /// What stands before the end of a group.
    fn group(&mut self, number: u32) -> Result<&'a [u8], Damage> {
        let whole = self.rest;
        let mut open = vec![number];
        loop {
            let before = self.rest.len();
            match self.key()? {
                (number, GROUP_END) => {
                    if open.pop() != Some(number) {
                        return Err("a group ends that did not begin");
                    }
                    if open.is_empty() {
                        return Ok(&whole[..whole.len() - before]);
                    }
                }
                (_, GROUP) if open.len() == UNKNOWN_DEPTH_MAX => return Err("groups lie too deep within each other"),
                (number, GROUP) => open.push(number),
                (number, wire_type) => {
                    self.content(number, wire_type)?;
                }
            }
        }
    }

    fn key(&mut self) -> Result<(u32, u8), Damage> {
        let key = u32::try_from(self.varint()?).map_err(|_| "a field has a number that is too large")?;
        match key >> 3 {
            0 => Err("a field has the number 0"),
            number => Ok((number, (key & 7) as u8)),
        }
    }

    fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0;
        for (index, byte) in self.rest.iter().take(10).enumerate() {
            value |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                if index == 9 && *byte > 1 {
                    break;
                }
                self.rest = &self.rest[index + 1..];
                return Ok(value);
            }
        }
        Err(if self.rest.len() < 10 { CUT_OFF } else { "a number is longer than ten bytes, or than 64 bits" })
    }

    fn fixed<const BYTES: usize>(&mut self) -> Result<[u8; BYTES], Damage> {
        let (bytes, rest) = self.rest.split_first_chunk().ok_or(CUT_OFF)?;
        self.rest = rest;
        Ok(*bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths of one byte, of several, and within each other.
    #[test]
    fn lengths_count_what_stands_behind_them() {
        for sizes in [&[0][..], &[127], &[128], &[120, 1, 0], &[126, 0], &[200, 100, 20_000], &[16_383, 2, 2]] {
            let mut writer = WireWriter::default();
            let mut expected = Vec::new();
            for size in sizes.iter().rev() {
                let mut outer = vec![7; *size];
                if !expected.is_empty() {
                    outer.extend_from_slice(&expected);
                }
                let mut one = WireWriter::default();
                one.delimited(&outer);
                expected = one.finish();
            }
            let opened: Vec<_> = sizes
                .iter()
                .map(|size| {
                    let opened = writer.open();
                    writer.bytes_mut().extend_from_slice(&vec![7; *size]);
                    opened
                })
                .collect();
            for opened in opened.into_iter().rev() {
                writer.close(opened);
            }
            assert_eq!(writer.finish(), expected, "{sizes:?}");
        }
    }

    #[test]
    fn what_is_taken_back_leaves_no_trace() {
        let mut writer = WireWriter::default();
        let outer = writer.open();
        writer.key(1, DELIMITED);
        let mark = writer.mark();
        let inner = writer.open();
        writer.bytes_mut().extend_from_slice(&[0; 300]);
        writer.close(inner);
        writer.take_back(mark);
        assert!(!writer.is_empty_since(outer));
        writer.close(outer);
        assert_eq!(writer.finish(), [1, 0x0a]);
    }

    #[test]
    fn damaged_bytes_are_refused() {
        let deep = [0x0b].repeat(UNKNOWN_DEPTH_MAX + 1);
        let table: [(&[u8], &str); 12] = [
            (b"\x08", "end too early"),
            (b"\x08\x80", "end too early"),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "64 bits"),
            (b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "64 bits"),
            (b"\x0a\x02a", "end too early"),
            (b"\x09\0\0\0\0\0\0\0", "end too early"),
            (b"\x0d\0\0\0", "end too early"),
            (b"\0", "number 0"),
            (b"\x0c", "did not begin"),
            (b"\x0b\x14", "did not begin"),
            (b"\x0e", "wire type"),
            (&deep, "too deep"),
        ];
        for (bytes, said) in table {
            let error = WireReader::new(bytes).field().expect_err("it is damaged");
            assert!(error.contains(said), "{bytes:?}: {error}");
        }
        let mut reader = WireReader::new(b"\x0b\x10\x01\x13\x14\x0c\x18\x05");
        assert_eq!(reader.field(), Ok((1, GROUP, Content::Bytes(b"\x10\x01\x13\x14"))));
        assert_eq!(reader.field(), Ok((3, VARINT, Content::Bits(5))));
        assert!(reader.is_empty());
    }

    #[test]
    fn numbers_take_as_many_bytes_as_they_are_counted_for() {
        for shift in 0..64 {
            for value in [1_u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut writer = WireWriter::default();
                writer.varint(value);
                assert_eq!(writer.bytes.len(), varint_bytes(value), "{value}");
                assert_eq!(WireReader::new(&writer.bytes).varint(), Ok(value));
            }
        }
    }
}
