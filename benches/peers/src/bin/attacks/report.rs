//! What a test found, against what it had to find.

use serde_json::{Map, Value, json};

/// The line that a test prints.
#[derive(Debug)]
pub(crate) struct Report {
    id: String,
    is_quick: bool,
    figures: Map<String, Value>,
    missed: Vec<String>,
}

impl Report {
    pub(crate) fn new(id: &str, is_quick: bool) -> Self {
        Report { id: id.to_owned(), is_quick, figures: Map::new(), missed: Vec::new() }
    }

    /// A figure that nothing is demanded of.
    pub(crate) fn note(&mut self, name: &str, value: impl Into<Value>) {
        self.figures.insert(name.to_owned(), value.into());
    }

    /// A figure that must not be above a limit.
    pub(crate) fn at_most(&mut self, name: &str, value: f64, limit: f64) {
        self.judge(name, value, "at_most", limit, value <= limit);
    }

    /// A figure that must not be below a limit.
    pub(crate) fn at_least(&mut self, name: &str, value: f64, limit: f64) {
        self.judge(name, value, "at_least", limit, value >= limit);
    }

    /// A statement that must hold.
    pub(crate) fn check(&mut self, what: &str, holds: bool) {
        self.figures.insert(what.to_owned(), holds.into());
        if !holds {
            self.missed.push(what.to_owned());
        }
    }

    fn judge(&mut self, name: &str, value: f64, rule: &str, limit: f64, holds: bool) {
        let rounded = (value * 1000.0).round() / 1000.0;
        self.figures.insert(name.to_owned(), json!({ "is": rounded, rule: limit, "ok": holds }));
        if !holds {
            self.missed.push(name.to_owned());
        }
    }

    pub(crate) fn is_passed(&self) -> bool {
        self.missed.is_empty()
    }

    pub(crate) fn to_json(&self) -> Value {
        json!({
            "test": self.id,
            "passed": self.is_passed(),
            "quick": self.is_quick,
            "missed": self.missed,
            "figures": self.figures,
        })
    }
}
