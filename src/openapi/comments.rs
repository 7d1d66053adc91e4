//! The comments of schemas: what documents say in words.

use std::collections::HashMap;

use prost_reflect::FileDescriptor;

/// The comments of files, as far as their descriptors have kept them.
#[derive(Default)]
pub(crate) struct Comments {
    files: Vec<(FileDescriptor, HashMap<Vec<i32>, String>)>,
}

/// A comment, taken apart for an operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Described {
    /// The first sentence, in one line and without its full stop.
    pub(crate) summary: Option<String>,
    /// All of it, if that is more.
    pub(crate) description: Option<String>,
}

impl Comments {
    /// The comment of what stands at a path in a file.
    pub(crate) fn of(&mut self, file: &FileDescriptor, path: &[i32]) -> Option<String> {
        if let Some((_, comments)) = self.files.iter().find(|(known, _)| known == file) {
            return comments.get(path).cloned();
        }
        let comments = read(file);
        let found = comments.get(path).cloned();
        self.files.push((file.clone(), comments));
        found
    }
}

impl Described {
    /// Takes a comment apart.
    pub(crate) fn new(comment: Option<String>) -> Self {
        let Some(comment) = comment else { return Described::default() };
        let paragraph = comment.split("\n\n").next().unwrap_or_default();
        let line = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        let summary = first_sentence(&line).to_owned();
        let is_all = summary.len() + 1 >= comment.len();
        Described { summary: Some(summary), description: (!is_all).then_some(comment) }
    }
}

/// All comments of a file that say something.
fn read(file: &FileDescriptor) -> HashMap<Vec<i32>, String> {
    let Some(info) = &file.file_descriptor_proto().source_code_info else { return HashMap::new() };
    let comments = info.location.iter().filter_map(|location| {
        let leading = clean(location.leading_comments());
        let comment = if leading.is_empty() { clean(location.trailing_comments()) } else { leading };
        (!comment.is_empty()).then(|| (location.path.clone(), comment))
    });
    comments.collect()
}

/// A comment as its author meant it: without the space behind `//`, and without what Google's style keeps for insiders,
/// `(-- ... --)`.
fn clean(comment: &str) -> String {
    let lines: Vec<_> = comment.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end()).collect();
    let mut text = lines.join("\n");
    while let Some(start) = text.find("(--") {
        let end = text[start..].find("--)").map_or(text.len(), |length| start + length + "--)".len());
        text.replace_range(start..end, "");
    }
    text.trim().to_owned()
}

fn first_sentence(line: &str) -> &str {
    let ends = line.match_indices(['.', '!', '?']).find(|(at, _)| {
        let rest = &line[at + 1..];
        // `e.g. this` goes on.
        rest.is_empty() || (rest.starts_with(' ') && rest[1..].starts_with(|c: char| !c.is_lowercase()))
    });
    match ends {
        Some((at, ".")) => &line[..at],
        Some((at, mark)) => &line[..at + mark.len()],
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_are_first_sentences() {
        // (the comment, its summary, whether there is more to say)
        let table = [
            ("Adds.", "Adds", false),
            ("Adds", "Adds", false),
            ("Adds a\nand b.", "Adds a and b", false),
            ("Adds. Twice.", "Adds", true),
            ("Adds e.g. this. Then more.", "Adds e.g. this", true),
            ("Uses v1.2 of it.", "Uses v1.2 of it", false),
            ("Really? Yes.", "Really?", true),
            ("One\n\nTwo", "One", true),
        ];
        for (comment, summary, has_more) in table {
            let described = Described::new(Some(comment.to_owned()));
            assert_eq!(described.summary.as_deref(), Some(summary), "{comment}");
            assert_eq!(described.description.as_deref(), has_more.then_some(comment), "{comment}");
        }
        assert_eq!(Described::new(None), Described::default());
    }

    #[test]
    fn comments_lose_their_margin() {
        let table = [
            (" One.\n Two.\n", "One.\nTwo."),
            (" - a\n   - b\n", "- a\n  - b"),
            (" Said. (-- api-linter: ignore\n this --) More.\n", "Said.  More."),
            (" (-- all", ""),
            ("\n\n", ""),
        ];
        for (comment, expected) in table {
            assert_eq!(clean(comment), expected, "{comment:?}");
        }
    }
}
