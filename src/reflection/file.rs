//! Descriptor sets taken apart: each file's own bytes, and the names that are looked up in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Buf, Bytes};
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto};

use crate::reflection::error::{Error, Reason};

/// `FileDescriptorSet.file`
const FILE_FIELD: u32 = 1;
/// `FileDescriptorProto.source_code_info`
const SOURCE_CODE_INFO_FIELD: u32 = 9;

/// Files that belong together: those that one of them imports are here, too, or nowhere.
#[derive(Debug)]
pub(super) struct Set {
    /// Sets are in the order in which they were read.
    pub(super) number: u64,
    /// As it was given.
    pub(super) bytes: Bytes,
    pub(super) files: Vec<Arc<File>>,
    by_name: HashMap<String, usize>,
}

/// A schema.
#[derive(Debug)]
pub(super) struct File {
    /// Another one for each file that is not the same as one before.
    pub(super) id: u64,
    pub(super) name: String,
    /// As it was given: decoding it would lose custom options.
    pub(super) bytes: Bytes,
    pub(super) dependencies: Vec<String>,
    /// All names that it declares, in full.
    pub(super) symbols: Vec<(String, Kind)>,
    /// The extensions that it declares: the message that is extended, and the number there.
    pub(super) extensions: Vec<(String, i32)>,
}

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Service,
    Message,
    Other,
}

impl Set {
    /// Reads an encoded `google.protobuf.FileDescriptorSet`.
    pub(super) fn read(bytes: Bytes) -> Result<Self, Error> {
        static NEXT_NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NEXT_NUMBER.fetch_add(1, Ordering::Relaxed);
        let mut set = Set { number, bytes: bytes.clone(), files: Vec::new(), by_name: HashMap::new() };
        let mut rest = bytes;
        while rest.has_remaining() {
            if let Some(file) = next_file(&mut rest)? {
                set.add(File::read(file)?)?;
            }
        }
        Ok(set)
    }

    fn add(&mut self, file: File) -> Result<(), Error> {
        match self.file(&file.name) {
            Some(known) if known.is_same(&file) => return Ok(()),
            Some(_) => return Err(Error(Reason::Twice(file.name))),
            None => {}
        }
        self.by_name.insert(file.name.clone(), self.files.len());
        self.files.push(Arc::new(file));
        Ok(())
    }

    /// A file by the name under which others import it.
    pub(super) fn file(&self, name: &str) -> Option<&Arc<File>> {
        self.by_name.get(name).map(|index| &self.files[*index])
    }

    pub(super) fn declares_service(&self, name: &str) -> bool {
        let mut symbols = self.files.iter().flat_map(|file| &file.symbols);
        symbols.any(|(symbol, kind)| *kind == Kind::Service && symbol == name)
    }

    /// Takes files from those that are known already, where they are the same.
    pub(super) fn share(&mut self, known: impl Fn(&File) -> Option<Arc<File>>) {
        for file in &mut self.files {
            if let Some(known) = known(file) {
                *file = known;
            }
        }
    }
}

/// The next field of a set, if it is a file.
fn next_file(rest: &mut Bytes) -> Result<Option<Bytes>, Error> {
    let malformed = |error| Error(Reason::Malformed(error));
    let (field, wire_type) = decode_key(rest).map_err(malformed)?;
    if field != FILE_FIELD || wire_type != WireType::LengthDelimited {
        skip_field(wire_type, field, rest, DecodeContext::default()).map_err(malformed)?;
        return Ok(None);
    }
    let length = decode_varint(rest).map_err(malformed)?;
    match usize::try_from(length) {
        Ok(length) if length <= rest.remaining() => Ok(Some(rest.split_to(length))),
        _ => Err(Error(Reason::Truncated)),
    }
}

impl File {
    fn read(bytes: Bytes) -> Result<Self, Error> {
        let descriptor = FileDescriptorProto::decode(bytes.clone()).map_err(|error| Error(Reason::Malformed(error)))?;
        if descriptor.name().is_empty() {
            return Err(Error(Reason::Nameless));
        }
        let mut names = Names::default();
        names.file(&descriptor);
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        Ok(File {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            name: descriptor.name.unwrap_or_default(),
            bytes,
            dependencies: descriptor.dependency,
            symbols: names.symbols,
            extensions: names.extensions,
        })
    }

    /// Whether two files of one name say the same, whatever they say of lines and comments.
    pub(super) fn is_same(&self, other: &File) -> bool {
        self.bytes == other.bytes || without_source_info(&self.bytes) == without_source_info(&other.bytes)
    }

    /// What it is known for, to tell it from another file of its name.
    pub(super) fn landmark(&self) -> &str {
        let service = self.symbols.iter().find(|(_, kind)| *kind == Kind::Service);
        service.or(self.symbols.first()).map_or("nothing", |(symbol, _)| symbol)
    }
}

fn without_source_info(mut file: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(file.len());
    while !file.is_empty() {
        let start = file;
        let skipped = decode_key(&mut file).and_then(|(field, wire_type)| {
            skip_field(wire_type, field, &mut file, DecodeContext::default()).map(|()| field)
        });
        // It was decoded before, so there is no error; were there one, the rest would be compared as it is.
        let Ok(field) = skipped else {
            kept.extend_from_slice(start);
            break;
        };
        if field != SOURCE_CODE_INFO_FIELD {
            kept.extend_from_slice(&start[..start.len() - file.len()]);
        }
    }
    kept
}

/// Collects what a file declares.
#[derive(Default)]
struct Names {
    symbols: Vec<(String, Kind)>,
    extensions: Vec<(String, i32)>,
}

impl Names {
    fn file(&mut self, file: &FileDescriptorProto) {
        let package = file.package();
        for service in &file.service {
            let name = self.add(package, service.name(), Kind::Service);
            for method in &service.method {
                self.add(&name, method.name(), Kind::Other);
            }
        }
        file.message_type.iter().for_each(|message| self.message(package, message));
        file.enum_type.iter().for_each(|enumeration| self.enumeration(package, enumeration));
        file.extension.iter().for_each(|extension| self.extension(package, extension));
    }

    /// Decoding has bounded how deep messages nest.
    fn message(&mut self, scope: &str, message: &DescriptorProto) {
        let name = self.add(scope, message.name(), Kind::Message);
        for field in &message.field {
            self.add(&name, field.name(), Kind::Other);
        }
        for oneof in &message.oneof_decl {
            self.add(&name, oneof.name(), Kind::Other);
        }
        message.nested_type.iter().for_each(|nested| self.message(&name, nested));
        message.enum_type.iter().for_each(|enumeration| self.enumeration(&name, enumeration));
        message.extension.iter().for_each(|extension| self.extension(&name, extension));
    }

    /// Values of an enum stand beside it, not in it.
    fn enumeration(&mut self, scope: &str, enumeration: &EnumDescriptorProto) {
        self.add(scope, enumeration.name(), Kind::Other);
        for value in &enumeration.value {
            self.add(scope, value.name(), Kind::Other);
        }
    }

    fn extension(&mut self, scope: &str, extension: &FieldDescriptorProto) {
        self.add(scope, extension.name(), Kind::Other);
        let extended = extension.extendee().trim_start_matches('.').to_owned();
        self.extensions.push((extended, extension.number()));
    }

    fn add(&mut self, scope: &str, name: &str, kind: Kind) -> String {
        let full_name = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        self.symbols.push((full_name.clone(), kind));
        full_name
    }
}
