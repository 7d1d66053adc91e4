//! Comments of schemas, where a descriptor still has them.

use prost_reflect::FileDescriptor;

/// The lines of the comment in front of what is declared at a path.
pub(super) fn leading<'a>(file: &'a FileDescriptor, path: &[i32]) -> impl Iterator<Item = &'a str> {
    let information = file.file_descriptor_proto().source_code_info.as_ref();
    let locations = information.map_or(&[][..], |information| &information.location);
    let location = locations.iter().find(|location| location.path == path);
    let comment = location.map_or("", |location| location.leading_comments());
    comment.lines()
}
