//! The options of `seltzer serve` that say how much work it takes on, and how long that may last.

use clap::Args;
use seltzer::Code;

use crate::arguments::quantities::{Count, Limit, Seconds};

/// How many calls run, and what becomes of those that are too many.
#[derive(Debug, Args)]
#[command(next_help_heading = "Load (health checks are never turned away)")]
pub(crate) struct LoadArguments {
    /// Calls at once on all connections
    #[arg(long, value_name = "N", default_value_t = Limit::NONE)]
    pub(crate) max_calls: Limit<Count>,

    /// Calls at once on each connection
    #[arg(long, value_name = "N", default_value_t = Limit::NONE)]
    pub(crate) max_calls_per_connection: Limit<Count>,

    /// Calls at once of one method, as in Calculator/Divide=10. May be repeated
    #[arg(long, value_name = "METHOD=N", value_parser = method_limit)]
    pub(crate) max_calls_of: Vec<MethodLimit>,

    /// How many more calls may wait at each of these limits, in their order
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) queue_length: u32,

    /// How long a call may wait there, beside what its deadline says
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) queue_timeout: Limit<Seconds>,

    /// What calls end with that these limits turn away
    #[arg(long, value_name = "CODE", default_value_t = ShedCode(Code::Unavailable), value_parser = shed_code)]
    pub(crate) shed_code: ShedCode,

    /// When clients that retry are told to come back
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) shed_pushback: Limit<Seconds>,

    /// Calls a second of each caller, and how many at once after a rest, as in 100:200. Those beyond are told when to come back
    #[arg(long, value_name = "PER_SECOND[:BURST]", default_value_t = Limit::NONE)]
    pub(crate) rate_limit: Limit<CallRate>,

    /// Who is one caller: `peer` (an IP address), `method`, or `metadata:NAME` (the value of that name)
    #[arg(long, value_name = "KEY", default_value_t = RateKey::Peer, value_parser = rate_key)]
    pub(crate) rate_limit_by: RateKey,

    /// What calls end with that are too many a second
    #[arg(long, value_name = "CODE", default_value_t = ShedCode(Code::ResourceExhausted), value_parser = shed_code)]
    pub(crate) rate_limit_code: ShedCode,
}

/// How long calls may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "How long calls may take")]
pub(crate) struct TimeoutArguments {
    /// No call may take longer, whatever its caller says
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) max_call_timeout: Limit<Seconds>,

    /// How long calls may take whose callers say nothing
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) default_call_timeout: Limit<Seconds>,

    /// Calls that leave less are refused at once
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) min_call_timeout: Limit<Seconds>,
}

/// A limit of one method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MethodLimit {
    /// As it was written: `[package.]Service/Method`.
    pub(crate) method: String,
    pub(crate) calls_max: Count,
}

fn method_limit(text: &str) -> Result<MethodLimit, String> {
    let form = "write it as SERVICE/METHOD=N, as in Calculator/Divide=10";
    let (method, count) = text.rsplit_once('=').ok_or(form)?;
    let method = method.trim_start_matches('/');
    if !method.split_once('/').is_some_and(|(service, name)| !service.is_empty() && !name.is_empty()) {
        return Err(form.to_owned());
    }
    Ok(MethodLimit { method: method.to_owned(), calls_max: count.parse()? })
}

/// Codes that say that a call may be tried again, or that there is too much of something.
const SHED_CODES: &[(&str, Code)] =
    &[("UNAVAILABLE", Code::Unavailable), ("RESOURCE_EXHAUSTED", Code::ResourceExhausted)];

/// What turned away calls end with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShedCode(pub(crate) Code);

fn shed_code(text: &str) -> Result<ShedCode, String> {
    let found = SHED_CODES.iter().find(|(name, _)| *name == text);
    found.map(|(_, code)| ShedCode(*code)).ok_or_else(|| {
        let names: Vec<_> = SHED_CODES.iter().map(|(name, _)| *name).collect();
        format!("write {}", names.join(" or "))
    })
}

impl std::fmt::Display for ShedCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(seltzer::status::code_name(self.0))
    }
}

/// Calls a second, and at once after a rest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CallRate {
    pub(crate) per_second: f64,
    pub(crate) burst: u32,
}

/// More calls a second than any machine answers are a slip of the finger.
const RATE_LARGEST: f64 = 1e9;

impl std::str::FromStr for CallRate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rate, burst) = text.split_once(':').map_or((text, None), |(rate, burst)| (rate, Some(burst)));
        let per_second: f64 =
            rate.parse().map_err(|_| "write PER_SECOND or PER_SECOND:BURST, as in 100 or 100:200".to_owned())?;
        if !(per_second > 0.0 && per_second <= RATE_LARGEST) {
            return Err("write a rate of more than 0 and at most 1000000000 calls a second".to_owned());
        }
        let burst = match burst {
            Some(burst) => burst.parse::<Count>().map_err(|error| format!("the burst, after the colon: {error}"))?.0,
            // What comes in a second may come at once.
            None => per_second.ceil().max(1.0) as u32,
        };
        Ok(CallRate { per_second, burst })
    }
}

impl std::fmt::Display for CallRate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.per_second, self.burst)
    }
}

/// Whom a call counts for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RateKey {
    Peer,
    Method,
    /// The value of this name.
    Metadata(String),
}

fn rate_key(text: &str) -> Result<RateKey, String> {
    match text {
        "peer" => Ok(RateKey::Peer),
        "method" => Ok(RateKey::Method),
        _ => {
            let name = text.strip_prefix("metadata:").ok_or("write peer, method or metadata:NAME")?;
            let name = name.to_ascii_lowercase();
            if name.ends_with("-bin") || seltzer::metadata::AsciiMetadataKey::from_bytes(name.as_bytes()).is_err() {
                return Err(format!("`{name}` is no name of metadata that is text"));
            }
            Ok(RateKey::Metadata(name))
        }
    }
}

impl std::fmt::Display for RateKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RateKey::Peer => f.write_str("peer"),
            RateKey::Method => f.write_str("method"),
            RateKey::Metadata(name) => write!(f, "metadata:{name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_methods_are_read() {
        let table = [
            ("Calculator/Divide=10", Some(("Calculator/Divide", 10))),
            ("/hello.Greeter/SayHello=1", Some(("hello.Greeter/SayHello", 1))),
            ("Calculator/Divide", None),
            ("Calculator=3", None),
            ("/Divide=3", None),
            ("Calculator/=3", None),
            ("Calculator/Divide=0", None),
            ("Calculator/Divide=x", None),
        ];
        for (text, expected) in table {
            let read = method_limit(text).ok();
            let read = read.as_ref().map(|limit| (limit.method.as_str(), limit.calls_max.0));
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn rates_of_calls_are_read() {
        let table = [
            ("100", Some((100.0, 100))),
            ("0.5", Some((0.5, 1))),
            ("100:200", Some((100.0, 200))),
            ("0", None),
            ("-1", None),
            ("NaN", None),
            ("inf", None),
            ("100:0", None),
            ("100:", None),
        ];
        for (text, expected) in table {
            assert_eq!(text.parse::<CallRate>().ok().map(|rate| (rate.per_second, rate.burst)), expected, "{text}");
        }
        for (text, expected) in [
            ("peer", Some(RateKey::Peer)),
            ("method", Some(RateKey::Method)),
            ("metadata:X-Key", Some(RateKey::Metadata("x-key".to_owned()))),
            ("metadata:", None),
            ("metadata:key-bin", None),
            ("address", None),
        ] {
            assert_eq!(rate_key(text).ok(), expected, "{text}");
        }
    }
}
