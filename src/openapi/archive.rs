//! Files of a zip archive that is compiled in. Zip and gzip hold the same deflated bytes, so that most are sent as they
//! lie there.

use std::io::Read as _;

use bytes::{BufMut as _, Bytes, BytesMut};
use flate2::read::DeflateDecoder;

/// Ends an archive, with up to 64 KiB of comment behind it.
const END: u32 = 0x0605_4b50;
const END_BYTES: usize = 22;
const COMMENT_BYTES_MAX: usize = 0xffff;

/// Begins an entry of the list of files.
const ENTRY: u32 = 0x0201_4b50;
const ENTRY_BYTES: usize = 46;

/// What stands before a file's own bytes, without its name and extra fields.
const LOCAL_BYTES: usize = 30;

// How files are compressed: not at all, or as gzip does it.
const STORED: u16 = 0;
const DEFLATED: u16 = 8;

/// What begins a gzip stream of unknown time and system.
const GZIP_HEAD: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// A file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ArchivedFile {
    bytes: &'static [u8],
    is_deflated: bool,
    pub(crate) checksum: u32,
    pub(crate) size: u32,
}

impl ArchivedFile {
    /// The file as gzip; `None` if it is not compressed.
    pub(crate) fn gzip(&self) -> Option<Bytes> {
        let mut gzip = BytesMut::with_capacity(GZIP_HEAD.len() + self.bytes.len() + 8);
        gzip.put_slice(&GZIP_HEAD);
        gzip.put_slice(self.bytes);
        gzip.put_u32_le(self.checksum);
        gzip.put_u32_le(self.size);
        self.is_deflated.then(|| gzip.freeze())
    }

    /// The file itself; `None` if it is damaged.
    pub(crate) fn inflated(&self) -> Option<Bytes> {
        let size = usize::try_from(self.size).ok()?;
        if !self.is_deflated {
            return (self.bytes.len() == size).then(|| Bytes::from_static(self.bytes));
        }
        let mut bytes = Vec::with_capacity(size);
        DeflateDecoder::new(self.bytes).take(u64::from(self.size) + 1).read_to_end(&mut bytes).ok()?;
        (bytes.len() == size).then(|| bytes.into())
    }
}

/// The file whose path ends with this.
pub(crate) fn find(archive: &'static [u8], path_end: &str) -> Option<ArchivedFile> {
    let first = archive.len().saturating_sub(END_BYTES + COMMENT_BYTES_MAX);
    let end = (first..=archive.len().checked_sub(END_BYTES)?).rev().find(|at| word(archive, *at) == Some(END))?;
    let count = half(archive, end + 10)?;
    let mut at = index(word(archive, end + 16)?)?;
    for _ in 0..count {
        if word(archive, at)? != ENTRY {
            return None;
        }
        let name_length = usize::from(half(archive, at + 28)?);
        let name = archive.get(at + ENTRY_BYTES..at + ENTRY_BYTES + name_length)?;
        if name.ends_with(path_end.as_bytes()) {
            return file(archive, at);
        }
        at += ENTRY_BYTES + name_length + usize::from(half(archive, at + 30)?) + usize::from(half(archive, at + 32)?);
    }
    None
}

/// The file of an entry.
fn file(archive: &'static [u8], entry: usize) -> Option<ArchivedFile> {
    let local = index(word(archive, entry + 42)?)?;
    let names = usize::from(half(archive, local + 26)?) + usize::from(half(archive, local + 28)?);
    let start = local + LOCAL_BYTES + names;
    let bytes = archive.get(start..start.checked_add(index(word(archive, entry + 20)?)?)?)?;
    let is_deflated = match half(archive, entry + 10)? {
        STORED => false,
        DEFLATED => true,
        _ => return None,
    };
    Some(ArchivedFile { bytes, is_deflated, checksum: word(archive, entry + 16)?, size: word(archive, entry + 24)? })
}

fn half(archive: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*archive.get(at..)?.first_chunk()?))
}

fn word(archive: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*archive.get(at..)?.first_chunk()?))
}

fn index(word: u32) -> Option<usize> {
    usize::try_from(word).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a.txt`, stored, and `d/b.txt`, deflated: `aaaaaaaaaa`; with a comment behind.
    fn archive() -> Vec<u8> {
        // A last block with fixed codes: `a` twice, then a reference to eight of them.
        let deflated = [0x4b, 0x4c, 0x84, 0x01, 0x00];
        let entries = [("a.txt", 0u16, 1u32, &b"x"[..], 1u32), ("d/b.txt", DEFLATED, 0x4c11_cdf0, &deflated[..], 10)];
        let (mut files, mut list) = (Vec::new(), Vec::new());
        for (name, method, checksum, bytes, size) in entries {
            let offset = files.len() as u32;
            let length = bytes.len() as u32;
            files.put_u32_le(0x0403_4b50);
            files.put_bytes(0, 22);
            files.put_u16_le(name.len() as u16);
            files.put_u16_le(3);
            files.put_slice(name.as_bytes());
            files.put_slice(b"ext");
            files.put_slice(bytes);
            list.put_u32_le(ENTRY);
            list.put_bytes(0, 6);
            list.put_u16_le(method);
            list.put_bytes(0, 4);
            list.put_u32_le(checksum);
            list.put_u32_le(length);
            list.put_u32_le(size);
            list.put_u16_le(name.len() as u16);
            list.put_u16_le(2);
            list.put_bytes(0, 10);
            list.put_u32_le(offset);
            list.put_slice(name.as_bytes());
            list.put_slice(b"ex");
        }
        let start = files.len() as u32;
        files.put_slice(&list);
        files.put_u32_le(END);
        files.put_bytes(0, 6);
        files.put_u16_le(2);
        files.put_u32_le(list.len() as u32);
        files.put_u32_le(start);
        files.put_u16_le(7);
        files.put_slice(b"comment");
        files
    }

    #[test]
    fn files_are_found_and_inflated() {
        let archive: &'static [u8] = archive().leak();
        let file = find(archive, "/b.txt").expect("it is there");
        assert_eq!(file.inflated().expect("it is sound"), &b"aaaaaaaaaa"[..]);
        let mut inflated = String::new();
        let gzip = file.gzip().expect("it is compressed");
        flate2::read::GzDecoder::new(&gzip[..]).read_to_string(&mut inflated).expect("checksum and size fit");
        assert_eq!(inflated, "aaaaaaaaaa");
        assert_eq!(find(archive, "c.txt"), None);
        let stored = find(archive, "a.txt").expect("it is there");
        assert_eq!((stored.gzip(), stored.inflated()), (None, Some(Bytes::from_static(b"x"))));
    }

    #[test]
    fn what_is_no_archive_has_no_files() {
        let whole = archive();
        for length in 0..whole.len() {
            let cut: &'static [u8] = whole[..length].to_vec().leak();
            // Cut within its comment it still is one.
            let is_whole = length >= whole.len() - 7;
            assert_eq!(find(cut, "b.txt").is_some(), is_whole, "{length}");
        }
        let file = find(whole.leak(), "b.txt").expect("it is there");
        assert_eq!(ArchivedFile { size: 9, ..file }.inflated(), None);
        assert_eq!(ArchivedFile { bytes: &[0xff, 0xff], ..file }.inflated(), None);
    }
}
