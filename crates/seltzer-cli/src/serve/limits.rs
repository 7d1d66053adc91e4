//! What the command line says about limits, in the library's words.

use std::sync::Arc;
use std::time::Duration;

use seltzer::metadata::AsciiMetadataKey;
use seltzer::server::{CallHead, ConcurrencyLimit, Interceptors, Limits, RateLimit, TimeoutPolicy};

use crate::arguments::{Bytes, CallRate, LoadArguments, RateKey, Seconds, ServeArguments, TimeoutArguments};
use crate::catalogue;
use crate::error::Failure;

/// Whoever turns health checks away for want of room has its server restarted when it is needed most; and those who
/// watch it would take places for as long as they live.
const HEALTH_SERVICE: &str = "grpc.health.v1.Health";

/// All limits of the server.
pub(super) fn limits(arguments: &ServeArguments) -> Limits {
    let mut limits = Limits::new();
    connection(arguments, &mut limits);
    let memory = &arguments.limits.memory;
    limits.messages.decoding_bytes_max = memory.max_message_bytes.count();
    limits.messages.encoding_bytes_max = memory.max_reply_bytes.0.map_or(usize::MAX, Bytes::count);
    limits.connection_memory_bytes = memory.connection_memory_bytes.map(Bytes::count);
    limits.memory_bytes = memory.memory_bytes.0.map(Bytes::count);
    let patience = &arguments.limits.patience;
    limits.tls_handshake_timeout = patience.tls_handshake_timeout.0;
    limits.tls_handshakes_max = patience.max_tls_handshakes.count();
    limits
}

fn connection(arguments: &ServeArguments, limits: &mut Limits) {
    let limits = &mut limits.http2;
    let http2 = &arguments.limits.http2;
    limits.concurrent_streams_max = http2.max_concurrent_streams;
    limits.header_list_bytes_max = http2.max_header_list_bytes.count();
    limits.header_fields_max = usize::try_from(http2.max_header_fields).unwrap_or(usize::MAX);
    limits.continuation_frames_max = http2.max_continuation_frames;
    limits.header_table_bytes = http2.header_table_bytes.count();
    limits.frame_bytes_max = http2.max_frame_bytes.count_u32();
    limits.stream_window_bytes = http2.stream_window_bytes.count_u32();
    limits.connection_window_bytes = http2.connection_window_bytes.count_u32();
    limits.control_frames_max = http2.max_control_frames;
    limits.early_resets = http2.early_resets.0;
    limits.glitches = http2.glitches.0;
    limits.idle_frames = http2.idle_frames.0;
    let patience = &arguments.limits.patience;
    limits.preface_timeout = patience.preface_timeout.0;
    limits.header_block_timeout = patience.header_block_timeout.0;
    limits.settings_ack_timeout = patience.settings_ack_timeout.0;
    limits.stall_timeout = patience.stall_timeout.0;
    limits.stream_stall_timeout = time(patience.stream_stall_timeout.0);
    let lifetime = &arguments.lifetime;
    limits.age_max = time(lifetime.max_connection_age.0);
    limits.age_grace = time(lifetime.max_connection_age_grace.0);
    limits.idle_timeout = time(lifetime.max_connection_idle.0);
    limits.requests_max = lifetime.max_connection_requests.0.map(|count| u64::from(count.0));
    let keepalive = &arguments.keepalive;
    limits.keepalive_interval = time(keepalive.keepalive_interval.0);
    limits.keepalive_timeout = keepalive.keepalive_timeout.0;
    limits.keepalive_while_idle = !keepalive.keepalive_only_during_calls;
    limits.client_ping_interval_min = keepalive.min_client_ping_interval.0;
    limits.ping_strikes_max = keepalive.max_ping_strikes;
}

fn time(limit: Option<Seconds>) -> Option<Duration> {
    limit.map(|seconds| seconds.0)
}

/// What stands around calls, the outermost first: nothing, and then they cost nothing, unless it is asked for.
///
/// # Errors
/// A limit names a method that is not served.
pub(super) fn interceptors(arguments: &ServeArguments) -> Result<Vec<Interceptors>, Failure> {
    let load = &arguments.load;
    let mut all = Vec::new();
    // The time that calls wait for their turn is a part of what they have.
    all.extend(timeouts(&arguments.timeouts).map(Interceptors::from));
    all.extend(load.rate_limit.0.map(|rate| rate_limit(rate, load).into()));
    // What concerns few calls comes first: whoever waits there takes no place from others.
    for limit in &load.max_calls_of {
        let path = path(&limit.method, arguments)?;
        let gate = gate(limit.calls_max.count(), load).only(move |call| call.path() == path);
        all.push(gate.into());
    }
    if let Some(calls) = load.max_calls_per_connection.0 {
        all.push(gate(calls.count(), load).per_connection().only(is_not_health).into());
    }
    if let Some(calls) = load.max_calls.0 {
        all.push(gate(calls.count(), load).only(is_not_health).into());
    }
    Ok(all)
}

fn is_not_health(call: CallHead<'_>) -> bool {
    call.service() != HEALTH_SERVICE
}

fn gate(calls_max: usize, load: &LoadArguments) -> ConcurrencyLimit {
    let queue = usize::try_from(load.queue_length).unwrap_or(usize::MAX);
    let mut limit = ConcurrencyLimit::new(calls_max).queue(queue).shed_with(load.shed_code.0);
    if let Some(timeout) = load.queue_timeout.0 {
        limit = limit.queue_timeout(timeout.0);
    }
    match load.shed_pushback.0 {
        Some(pause) => limit.pushback(pause.0),
        None => limit,
    }
}

fn rate_limit(rate: CallRate, load: &LoadArguments) -> RateLimit {
    let limit = RateLimit::new(rate.per_second, rate.burst).only(is_not_health).shed_with(load.rate_limit_code.0);
    match &load.rate_limit_by {
        RateKey::Peer => limit,
        RateKey::Method => limit.by(|call| Some(call.path().to_owned())),
        RateKey::Metadata(name) => {
            let name: Option<Arc<AsciiMetadataKey>> = AsciiMetadataKey::from_bytes(name.as_bytes()).ok().map(Arc::new);
            limit.by(move |call| call.metadata().get(name.as_deref()?)?.to_str().ok().map(str::to_owned))
        }
    }
}

fn timeouts(arguments: &TimeoutArguments) -> Option<TimeoutPolicy> {
    let TimeoutArguments { max_call_timeout, default_call_timeout, min_call_timeout } = arguments;
    let (max, default, min) = (max_call_timeout.0, default_call_timeout.0, min_call_timeout.0);
    let is_unlimited = max.is_none() && default.is_none() && min.is_none();
    if is_unlimited {
        return None;
    }
    let mut policy = TimeoutPolicy::new();
    if let Some(max) = max {
        policy = policy.maximum(max.0);
    }
    if let Some(default) = default {
        policy = policy.default_timeout(default.0);
    }
    Some(min.map_or(policy, |min| policy.minimum(min.0)))
}

/// The path on the wire of a method as users name it.
fn path(method: &str, arguments: &ServeArguments) -> Result<String, Failure> {
    let method = catalogue::find_served(method, arguments.channelz)?;
    Ok(format!("/{}/{}", method.parent_service().full_name(), method.name()))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use seltzer::transport::Rate;

    use super::*;
    use crate::arguments::{Arguments, Command};

    fn serve(words: &[&str]) -> ServeArguments {
        let words = ["seltzer", "serve"].iter().chain(words).map(OsString::from);
        match Arguments::read(words).expect("a valid command line").command {
            Command::Serve(arguments) => *arguments,
            _ => panic!("it is `serve`"),
        }
    }

    #[test]
    fn without_options_all_is_as_the_library_has_it() {
        let arguments = serve(&[]);
        assert_eq!(limits(&arguments), Limits::new());
        assert!(interceptors(&arguments).expect("no method is named").is_empty(), "calls cost nothing more");
    }

    #[test]
    fn each_option_is_the_limit_that_it_says() {
        const SECOND: Duration = Duration::from_secs(1);
        type Change = fn(&mut Limits);
        let table: &[(&[&str], Change)] = &[
            (&["--max-concurrent-streams", "7"], |it| it.http2.concurrent_streams_max = 7),
            (&["--max-header-list-bytes", "2KiB"], |it| it.http2.header_list_bytes_max = 2048),
            (&["--max-header-fields", "17"], |it| it.http2.header_fields_max = 17),
            (&["--max-continuation-frames", "0"], |it| it.http2.continuation_frames_max = 0),
            (&["--header-table-bytes", "0"], |it| it.http2.header_table_bytes = 0),
            (&["--max-frame-bytes", "64KiB"], |it| it.http2.frame_bytes_max = 65_536),
            (&["--stream-window-bytes", "7"], |it| it.http2.stream_window_bytes = 7),
            (&["--connection-window-bytes", "65535"], |it| it.http2.connection_window_bytes = 65_535),
            (&["--max-control-frames", "7"], |it| it.http2.control_frames_max = 7),
            (&["--early-resets", "7:3"], |it| it.http2.early_resets = Rate::new(7, 3)),
            (&["--glitches", "7:3"], |it| it.http2.glitches = Rate::new(7, 3)),
            (&["--idle-frames", "7:3"], |it| it.http2.idle_frames = Rate::new(7, 3)),
            (&["--preface-timeout", "1"], |it| it.http2.preface_timeout = SECOND),
            (&["--header-block-timeout", "1"], |it| it.http2.header_block_timeout = SECOND),
            (&["--settings-ack-timeout", "1"], |it| it.http2.settings_ack_timeout = SECOND),
            (&["--stall-timeout", "1"], |it| it.http2.stall_timeout = SECOND),
            (&["--stream-stall-timeout", "1"], |it| it.http2.stream_stall_timeout = Some(SECOND)),
            (&["--tls-handshake-timeout", "1"], |it| it.tls_handshake_timeout = SECOND),
            (&["--max-tls-handshakes", "7"], |it| it.tls_handshakes_max = 7),
            (&["--max-message-bytes", "7"], |it| it.messages.decoding_bytes_max = 7),
            (&["--max-reply-bytes", "7"], |it| it.messages.encoding_bytes_max = 7),
            (&["--connection-memory-bytes", "8MiB"], |it| it.connection_memory_bytes = Some(8 << 20)),
            (&["--memory-bytes", "8MiB"], |it| it.memory_bytes = Some(8 << 20)),
            (&["--max-connection-age", "1"], |it| it.http2.age_max = Some(SECOND)),
            (&["--max-connection-age-grace", "1"], |it| it.http2.age_grace = Some(SECOND)),
            (&["--max-connection-idle", "1"], |it| it.http2.idle_timeout = Some(SECOND)),
            (&["--max-connection-requests", "7"], |it| it.http2.requests_max = Some(7)),
            (&["--keepalive-interval", "1"], |it| it.http2.keepalive_interval = Some(SECOND)),
            (&["--keepalive-interval", "none"], |it| it.http2.keepalive_interval = None),
            (&["--keepalive-timeout", "1"], |it| it.http2.keepalive_timeout = SECOND),
            (&["--keepalive-only-during-calls"], |it| it.http2.keepalive_while_idle = false),
            (&["--min-client-ping-interval", "0"], |it| it.http2.client_ping_interval_min = Duration::ZERO),
            (&["--max-ping-strikes", "0"], |it| it.http2.ping_strikes_max = 0),
        ];
        for (words, change) in table {
            let mut expected = Limits::new();
            change(&mut expected);
            assert_eq!(limits(&serve(words)), expected, "{words:?}");
        }
    }
}
