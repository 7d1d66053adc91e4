//! Options of `seltzer serve` that make no sense together: better no server than one that ignores what it was told.

use seltzer::transport::Http2Limits;

use crate::arguments::{CarrierName, ServeArguments};
use crate::error::Failure;
use crate::serve::limits::limits;

/// Looks for contradictions.
///
/// # Errors
/// There is one: the failure names the option, and what to do.
pub(super) fn check(arguments: &ServeArguments) -> Result<(), Failure> {
    needs(arguments)?;
    orders(arguments)?;
    match arguments.carrier {
        CarrierName::Engine => Ok(()),
        CarrierName::Hyper => hyper(arguments),
    }
}

/// Options that mean nothing without others.
fn needs(arguments: &ServeArguments) -> Result<(), Failure> {
    let usual = Http2Limits::server();
    let (load, lifetime, keepalive) = (&arguments.load, &arguments.lifetime, &arguments.keepalive);
    let patience = &arguments.limits.patience;
    let limits_calls =
        load.max_calls.0.is_some() || load.max_calls_per_connection.0.is_some() || !load.max_calls_of.is_empty();
    let calls = "--max-calls, --max-calls-per-connection or --max-calls-of";
    let (pings, rate) = (keepalive.keepalive_interval.0.is_some(), load.rate_limit.0.is_some());
    let tls = arguments.tls.cert.is_some() || arguments.tls.self_signed || !arguments.tls.named.is_empty();
    let with_tls = "--tls-cert and --tls-key, --tls-sni or --tls-self-signed";
    let initial = seltzer::server::Limits::new();
    // (the option, whether it says anything, what it needs, whether that is there)
    let table = [
        ("--queue-length", load.queue_length > 0, calls, limits_calls),
        ("--queue-timeout", load.queue_timeout.0.is_some(), "--queue-length", load.queue_length > 0),
        ("--shed-code", load.shed_code.0 != seltzer::Code::Unavailable, calls, limits_calls),
        ("--shed-pushback", load.shed_pushback.0.is_some(), calls, limits_calls),
        ("--rate-limit-by", load.rate_limit_by != crate::arguments::RateKey::Peer, "--rate-limit", rate),
        ("--rate-limit-code", load.rate_limit_code.0 != seltzer::Code::ResourceExhausted, "--rate-limit", rate),
        (
            "--max-connection-age-grace",
            lifetime.max_connection_age_grace.0.is_some(),
            "--max-connection-age",
            lifetime.max_connection_age.0.is_some(),
        ),
        (
            "--keepalive-timeout",
            keepalive.keepalive_timeout.0 != usual.keepalive_timeout,
            "--keepalive-interval",
            pings,
        ),
        ("--keepalive-only-during-calls", keepalive.keepalive_only_during_calls, "--keepalive-interval", pings),
        ("--tls-handshake-timeout", patience.tls_handshake_timeout.0 != initial.tls_handshake_timeout, with_tls, tls),
        ("--max-tls-handshakes", patience.max_tls_handshakes.count() != initial.tls_handshakes_max, with_tls, tls),
    ];
    match table.into_iter().find(|(_, is_said, _, is_there)| *is_said && !is_there) {
        Some((flag, _, needed, _)) => Err(Failure::usage(format!("{flag} means nothing without {needed}"))
            .with_hint(format!("add {needed}, or leave {flag} out"))),
        None => Ok(()),
    }
}

/// Of two limits the larger one that is never reached.
fn orders(arguments: &ServeArguments) -> Result<(), Failure> {
    let (load, timeouts, memory) = (&arguments.load, &arguments.timeouts, &arguments.limits.memory);
    let streams = arguments.limits.http2.max_concurrent_streams;
    let nanoseconds = |time: Option<crate::arguments::Seconds>| time.map(|time| time.0.as_nanos());
    let (max, min) = (nanoseconds(timeouts.max_call_timeout.0), nanoseconds(timeouts.min_call_timeout.0));
    let default = nanoseconds(timeouts.default_call_timeout.0);
    let count = |count: crate::arguments::Count| u128::from(count.0);
    let bytes = |bytes: crate::arguments::Bytes| u128::from(bytes.0);
    let per_connection = load.max_calls_per_connection.0.map(count);
    let (all, most_of_one) =
        (load.max_calls.0.map(count), load.max_calls_of.iter().map(|it| count(it.calls_max)).max());
    let (connection, process) = (memory.connection_memory_bytes.map(bytes), memory.memory_bytes.0.map(bytes));
    let message = Some(bytes(memory.max_message_bytes));
    // (what must not be larger, than what)
    let table = [
        (("--min-call-timeout", min), ("--max-call-timeout", max)),
        (("--default-call-timeout", default), ("--max-call-timeout", max)),
        (("--min-call-timeout", min), ("--default-call-timeout", default)),
        (("--max-calls-per-connection", per_connection), ("--max-concurrent-streams", Some(u128::from(streams)))),
        (("--max-calls-per-connection", per_connection), ("--max-calls", all)),
        (("--max-calls-of", most_of_one), ("--max-calls", all)),
        (("--connection-memory-bytes", connection), ("--memory-bytes", process)),
        (("--max-message-bytes", message), ("--connection-memory-bytes", connection)),
        (("--max-message-bytes", message), ("--memory-bytes", process)),
    ];
    match table.into_iter().find(|((_, low), (_, high))| matches!((low, high), (Some(low), Some(high)) if low > high)) {
        Some(((low, _), (high, _))) => {
            Err(Failure::usage(format!("{low} is above {high}, so that it is never reached"))
                .with_hint(format!("lower {low}, or raise {high}")))
        }
        None => Ok(()),
    }
}

/// What hyper has no word for.
fn hyper(arguments: &ServeArguments) -> Result<(), Failure> {
    let (told, usual) = (limits(arguments), seltzer::server::Limits::new());
    let (now, then) = (told.http2, usual.http2);
    let table = [
        ("--max-header-fields", now.header_fields_max != then.header_fields_max),
        ("--max-continuation-frames", now.continuation_frames_max != then.continuation_frames_max),
        ("--header-table-bytes", now.header_table_bytes != then.header_table_bytes),
        ("--max-control-frames", now.control_frames_max != then.control_frames_max),
        ("--early-resets", now.early_resets != then.early_resets),
        ("--glitches", now.glitches != then.glitches),
        ("--idle-frames", now.idle_frames != then.idle_frames),
        ("--preface-timeout", now.preface_timeout != then.preface_timeout),
        ("--settings-ack-timeout", now.settings_ack_timeout != then.settings_ack_timeout),
        ("--stall-timeout", now.stall_timeout != then.stall_timeout),
        ("--stream-stall-timeout", now.stream_stall_timeout != then.stream_stall_timeout),
        ("--connection-memory-bytes", told.connection_memory_bytes != usual.connection_memory_bytes),
        ("--memory-bytes", told.memory_bytes != usual.memory_bytes),
        ("--max-connection-age", now.age_max != then.age_max),
        ("--max-connection-idle", now.idle_timeout != then.idle_timeout),
        ("--max-connection-requests", now.requests_max != then.requests_max),
        ("--keepalive-only-during-calls", now.keepalive_while_idle != then.keepalive_while_idle),
        ("--min-client-ping-interval", now.client_ping_interval_min != then.client_ping_interval_min),
        ("--max-ping-strikes", now.ping_strikes_max != then.ping_strikes_max),
    ];
    match table.into_iter().find(|(_, is_told)| *is_told) {
        Some((flag, _)) => Err(Failure::usage(format!("hyper knows nothing of {flag}"))
            .with_hint(format!("leave {flag} out, or serve with `--carrier engine`"))),
        None => Ok(()),
    }
}
