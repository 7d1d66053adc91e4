//! What a compiler needs that knows no editions: a file that it can take, and back again.

use crate::descriptor::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, SourceCodeInfo};
use crate::edition::Edition;

/// The file that defines options and features.
pub const DESCRIPTOR_FILE: &str = "google/protobuf/descriptor.proto";

/// A parsed file, of an edition as proto2, which allows everything that editions have, for a compiler that resolves its
/// names and interprets its options. It imports the definitions of features, and what it imports for options alone.
///
/// Its locations have columns in bytes of the text, which is what most readers of descriptors take them for.
#[must_use]
pub fn disguise(parsed: &FileDescriptorProto, text: &str) -> FileDescriptorProto {
    let mut file = parsed.clone();
    let is_edition = Edition::of(parsed.syntax(), parsed.edition()).is_some_and(Edition::has_features);
    if is_edition {
        file.syntax = None;
        file.edition = None;
    }
    if let Some(info) = &mut file.source_code_info {
        count_bytes(info, text);
    }
    let only_for_options = std::mem::take(&mut file.option_dependency);
    file.dependency.extend(only_for_options);
    if is_edition && !file.dependency.iter().any(|import| import == DESCRIPTOR_FILE) && file.name() != DESCRIPTOR_FILE {
        file.dependency.push(DESCRIPTOR_FILE.to_owned());
    }
    file
}

/// The compiled file of an edition, from what a compiler made of its disguise.
#[must_use]
pub fn undisguise(mut compiled: FileDescriptorProto, parsed: &FileDescriptorProto) -> FileDescriptorProto {
    compiled.syntax.clone_from(&parsed.syntax);
    compiled.edition = parsed.edition;
    compiled.dependency.clone_from(&parsed.dependency);
    compiled.option_dependency.clone_from(&parsed.option_dependency);
    for (message, parsed) in compiled.message_type.iter_mut().zip(&parsed.message_type) {
        restore_message(message, parsed);
    }
    restore_enums(&mut compiled.enum_type, &parsed.enum_type);
    // The compiler gives options the paths that they have when they are interpreted, and leaves the rest as it is.
    if let (Some(info), Some(parsed)) = (&mut compiled.source_code_info, &parsed.source_code_info) {
        for (location, parsed) in info.location.iter_mut().zip(&parsed.location) {
            location.span.clone_from(&parsed.span);
        }
    }
    compiled
}

/// Turns columns with wide tabs into columns in bytes.
fn count_bytes(info: &mut SourceCodeInfo, text: &str) {
    if !text.contains('\t') {
        return;
    }
    let lines: Vec<&str> = text.split('\n').collect();
    let bytes = |line: i32, column: i32| {
        let text = usize::try_from(line).ok().and_then(|line| lines.get(line)).copied().unwrap_or_default();
        crate::token::byte_column(text, column)
    };
    for location in &mut info.location {
        match location.span[..] {
            [line, start, end] => location.span = vec![line, bytes(line, start), bytes(line, end)],
            [line, start, end_line, end] => {
                location.span = vec![line, bytes(line, start), end_line, bytes(end_line, end)];
            }
            _ => {}
        }
    }
}

fn restore_message(message: &mut DescriptorProto, parsed: &DescriptorProto) {
    message.visibility = parsed.visibility;
    for (nested, parsed) in message.nested_type.iter_mut().zip(&parsed.nested_type) {
        restore_message(nested, parsed);
    }
    restore_enums(&mut message.enum_type, &parsed.enum_type);
}

fn restore_enums(enums: &mut [EnumDescriptorProto], parsed: &[EnumDescriptorProto]) {
    for (the_enum, parsed) in enums.iter_mut().zip(parsed) {
        the_enum.visibility = parsed.visibility;
    }
}
