//! Metadata as `-v` shows it.

use seltzer::metadata::{KeyAndValueRef, MetadataMap};

use crate::output;
use crate::text::one_line;

/// Prints a line for each entry: `> name: value`. The values of names in -bin stay in base64.
pub(crate) fn print(arrow: char, arrows: usize, metadata: &MetadataMap) {
    for line in lines(metadata) {
        output::tell(format_args!("{} {line}", arrow.to_string().repeat(arrows)));
    }
}

fn lines(metadata: &MetadataMap) -> Vec<String> {
    let line = |entry: KeyAndValueRef<'_>| match entry {
        KeyAndValueRef::Ascii(key, value) => format!("{key}: {}", String::from_utf8_lossy(value.as_bytes())),
        KeyAndValueRef::Binary(key, value) => format!("{key}: {}", String::from_utf8_lossy(value.as_encoded_bytes())),
    };
    metadata.iter().map(|entry| one_line(&line(entry))).collect()
}

#[cfg(test)]
mod tests {
    use seltzer::metadata::BinaryMetadataValue;

    use super::*;

    #[test]
    fn an_entry_is_a_line() {
        let mut metadata = MetadataMap::new();
        metadata.append("x-tag", "one".parse().expect("ascii"));
        metadata.append("x-tag", "two".parse().expect("ascii"));
        metadata.append_bin("trace-bin", BinaryMetadataValue::from_bytes(&[1, 2, 3]));
        let mut lines = lines(&metadata);
        lines.sort();
        assert_eq!(lines, ["trace-bin: AQID", "x-tag: one", "x-tag: two"]);
    }
}
