//! What cargo is told: which files and directories make a build script run again.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::resolver::Root;
use crate::schemas::Schemas;

/// Whether this process is a build script.
pub(crate) fn is_build_script() -> bool {
    std::env::var_os("OUT_DIR").is_some() && std::env::var_os("CARGO_MANIFEST_DIR").is_some()
}

/// Tells cargo to run the build script again when a schema changes, or when a file appears in an
/// include directory, which may hide one that was used.
#[expect(clippy::print_stdout, reason = "standard output is how a build script talks to cargo")]
pub(crate) fn emit_rerun_if_changed(schemas: &Schemas, roots: &[Root]) {
    let kept_out: Vec<PathBuf> =
        ["OUT_DIR", "CARGO_MANIFEST_DIR"].into_iter().filter_map(std::env::var_os).map(PathBuf::from).collect();
    for path in watched(schemas, roots, &kept_out) {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// The paths to watch. A directory that holds one of `kept_out` is left out: cargo looks through
/// whole directories, and would find its own output changed after every build.
fn watched(schemas: &Schemas, roots: &[Root], kept_out: &[PathBuf]) -> BTreeSet<PathBuf> {
    let files = schemas.files().filter_map(|file| file.path().map(Path::to_owned));
    let directories = roots
        .iter()
        .map(|root| &root.directory)
        .filter(|directory| directory.is_dir())
        .filter(|directory| !kept_out.iter().any(|inner| holds(directory, inner)))
        .cloned();
    files.chain(directories).collect()
}

fn holds(directory: &Path, inner: &Path) -> bool {
    match (directory.canonicalize(), inner.canonicalize()) {
        (Ok(directory), Ok(inner)) => inner.starts_with(directory),
        _ => inner.starts_with(directory),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::builder::configure;

    #[test]
    fn files_and_directories_are_watched_but_not_the_output() {
        let root = tempfile::tempdir().expect("a directory");
        let path = |name: &str| root.path().join(name);
        for directory in ["proto/sub", "more", "target/out"] {
            fs::create_dir_all(path(directory)).expect("a directory");
        }
        let schema = "syntax = \"proto3\";\nimport \"sub/b.proto\";\nimport \"google/type/date.proto\";\n";
        fs::write(path("proto/a.proto"), schema).expect("a file");
        fs::write(path("proto/sub/b.proto"), "syntax = \"proto3\";\n").expect("a file");
        let includes = [path("proto"), path("more"), path("missing"), root.path().to_owned(), path("target")];
        let schemas = configure().load(&[path("proto/a.proto")], &includes).expect("it compiles");
        let roots: Vec<Root> = includes.iter().map(|directory| Root::new("", directory)).collect();
        let watched = watched(&schemas, &roots, &[path("target/out"), root.path().to_owned()]);
        let expected = ["more", "proto", "proto/a.proto", "proto/sub/b.proto"].map(path);
        assert_eq!(watched.into_iter().collect::<Vec<_>>(), expected);
    }
}
