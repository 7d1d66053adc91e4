//! From compiled schemas to files.

use std::path::Path;

use crate::check;
use crate::error::Error;
use crate::include_tree;
use crate::messages;
use crate::output;
use crate::schemas::Schemas;
use crate::settings::Settings;

/// For whom files are generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// A build script: no call may write over the files of another.
    Build,
    /// A tool, which may run again and again.
    Tool,
}

/// Generates everything that the settings ask for, and writes what changed.
pub(crate) fn write(schemas: &Schemas, settings: &Settings, directory: &Path, purpose: Purpose) -> Result<(), Error> {
    check::check(schemas, settings)?;
    let modules = messages::generate(schemas, settings)?;
    let mut files = Vec::new();
    if let Some(path) = &settings.include_file {
        let in_out_dir = purpose == Purpose::Build && settings.out_dir.is_none();
        files.push(include_tree::generate(&modules, path, in_out_dir)?);
    }
    files.extend(modules.into_iter().flat_map(|module| module.files));
    if purpose == Purpose::Build {
        output::claim(directory, &files, &origin(schemas))?;
    }
    output::write(directory, &files)?;
    match &settings.file_descriptor_set_path {
        Some(path) => output::write_if_changed(path, &schemas.descriptor_set()),
        None => Ok(()),
    }
}

/// The listed schemas, in words.
fn origin(schemas: &Schemas) -> String {
    let listed: Vec<String> =
        schemas.files().filter(|file| !file.is_import()).map(|file| format!("`{}`", file.name())).collect();
    listed.join(", ")
}
