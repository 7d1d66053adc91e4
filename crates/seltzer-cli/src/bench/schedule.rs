//! When calls are meant to begin.

use std::str::FromStr;
use std::time::Duration;

/// No more calls a second than this can be told apart by the clock.
const RATE_MAX: f64 = 1e8;

/// How many calls begin each second, over time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum RateSchedule {
    Constant(f64),
    /// Rising or falling evenly over the whole time.
    Line {
        from: f64,
        to: f64,
    },
    /// The same in steps of equal length.
    Steps {
        from: f64,
        to: f64,
        step: f64,
    },
}

impl RateSchedule {
    /// Whether it needs a time to run over.
    pub(crate) fn needs_duration(self) -> bool {
        !matches!(self, RateSchedule::Constant(_))
    }

    /// When the call of this number is meant to begin, from the start, and counted from 0.
    pub(super) fn offset(self, number: u64, duration: Duration) -> Duration {
        let number = number as f64;
        let seconds = duration.as_secs_f64();
        let offset = match self {
            RateSchedule::Constant(rate) => number / rate,
            RateSchedule::Line { from, to } => {
                // `from * t + (to - from) * t^2 / (2 * seconds) = number`, for t.
                let slope = (to - from) / seconds;
                if slope == 0.0 {
                    number / from
                } else {
                    let discriminant = from * from + 2.0 * slope * number;
                    // A falling line that has come to its end: nothing begins after it.
                    if discriminant < 0.0 { f64::INFINITY } else { (discriminant.sqrt() - from) / slope }
                }
            }
            RateSchedule::Steps { .. } => self.offset_in_steps(number, seconds),
        };
        Duration::try_from_secs_f64(offset).unwrap_or(Duration::MAX)
    }

    fn offset_in_steps(self, mut number: f64, seconds: f64) -> f64 {
        let rates = self.rates();
        let each = seconds / rates.len() as f64;
        for (index, rate) in rates.iter().enumerate() {
            let calls = rate * each;
            if number < calls {
                return index as f64 * each + number / rate;
            }
            number -= calls;
        }
        f64::INFINITY
    }

    /// The rates of all steps.
    fn rates(self) -> Vec<f64> {
        match self {
            RateSchedule::Constant(rate) => vec![rate],
            RateSchedule::Line { from, to } => vec![from, to],
            RateSchedule::Steps { from, to, step } => {
                let count = ((to - from).abs() / step).floor() as usize;
                let direction = if to < from { -step } else { step };
                (0..=count).map(|index| from + direction * index as f64).collect()
            }
        }
    }
}

impl FromStr for RateSchedule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = |text: &str| match text.trim().parse::<f64>() {
            Ok(rate) if rate > 0.0 && rate <= RATE_MAX => Ok(rate),
            Ok(_) => Err(format!("a rate is more than 0 and at most {RATE_MAX:e} calls a second")),
            Err(_) => Err("write RATE, FROM..TO or FROM..TO/STEP, in calls a second".to_owned()),
        };
        let Some((from, to)) = text.split_once("..") else { return Ok(RateSchedule::Constant(rate(text)?)) };
        let (to, step) = match to.split_once('/') {
            Some((to, step)) => (to, Some(rate(step)?)),
            None => (to, None),
        };
        let (from, to) = (rate(from)?, rate(to)?);
        match step {
            None => Ok(RateSchedule::Line { from, to }),
            Some(step) if step > (to - from).abs() => Err(format!("a step of {step} is more than there is to go")),
            Some(step) => Ok(RateSchedule::Steps { from, to, step }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read() {
        let table = [
            ("100", Ok(RateSchedule::Constant(100.0))),
            ("0.5", Ok(RateSchedule::Constant(0.5))),
            ("100..500", Ok(RateSchedule::Line { from: 100.0, to: 500.0 })),
            ("500..100/200", Ok(RateSchedule::Steps { from: 500.0, to: 100.0, step: 200.0 })),
            ("0", Err("a rate is more than 0")),
            ("-1", Err("a rate is more than 0")),
            ("fast", Err("write RATE, FROM..TO or FROM..TO/STEP")),
            ("1..", Err("write RATE, FROM..TO or FROM..TO/STEP")),
            ("100..200/300", Err("a step of 300 is more than there is to go")),
        ];
        for (text, expected) in table {
            match (text.parse::<RateSchedule>(), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{text}"),
                (Err(found), Err(part)) => assert!(found.starts_with(part), "{text}: {found}"),
                (found, _) => panic!("{text}: {found:?}"),
            }
        }
    }

    #[test]
    fn calls_begin_at_their_times() {
        // (schedule, over these seconds, call, begins after so many milliseconds)
        let table = [
            ("100", 1, 0, Some(0)),
            ("100", 1, 150, Some(1500)),
            ("100..300", 2, 0, Some(0)),
            // 100 t + 50 t^2, so 150 after one second, and 400 after two.
            ("100..300", 2, 150, Some(1000)),
            ("100..300", 2, 400, Some(2000)),
            ("300..100", 2, 250, Some(1000)),
            ("300..100", 2, 1_000_000, None),
            ("100..100", 2, 50, Some(500)),
            // A second of 100, one of 200, one of 300.
            ("100..300/100", 3, 99, Some(990)),
            ("100..300/100", 3, 100, Some(1000)),
            ("100..300/100", 3, 300, Some(2000)),
            ("100..300/100", 3, 599, Some(2996)),
            ("100..300/100", 3, 600, None),
        ];
        for (schedule, seconds, number, expected) in table {
            let parsed: RateSchedule = schedule.parse().expect(schedule);
            let offset = parsed.offset(number, Duration::from_secs(seconds));
            let found = (offset != Duration::MAX).then_some(offset.as_millis());
            assert_eq!(found, expected, "{schedule}, call {number}");
        }
    }
}
