//! Writes generated files: only those that changed, and never over those of another call.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::error::Error;

/// A file to write, by its name under the output directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OutputFile {
    pub(crate) name: String,
    pub(crate) content: Vec<u8>,
}

/// Where a call writes to: the chosen directory, or `OUT_DIR`.
pub(crate) fn directory(chosen: Option<&PathBuf>) -> Result<PathBuf, Error> {
    chosen.cloned().or_else(|| std::env::var_os("OUT_DIR").map(PathBuf::from)).ok_or_else(|| {
        Error::new("there is no `OUT_DIR` to write to")
            .with_hint("call this from a build script, or say where to write with `.out_dir(..)`")
    })
}

/// Writes files under `directory`, which is made if need be. A file that has its content already
/// is left alone, so that nothing is built again because of it.
pub(crate) fn write(directory: &Path, files: &[OutputFile]) -> Result<(), Error> {
    fs::create_dir_all(directory)
        .map_err(|cause| Error::new(format!("cannot create `{}`", directory.display())).caused_by(cause))?;
    for file in files {
        write_if_changed(&directory.join(&file.name), &file.content)?;
    }
    Ok(())
}

/// Writes one file unless it has this content already.
pub(crate) fn write_if_changed(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|present| present == content) {
        return Ok(());
    }
    fs::write(path, content).map_err(|cause| Error::new(format!("cannot write `{}`", path.display())).caused_by(cause))
}

/// Notes what a call of this build script is about to write; fails if an earlier call wrote
/// something else to the same place. `origin` says which schemas the call was about.
pub(crate) fn claim(directory: &Path, files: &[OutputFile], origin: &str) -> Result<(), Error> {
    let mut claims = CLAIMS.lock().unwrap_or_else(PoisonError::into_inner);
    let directory = absolute(directory);
    for file in files {
        let path = directory.join(&file.name);
        match claims.get(&path) {
            Some(claim) if claim.content != file.content => {
                return Err(conflict(&path, &claim.origin, origin));
            }
            _ => {}
        }
    }
    for file in files {
        let claim = Claim { origin: origin.to_owned(), content: file.content.clone() };
        claims.insert(directory.join(&file.name), claim);
    }
    Ok(())
}

struct Claim {
    origin: String,
    content: Vec<u8>,
}

/// What the calls of this process have written.
static CLAIMS: Mutex<BTreeMap<PathBuf, Claim>> = Mutex::new(BTreeMap::new());

fn conflict(path: &Path, earlier: &str, now: &str) -> Error {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Error::new(format!("`{name}` would be written twice: for {earlier}, then for {now}")).with_hint(
        "compile schemas of one package in one call; give each set without a package a name \
             with `.module(\"name\")`, or each call a directory with `.out_dir(..)`",
    )
}

fn absolute(directory: &Path) -> PathBuf {
    std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned())
}
