//! `-I`: where imports are looked up.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A directory that imports start from, from `-I DIR` or `-I VIRTUAL=DIR`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Include {
    /// What imports call the directory; empty for a plain one.
    prefix: String,
    directory: PathBuf,
}

impl FromStr for Include {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let (prefix, directory) = text.split_once('=').unwrap_or(("", text));
        // `-I` with nothing behind is the current directory, as for protoc.
        let directory = if directory.is_empty() { "." } else { directory };
        Ok(Include { prefix: prefix.to_owned(), directory: directory.into() })
    }
}

/// A compiler's settings and its plain include directories. Without any `-I` those are the schemas' own directories.
pub(crate) fn builder(includes: &[Include], protos: &[PathBuf]) -> (seltzer_build::Builder, Vec<PathBuf>) {
    let mut builder = seltzer_build::configure().emit_rerun_if_changed(false);
    if includes.is_empty() {
        let mut directories: Vec<PathBuf> = protos.iter().map(|proto| directory_of(proto)).collect();
        directories.dedup();
        return (builder, directories);
    }
    let mut plain = Vec::new();
    for include in includes {
        if include.prefix.is_empty() {
            plain.push(include.directory.clone());
        } else {
            builder = builder.include_mapped(&include.prefix, &include.directory);
        }
    }
    (builder, plain)
}

fn directory_of(file: &Path) -> PathBuf {
    match file.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_mappings() {
        let table = [("proto", "", "proto"), ("google/api=third_party", "google/api", "third_party"), ("", "", ".")];
        for (text, prefix, directory) in table {
            let include: Include = text.parse().expect("it always can be");
            assert_eq!(include, Include { prefix: prefix.to_owned(), directory: directory.into() }, "{text}");
        }
    }

    #[test]
    fn the_schemas_directories_are_the_default() {
        let protos = ["a.proto", "proto/b.proto", "proto/c.proto"].map(PathBuf::from);
        assert_eq!(builder(&[], &protos).1, [PathBuf::from("."), PathBuf::from("proto")]);
    }
}
