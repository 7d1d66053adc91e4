//! `seltzer compile`: schemas to a descriptor set, or to Rust.

use std::collections::HashSet;

use seltzer::prost::Message;
use seltzer::prost::bytes::Buf;
use seltzer::prost::encoding::{WireType, decode_key, decode_varint, encode_key, encode_varint};
use seltzer::prost_types::FileDescriptorProto;
use seltzer_build::Schemas;

use crate::arguments::{CompileArguments, builder};
use crate::error::Failure;
use crate::output;

/// `FileDescriptorSet.file`
const FILE_FIELD: u32 = 1;

/// Compiles, and writes what was asked for.
///
/// # Errors
/// A schema is wrong or missing, or a file cannot be written.
pub(crate) fn run(arguments: &CompileArguments) -> Result<u8, Failure> {
    let (mut builder, includes) = builder(&arguments.include, &arguments.protos);
    builder = builder.include_source_info(arguments.include_source_info);
    if let Some(module) = &arguments.module {
        builder = builder.module(module);
    }
    if let Some(file) = &arguments.include_file {
        builder = builder.include_file(file);
    }
    let schemas = builder.load(&arguments.protos, &includes)?;
    if let Some(path) = &arguments.descriptor_set_out {
        let set = if arguments.include_imports { schemas.descriptor_set() } else { without_imports(&schemas) };
        output::write_file(path, &set)?;
    }
    if let Some(directory) = &arguments.rust_out {
        builder.generate_to(&schemas, directory)?;
    }
    Ok(0)
}

/// The set of the listed files alone, as protoc writes it by default. The bytes of each file stay as they are, so
/// that custom options are kept.
fn without_imports(schemas: &Schemas) -> Vec<u8> {
    let imports: HashSet<_> =
        schemas.files().filter(|file| file.is_import()).map(|file| file.name().to_owned()).collect();
    let set = schemas.descriptor_set();
    let mut rest = set.as_slice();
    let mut kept = Vec::new();
    while rest.has_remaining() {
        let file = next_file(&mut rest).expect("the compiler writes valid sets");
        let descriptor = FileDescriptorProto::decode(file).expect("the compiler writes valid sets");
        if !imports.contains(descriptor.name()) {
            encode_key(FILE_FIELD, WireType::LengthDelimited, &mut kept);
            encode_varint(file.len() as u64, &mut kept);
            kept.extend_from_slice(file);
        }
    }
    kept
}

/// The next file of a set, which has no other field.
fn next_file<'a>(set: &mut &'a [u8]) -> Option<&'a [u8]> {
    decode_key(set).ok()?;
    let length = usize::try_from(decode_varint(set).ok()?).ok()?;
    let (file, rest) = set.split_at_checked(length)?;
    *set = rest;
    Some(file)
}
