//! A table of figures, and what they had to be.

use std::fmt::Display;

/// A table of figures.
#[derive(Debug)]
pub struct Report {
    title: String,
    rows: Vec<[String; 4]>,
    is_good: bool,
}

impl Report {
    /// An empty one.
    pub fn new(title: &str) -> Self {
        Report { title: title.to_owned(), rows: Vec::new(), is_good: true }
    }

    /// A figure that must be something.
    pub fn must(&mut self, what: &str, figure: impl Display, bound: impl Display, is_met: bool) {
        self.is_good &= is_met;
        let verdict = if is_met { "yes" } else { "NO" };
        self.rows.push([what.to_owned(), figure.to_string(), bound.to_string(), verdict.to_owned()]);
    }

    /// A figure to know.
    pub fn tell(&mut self, what: &str, figure: impl Display) {
        self.rows.push([what.to_owned(), figure.to_string(), String::new(), String::new()]);
    }

    /// Prints the table; tells whether all is as it must be.
    #[allow(clippy::print_stdout, reason = "what it is for")]
    pub fn print(&self) -> bool {
        let head = [self.title.as_str(), "is", "must be", "so"].map(str::to_owned);
        let width = |column: usize| self.rows.iter().chain([&head]).map(|row| row[column].chars().count()).max();
        let widths: [usize; 4] = std::array::from_fn(|column| width(column).unwrap_or_default());
        let line = |row: &[String; 4]| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
            println!("| {} |", cells.collect::<Vec<_>>().join(" | "));
        };
        line(&head);
        line(&widths.map(|width| "-".repeat(width)));
        self.rows.iter().for_each(line);
        self.is_good
    }
}
