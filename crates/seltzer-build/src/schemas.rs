//! Compiled schemas, before any Rust is made of them.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::path::Path;

use prost::encoding::{DecodeContext, WireType, decode_key, encode_key, encode_varint, skip_field};
use prost_reflect::{DescriptorPool, FileDescriptor};

use crate::resolver::Source;

/// A set of schemas that were compiled together, with everything they import.
///
/// Made by [`Builder::load`](crate::Builder::load).
#[derive(Clone)]
pub struct Schemas {
    pool: DescriptorPool,
    files: Vec<SchemaFile>,
    source_info: bool,
    /// Files of editions as they were before they were lowered, encoded.
    originals: HashMap<String, Vec<u8>>,
}

/// One file of [`Schemas`].
#[derive(Debug, Clone)]
pub struct SchemaFile {
    name: String,
    is_import: bool,
    source: Option<Source>,
}

impl Schemas {
    pub(crate) fn new(pool: DescriptorPool, files: Vec<SchemaFile>) -> Self {
        Schemas { pool, files, source_info: false, originals: HashMap::new() }
    }

    pub(crate) fn with_source_info(mut self, source_info: bool) -> Self {
        self.source_info = source_info;
        self
    }

    pub(crate) fn with_originals(mut self, originals: HashMap<String, Vec<u8>>) -> Self {
        self.originals = originals;
        self
    }

    /// Every file, imports and built-in ones included; a file comes after those that it imports.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &SchemaFile> {
        self.files.iter()
    }

    /// All schemas as an encoded `google.protobuf.FileDescriptorSet`, imports and custom options
    /// included, and comments if [`Builder::include_source_info`](crate::Builder::include_source_info)
    /// asked for them.
    #[must_use]
    pub fn descriptor_set(&self) -> Vec<u8> {
        self.encode_set(self.pool.files())
    }

    /// All schemas as descriptors that can be asked, for messages without generated types. Schemas of
    /// editions are proto2 or proto3 here, whichever says the same.
    #[must_use]
    pub fn descriptor_pool(&self) -> DescriptorPool {
        self.pool.clone()
    }

    /// The set of those files for which `wanted` holds and of all that they import.
    pub(crate) fn closure(&self, wanted: impl Fn(&FileDescriptor) -> bool) -> Vec<u8> {
        let mut names = HashSet::new();
        let mut open: Vec<FileDescriptor> = self.pool.files().filter(|file| wanted(file)).collect();
        while let Some(file) = open.pop() {
            if names.insert(file.name().to_owned()) {
                open.extend(file.dependencies());
            }
        }
        let files = self.pool.files().filter(|file| names.contains(file.name()));
        self.encode_set(files)
    }

    /// Encodes a set from the compiler's own bytes of each file: decoding them into plain descriptor
    /// types would lose custom options.
    fn encode_set(&self, files: impl Iterator<Item = FileDescriptor>) -> Vec<u8> {
        let mut set = Vec::new();
        for file in files {
            let mut bytes = self.original(file.name()).map_or_else(|| file.encode_to_vec(), <[u8]>::to_vec);
            if !self.source_info {
                bytes = without_field(&bytes, SOURCE_CODE_INFO_FIELD);
            }
            encode_key(FILE_FIELD, WireType::LengthDelimited, &mut set);
            encode_varint(bytes.len() as u64, &mut set);
            set.extend_from_slice(&bytes);
        }
        set
    }

    /// A file of an edition as it was before it was lowered, encoded.
    pub(crate) fn original(&self, name: &str) -> Option<&[u8]> {
        self.originals.get(name).map(Vec::as_slice)
    }

    pub(crate) fn pool(&self) -> &DescriptorPool {
        &self.pool
    }

    pub(crate) fn file(&self, name: &str) -> Option<&SchemaFile> {
        self.files.iter().find(|file| file.name == name)
    }
}

impl fmt::Debug for Schemas {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Schemas").field("files", &self.files).finish_non_exhaustive()
    }
}

impl SchemaFile {
    pub(crate) fn new(name: &str, is_import: bool, source: Option<Source>) -> Self {
        SchemaFile { name: name.to_owned(), is_import, source }
    }

    /// The name by which schemas import it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it was read from; `None` for a built-in schema.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        self.source.as_ref()?.path.as_deref()
    }

    /// Whether it is here only because another file imports it.
    #[must_use]
    pub fn is_import(&self) -> bool {
        self.is_import
    }

    /// What errors call it, and its text.
    pub(crate) fn shown(&self) -> (String, &str) {
        match &self.source {
            Some(source) => (source.display_name(&self.name), &source.text),
            None => (format!("{} (built in)", self.name), ""),
        }
    }
}

/// `FileDescriptorSet.file`
pub(crate) const FILE_FIELD: u32 = 1;
/// `FileDescriptorProto.source_code_info`
pub(crate) const SOURCE_CODE_INFO_FIELD: u32 = 9;

/// A message without one of its fields.
pub(crate) fn without_field(message: &[u8], field: u32) -> Vec<u8> {
    let mut kept = Vec::with_capacity(message.len());
    let mut rest = message;
    while !rest.is_empty() {
        let start = rest;
        let (tag, wire_type) = decode_key(&mut rest).expect("the compiler encodes valid messages");
        skip_field(wire_type, tag, &mut rest, DecodeContext::default()).expect("the compiler encodes valid messages");
        if tag != field {
            kept.extend_from_slice(&start[..start.len() - rest.len()]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_left_out_whole() {
        // 1: "a", 9: "bc", 2: 7
        let message = [0x0a, 1, b'a', 0x4a, 2, b'b', b'c', 0x10, 7];
        assert_eq!(without_field(&message, 9), [0x0a, 1, b'a', 0x10, 7]);
        assert_eq!(without_field(&message, 3), message);
    }
}
