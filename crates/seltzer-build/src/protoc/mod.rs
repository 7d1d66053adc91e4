//! What a command line that stands in for `protoc` needs of the compiler.
//!
//! Not for build scripts, and hidden from the documentation: it changes with that command line.

mod blank_lines;
mod bodies;
mod request;
mod retention;
mod unused;
mod warnings;

use std::collections::HashSet;
use std::path::Path;

use prost::encoding::{DecodeContext, WireType, check_wire_type, decode_key, decode_varint, skip_field};
use prost::{DecodeError, Message};
use prost_reflect::{DescriptorPool, FileDescriptor};
use prost_types::FileDescriptorProto;

use crate::compile;
use crate::error::Error;
use crate::input;
use crate::resolver::{DescriptorSets, Root};
use crate::schemas::{self, Schemas};

pub use self::request::CompilerVersion;

use self::retention::Retention;
pub use self::warnings::Warning;

/// Where schemas come from: directories and descriptor sets, in the order in which they are searched.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    roots: Vec<Root>,
    sets: DescriptorSets,
}

impl Sources {
    /// Adds a directory. Imports that start with `virtual_path` are looked up there, all if it is empty; where it
    /// is the whole name of an import, `disk_path` is that file.
    pub fn include(&mut self, virtual_path: &str, disk_path: &Path) {
        self.roots.push(Root::new(virtual_path, disk_path));
    }

    /// Adds the files of an encoded `google.protobuf.FileDescriptorSet`; gives their names.
    ///
    /// # Errors
    ///
    /// It is none. `shown` is what the error calls it.
    pub fn descriptor_set(&mut self, shown: &str, set: &[u8]) -> Result<Vec<String>, Error> {
        let damaged = |error: DecodeError| {
            Error::new(format!("`{shown}` is not a descriptor set: {error}"))
                .with_hint("write one with `--descriptor_set_out=FILE --include_imports`")
        };
        let mut names = Vec::new();
        for file in files_of(set).map_err(damaged)? {
            let name = FileDescriptorProto::decode(file).map_err(damaged)?.name().to_owned();
            names.push(name.clone());
            self.sets.add(name, file.to_vec());
        }
        Ok(names)
    }

    /// Compiles schemas, each named by its path or as imports name it, and everything they import.
    ///
    /// # Errors
    ///
    /// A schema is missing or wrong.
    pub fn compile(&self, protos: &[impl AsRef<Path>]) -> Result<Compiled, Error> {
        let name = |path: &Path| match path.to_str() {
            Some(name) if self.sets.has(name) && (self.roots.is_empty() || !path.is_file()) => Ok(name.to_owned()),
            _ if self.roots.is_empty() => Err(Error::new(format!("`{}` is in no descriptor set", path.display()))
                .with_hint("`--proto_path` names the directory of schemas that are not")),
            _ => input::import_name(path, &self.roots),
        };
        let mut listed = Vec::new();
        for proto in protos {
            let name = name(proto.as_ref())?;
            if !listed.contains(&name) {
                listed.push(name);
            }
        }
        let schemas = compile::compile_names(&listed, &self.roots, self.sets.clone())?;
        let retention = Retention::of(schemas.pool());
        Ok(Compiled { schemas, listed, retention })
    }

    /// Where a schema lies on disk, as written on the command line.
    #[must_use]
    pub fn disk_path(&self, name: &str) -> Option<std::path::PathBuf> {
        self.roots.iter().filter_map(|root| root.path_of(name)).find(|path| path.is_file())
    }
}

/// Schemas that were compiled for a command line.
#[derive(Debug)]
pub struct Compiled {
    schemas: Schemas,
    /// The import names of the files on the command line, in its order.
    listed: Vec<String>,
    retention: Retention,
}

/// What a descriptor set is to contain.
#[derive(Debug, Clone, Copy, Default)]
pub struct SetContents {
    /// Imported files as well.
    pub imports: bool,
    /// Comments and positions.
    pub source_info: bool,
    /// Options that are for the compiler's own use.
    pub source_retention: bool,
}

impl Compiled {
    /// The import names of the files on the command line, in its order.
    #[must_use]
    pub fn listed(&self) -> &[String] {
        &self.listed
    }

    /// Every file that is needed, a file after those that it imports.
    pub fn names(&self) -> impl Iterator<Item = String> {
        self.schemas.pool().files().map(|file| file.name().to_owned())
    }

    /// Descriptors of all types.
    #[must_use]
    pub fn descriptor_pool(&self) -> DescriptorPool {
        self.schemas.descriptor_pool()
    }

    /// What is allowed and probably not meant.
    #[must_use]
    pub fn warnings(&self) -> Vec<Warning> {
        let listed: HashSet<&str> = self.listed.iter().map(String::as_str).collect();
        warnings::of(&self.schemas, &listed)
    }

    /// An encoded `google.protobuf.FileDescriptorSet`.
    #[must_use]
    pub fn descriptor_set(&self, contents: SetContents) -> Vec<u8> {
        let mut set = Vec::new();
        for file in self.schemas.pool().files().filter(|file| contents.imports || self.is_listed(file)) {
            let bytes = self.encode(&file, contents.source_info, contents.source_retention);
            prost::encoding::bytes::encode(schemas::FILE_FIELD, &bytes, &mut set);
        }
        set
    }

    /// Whether a schema came with the compiler.
    #[must_use]
    pub fn is_built_in(&self, name: &str) -> bool {
        self.schemas.file(name).is_some_and(|file| file.path().is_none())
            && (crate::builtin::text(name).is_some() || crate::builtin::is_well_known(name))
    }

    fn is_listed(&self, file: &FileDescriptor) -> bool {
        self.listed.iter().any(|name| name == file.name())
    }

    fn encode(&self, file: &FileDescriptor, source_info: bool, source_retention: bool) -> Vec<u8> {
        let original = self.schemas.original(file.name());
        let is_original = original.is_some();
        let mut bytes = original.map_or_else(|| file.encode_to_vec(), <[u8]>::to_vec);
        if !source_retention {
            bytes = self.retention.without_source_options(bytes, is_original);
        }
        let text = self.schemas.file(file.name()).map_or("", |file| file.shown().1);
        let bytes = bodies::with_options(bytes, &bodies::empty(file.file_descriptor_proto(), text));
        if source_info {
            blank_lines::restored(bytes, text)
        } else {
            schemas::without_field(&bytes, schemas::SOURCE_CODE_INFO_FIELD)
        }
    }
}

/// The encoded files of an encoded descriptor set.
fn files_of(mut set: &[u8]) -> Result<Vec<&[u8]>, DecodeError> {
    let mut files = Vec::new();
    while !set.is_empty() {
        let (field, wire_type) = decode_key(&mut set)?;
        if field != schemas::FILE_FIELD {
            skip_field(wire_type, field, &mut set, DecodeContext::default())?;
            continue;
        }
        check_wire_type(WireType::LengthDelimited, wire_type)?;
        let length = usize::try_from(decode_varint(&mut set)?).unwrap_or(usize::MAX);
        match set.split_at_checked(length) {
            Some((file, rest)) => {
                files.push(file);
                set = rest;
            }
            // Decoding the rest as a message says in prost's words that it ends too early.
            None => return Err(FileDescriptorProto::decode(&[0x0a, 0x7f][..]).expect_err("a cut-off string")),
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_split_into_files() {
        // Two files, an unknown field between them.
        let set = [0x0a, 3, 0x0a, 1, b'a', 0x10, 7, 0x0a, 3, 0x0a, 1, b'b'];
        let files = files_of(&set).expect("a set");
        assert_eq!(files, [&[0x0a, 1, b'a'][..], &[0x0a, 1, b'b']]);
        for damaged in [&[0x0a, 9, 1][..], &[0x0a], &[0x08, 1], &[0xff; 12]] {
            files_of(damaged).expect_err("damaged");
        }
    }
}
