//! Which comment belongs to what: to the declaration before it, to the one after it, or to none.

use crate::token::Token;

/// The comments between two tokens.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comments {
    /// Belongs to what ends before it.
    pub(crate) trailing: Option<String>,
    /// Stand by themselves.
    pub(crate) detached: Vec<String>,
    /// Belongs to what starts after it.
    pub(crate) leading: Option<String>,
}

/// Reads the comments between two neighbours; before the first token there is no `previous`.
pub(crate) fn between(text: &str, previous: Option<&Token<'_>>, next: &Token<'_>) -> Comments {
    let from = match previous {
        Some(previous) => previous.range().end,
        None if text.starts_with('\u{feff}') => '\u{feff}'.len_utf8(),
        None => 0,
    };
    let gap = Gap { rest: &text[from..next.offset], line: previous.map_or(0, |token| token.end.line) };
    let mut collector = Collector { can_attach: previous.is_some(), ..Collector::default() };
    collector.read(gap, previous.map(|token| token.end.line), next);
    collector.comments
}

/// The text between two tokens, as far as it is not read yet.
struct Gap<'a> {
    rest: &'a str,
    line: i32,
}

enum Found {
    Line(String),
    Block(String),
    Nothing,
}

impl Gap<'_> {
    fn skip(&mut self, length: usize) {
        self.line += i32::try_from(self.rest[..length].matches('\n').count()).unwrap_or(i32::MAX);
        self.rest = &self.rest[length..];
    }

    fn skip_blanks_of_line(&mut self) {
        let blank = self.rest.bytes().take_while(|byte| *byte != b'\n' && crate::token::is_blank(*byte)).count();
        self.skip(blank);
    }

    fn skip_newline(&mut self) -> bool {
        let is_newline = self.rest.starts_with('\n');
        self.skip(usize::from(is_newline));
        is_newline
    }

    fn comment(&mut self) -> Found {
        if let Some(comment) = self.rest.strip_prefix("//") {
            let length = comment.find('\n').map_or(comment.len(), |end| end + 1);
            let found = comment[..length].to_owned();
            self.skip(2 + length);
            Found::Line(found)
        } else if let Some(comment) = self.rest.strip_prefix("/*") {
            let length = comment.find("*/").unwrap_or(comment.len());
            let found = without_margin(&comment[..length]);
            self.skip((4 + length).min(self.rest.len()));
            Found::Block(found)
        } else {
            Found::Nothing
        }
    }
}

/// Lines of a block comment lose the white space and the star that they start with.
fn without_margin(comment: &str) -> String {
    let mut lines = comment.split('\n');
    let mut out = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        out.push('\n');
        let line = line.trim_start_matches(|c: char| c.is_ascii() && crate::token::is_blank(c as u8));
        out.push_str(line.strip_prefix('*').unwrap_or(line));
    }
    out
}

#[derive(Default)]
struct Collector {
    comments: Comments,
    /// The comment that may still become a leading one.
    open: Option<String>,
    is_line_comment: bool,
    can_attach: bool,
    count: usize,
}

impl Collector {
    fn read(&mut self, mut gap: Gap<'_>, previous_line: Option<i32>, next: &Token<'_>) {
        let mut trailing_end_line = -1;
        if previous_line.is_some() {
            gap.skip_blanks_of_line();
            match gap.comment() {
                Found::Line(comment) => {
                    trailing_end_line = gap.line - 1;
                    self.add(&comment, true);
                    self.flush();
                }
                Found::Block(comment) => {
                    trailing_end_line = gap.line;
                    gap.skip_blanks_of_line();
                    if !gap.skip_newline() {
                        // What follows on the same line leaves open to which of the two it belongs.
                        return;
                    }
                    self.add(&comment, false);
                    self.flush();
                }
                Found::Nothing => {
                    if !gap.skip_newline() {
                        return;
                    }
                }
            }
        }
        loop {
            gap.skip_blanks_of_line();
            match gap.comment() {
                Found::Line(comment) => self.add(&comment, true),
                Found::Block(comment) => {
                    self.add(&comment, false);
                    gap.skip_blanks_of_line();
                    gap.skip_newline();
                }
                Found::Nothing => {
                    if !gap.skip_newline() {
                        break;
                    }
                    self.flush();
                    self.can_attach = false;
                }
            }
        }
        if next.text.is_empty() || matches!(next.text, "}" | "]" | ")") {
            self.flush();
        } else if previous_line == Some(next.end.line) || trailing_end_line == next.end.line {
            self.detach();
        }
        self.comments.leading = self.open.take();
    }

    fn add(&mut self, comment: &str, is_line_comment: bool) {
        if !(is_line_comment && self.is_line_comment) {
            self.flush();
        }
        self.open.get_or_insert_default().push_str(comment);
        self.is_line_comment = is_line_comment;
    }

    /// The open comment is complete, and does not belong to the next token.
    fn flush(&mut self) {
        if let Some(comment) = self.open.take() {
            if self.can_attach {
                self.comments.trailing = Some(comment);
                self.can_attach = false;
            } else {
                self.comments.detached.push(comment);
            }
            self.count += 1;
        }
        self.is_line_comment = false;
    }

    /// A single comment between two tokens of one line belongs to neither.
    fn detach(&mut self) {
        if self.count + usize::from(self.open.is_some()) == 1 {
            if let Some(trailing) = self.comments.trailing.take() {
                self.comments.detached.insert(0, trailing);
            }
            self.flush();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may stop at once")]

    use super::*;
    use crate::token::tokens;

    #[test]
    fn every_comment_finds_its_owner() {
        for (text, trailing, detached, leading) in [
            ("a // t\n// l\nb", Some(" t\n"), &[][..], Some(" l\n")),
            ("a\n// l1\n// l2\nb", None, &[], Some(" l1\n l2\n")),
            ("a\n// t\n\nb", Some(" t\n"), &[], None),
            ("a\n\n// d\n\n// l\nb", None, &[" d\n"], Some(" l\n")),
            ("a /* x */ b", None, &[], None),
            ("a /* t */\nb", Some(" t "), &[], None),
            ("a\n/* l\n   * m\n   n */\nb", None, &[], Some(" l\n m\nn ")),
            ("a // t\n// d\n}", Some(" t\n"), &[" d\n"], None),
            ("a\n/* one */\n/* two */\nb", Some(" one "), &[], Some(" two ")),
        ] {
            let tokens = tokens(text).unwrap();
            let found = between(text, Some(&tokens[0]), &tokens[1]);
            assert_eq!(found.trailing.as_deref(), trailing, "{text}");
            assert_eq!(found.detached, detached, "{text}");
            assert_eq!(found.leading.as_deref(), leading, "{text}");
        }
        let tokens = tokens("// d\n\n// l\na").unwrap();
        let found = between("// d\n\n// l\na", None, &tokens[0]);
        assert_eq!((found.detached, found.leading), (vec![" d\n".to_owned()], Some(" l\n".to_owned())));
    }
}
