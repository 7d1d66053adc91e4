//! What is allowed in a schema and probably not meant.

use std::collections::HashSet;

use crate::check::{Item, Place};
use crate::error::Error;
use crate::protoc::unused;
use crate::scan;
use crate::schemas::Schemas;

/// The number of `FileDescriptorProto.dependency`.
const FILE_DEPENDENCY: i32 = 3;

/// Something that is allowed and probably not meant.
#[derive(Debug)]
pub struct Warning {
    /// What, where, and what to do.
    pub error: Error,
    /// Whether `--fatal_warnings` makes it an error. A missing syntax line never was one for protoc.
    pub can_be_fatal: bool,
}

/// The warnings about the listed files, and about all files without a syntax line.
pub(crate) fn of(schemas: &Schemas, listed: &HashSet<&str>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    let mut warn = |error, can_be_fatal| warnings.push(Warning { error, can_be_fatal });
    for file in schemas.pool().files() {
        let Some(source) = schemas.file(file.name()) else { continue };
        let (shown, text) = source.shown();
        if source.path().is_some() && !has_syntax(text) {
            let first = scan::tokens(text).next().map_or(0..0, |token| token.range);
            let message = "no syntax is specified, so the file is proto2";
            let error = Error::new(message).in_file(shown, text).mark(first, "before this");
            warn(error.with_hint("write `syntax = \"proto2\";` on top, or `syntax = \"proto3\";`"), false);
        }
        if !listed.contains(file.name()) {
            continue;
        }
        let proto = schemas.pool().file_descriptor_protos().find(|proto| proto.name() == file.name());
        for (index, import) in unused::imports(&file) {
            let Some(proto) = proto else { break };
            let place = Place { schemas, file: proto, path: vec![FILE_DEPENDENCY, index] };
            let item = Item { what: String::new(), place };
            warn(item.error(format!("import `{import}` is not used")).with_hint("remove it"), true);
        }
    }
    warnings
}

fn has_syntax(text: &str) -> bool {
    scan::tokens(text).next().is_none_or(|token| matches!(token.text, "syntax" | "edition"))
}
