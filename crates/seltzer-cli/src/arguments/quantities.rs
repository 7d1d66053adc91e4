//! Sizes, times and rates as they are written on a command line, and as its help shows them.

use std::fmt;
use std::num::IntErrorKind;
use std::str::FromStr;
use std::time::Duration;

use seltzer::transport::Rate;

use crate::arguments::values::{seconds, seconds_not_zero};

/// How a limit is written that does not exist.
const NONE: &str = "none";

/// What may stand behind a number of bytes. The largest comes first: sizes are shown in the largest unit that fits.
const UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];

/// A number of bytes: `16384`, `16KiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Bytes(pub(crate) u64);

impl Bytes {
    /// As the library counts them; more than there are addresses is as good as all.
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }

    /// For settings of HTTP/2, whose ranges were checked when they were read.
    pub(crate) fn count_u32(self) -> u32 {
        u32::try_from(self.0).unwrap_or(u32::MAX)
    }

    pub(crate) const fn of(count: usize) -> Self {
        Bytes(count as u64)
    }
}

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, unit) = UNITS
            .iter()
            .find_map(|(name, unit)| Some((text.strip_suffix(name)?.trim_end(), *unit)))
            .unwrap_or((text, 1));
        let too_many = || "it is more than can be counted".to_owned();
        let number: u64 = number.parse().map_err(|error: std::num::ParseIntError| match error.kind() {
            IntErrorKind::PosOverflow => too_many(),
            _ => "write a number of bytes, such as 65536, 64KiB or 4MiB".to_owned(),
        })?;
        number.checked_mul(unit).map(Bytes).ok_or_else(too_many)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

/// A size within a range, both ends included.
pub(super) fn bytes_within<const MIN: u64, const MAX: u64>(text: &str) -> Result<Bytes, String> {
    let bytes: Bytes = text.parse()?;
    match bytes.0 {
        count if count < MIN => Err(format!("it is too little: write {} or more", Bytes(MIN))),
        count if count > MAX => Err(format!("it is too much: write {MAX} or less")),
        _ => Ok(bytes),
    }
}

/// A time in seconds, with a fraction perhaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        seconds_not_zero(text).map(Seconds)
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.as_secs_f64())
    }
}

/// A time that may be none at all.
pub(super) fn seconds_or_zero(text: &str) -> Result<Seconds, String> {
    seconds(text).map(Seconds)
}

/// A limit, or `none`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Limit<T>(pub(crate) Option<T>);

impl<T> Limit<T> {
    /// What most limits are that an operator has to ask for.
    pub(crate) const NONE: Self = Limit(None);
}

impl<T: FromStr<Err = String>> FromStr for Limit<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == NONE {
            return Ok(Limit(None));
        }
        text.parse().map(|limit| Limit(Some(limit))).map_err(|error| format!("{error}; or write `{NONE}`"))
    }
}

impl<T: fmt::Display> fmt::Display for Limit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(limit) => limit.fmt(f),
            None => f.write_str(NONE),
        }
    }
}

/// A number of things, at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count(pub(crate) u32);

impl Count {
    pub(crate) fn count(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(0) => Err("it must be at least 1".to_owned()),
            Ok(count) => Ok(Count(count)),
            Err(_) => Err(format!("write a number from 1 to {}", u32::MAX)),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// So many at once and so many a second: `1000:100`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frequency(pub(crate) Rate);

impl FromStr for Frequency {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts = text.split_once(':').and_then(|(burst, rate)| Some((burst.parse().ok()?, rate.parse().ok()?)));
        let (burst, per_second) = parts
            .ok_or("write it as BURST:PER_SECOND, as in 1000:100 for a thousand at once and a hundred a second")?;
        if burst == 0 {
            return Err("a burst of 0 would permit none at all: write 1 or more before the colon".to_owned());
        }
        Ok(Frequency(Rate::new(burst, per_second)))
    }
}

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.burst, self.0.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_shown() {
        let table = [
            ("0", Some((0, "0"))),
            ("20", Some((20, "20"))),
            ("1536", Some((1536, "1536"))),
            ("65536", Some((65_536, "64KiB"))),
            ("4MiB", Some((4 << 20, "4MiB"))),
            ("2 GiB", Some((2 << 30, "2GiB"))),
            ("4MB", None),
            ("-1", None),
            ("KiB", None),
            ("99999999999GiB", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in table {
            let read = text.parse::<Bytes>().ok();
            assert_eq!(
                read.map(|bytes| (bytes.0, bytes.to_string())),
                expected.map(|(n, s)| (n, s.to_owned())),
                "{text}"
            );
        }
        let within = bytes_within::<16, 1024>;
        assert!(within("16").is_ok() && within("1KiB").is_ok());
        assert_eq!(within("15"), Err("it is too little: write 16 or more".to_owned()));
        assert_eq!(within("1025"), Err("it is too much: write 1024 or less".to_owned()));
    }

    #[test]
    fn what_is_shown_can_be_read() {
        for text in ["none", "7200", "0.25"] {
            assert_eq!(text.parse::<Limit<Seconds>>().map(|time| time.to_string()), Ok(text.to_owned()));
        }
        for text in ["1000:100", "1:0"] {
            assert_eq!(text.parse::<Frequency>().map(|rate| rate.to_string()), Ok(text.to_owned()));
        }
        for text in ["0:1", "5", "a:b", "5:", "-1:5"] {
            assert!(text.parse::<Frequency>().is_err(), "{text}");
        }
        for (text, message) in [("0", "at least 1; or write `none`"), ("x", "from 1 to 4294967295; or write `none`")] {
            let error = text.parse::<Limit<Count>>().expect_err(text);
            assert!(error.contains(message), "{error}");
        }
        assert!("0".parse::<Limit<Seconds>>().is_err());
    }
}
