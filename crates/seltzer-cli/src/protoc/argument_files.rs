//! `@FILE`: arguments from a file, a line each.

use std::fs;

use crate::protoc::problem::Problem;

/// Puts the lines of `@FILE`s in their places. Such lines are not looked at for further `@FILE`s.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn expand(words: impl IntoIterator<Item = String>) -> Result<Vec<String>, Problem> {
    let mut expanded = Vec::new();
    for word in words {
        match word.strip_prefix('@') {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| {
                    Problem::new(format!("Failed to open argument file: {path}: {error}"))
                        .with_hint("relative paths start in the working directory")
                })?;
                expanded.extend(text.lines().map(str::to_owned));
            }
            None => expanded.push(word),
        }
    }
    Ok(expanded)
}
