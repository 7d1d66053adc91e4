//! When a call must be over, and how that travels: the `grpc-timeout` header.

use std::time::Duration;

use http::HeaderValue;
use tokio::time::Instant;

/// The point in time at which a call must be over, trailers included.
///
/// A deadline is a point, not a duration: passed on to further calls it shrinks by itself.
///
/// ```
/// use std::time::Duration;
/// use seltzer::Deadline;
///
/// let deadline = Deadline::after(Duration::from_secs(5));
/// assert!(deadline.remaining() <= Duration::from_secs(5));
/// assert!(!deadline.has_passed());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Deadline(Instant);

/// The longest timeout that is kept: about 30 years. Longer ones (`99999999H` is eleven thousand years) would
/// overflow the clock's arithmetic on some systems and mean the same.
const TIMEOUT_MAX: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// `grpc-timeout` holds at most eight digits (gRPC over HTTP/2, "Requests").
const TIMEOUT_DIGITS_MAX: usize = 8;

impl Deadline {
    /// The deadline that lies `timeout` from now.
    #[must_use]
    pub fn after(timeout: Duration) -> Self {
        Self::counted_from(Instant::now(), timeout)
    }

    /// The deadline that lies `timeout` from a point in time.
    pub(crate) fn counted_from(begin: Instant, timeout: Duration) -> Self {
        Deadline(begin + timeout.min(TIMEOUT_MAX))
    }

    /// The time that is left, zero once it has passed.
    #[must_use]
    pub fn remaining(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether it is over.
    #[must_use]
    pub fn has_passed(&self) -> bool {
        self.0 <= Instant::now()
    }

    /// The point in time itself.
    #[must_use]
    pub fn instant(&self) -> std::time::Instant {
        self.0.into_std()
    }

    /// The same, put off.
    #[cfg(feature = "server")]
    pub(crate) fn later_by(self, patience: Duration) -> Self {
        Deadline(self.0 + patience)
    }

    pub(crate) fn tokio_instant(&self) -> Instant {
        self.0
    }

    /// The earlier of two deadlines, where `None` means never.
    pub(crate) fn earlier(left: Option<Deadline>, right: Option<Deadline>) -> Option<Deadline> {
        match (left, right) {
            (Some(left), Some(right)) => Some(left.min(right)),
            (deadline, None) | (None, deadline) => deadline,
        }
    }
}

/// Reads a `grpc-timeout` value: one to eight digits and a unit.
pub(crate) fn parse_timeout(value: &HeaderValue) -> Option<Duration> {
    let (unit, digits) = value.as_bytes().split_last()?;
    if digits.is_empty() || digits.len() > TIMEOUT_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits.iter().fold(0_u64, |amount, digit| amount * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(amount * 60 * 60),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A `grpc-timeout` value, in the finest unit that fits eight digits, rounded up: a peer must never give up before
/// we do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TimeoutText {
    /// The digits and the unit, at the end.
    bytes: [u8; TIMEOUT_DIGITS_MAX + 1],
    start: usize,
}

impl TimeoutText {
    pub(crate) fn of(timeout: Duration) -> Self {
        const UNITS: [(u8, u64); 6] = [
            (b'n', 1),
            (b'u', 1_000),
            (b'm', 1_000_000),
            (b'S', 1_000_000_000),
            (b'M', 60 * 1_000_000_000),
            (b'H', 3_600 * 1_000_000_000),
        ];
        const AMOUNT_MAX: u64 = 99_999_999;
        // More than five hundred years are as good as for ever.
        let nanos = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        let (unit, mut amount) = UNITS
            .iter()
            .map(|(unit, nanos_per_unit)| (*unit, nanos.div_ceil(*nanos_per_unit)))
            .find(|(_, amount)| *amount <= AMOUNT_MAX)
            .unwrap_or((b'H', AMOUNT_MAX));
        let mut bytes = [unit; TIMEOUT_DIGITS_MAX + 1];
        let mut start = TIMEOUT_DIGITS_MAX;
        for digit in bytes[..TIMEOUT_DIGITS_MAX].iter_mut().rev() {
            *digit = b'0' + (amount % 10) as u8;
            amount /= 10;
            start -= 1;
            if amount == 0 {
                break;
            }
        }
        TimeoutText { bytes, start }
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// Writes a timeout, see [`TimeoutText`].
pub(crate) fn format_timeout(timeout: Duration) -> HeaderValue {
    HeaderValue::from_bytes(TimeoutText::of(timeout).as_bytes()).expect("digits and a letter are valid in a header")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_are_read_as_the_grammar_says() {
        let table = [
            ("1H", Some(Duration::from_secs(3600))),
            ("2M", Some(Duration::from_secs(120))),
            ("5S", Some(Duration::from_secs(5))),
            ("7m", Some(Duration::from_millis(7))),
            ("8u", Some(Duration::from_micros(8))),
            ("9n", Some(Duration::from_nanos(9))),
            ("0S", Some(Duration::ZERO)),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("100000000n", None),
            ("S", None),
            ("", None),
            ("5", None),
            ("-5S", None),
            ("5s", None),
            ("5 S", None),
        ];
        for (text, expected) in table {
            assert_eq!(parse_timeout(&HeaderValue::from_static(text)), expected, "{text:?}");
        }
    }

    #[test]
    fn timeouts_are_written_finely_and_never_shortened() {
        let table = [
            (Duration::from_millis(50), "50000000n"),
            (Duration::from_secs(5), "5000000u"),
            (Duration::from_secs(100), "100000m"),
            (Duration::from_nanos(100_000_001), "100001u"),
            (Duration::from_secs(100_000_000), "1666667M"),
            (Duration::MAX, "5124096H"),
            (Duration::ZERO, "0n"),
        ];
        for (timeout, expected) in table {
            assert_eq!(format_timeout(timeout), expected, "{timeout:?}");
        }
    }

    #[test]
    fn the_longest_timeouts_do_not_overflow_the_clock() {
        assert!(!Deadline::after(Duration::MAX).has_passed());
    }
}
