//! What plugins generated, before it is written: files, and text that belongs into the files of others.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path};

use prost_types::compiler::code_generator_response::File;

use crate::protoc::archive;
use crate::protoc::problem::Problem;

/// The files for one place on disk: a directory, or an archive.
#[derive(Debug)]
pub(crate) struct OutputFiles {
    location: String,
    files: BTreeMap<String, String>,
    may_escape: bool,
}

impl OutputFiles {
    /// `may_escape` allows names that lead out of the place.
    pub(crate) fn new(location: &str, may_escape: bool) -> Self {
        OutputFiles { location: location.to_owned(), files: BTreeMap::new(), may_escape }
    }

    /// Takes what a plugin answered.
    ///
    /// # Errors
    /// A file is there already, has a name that leads out of the directory, or has no such insertion point.
    pub(crate) fn add(&mut self, files: Vec<File>) -> Result<(), Problem> {
        for file in joined(files)? {
            self.check_name(&file.name)?;
            match file.insertion_point {
                Some(point) => {
                    let Some(target) = self.files.get_mut(&file.name) else {
                        return Err(Problem::new(format!(
                            "{}: Tried to insert into file that doesn't exist.",
                            file.name
                        ))
                        .with_hint("the plugin that generates it must come first, with the same output directory"));
                    };
                    insert(target, &point, &file.content).ok_or_else(|| {
                        Problem::new(format!("{}: insertion point \"{point}\" not found.", file.name))
                    })?;
                }
                None => {
                    if self.files.contains_key(&file.name) {
                        return Err(Problem::new(format!("{}: Tried to write the same file twice.", file.name))
                            .with_hint("give each plugin a directory of its own, or see its options"));
                    }
                    self.files.insert(file.name, file.content);
                }
            }
        }
        Ok(())
    }

    /// The paths that will be written, for a dependency file.
    pub(crate) fn paths(&self) -> Vec<String> {
        if archive::is_archive(&self.location) {
            return vec![self.location.clone()];
        }
        let folder = match self.location.as_str() {
            folder if folder.is_empty() || folder.ends_with(['/', std::path::MAIN_SEPARATOR]) => folder.to_owned(),
            folder => format!("{folder}/"),
        };
        let paths = self.files.keys().map(|name| format!("{folder}{name}"));
        paths.map(|path| path.strip_prefix("./").map_or_else(|| path.clone(), str::to_owned)).collect()
    }

    /// Writes everything.
    ///
    /// # Errors
    /// The directory does not exist, or a file cannot be written.
    pub(crate) fn write(&self) -> Result<(), Problem> {
        if archive::is_archive(&self.location) {
            let bytes = archive::of(&self.location, &self.files)?;
            return fs::write(&self.location, bytes)
                .map_err(|error| Problem::new(format!("{}: {error}", self.location)));
        }
        let directory = Path::new(if self.location.is_empty() { "." } else { &self.location });
        if !directory.is_dir() {
            return Err(Problem::new(format!("{}/: No such file or directory", self.location.trim_end_matches('/')))
                .with_hint("make the directory first"));
        }
        for (name, content) in &self.files {
            let path = directory.join(name);
            let parent = path.parent().unwrap_or(directory);
            fs::create_dir_all(parent)
                .and_then(|()| fs::write(&path, content))
                .map_err(|error| Problem::new(format!("{}: {error}", path.display())))?;
        }
        Ok(())
    }

    /// A plugin writes below its directory, and nowhere else.
    fn check_name(&self, name: &str) -> Result<(), Problem> {
        let is_inside = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if is_inside && !name.is_empty() && !name.contains('\\') || self.may_escape {
            return Ok(());
        }
        Err(Problem::new(format!("the plugin wants to write `{name}`, which is not inside of `{}`", self.location))
            .with_hint("if it is trusted to, --unsafe_allow_out_dir_escape allows that"))
    }
}

/// One file, or one text for an insertion point.
struct Whole {
    name: String,
    insertion_point: Option<String>,
    content: String,
}

/// Chunks without a name continue the file before them.
fn joined(files: Vec<File>) -> Result<Vec<Whole>, Problem> {
    let mut whole: Vec<Whole> = Vec::new();
    for file in files {
        let content = file.content.unwrap_or_default();
        match (file.name, whole.last_mut()) {
            (Some(name), _) if !name.is_empty() => {
                let insertion_point = file.insertion_point.filter(|point| !point.is_empty());
                whole.push(Whole { name, insertion_point, content });
            }
            (_, Some(last)) => last.content.push_str(&content),
            (_, None) => return Err(Problem::new("First file chunk returned by plugin did not specify a file name.")),
        }
    }
    Ok(whole)
}

/// Puts text before the line of an insertion point, as far to the right as that, or before the comment that it is in.
fn insert(target: &mut String, point: &str, content: &str) -> Option<()> {
    let magic = format!("@@protoc_insertion_point({point})");
    let mut at = target.find(&magic)?;
    let mut indent = String::new();
    if at > 3 && target.get(at - 3..at - 1) == Some("/*") {
        at -= 3;
    } else {
        at = target[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let line = &target[at..];
        let end = line.find(|c| c != ' ' && c != '\t').unwrap_or(line.len());
        line[..end].clone_into(&mut indent);
    }
    let mut content = content.to_owned();
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    let indented: String = content.split_inclusive('\n').map(|line| format!("{indent}{line}")).collect();
    target.insert_str(at, &indented);
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, point: &str, content: &str) -> File {
        let text = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        File { name: text(name), insertion_point: text(point), content: text(content), generated_code_info: None }
    }

    #[test]
    fn chunks_are_joined_and_points_filled() {
        let mut outputs = OutputFiles::new("out", false);
        outputs
            .add(vec![
                file("a/x", "", "one\n"),
                file("", "", "  # @@protoc_insertion_point(p)\nend /* @@protoc_insertion_point(q) */;\n"),
                file("a/x", "p", "two\n\nthree"),
                file("a/x", "q", "four\n"),
            ])
            .expect("fits together");
        let expected =
            "one\n  two\n  \n  three\n  # @@protoc_insertion_point(p)\nend four\n/* @@protoc_insertion_point(q) */;\n";
        assert_eq!(outputs.files["a/x"], expected);
        assert_eq!(outputs.paths(), ["out/a/x"]);
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let table = [
            (file("", "", "x"), "did not specify a file name"),
            (file("y", "p", "x"), "insert into file that doesn't exist"),
            (file("x", "p", "x"), "not found."),
            (file("x", "", ""), "same file twice"),
            (file("../x", "", ""), "not inside of `out`"),
            (file("/x", "", ""), "not inside of `out`"),
            (file("a/../../x", "", ""), "not inside of `out`"),
        ];
        for (wrong, expected) in table {
            let mut outputs = OutputFiles::new("out", false);
            outputs.add(vec![file("x", "", "text")]).expect("new");
            let problem = format!("{:?}", outputs.add(vec![wrong]).expect_err("does not fit"));
            assert!(problem.contains(expected), "{expected}: {problem}");
        }
        OutputFiles::new("out", true).add(vec![file("../x", "", "")]).expect("allowed");
    }
}
