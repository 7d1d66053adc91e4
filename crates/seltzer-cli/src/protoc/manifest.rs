//! `--dependency_out`: what was read and written, as make understands it.

use seltzer_build::protoc::{Compiled, Sources};

use crate::protoc::problem::Problem;

/// The rule: files that were written, and all schemas that they come from.
///
/// # Errors
/// A schema is not on disk.
pub(crate) fn of(targets: &[String], compiled: &Compiled, sources: &Sources) -> Result<String, Problem> {
    let mut dependencies = Vec::new();
    for name in compiled.names() {
        match sources.disk_path(&name) {
            Some(path) => dependencies.push(path.strip_prefix(".").unwrap_or(&path).display().to_string()),
            // A schema that is built in does not change, so that make need not know of it.
            None if compiled.is_built_in(&name) => {}
            None => {
                return Err(Problem::new(format!("Unable to identify path for file {name}"))
                    .with_hint("--dependency_out needs the .proto files themselves: use --proto_path"));
            }
        }
    }
    Ok(format!("{}: {}", targets.join(" \\\n"), dependencies.join("\\\n ")))
}
