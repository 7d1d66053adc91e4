//! Comments of schemas as documentation in Rust: code in them must not become a doc test.
//!
//! rustdoc takes indented lines and fences without a language for Rust, and would compile them.

use prost_types::SourceCodeInfo;

/// Makes every comment of a file safe to be documentation.
pub(crate) fn tame(info: &mut SourceCodeInfo) {
    for location in &mut info.location {
        for comment in [&mut location.leading_comments, &mut location.trailing_comments].into_iter().flatten() {
            *comment = tame_text(comment);
        }
    }
}

fn tame_text(comment: &str) -> String {
    let mut tamer = Tamer::default();
    for line in comment.lines() {
        // A comment starts with a space after its slashes.
        let (space, text) = line.strip_prefix(' ').map_or(("", line), |text| (" ", text));
        tamer.line(space, text);
    }
    tamer.close_block();
    tamer.out
}

/// What stands before the line at hand.
#[derive(Default)]
struct Tamer {
    out: String,
    /// The sign that ends the fence that is open.
    fence: Option<&'static str>,
    /// Whether indented lines are being put in a fence of ours.
    in_block: bool,
    /// Whether the last paragraph belongs to a list, whose items are indented too.
    in_list: bool,
    after_text: bool,
    /// Empty lines that belong to the block only if it goes on.
    blank_lines: usize,
}

impl Tamer {
    fn line(&mut self, space: &str, text: &str) {
        if let Some(sign) = self.fence {
            if text.trim_start().starts_with(sign) {
                self.fence = None;
            }
            return self.push(space, text);
        }
        if text.trim().is_empty() {
            self.blank_lines += 1;
            self.after_text = false;
            return;
        }
        if self.is_code(text) {
            return self.code_line(space, text);
        }
        self.close_block();
        self.flush_blank_lines();
        match FENCES.iter().find(|sign| text.trim_start().starts_with(**sign)) {
            Some(sign) => {
                self.fence = Some(sign);
                self.push(space, &with_language(text, sign));
            }
            None => self.prose_line(space, text),
        }
    }

    /// Whether a line is code by its indentation: only after an empty line, or more code.
    fn is_code(&self, text: &str) -> bool {
        let is_indented = text.starts_with("    ") || text.starts_with('\t');
        is_indented && !self.in_list && (self.in_block || !self.after_text)
    }

    fn code_line(&mut self, space: &str, text: &str) {
        self.flush_blank_lines();
        if !self.in_block {
            self.push(" ", "```text");
            self.in_block = true;
        }
        let code = text.strip_prefix("    ").or_else(|| text.strip_prefix('\t')).unwrap_or(text);
        self.push(space, code);
    }

    fn prose_line(&mut self, space: &str, text: &str) {
        let trimmed = text.trim_start();
        let indent = text.len() - trimmed.len();
        if is_list_item(trimmed) {
            self.in_list = true;
        } else if indent == 0 && !self.after_text {
            self.in_list = false;
        }
        if self.in_list && !self.after_text && indent > LIST_INDENT_MAX && !is_list_item(trimmed) {
            self.push(space, &format!("{}{trimmed}", " ".repeat(LIST_INDENT_MAX)));
        } else {
            self.push(space, text);
        }
        self.after_text = true;
    }

    fn close_block(&mut self) {
        if self.in_block {
            self.push(" ", "```");
            self.in_block = false;
        }
    }

    fn flush_blank_lines(&mut self) {
        for _ in 0..std::mem::take(&mut self.blank_lines) {
            self.push("", "");
        }
    }

    fn push(&mut self, space: &str, text: &str) {
        self.out.push_str(space);
        self.out.push_str(text);
        self.out.push('\n');
    }
}

const FENCES: &[&str] = &["```", "~~~"];

/// A paragraph of a list item becomes code from six spaces on.
const LIST_INDENT_MAX: usize = 5;

/// Says that a fence is plain text if it would be Rust.
fn with_language(text: &str, sign: &str) -> String {
    let start = text.find(sign).unwrap_or_default();
    let (indent, rest) = text.split_at(start);
    let mark: String = rest.chars().take_while(|letter| sign.starts_with(*letter)).collect();
    let language = rest[mark.len()..].trim();
    let mut words = language.split([',', ' ']).filter(|word| !word.is_empty());
    let is_rust = words.all(|word| RUSTDOC_WORDS.contains(&word) || word.starts_with("edition"));
    if is_rust { format!("{indent}{mark}text") } else { text.to_owned() }
}

/// What rustdoc understands after a fence without taking it for another language.
const RUSTDOC_WORDS: &[&str] =
    &["rust", "should_panic", "no_run", "ignore", "compile_fail", "test_harness", "standalone_crate"];

fn is_list_item(text: &str) -> bool {
    let bullet = ["- ", "* ", "+ "].iter().any(|bullet| text.starts_with(bullet));
    let digits = text.chars().take_while(char::is_ascii_digit).count();
    bullet || (digits > 0 && (text[digits..].starts_with(". ") || text[digits..].starts_with(") ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_becomes_text() {
        for (comment, expected) in [
            (" Plain.\n\n More.\n", " Plain.\n\n More.\n"),
            (
                " See:\n\n     GET /v1\n\n     POST /v1\n\n End.\n",
                " See:\n\n ```text\n GET /v1\n\n POST /v1\n ```\n\n End.\n",
            ),
            (" See\n     a continued line.\n", " See\n     a continued line.\n"),
            ("     GET /v1\n", " ```text\n GET /v1\n ```\n"),
            (" ```\n let a = 1;\n     b\n ```\n", " ```text\n let a = 1;\n     b\n ```\n"),
            (" ```rust,no_run\n a\n ```\n", " ```text\n a\n ```\n"),
            (" ~~~json\n {}\n ~~~\n", " ~~~json\n {}\n ~~~\n"),
            (" - item\n\n         far in\n", " - item\n\n      far in\n"),
            (" - item\n\n     - below\n", " - item\n\n     - below\n"),
            ("\tcode\n", " ```text\ncode\n ```\n"),
            (" 1. one\n\n After.\n\n     code\n", " 1. one\n\n After.\n\n ```text\n code\n ```\n"),
        ] {
            assert_eq!(tame_text(comment), expected, "{comment:?}");
        }
    }
}
