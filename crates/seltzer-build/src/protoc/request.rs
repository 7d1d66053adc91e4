//! What a plugin of `protoc` is asked: `google.protobuf.compiler.CodeGeneratorRequest`.

use prost::Message;

use crate::protoc::Compiled;

/// The version of the compiler that plugins are told.
#[derive(Debug, Clone, Copy)]
pub struct CompilerVersion {
    /// The first number.
    pub major: i32,
    /// The second number.
    pub minor: i32,
    /// The third number.
    pub patch: i32,
}

/// Fields of `CodeGeneratorRequest`.
const FILE_TO_GENERATE: u32 = 1;
const PARAMETER: u32 = 2;
const COMPILER_VERSION: u32 = 3;
const PROTO_FILE: u32 = 15;
const SOURCE_FILE_DESCRIPTORS: u32 = 17;

impl Compiled {
    /// The encoded request of a plugin: written field by field, because plain descriptor types would lose custom
    /// options.
    ///
    /// The files on the command line come without options that are for the compiler's own use, and once more with
    /// them; imports come with all of theirs.
    #[must_use]
    pub fn generator_request(&self, parameter: &str, version: CompilerVersion) -> Vec<u8> {
        let mut request = Vec::new();
        for name in &self.listed {
            prost::encoding::string::encode(FILE_TO_GENERATE, name, &mut request);
        }
        if !parameter.is_empty() {
            prost::encoding::string::encode(PARAMETER, &parameter.to_owned(), &mut request);
        }
        let version = prost_types::compiler::Version {
            major: Some(version.major),
            minor: Some(version.minor),
            patch: Some(version.patch),
            suffix: Some(String::new()),
        };
        prost::encoding::bytes::encode(COMPILER_VERSION, &version.encode_to_vec(), &mut request);
        let mut complete = Vec::new();
        for file in self.schemas.pool().files() {
            let is_listed = self.is_listed(&file);
            let bytes = self.encode(&file, true, !is_listed);
            prost::encoding::bytes::encode(PROTO_FILE, &bytes, &mut request);
            if is_listed {
                prost::encoding::bytes::encode(SOURCE_FILE_DESCRIPTORS, &self.encode(&file, true, true), &mut complete);
            }
        }
        request.append(&mut complete);
        request
    }

    /// The files on the command line that use `optional` in proto3, of which old plugins know nothing.
    pub fn with_proto3_optional(&self) -> impl Iterator<Item = &str> {
        self.listed.iter().map(String::as_str).filter(|name| {
            let file = self.schemas.pool().get_file_by_name(name).expect("listed files were compiled");
            let mut open: Vec<_> = file.messages().collect();
            while let Some(message) = open.pop() {
                if message.descriptor_proto().field.iter().any(prost_types::FieldDescriptorProto::proto3_optional) {
                    return true;
                }
                open.extend(message.child_messages());
            }
            false
        })
    }
}
