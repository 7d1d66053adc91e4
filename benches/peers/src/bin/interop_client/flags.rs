//! The command line, as the interoperability clients of all languages take it.

use std::path::PathBuf;

use crate::check::Result;

/// What `--help` says before the cases.
pub(crate) const HELP: &str = "\
interop_client: one case of gRPC's interoperability tests

Flags, as `--flag value`, `--flag=value` or with a single dash:
  --server_host HOST             the server; localhost unless set
  --server_port PORT             its port
  --test_case CASE               which case; empty_unary unless set
  --use_tls [true|false]         TLS; off unless set
  --use_test_ca [true|false]     trust the authority of this project's tests
  --ca_file FILE                 trust the authorities in this file (PEM)
  --server_host_override NAME    the name to call and to find in the certificate
  --compression_probe [true|false]  whether the two client_compressed cases begin by asking the server to refuse a
                                 request that is not compressed; true unless set, false for servers that cannot tell
  --service_config_json JSON     taken and not used: no case here needs one
  --timeout_s SECONDS            give the case up after this time; 120 unless set
For rpc_soak and channel_soak:
  --soak_iterations N                               10
  --soak_max_failures N                             0
  --soak_per_iteration_max_acceptable_latency_ms N  1000
  --soak_overall_timeout_seconds N                  10
  --soak_min_time_ms_between_rpcs N                 0
  --soak_request_size BYTES                         271828
  --soak_response_size BYTES                        314159
  --soak_num_threads N                              1

Cases:
";

/// What the command line asks for.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Flags {
    pub(crate) help: bool,
    pub(crate) server_host: String,
    pub(crate) server_port: u16,
    pub(crate) test_case: String,
    pub(crate) use_tls: bool,
    pub(crate) use_test_ca: bool,
    pub(crate) compression_probe: bool,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) server_host_override: Option<String>,
    pub(crate) timeout_s: Option<u64>,
    pub(crate) soak: Soak,
}

/// What is asked of the two soak cases.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Soak {
    pub(crate) iterations: u64,
    pub(crate) failures_max: u64,
    pub(crate) latency_max_ms: u64,
    pub(crate) overall_timeout_s: u64,
    pub(crate) interval_min_ms: u64,
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: i32,
    pub(crate) threads: u64,
}

impl Default for Flags {
    fn default() -> Self {
        Flags {
            help: false,
            server_host: "localhost".to_owned(),
            server_port: 0,
            test_case: "empty_unary".to_owned(),
            use_tls: false,
            use_test_ca: false,
            compression_probe: true,
            ca_file: None,
            server_host_override: None,
            timeout_s: None,
            soak: Soak {
                iterations: 10,
                failures_max: 0,
                latency_max_ms: 1_000,
                overall_timeout_s: 10,
                interval_min_ms: 0,
                request_bytes: 271_828,
                response_bytes: 314_159,
                threads: 1,
            },
        }
    }
}

impl Flags {
    /// Reads the words after the program's name.
    ///
    /// # Errors
    /// A flag is unknown, lacks its value, or has one that cannot be read.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self> {
        let mut flags = Flags::default();
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let Some(flag) = word.strip_prefix("--").or_else(|| word.strip_prefix('-')).filter(|it| !it.is_empty())
            else {
                return Err(format!("{word:?} is no flag").into());
            };
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None if !is_boolean(flag) => (flag, words.next()),
                // A boolean's value may be a word of its own, and need not be there.
                None => (flag, words.next_if(|next| matches!(next.as_str(), "true" | "false"))),
            };
            flags.set(name, value)?;
        }
        if flags.server_port == 0 && !flags.help {
            return Err("--server_port is missing".into());
        }
        Ok(flags)
    }

    fn set(&mut self, name: &str, value: Option<String>) -> Result {
        if is_boolean(name) {
            let value = value.as_deref().map_or(Ok(true), |value| parse(name, value))?;
            match name {
                "use_tls" => self.use_tls = value,
                "use_test_ca" => self.use_test_ca = value,
                "compression_probe" => self.compression_probe = value,
                _ => self.help = value,
            }
            return Ok(());
        }
        let value = value.ok_or_else(|| format!("--{name} needs a value"))?;
        match name {
            "server_host" => self.server_host = value,
            "server_port" => self.server_port = parse(name, &value)?,
            "test_case" => self.test_case = value,
            "ca_file" => self.ca_file = Some(value.into()),
            "server_host_override" => self.server_host_override = Some(value).filter(|name| !name.is_empty()),
            "service_config_json" => {}
            "timeout_s" => self.timeout_s = Some(parse(name, &value)?),
            "soak_iterations" => self.soak.iterations = parse(name, &value)?,
            "soak_max_failures" => self.soak.failures_max = parse(name, &value)?,
            "soak_per_iteration_max_acceptable_latency_ms" => self.soak.latency_max_ms = parse(name, &value)?,
            "soak_overall_timeout_seconds" => self.soak.overall_timeout_s = parse(name, &value)?,
            "soak_min_time_ms_between_rpcs" => self.soak.interval_min_ms = parse(name, &value)?,
            "soak_request_size" => self.soak.request_bytes = parse(name, &value)?,
            "soak_response_size" => self.soak.response_bytes = parse(name, &value)?,
            "soak_num_threads" => self.soak.threads = parse(name, &value)?,
            _ => return Err(format!("there is no flag --{name}").into()),
        }
        Ok(())
    }
}

fn is_boolean(name: &str) -> bool {
    matches!(name, "use_tls" | "use_test_ca" | "compression_probe" | "help" | "h")
}

fn parse<T: std::str::FromStr>(name: &str, value: &str) -> Result<T>
where
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|error| format!("--{name} {value}: {error}").into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

    use super::*;

    fn read(line: &str) -> Result<Flags> {
        Flags::read(line.split(' ').map(str::to_owned))
    }

    #[test]
    fn every_way_to_write_a_flag_is_the_same() {
        let expected = read("--server_port 7 --test_case ping_pong --use_tls --server_host_override foo").unwrap();
        assert!(expected.use_tls && !expected.use_test_ca);
        for line in [
            "--server_port=7 --test_case=ping_pong --use_tls=true --server_host_override=foo",
            "-server_port 7 -use_tls true -test_case ping_pong -server_host_override foo",
            "-use_test_ca=false --use_tls -server_port=7 --test_case ping_pong -server_host_override foo",
            "--use_tls --server_port 7 --server_host_override foo --test_case ping_pong --service_config_json {}",
        ] {
            assert_eq!(read(line).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (line, words) in [
            ("--server_port 7 --colour red", "there is no flag --colour"),
            ("--server_port 7 ping_pong", "\"ping_pong\" is no flag"),
            ("--server_port 7 --test_case", "--test_case needs a value"),
            ("--server_port seven", "--server_port seven: invalid digit"),
            ("--server_port 7 --use_tls=maybe", "--use_tls maybe: "),
            ("--test_case ping_pong", "--server_port is missing"),
            ("--server_port 7 --", "\"--\" is no flag"),
        ] {
            let error = read(line).unwrap_err().to_string();
            assert!(error.contains(words), "{line}: {error}");
        }
    }
}
