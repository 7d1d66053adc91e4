//! Names that are different in a schema and the same in Rust, found before code is generated.
//!
//! prost-build stops some of them with a panic and leaves others to rustc, which can only point
//! into generated code. Here each is an error that points into the schema.

mod messages;
pub(crate) mod rules;
mod scope;
mod services;
pub(crate) mod text;

use std::collections::BTreeMap;

use prost_build::Module;
use prost_types::FileDescriptorProto;

use crate::error::Error;
use crate::messages::module_of;
use crate::names;
use crate::schemas::Schemas;
use crate::settings::Settings;

pub(crate) use scope::{Item, Place, Scope, range_in};

/// Checks every name that generated code will contain.
pub(crate) fn check(schemas: &Schemas, settings: &Settings) -> Result<(), Error> {
    let mut modules: BTreeMap<Module, Scope<'_>> = BTreeMap::new();
    for file in schemas.pool().file_descriptor_protos() {
        let context = Context { schemas, settings, file };
        check_package(&context)?;
        let scope = modules.entry(module_of(file.package())).or_default();
        messages::check_file(&context, scope)?;
        if settings.service.build_server || settings.service.build_client {
            services::check_file(&context, scope)?;
        }
    }
    if settings.include_file.is_some() {
        check_tree(schemas, &mut modules)?;
    }
    Ok(())
}

/// What every check needs to know about the file that it is in.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    pub(crate) schemas: &'a Schemas,
    pub(crate) settings: &'a Settings,
    pub(crate) file: &'a FileDescriptorProto,
}

impl<'a> Context<'a> {
    /// A thing of this file, by the path that descriptors give it; its name is at field 1.
    pub(crate) fn item(&self, what: String, path: &[i32]) -> Item<'a> {
        let mut path = path.to_vec();
        path.push(NAME_FIELD);
        Item { what, place: Place { schemas: self.schemas, file: self.file, path } }
    }

    /// Whether the Rust of a type comes from elsewhere, so that its names do not matter.
    pub(crate) fn is_extern(&self, full_name: &str) -> bool {
        let prefixes = self.settings.extern_prefixes();
        prefixes.iter().any(|prefix| names::pattern_selects(prefix, full_name))
    }

    /// The full name of something at the top of this file.
    pub(crate) fn full_name(&self, name: &str) -> String {
        match self.file.package() {
            "" => name.to_owned(),
            package => format!("{package}.{name}"),
        }
    }
}

/// In every descriptor that has a name, it is field 1; a file's package is field 2.
const NAME_FIELD: i32 = 1;
const PACKAGE_FIELD: i32 = 2;

fn check_package(context: &Context<'_>) -> Result<(), Error> {
    for part in context.file.package().split('.').filter(|part| !part.is_empty()) {
        if names::snake(part).is_empty() {
            let place = Place { schemas: context.schemas, file: context.file, path: vec![PACKAGE_FIELD] };
            return Err(scope::nameless(&format!("package part `{part}`"), &place));
        }
    }
    Ok(())
}

/// In an include file, packages become modules beside those of messages and services.
fn check_tree(schemas: &Schemas, modules: &mut BTreeMap<Module, Scope<'_>>) -> Result<(), Error> {
    for file in schemas.pool().files() {
        let package = file.package_name();
        let mut parent = "";
        for (end, part) in package_parts(package) {
            let scope = modules.entry(module_of(parent)).or_default();
            if let Some(other) = scope.get(&names::snake(part)) {
                let package = &package[..end];
                return Err(other
                    .error(format!("{} and package `{package}` are both `{}` in Rust", other.what, names::snake(part)))
                    .with_hint("rename one of them, or do without `include_file`"));
            }
            parent = &package[..end];
        }
    }
    Ok(())
}

/// The parts of a package's name, each with the offset of its end.
fn package_parts(package: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut end = 0;
    package.split('.').filter(|part| !part.is_empty()).map(move |part| {
        let start = if end == 0 { 0 } else { end + 1 };
        end = start + part.len();
        (end, part)
    })
}
