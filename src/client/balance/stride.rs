//! Turns in proportion to weights.

use std::sync::atomic::{AtomicU64, Ordering};

/// Weights are whole numbers up to this.
const WEIGHT_MAX: u64 = u16::MAX as u64;

/// So that one turn never has to pass over many backends, no weight counts as more or less than so many times the mean.
const RATIO_MAX: f64 = 10.0;
const RATIO_MIN: f64 = 0.1;

/// Gives turns to so many backends by their weights, in an even mixture: gRFC A58's static stride scheduler.
///
/// In each round a backend's weight is added to what it has collected; whoever passes a multiple of the largest weight
/// in doing so has its turn, the others are passed over. Nothing is written but the number of the next step.
#[derive(Debug)]
pub(super) struct Strides {
    weights: Vec<u16>,
}

impl Strides {
    /// Turns by these weights; `None` is not known, and counts as the mean of those that are. Without at least two
    /// that are known, or with some that are too large to be added up, all are equal.
    pub(super) fn new(weights: &[Option<f64>]) -> Self {
        let known = || weights.iter().flatten().copied().filter(|weight| *weight > 0.0);
        let count = known().count();
        let mean = known().sum::<f64>() / count as f64;
        if count < 2 || !mean.is_finite() {
            return Strides { weights: vec![u16::MAX; weights.len()] };
        }
        let bounded = |weight: &Option<f64>| match weight {
            Some(weight) if *weight > 0.0 => weight.clamp(mean * RATIO_MIN, mean * RATIO_MAX),
            _ => mean,
        };
        let bounded: Vec<f64> = weights.iter().map(bounded).collect();
        let largest = bounded.iter().copied().fold(0.0, f64::max);
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is between 1 and the maximum")]
        // `max` and `min` make a number of what is none, which `clamp` does not: a turn must come for somebody.
        let whole =
            |weight: &f64| (weight / largest * WEIGHT_MAX as f64).round().max(1.0).min(WEIGHT_MAX as f64) as u16;
        Strides { weights: bounded.iter().map(whole).collect() }
    }

    /// Whose turn it is.
    pub(super) fn next(&self, step: &AtomicU64) -> usize {
        let count = self.weights.len() as u64;
        loop {
            let step = step.fetch_add(1, Ordering::Relaxed);
            let (round, index) = (step / count, step % count);
            let at = usize::try_from(index).unwrap_or_default();
            let weight = u64::from(self.weights[at]);
            // Not all with the same weight have their turns in the same round.
            let offset = index.wrapping_mul(WEIGHT_MAX / 2);
            let collected = weight.wrapping_mul(round).wrapping_add(offset) % WEIGHT_MAX;
            if collected >= WEIGHT_MAX - weight {
                return at;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many turns each gets.
    fn turns(weights: &[Option<f64>], count: usize) -> Vec<usize> {
        let strides = Strides::new(weights);
        let step = AtomicU64::new(0);
        let mut turns = vec![0; weights.len()];
        for _ in 0..count {
            turns[strides.next(&step)] += 1;
        }
        turns
    }

    #[test]
    fn turns_follow_weights() {
        let table: [(&[Option<f64>], &[usize]); 8] = [
            (&[Some(1.0), Some(1.0)], &[500, 500]),
            (&[Some(3.0), Some(1.0)], &[750, 250]),
            (&[Some(1.0), Some(2.0), Some(7.0)], &[100, 200, 700]),
            // What is not known counts as the mean.
            (&[Some(1.0), None, Some(3.0)], &[167, 333, 500]),
            // One weight says nothing.
            (&[Some(9.0), None], &[500, 500]),
            (&[None, None, None, None], &[250, 250, 250, 250]),
            (&[Some(0.0), Some(-1.0), Some(f64::NAN), Some(4.0)], &[250, 250, 250, 250]),
            (&[Some(5.0)], &[1000]),
        ];
        for (weights, expected) in table {
            let turns = turns(weights, 1000);
            let is_close = turns.iter().zip(expected).all(|(got, expected)| got.abs_diff(*expected) <= 2);
            assert!(is_close, "{weights:?}: {turns:?}, and not {expected:?}");
        }
    }

    #[test]
    fn weights_without_a_sum_are_equal() {
        let extremes: [&[Option<f64>]; 5] = [
            &[Some(f64::MAX), Some(f64::MAX)],
            &[Some(f64::INFINITY), Some(1.0)],
            &[Some(f64::INFINITY), Some(f64::INFINITY)],
            &[Some(f64::MAX), Some(f64::MAX), Some(1.0), None],
            &[Some(5e-324), Some(5e-324)],
        ];
        for weights in extremes {
            // Asked first: nobody's turn would come, for ever.
            assert!(!Strides::new(weights).weights.contains(&0), "{weights:?}");
            let (turns, equal) = (turns(weights, 1000), 1000 / weights.len());
            assert!(turns.iter().all(|turns| turns.abs_diff(equal) <= 2), "{weights:?}: {turns:?}");
        }
    }

    #[test]
    fn weights_far_off_are_bounded() {
        // The mean is about 1000, so the smallest counts as a hundred.
        let turns = turns(&[Some(1.0), Some(2000.0), Some(1000.0)], 3100);
        assert!((95..=105).contains(&turns[0]) && turns.iter().sum::<usize>() == 3100, "{turns:?}");
    }

    #[test]
    fn turns_are_mixed_evenly() {
        let strides = Strides::new(&[Some(3.0), Some(1.0)]);
        let step = AtomicU64::new(0);
        let order: Vec<_> = (0..400).map(|_| strides.next(&step)).collect();
        let longest = order.split(|index| *index == 1).map(<[usize]>::len).max();
        assert!(longest.is_some_and(|longest| longest <= 4), "{order:?}");
    }

    #[test]
    fn the_end_of_the_numbers_is_no_end() {
        let strides = Strides::new(&[Some(3.0), Some(1.0), Some(2.0)]);
        let step = AtomicU64::new(u64::MAX - 10);
        for _ in 0..100 {
            assert!(strides.next(&step) < 3);
        }
    }
}
