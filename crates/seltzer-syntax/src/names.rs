//! The messages and enums of a set of files, by full name.

use std::collections::{HashMap, HashSet};

use crate::descriptor::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto};
use crate::edition::Edition;
use crate::features::{Features, Visibility, tag};

/// What is known of a message or an enum.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Named<'a> {
    /// The name of its file.
    pub(crate) file: &'a str,
    pub(crate) is_closed_enum: bool,
    /// `local` or `export`, if it says so.
    pub(crate) written_visibility: Option<i32>,
    pub(crate) default_visibility: Visibility,
    pub(crate) is_nested: bool,
}

impl Named<'_> {
    /// Whether other files may use it.
    pub(crate) fn is_exported(&self) -> bool {
        match (self.written_visibility, self.default_visibility) {
            (Some(LOCAL), _) | (None, Visibility::LocalAll | Visibility::Strict) => false,
            (Some(_), _) | (None, Visibility::ExportAll) => true,
            (None, Visibility::ExportTopLevel) => !self.is_nested,
        }
    }
}

/// `google.protobuf.SymbolVisibility`
pub(crate) const LOCAL: i32 = 1;
pub(crate) const EXPORT: i32 = 2;

/// By full name, with a dot in front.
pub(crate) type Names<'a> = HashMap<String, Named<'a>>;

/// Collects the names of every file.
pub(crate) fn collect(files: &[FileDescriptorProto]) -> Names<'_> {
    let mut names = Names::new();
    for file in files {
        let Some(edition) = Edition::of(file.syntax(), file.edition()) else {
            continue;
        };
        let features = Features::of(edition).within(file.options.as_deref(), tag::FILE);
        let scope = if file.package().is_empty() { String::new() } else { format!(".{}", file.package()) };
        let mut collector = Collector { file: file.name(), names: &mut names };
        for message in &file.message_type {
            collector.message(message, &scope, features, false);
        }
        for the_enum in &file.enum_type {
            collector.enumeration(the_enum, &scope, features, false);
        }
    }
    names
}

struct Collector<'a, 'n> {
    file: &'a str,
    names: &'n mut Names<'a>,
}

impl Collector<'_, '_> {
    fn add(
        &mut self,
        name: String,
        features: Features,
        is_closed_enum: bool,
        visibility: Option<i32>,
        is_nested: bool,
    ) {
        let named = Named {
            file: self.file,
            is_closed_enum,
            written_visibility: visibility,
            default_visibility: features.visibility,
            is_nested,
        };
        self.names.insert(name, named);
    }

    fn message(&mut self, message: &DescriptorProto, scope: &str, features: Features, is_nested: bool) {
        let features = features.within(message.options.as_deref(), tag::MESSAGE);
        let name = format!("{scope}.{}", message.name());
        for nested in &message.nested_type {
            self.message(nested, &name, features, true);
        }
        for the_enum in &message.enum_type {
            self.enumeration(the_enum, &name, features, true);
        }
        self.add(name, features, false, message.visibility, is_nested);
    }

    fn enumeration(&mut self, the_enum: &EnumDescriptorProto, scope: &str, features: Features, is_nested: bool) {
        let features = features.within(the_enum.options.as_deref(), tag::ENUM);
        let name = format!("{scope}.{}", the_enum.name());
        self.add(name, features, features.closed_enum, the_enum.visibility, is_nested);
    }
}

/// The files whose names a file may use: itself, its imports, and what those import publicly.
pub(crate) fn visible<'a>(file: &'a FileDescriptorProto, files: &'a [FileDescriptorProto]) -> HashSet<&'a str> {
    let by_name: HashMap<&str, &FileDescriptorProto> = files.iter().map(|file| (file.name(), file)).collect();
    let mut visible = HashSet::from([file.name()]);
    let mut open: Vec<&str> = file.dependency.iter().map(String::as_str).collect();
    while let Some(name) = open.pop() {
        if visible.insert(name)
            && let Some(file) = by_name.get(name)
        {
            let public = file.public_dependency.iter().filter_map(|index| usize::try_from(*index).ok());
            open.extend(public.filter_map(|index| file.dependency.get(index)).map(String::as_str));
        }
    }
    visible
}
