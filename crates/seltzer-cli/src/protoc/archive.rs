//! Zip archives for `--NAME_out=FILE.zip` and `.jar`: files without compression, and without a date.

use std::collections::BTreeMap;

use crate::protoc::problem::Problem;

/// Whether an output location is an archive.
pub(crate) fn is_archive(location: &str) -> bool {
    [".zip", ".jar", ".srcjar"].iter().any(|extension| location.ends_with(extension))
}

/// The archive with these files; a `.jar` gets its manifest.
///
/// # Errors
/// It would be larger than the format allows without its 64-bit extension.
pub(crate) fn of(location: &str, files: &BTreeMap<String, String>) -> Result<Vec<u8>, Problem> {
    let manifest = location.ends_with(".jar").then_some(("META-INF/MANIFEST.MF", MANIFEST));
    let files = files.iter().map(|(name, content)| (name.as_str(), content.as_str()));
    let mut archive = Archive::default();
    for (name, content) in manifest.into_iter().chain(files) {
        archive.add(name, content.as_bytes()).ok_or_else(|| too_large(location))?;
    }
    archive.finish().ok_or_else(|| too_large(location))
}

fn too_large(location: &str) -> Problem {
    Problem::new(format!("{location}: too much for one archive"))
        .with_hint("write to a directory, and pack it with another program")
}

const MANIFEST: &str = "Manifest-Version: 1.0\nCreated-By: 1.6.0 (protoc)\n\n";

/// The signatures and constants of APPNOTE.TXT, sections 4.3.7, 4.3.12 and 4.3.16.
const LOCAL_HEADER: u32 = 0x0403_4b50;
const CENTRAL_HEADER: u32 = 0x0201_4b50;
const END_OF_DIRECTORY: u32 = 0x0605_4b50;
const VERSION: u16 = 10;
/// The first of January 1980, the earliest that there is.
const DATE: u16 = 0x21;

#[derive(Default)]
struct Archive {
    bytes: Vec<u8>,
    directory: Vec<u8>,
    count: u16,
}

impl Archive {
    fn add(&mut self, name: &str, content: &[u8]) -> Option<()> {
        let offset = u32::try_from(self.bytes.len()).ok()?;
        let length = u32::try_from(content.len()).ok()?;
        let name_length = u16::try_from(name.len()).ok()?;
        let mut common = Vec::new();
        put_u16(&mut common, VERSION);
        // No flags, no compression, midnight.
        put_u16(&mut common, 0);
        put_u16(&mut common, 0);
        put_u16(&mut common, 0);
        put_u16(&mut common, DATE);
        put_u32(&mut common, crc32(content));
        put_u32(&mut common, length);
        put_u32(&mut common, length);
        put_u16(&mut common, name_length);
        // No extra field.
        put_u16(&mut common, 0);

        put_u32(&mut self.bytes, LOCAL_HEADER);
        self.bytes.extend_from_slice(&common);
        self.bytes.extend_from_slice(name.as_bytes());
        self.bytes.extend_from_slice(content);

        put_u32(&mut self.directory, CENTRAL_HEADER);
        put_u16(&mut self.directory, VERSION);
        self.directory.extend_from_slice(&common);
        // No comment, first disk, no attributes.
        for _ in 0..3 {
            put_u16(&mut self.directory, 0);
        }
        put_u32(&mut self.directory, 0);
        put_u32(&mut self.directory, offset);
        self.directory.extend_from_slice(name.as_bytes());
        self.count = self.count.checked_add(1)?;
        Some(())
    }

    fn finish(mut self) -> Option<Vec<u8>> {
        let offset = u32::try_from(self.bytes.len()).ok()?;
        let length = u32::try_from(self.directory.len()).ok()?;
        self.bytes.append(&mut self.directory);
        put_u32(&mut self.bytes, END_OF_DIRECTORY);
        put_u32(&mut self.bytes, 0);
        put_u16(&mut self.bytes, self.count);
        put_u16(&mut self.bytes, self.count);
        put_u32(&mut self.bytes, length);
        put_u32(&mut self.bytes, offset);
        put_u16(&mut self.bytes, 0);
        Some(self.bytes)
    }
}

fn put_u16(bytes: &mut Vec<u8>, number: u16) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

fn put_u32(bytes: &mut Vec<u8>, number: u32) {
    bytes.extend_from_slice(&number.to_le_bytes());
}

/// CRC-32 as zip, gzip and Ethernet have it.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_one() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
        assert_eq!(crc32(b""), 0);
    }

    #[test]
    fn an_archive_ends_with_its_directory() {
        let files = BTreeMap::from([("a/b".to_owned(), "text".to_owned())]);
        let zip = of("x.zip", &files).expect("small");
        assert_eq!(zip.len(), 30 + 3 + 4 + 46 + 3 + 22);
        assert_eq!(&zip[zip.len() - 14..zip.len() - 10], [1, 0, 1, 0]);
        assert!(of("x.jar", &files).expect("small").windows(8).any(|part| part == b"META-INF"));
    }
}
