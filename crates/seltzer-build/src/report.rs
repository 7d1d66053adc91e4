//! Prints an error as a page: message, the lines of the schema with marks under them, hint.

use std::fmt::Write as _;
use std::io;
use std::ops::Range;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// What an error has to say.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) source: Option<Source>,
    /// The first mark is the place that is named.
    pub(crate) marks: Vec<Mark>,
    pub(crate) related: Vec<Report>,
    pub(crate) cause: Option<io::Error>,
}

/// A schema that a report quotes.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A range of bytes of the schema, and what there is to say about it.
#[derive(Debug)]
pub(crate) struct Mark {
    pub(crate) range: Range<usize>,
    pub(crate) label: String,
}

impl Report {
    /// Line and column of the first mark, counted from one, the column in characters.
    pub(crate) fn position(&self) -> Option<(usize, usize)> {
        let source = self.source.as_ref()?;
        let mark = self.marks.first()?;
        let line = Line::around(&source.text, mark.range.start)?;
        Some((line.number, source.text[line.start..mark.range.start].chars().count() + 1))
    }

    /// The message, with what the system said about it.
    pub(crate) fn headline(&self) -> String {
        match &self.cause {
            Some(cause) => format!("{}: {cause}", self.message),
            None => self.message.clone(),
        }
    }

    /// The page, in color if asked for.
    pub(crate) fn render(&self, color: bool) -> String {
        let mut page = String::new();
        self.append(&mut page, &if color { Paint::COLOR } else { Paint::PLAIN });
        page
    }

    /// The page without its message and without related errors.
    pub(crate) fn render_quote(&self, color: bool) -> String {
        let mut page = String::new();
        self.append_body(&mut page, if color { &Paint::COLOR } else { &Paint::PLAIN });
        page
    }

    fn append(&self, page: &mut String, paint: &Paint) {
        for (index, line) in wrap(&self.headline(), WIDTH_COLUMNS - 4).enumerate() {
            let sign = if index == 0 { '×' } else { '│' };
            page.push_str(&format!("  {}{sign}{} {line}\n", paint.error, paint.end));
        }
        self.append_body(page, paint);
        for related in &self.related {
            page.push('\n');
            related.append(page, paint);
        }
    }

    fn append_body(&self, page: &mut String, paint: &Paint) {
        if let Some(source) = &self.source {
            self.append_quote(page, source, paint);
        }
        for (index, line) in self.hint.iter().flat_map(|hint| wrap(hint, WIDTH_COLUMNS - 8).enumerate()) {
            match index {
                0 => page.push_str(&format!("  {}help:{} {line}\n", paint.help, paint.end)),
                _ => page.push_str(&format!("        {line}\n")),
            }
        }
    }

    /// The lines that have marks and their neighbors, with the marks below them.
    fn append_quote(&self, page: &mut String, source: &Source, paint: &Paint) {
        let place = match self.position() {
            Some((line, column)) => format!("{}:{line}:{column}", source.name),
            None => source.name.clone(),
        };
        let shown = self.shown_lines(&source.text);
        let gutter = shown.last().map_or(1, |line| line.number.to_string().len());
        let blank = " ".repeat(gutter);
        page.push_str(&format!(" {blank} ╭─[{}{place}{}]\n", paint.place, paint.end));
        let mut previous = None;
        for line in &shown {
            if previous.is_some_and(|previous| previous + 1 < line.number) {
                page.push_str(&format!(" {blank} ⋮\n"));
            }
            previous = Some(line.number);
            let number = format!("{:>gutter$}", line.number);
            let text = expand_tabs(&source.text[line.start..line.end]);
            page.push_str(&format!(" {}{number}{} │ {text}\n", paint.dim, paint.end));
            let mut marks: Vec<&Mark> = self.marks.iter().filter(|mark| line.holds(mark.range.start)).collect();
            marks.sort_by_key(|mark| mark.range.start);
            for mark in marks {
                append_mark(page, &blank, &source.text, line, mark, paint);
            }
        }
        page.push_str(&format!(" {blank} ╰────\n"));
    }

    fn shown_lines(&self, text: &str) -> Vec<Line> {
        let marked: Vec<usize> =
            self.marks.iter().filter_map(|mark| Line::around(text, mark.range.start)).map(|line| line.number).collect();
        let is_near = |line: &Line| marked.iter().any(|marked| marked.abs_diff(line.number) <= CONTEXT_LINES);
        Line::all(text).filter(is_near).collect()
    }
}

/// A page is read in terminals and in build logs: neither says how wide it is.
const WIDTH_COLUMNS: usize = 100;

/// How many lines to quote before and after one with a mark.
const CONTEXT_LINES: usize = 1;

/// A tab is as wide as a level of the usual indentation.
const TAB: &str = "    ";

/// Escape codes of a terminal, or nothing.
struct Paint {
    error: &'static str,
    help: &'static str,
    place: &'static str,
    dim: &'static str,
    mark: &'static str,
    end: &'static str,
}

impl Paint {
    const PLAIN: Paint = Paint { error: "", help: "", place: "", dim: "", mark: "", end: "" };
    const COLOR: Paint = Paint {
        error: "\u{1b}[1;31m",
        help: "\u{1b}[36m",
        place: "\u{1b}[36m",
        dim: "\u{1b}[2m",
        mark: "\u{1b}[1;35m",
        end: "\u{1b}[0m",
    };
}

/// A line of the schema: its number from one, and its bytes without the line break.
struct Line {
    number: usize,
    start: usize,
    end: usize,
}

impl Line {
    fn all(text: &str) -> impl Iterator<Item = Line> {
        let mut start = 0;
        let mut lines = text.split_inclusive('\n').enumerate().map(move |(index, line)| {
            let this = Line { number: index + 1, start, end: start + line.trim_end_matches(['\n', '\r']).len() };
            start += line.len();
            this
        });
        let first = lines.next().unwrap_or(Line { number: 1, start: 0, end: 0 });
        std::iter::once(first).chain(lines)
    }

    fn around(text: &str, offset: usize) -> Option<Line> {
        text.is_char_boundary(offset).then(|| Line::all(text).take_while(|line| line.start <= offset).last())?
    }

    /// Whether an offset is on this line, its end included.
    fn holds(&self, offset: usize) -> bool {
        (self.start..=self.end).contains(&offset)
    }
}

/// The rule under a range, and its label under that.
fn append_mark(page: &mut String, blank: &str, text: &str, line: &Line, mark: &Mark, paint: &Paint) {
    let range = mark.range.start..mark.range.end.clamp(mark.range.start, line.end);
    let indent = " ".repeat(expand_tabs(&text[line.start..range.start]).width());
    let width = text.get(range).map_or(0, |marked| expand_tabs(marked).width());
    let left = width / 2;
    let rule = match width {
        0 => "▲".to_owned(),
        _ => format!("{}┬{}", "─".repeat(left), "─".repeat(width - left - 1)),
    };
    let foot = " ".repeat(left);
    let _ = writeln!(page, " {blank} · {indent}{}{rule}{}", paint.mark, paint.end);
    let _ = writeln!(page, " {blank} · {indent}{foot}{}╰── {}{}", paint.mark, mark.label, paint.end);
}

fn expand_tabs(text: &str) -> String {
    text.replace('\t', TAB)
}

/// Breaks a text into lines between words. Words that are too long stay whole.
fn wrap(text: &str, width: usize) -> impl Iterator<Item = String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if line.width() + 1 + columns(word) <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines.into_iter()
}

fn columns(word: &str) -> usize {
    word.chars().filter_map(UnicodeWidthChar::width).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str, marks: &[(Range<usize>, &str)]) -> Report {
        Report {
            message: "wrong".to_owned(),
            source: Some(Source { name: "a.proto".to_owned(), text: text.to_owned() }),
            marks: marks
                .iter()
                .map(|(range, label)| Mark { range: range.clone(), label: (*label).to_owned() })
                .collect(),
            ..Report::default()
        }
    }

    #[test]
    fn marks_stand_under_their_text_whatever_its_width() {
        let page = report("a\n\t/* 数 */ word;\r\nb\n", &[(13..17, "here")]).render(false);
        let expected = "  × wrong\n   ╭─[a.proto:2:10]\n 1 │ a\n 2 │     /* 数 */ word;\n   ·              ──┬─\n   ·                ╰── here\n 3 │ b\n   ╰────\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn lines_between_marks_are_left_out() {
        let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n";
        let page = report(text, &[(18..20, "second"), (2..3, "first")]).render(false);
        let expected = "  × wrong\n    ╭─[a.proto:10:1]\n  1 │ 1\n  2 │ 2\n    · ┬\n    · ╰── first\n  3 │ 3\n    ⋮\n  9 │ 9\n 10 │ 10\n    · ─┬\n    ·  ╰── second\n    ╰────\n";
        assert_eq!(page, expected);
    }

    #[test]
    fn odd_places_do_not_panic() {
        for (text, range) in [("", 0..0), ("a", 1..1), ("a\n", 2..2), ("é", 1..2), ("a", 7..9), ("a\nb", 0..3)] {
            let page = report(text, &[(range, "here")]).render(true);
            assert!(page.contains("wrong"), "{page}");
        }
    }

    #[test]
    fn long_texts_are_wrapped() {
        let lines: Vec<String> = wrap("one two three", 7).collect();
        assert_eq!(lines, ["one two", "three"]);
    }
}
