//! Tables that read well in a terminal and in Markdown.

use std::fmt;

/// What stands where nothing was measured.
const MISSING: &str = "-";

/// A table; the first column is aligned left, numbers are aligned right.
#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    left_aligned: usize,
}

impl Table {
    /// A table whose first columns, `left_aligned` of them, are words.
    pub(crate) fn new(left_aligned: usize, header: &[&str]) -> Self {
        Table { rows: vec![header.iter().map(|&cell| cell.to_owned()).collect()], left_aligned }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Says what a full table of so many rows has and this one has not; empty if it is full.
    pub(crate) fn gaps(&self, rows_of_all: usize) -> String {
        let rows = self.rows.len() - 1;
        let full = self.rows[1..].iter().filter(|row| row.iter().all(|cell| cell != MISSING)).count();
        if full == rows_of_all {
            return String::new();
        }
        format!(
            "{full} of {rows_of_all} rows are complete, {} are left out: a filter or a flag such as --test kept this \
             run from measuring the rest.\n",
            rows_of_all - rows
        )
    }

    fn width(&self, column: usize) -> usize {
        self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    }

    fn line(&self, f: &mut fmt::Formatter<'_>, cells: &[String]) -> fmt::Result {
        for (column, cell) in cells.iter().enumerate() {
            let width = self.width(column);
            if column < self.left_aligned {
                write!(f, "| {cell:<width$} ")?;
            } else {
                write!(f, "| {cell:>width$} ")?;
            }
        }
        writeln!(f, "|")
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (header, rows) = self.rows.split_first().expect("a table is made with its header");
        if rows.is_empty() {
            return writeln!(f, "(no rows)");
        }
        self.line(f, header)?;
        for column in 0..header.len() {
            let right = if column < self.left_aligned { '-' } else { ':' };
            write!(f, "|-{}{right}", "-".repeat(self.width(column)))?;
        }
        writeln!(f, "|")?;
        rows.iter().try_for_each(|row| self.line(f, row))
    }
}

/// A rate with thousands separated: `1,234,567`.
pub(crate) fn rate(value: Option<f64>) -> String {
    let Some(value) = value else { return MISSING.to_owned() };
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with three digits that mean something: `0.42`, `7.31`, `1,234`.
pub(crate) fn figure(value: Option<f64>) -> String {
    match value {
        Some(value) if value < 10.0 => format!("{value:.2}"),
        Some(value) if value < 100.0 => format!("{value:.1}"),
        other => rate(other),
    }
}

/// How many times as fast: `12.3 x`.
pub(crate) fn factor(value: Option<f64>) -> String {
    value.map_or_else(|| MISSING.to_owned(), |value| format!("{} x", figure(Some(value))))
}
