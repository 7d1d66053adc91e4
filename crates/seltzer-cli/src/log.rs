//! What the server tells while it runs, on standard error: a line a call.

use std::fmt::{self, Write as _};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::output;
use crate::text::{in_flags, one_line};

/// Where the library tells of calls that ended.
const CALL_TARGET: &str = "seltzer::call";

/// Starts to log. Warnings always come; `-v` adds calls, `-vv` what else the library tells, `-vvv` everything.
pub(crate) fn start(verbosity: u8) {
    let log = match verbosity {
        0 => Log { level: LevelFilter::WARN, others: false },
        1 => Log { level: LevelFilter::INFO, others: false },
        2 => Log { level: LevelFilter::DEBUG, others: false },
        _ => Log { level: LevelFilter::TRACE, others: true },
    };
    // It fails only if there is a log already.
    let _ = tracing::subscriber::set_global_default(log);
}

/// Writes each event as one line. Spans are not shown.
struct Log {
    level: LevelFilter,
    /// Whether libraries other than our own are heard.
    others: bool,
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let target = metadata.target();
        let is_ours = target == "seltzer" || target.starts_with("seltzer::");
        metadata.is_event() && *metadata.level() <= self.level && (is_ours || self.others)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let metadata = event.metadata();
        let line = if metadata.target() == CALL_TARGET { fields.call() } else { fields.other(metadata.level()) };
        output::tell(one_line(&line));
    }

    // There are no spans, since none is enabled.
    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The fields of an event.
#[derive(Default)]
struct Fields {
    message: String,
    method: String,
    code: String,
    peer: Option<String>,
    elapsed: Duration,
    rest: String,
}

impl Fields {
    fn set(&mut self, name: &str, value: String) {
        match name {
            "message" => self.message = value,
            "method" => self.method = value,
            "code" => self.code = value,
            "peer" => self.peer = Some(value),
            name => {
                let _ = write!(self.rest, " {name}={value}");
            }
        }
    }

    /// `Calculator/Divide INVALID_ARGUMENT 213µs 127.0.0.1:40112`
    fn call(&self) -> String {
        let method = self.method.trim_start_matches('/');
        let peer = self.peer.as_deref().unwrap_or("unix");
        format!("{method} {} {:?} {peer}", self.code, self.elapsed)
    }

    /// `warn: a TLS handshake failed error=...`
    fn other(&self, level: &Level) -> String {
        let level = level.as_str().to_ascii_lowercase();
        let peer = self.peer.as_ref().map(|peer| format!(" peer={peer}")).unwrap_or_default();
        in_flags(&format!("{level}: {}{}{peer}", self.message, self.rest))
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field.name(), value.to_owned());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "elapsed_us" => self.elapsed = Duration::from_micros(value),
            name => self.set(name, value.to_string()),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.set(field.name(), value.to_string());
    }
}
