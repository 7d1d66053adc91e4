//! What many measurements come to.

use std::time::Duration;

use serde_json::{Value, json};

/// How long calls took.
#[derive(Debug, Default)]
pub struct Durations(Vec<Duration>);

impl Durations {
    /// Adds one.
    pub fn add(&mut self, took: Duration) {
        self.0.push(took);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The duration that so many of a hundred did not exceed, in microseconds.
    pub fn percentile_us(&mut self, percent: f64) -> f64 {
        if self.0.is_empty() {
            return 0.0;
        }
        self.0.sort_unstable();
        let rank = (self.0.len() as f64 * percent / 100.0).ceil() as usize;
        self.0[rank.clamp(1, self.0.len()) - 1].as_nanos() as f64 / 1e3
    }

    /// The middle, the slowest of a hundred, of a thousand, and of all, in microseconds.
    pub fn to_json(&mut self) -> Value {
        json!({
            "p50_us": self.percentile_us(50.0),
            "p99_us": self.percentile_us(99.0),
            "p999_us": self.percentile_us(99.9),
            "max_us": self.percentile_us(100.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_ranks() {
        let mut durations = Durations::default();
        (1..=200).rev().for_each(|us| durations.add(Duration::from_micros(us)));
        let found = [1.0, 50.0, 99.0, 100.0].map(|percent| durations.percentile_us(percent));
        assert_eq!(found, [2.0, 100.0, 198.0, 200.0]);
        assert_eq!(Durations::default().percentile_us(50.0), 0.0);
    }
}
