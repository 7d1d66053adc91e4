//! From the paths that a caller lists to import names, with an answer for every way to get it wrong.

use std::fs;
use std::path::{Path, PathBuf};

use crate::builtin;
use crate::error::Error;
use crate::resolver::Root;

/// How many entries of the include directories are looked at to find what was probably meant.
const SUGGESTION_SCAN_COUNT_MAX: usize = 2_000;

/// The import name of a schema that was listed by its path, or by its import name.
pub(crate) fn import_name(path: &Path, roots: &[Root]) -> Result<String, Error> {
    let shown = path.display();
    if path.is_dir() {
        return Err(Error::new(format!("`{shown}` is a directory, not a schema"))
            .with_hint("list the .proto files in it; directories belong in the second argument"));
    }
    if path.is_file() {
        for root in roots {
            if let Some(name) = root.name_of(path) {
                return not_shadowed(name, path, roots);
            }
        }
    }
    if let Some(name) = as_import_name(path) {
        let on_disk = roots.iter().filter_map(|root| root.path_of(&name)).any(|path| path.is_file());
        if on_disk || builtin::text(&name).is_some() || builtin::is_well_known(&name) {
            return Ok(name);
        }
    }
    if path.is_file() {
        return Err(outside_of_roots(path, roots));
    }
    Err(Error::new(format!("`{shown}` does not exist")).with_hint(not_found_hint(path, roots)))
}

/// Where was searched, and what was perhaps meant: the hint for a schema that is nowhere.
pub(crate) fn not_found_hint(wanted: &Path, roots: &[Root]) -> String {
    let mut hint = searched(roots);
    if let Some(found) = similar_file(wanted, roots) {
        hint.push_str(&format!("; did you mean `{}`?", found.display()));
    }
    hint
}

/// A sentence about every include directory and its mistakes.
pub(crate) fn searched(roots: &[Root]) -> String {
    if roots.is_empty() {
        return "no include directory was given: pass the directory that imports start from".into();
    }
    let directories: Vec<String> = roots.iter().map(describe).collect();
    format!("searched {} and the built-in schemas", directories.join(", "))
}

fn describe(root: &Root) -> String {
    let shown = root.directory.display();
    let mut text = format!("`{shown}`");
    if !root.prefix.is_empty() {
        text = format!("{text} as `{}`", root.prefix);
    }
    if root.directory.is_file() {
        text.push_str(" (a file, not a directory)");
    } else if !root.directory.is_dir() {
        text.push_str(" (does not exist)");
    }
    text
}

fn outside_of_roots(path: &Path, roots: &[Root]) -> Error {
    let shown = path.display();
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.display().to_string(),
        _ => ".".to_owned(),
    };
    Error::new(format!("`{shown}` is not under any include directory"))
        .with_hint(format!("{}; add `{parent}` to them, or the directory that its imports start from", searched(roots)))
}

/// An earlier directory may hold another file of the same name, which would be compiled instead.
fn not_shadowed(name: String, path: &Path, roots: &[Root]) -> Result<String, Error> {
    let first = roots.iter().filter_map(|root| root.path_of(&name)).find(|path| path.is_file());
    match first {
        Some(first) if !same_file(&first, path) => Err(Error::new(format!(
            "`{}` is hidden by `{}`: both are `{name}` to an import",
            path.display(),
            first.display()
        ))
        .with_hint("put the directory of the file that you want first, or rename one of the two")),
        _ => Ok(name),
    }
}

fn same_file(left: &Path, right: &Path) -> bool {
    match (left.canonicalize(), right.canonicalize()) {
        (Ok(left), Ok(right)) => left == right,
        _ => left == right,
    }
}

fn as_import_name(path: &Path) -> Option<String> {
    let parts = path.components().map(|part| match part {
        std::path::Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let name = parts.collect::<Option<Vec<_>>>()?.join("/");
    Some(name).filter(|name| !name.is_empty())
}

/// A file of the same name elsewhere under the include directories, or a built-in schema.
fn similar_file(wanted: &Path, roots: &[Root]) -> Option<PathBuf> {
    let file_name = wanted.file_name()?;
    let mut budget = SUGGESTION_SCAN_COUNT_MAX;
    let on_disk = roots.iter().find_map(|root| find(&root.directory, file_name, &mut budget));
    on_disk.or_else(|| {
        let name = builtin::names().find(|name| Path::new(name).file_name() == Some(file_name))?;
        Some(PathBuf::from(name))
    })
}

fn find(directory: &Path, file_name: &std::ffi::OsStr, budget: &mut usize) -> Option<PathBuf> {
    let mut entries: Vec<PathBuf> = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in &entries {
        *budget = budget.checked_sub(1)?;
        if path.file_name() == Some(file_name) && path.is_file() {
            return Some(path.clone());
        }
    }
    entries.iter().filter(|path| path.is_dir()).find_map(|path| find(path, file_name, budget))
}
