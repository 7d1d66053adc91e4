//! Streams that are opened to be reset: by the client (R11), and by the server for what the client does wrong (R12).

use std::time::{Duration, Instant};

use seltzer_peers::load::Error;
use seltzer_peers::load::paced::wait;
use seltzer_peers::wire::frame::{self, flag, kind, reason};

use crate::Target;
use crate::honest::{self, Honest};
use crate::hostile::{Hostile, hold_message};
use crate::plain::Plain;
use crate::report::Report;

/// Streams that a server lets a client have at a time, unless it was told otherwise.
const STREAMS_MAX: f64 = 256.0;

/// Resets that a connection may cause at once.
const BURST: u64 = 1000;

/// And in each second after that.
const PER_SECOND: f64 = 100.0;

/// How much memory an attacker may cost.
const GROWTH_KIB_MAX: f64 = 16.0 * 1024.0;

/// How long the server may take to tell the attacker off, once its budget is spent.
const GOODBYE_MAX: Duration = Duration::from_secs(1);

/// Streams between two looks at what the server says.
const BATCH: usize = 100;

/// What one attacking connection came to.
#[derive(Debug, Default)]
struct Outcomes {
    connections: u64,
    streams: u64,
    /// Those that ended in GOAWAY with ENHANCE_YOUR_CALM.
    calmed: u64,
    /// Those that ended in another GOAWAY or without one.
    ended_otherwise: u64,
    /// Most streams that one connection got through.
    streams_most: u64,
    /// Longest time from the end of the budget to the GOAWAY.
    goodbye_slowest: Duration,
    handlers_stayed: bool,
}

/// When a stream is reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Right behind the complete request: the server may see both at once.
    AtOnce,
    /// In the next write, so that the handler has started.
    Later,
    /// Before the request is complete, so that no handler ever starts.
    Early,
}

impl Way {
    const ALL: [Way; 3] = [Way::AtOnce, Way::Later, Way::Early];
}

/// R11: HEADERS and RST_STREAM, as fast as the server takes them.
pub(crate) fn rapid(target: &Target, report: &mut Report) -> Result<(), Error> {
    let duration = Duration::from_secs(target.pick(4, 30));
    let alone = Honest::baseline(target)?;
    let mut observer = Plain::connect(target)?;
    observer.handlers(true)?;
    target.server.reset_peak();
    let kib = target.server.resident_kib();
    let honest = Honest::start(target, duration.as_secs_f64())?;
    let mut outcomes = Outcomes::default();
    let deadline = Instant::now() + duration;
    while Instant::now() < deadline {
        let way = Way::ALL[outcomes.connections as usize % Way::ALL.len()];
        rapid_connection(target, way, deadline, &mut outcomes)?;
        outcomes.handlers_stayed |= !observer.wait_for_no_handlers(Duration::from_secs(2))?;
    }
    let fared = honest.finish()?;
    let growth_kib = target.server.peak_kib().saturating_sub(kib);
    let handlers = observer.handlers(false)?;
    report.note("handlers_started", handlers.started);
    report.at_most("handlers_peak", handlers.peak as f64, STREAMS_MAX);
    report.at_most("growth_kib", growth_kib as f64, GROWTH_KIB_MAX);
    judge(report, &outcomes);
    report.check("the reason is ENHANCE_YOUR_CALM", outcomes.calmed > 0 && outcomes.ended_otherwise == 0);
    honest::compare(report, "honest", &alone, &fared);
    Ok(())
}

fn rapid_connection(target: &Target, way: Way, deadline: Instant, outcomes: &mut Outcomes) -> Result<(), Error> {
    let mut hostile = Hostile::connect(target, &[])?;
    let (mut streams, mut spent) = (0_u64, None);
    let mut later = Vec::new();
    let began = Instant::now();
    while Instant::now() < deadline && !hostile.is_unwelcome() {
        let mut output = Vec::new();
        later.drain(..).for_each(|stream| frame::reset(&mut output, stream, reason::CANCEL));
        for _ in 0..BATCH {
            let stream = match way {
                Way::Early => hostile.call(&mut output, "/probe.Probe/Hold"),
                Way::AtOnce | Way::Later => hostile.call_hold(&mut output),
            };
            match way {
                Way::Later => later.push(stream),
                Way::AtOnce | Way::Early => frame::reset(&mut output, stream, reason::CANCEL),
            }
        }
        hostile.push(&output, true, GOODBYE_MAX);
        hostile.read();
        streams += BATCH as u64;
        if spent.is_none() && streams as f64 >= BURST as f64 + began.elapsed().as_secs_f64() * PER_SECOND {
            spent = Some(Instant::now());
        }
    }
    note(&hostile, streams, spent, outcomes);
    Ok(())
}

fn note(hostile: &Hostile, streams: u64, spent: Option<Instant>, outcomes: &mut Outcomes) {
    outcomes.connections += 1;
    outcomes.streams += streams;
    outcomes.streams_most = outcomes.streams_most.max(streams);
    match hostile.heard.goaway {
        Some((when, reason::ENHANCE_YOUR_CALM)) => {
            outcomes.calmed += 1;
            let late = spent.map_or(Duration::ZERO, |spent| when.saturating_duration_since(spent));
            outcomes.goodbye_slowest = outcomes.goodbye_slowest.max(late);
        }
        Some(_) => outcomes.ended_otherwise += 1,
        None if hostile.is_over() => outcomes.ended_otherwise += 1,
        None => {}
    }
}

fn judge(report: &mut Report, outcomes: &Outcomes) {
    report.note("connections", outcomes.connections);
    report.note("streams", outcomes.streams);
    report.note("streams_of_one_connection_most", outcomes.streams_most);
    report.note("told_to_calm_down", outcomes.calmed);
    report.note("ended_otherwise", outcomes.ended_otherwise);
    report.at_least("connections_closed", (outcomes.calmed + outcomes.ended_otherwise) as f64, 1.0);
    report.at_most("goodbye_s", outcomes.goodbye_slowest.as_secs_f64(), GOODBYE_MAX.as_secs_f64());
    report.check("handlers of closed connections end", !outcomes.handlers_stayed);
}

/// Appends what is wrong, given the id of a stream.
type Provoke = fn(&mut Vec<u8>, u32);

/// A header block that leaves the table alone: `x: y`.
const BLOCK: &[u8] = b"\x00\x01x\x01y";

/// What makes a server reset a stream, behind a complete request.
const PRIMITIVES: [(&str, Provoke); 6] = [
    ("window_update_0", |output, stream| frame::window_update(output, stream, 0)),
    ("priority_length", |output, stream| frame::push(output, kind::PRIORITY, 0, stream, &[0; 4])),
    ("priority_on_itself", |output, stream| {
        let mut payload = stream.to_be_bytes().to_vec();
        payload.push(15);
        frame::push(output, kind::PRIORITY, 0, stream, &payload);
    }),
    ("window_overflow", |output, stream| frame::window_update(output, stream, 0x7fff_ffff)),
    ("headers_after_end", |output, stream| {
        frame::push(output, kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, stream, BLOCK);
    }),
    ("data_after_end", |output, stream| frame::push(output, kind::DATA, 0, stream, b"x")),
];

/// R12: each of them a hundred thousand times; then slowly, which must be borne.
pub(crate) fn provoked(target: &Target, report: &mut Report) -> Result<(), Error> {
    let times = target.pick(4_000, 100_000);
    let alone = Honest::baseline(target)?;
    let mut observer = Plain::connect(target)?;
    observer.handlers(true)?;
    target.server.reset_peak();
    let kib = target.server.resident_kib();
    for (name, provoke) in PRIMITIVES {
        let honest = Honest::start(target, target.pick(2.0, 10.0))?;
        let mut outcomes = Outcomes::default();
        while outcomes.streams < times {
            provoked_connection(target, provoke, times - outcomes.streams, &mut outcomes)?;
            outcomes.handlers_stayed |= !observer.wait_for_no_handlers(Duration::from_secs(2))?;
        }
        let mut part = Report::new(name, target.is_quick);
        judge(&mut part, &outcomes);
        honest::compare(&mut part, "honest", &alone, &honest.finish()?);
        report.check(&format!("{name} is answered as it must be"), part.is_passed());
        report.note(name, part.to_json());
    }
    let handlers = observer.handlers(false)?;
    report.at_most("handlers_peak", handlers.peak as f64, STREAMS_MAX);
    report.at_most("growth_kib", target.server.peak_kib().saturating_sub(kib) as f64, GROWTH_KIB_MAX);
    slowly(target, report)
}

fn provoked_connection(target: &Target, provoke: Provoke, most: u64, outcomes: &mut Outcomes) -> Result<(), Error> {
    let mut hostile = Hostile::connect(target, &[])?;
    let (mut streams, mut spent) = (0_u64, None);
    let mut later = Vec::new();
    let began = Instant::now();
    while streams < most && !hostile.is_unwelcome() {
        // Every other batch is left alone until its handlers have started.
        let is_later = streams / BATCH as u64 % 2 == 1;
        if !later.is_empty() {
            wait(Duration::from_millis(1));
        }
        let mut output = Vec::new();
        later.drain(..).for_each(|stream| provoke(&mut output, stream));
        for _ in 0..BATCH {
            let stream = hostile.call_hold(&mut output);
            if is_later {
                later.push(stream);
            } else {
                provoke(&mut output, stream);
            }
        }
        hostile.push(&output, true, GOODBYE_MAX);
        hostile.read();
        streams += BATCH as u64;
        if spent.is_none() && streams as f64 >= BURST as f64 + began.elapsed().as_secs_f64() * PER_SECOND {
            spent = Some(Instant::now());
        }
    }
    // What was said to the last batch.
    hostile.read_until(Duration::from_millis(50), Hostile::is_unwelcome);
    note(&hostile, streams, spent, outcomes);
    Ok(())
}

/// More provocations than any count for life that is known, but slower than the rate that is allowed.
fn slowly(target: &Target, report: &mut Report) -> Result<(), Error> {
    const SLOWLY_PER_SECOND: u64 = 90;
    let times = target.pick(1_100, 2_500);
    let mut hostile = Hostile::connect(target, &[])?;
    let began = Instant::now();
    let mut sent = 0;
    while sent < times && !hostile.is_unwelcome() {
        let due = began.elapsed().as_millis() as u64 * SLOWLY_PER_SECOND / 1000;
        while sent < due.min(times) {
            let mut output = Vec::new();
            let stream = hostile.call(&mut output, "/probe.Probe/Hold");
            frame::push(&mut output, kind::DATA, flag::END_STREAM, stream, &hold_message());
            frame::window_update(&mut output, stream, 0);
            hostile.push(&output, true, GOODBYE_MAX);
            sent += 1;
        }
        hostile.read();
        wait(Duration::from_millis(5));
    }
    hostile.read_until(Duration::from_millis(200), Hostile::is_unwelcome);
    report.note("slow_provocations", sent);
    report.check("slow provocations are borne", !hostile.is_unwelcome());
    Ok(())
}
