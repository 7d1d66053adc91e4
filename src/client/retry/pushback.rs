//! What servers say about when a call may be made again.

use std::time::Duration;

use http::HeaderMap;

const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What a server wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushback {
    /// It has said nothing.
    None,
    /// Once more, after this time.
    After(Duration),
    /// Not again; or something that cannot be read, which counts as that.
    Stop,
}

impl Pushback {
    pub(super) fn of(trailers: Option<&HeaderMap>) -> Self {
        let Some(trailers) = trailers else { return Pushback::None };
        let mut values = trailers.get_all(PUSHBACK).iter();
        match (values.next(), values.next()) {
            (None, _) => Pushback::None,
            (Some(value), None) => match value.to_str().ok().and_then(|text| text.parse::<i32>().ok()) {
                Some(millis) if millis >= 0 => Pushback::After(Duration::from_millis(millis.unsigned_abs().into())),
                _ => Pushback::Stop,
            },
            (Some(_), Some(_)) => Pushback::Stop,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_stops() {
        let after = |millis| Pushback::After(Duration::from_millis(millis));
        let table: [(&[&str], Pushback); 11] = [
            (&[], Pushback::None),
            (&["0"], after(0)),
            (&["10"], after(10)),
            (&["2147483647"], after(2_147_483_647)),
            (&["2147483648"], Pushback::Stop),
            (&["-1"], Pushback::Stop),
            (&["-2147483648"], Pushback::Stop),
            (&[""], Pushback::Stop),
            (&["soon"], Pushback::Stop),
            (&["1.5"], Pushback::Stop),
            (&["10", "10"], Pushback::Stop),
        ];
        for (values, expected) in table {
            let mut trailers = HeaderMap::new();
            for value in values {
                trailers.append(PUSHBACK, value.parse().expect("it is a header's value"));
            }
            assert_eq!(Pushback::of(Some(&trailers)), expected, "{values:?}");
        }
        assert_eq!(Pushback::of(None), Pushback::None);
    }
}
