//! R16: frames that cost the client nothing, from a peer that reads nothing.

use std::time::{Duration, Instant};

use seltzer_peers::load::Error;
use seltzer_peers::wire::frame::{self, kind, setting};

use crate::Target;
use crate::honest::{self, Honest};
use crate::hostile::Hostile;
use crate::report::Report;

/// What all that a peer causes may occupy: a thousand frames, their answers, and the buffers around them.
const GROWTH_KIB_MAX: f64 = 4.0 * 1024.0;

/// What one byte in a frame of its own may cost.
const PROCESSOR_US_MAX: f64 = 0.5;

/// Frames in one write.
const BATCH: usize = 1000;

/// Appends a frame, given the id of an open stream.
type Append = fn(&mut Vec<u8>, u32);

/// What is sent, behind an open stream.
const FLOODS: [(&str, Append); 6] = [
    ("ping", |output, _| frame::push(output, kind::PING, 0, 0, b"12345678")),
    ("settings", |output, _| frame::settings(output, &[(setting::INITIAL_WINDOW_SIZE, 65_535)])),
    ("empty_data", |output, stream| frame::push(output, kind::DATA, 0, stream, &[])),
    ("priority", |output, stream| frame::push(output, kind::PRIORITY, 0, stream + 2, &[0, 0, 0, 0, 1])),
    ("window_update", |output, _| frame::window_update(output, 0, 1)),
    ("unknown", |output, _| frame::push(output, 0xfa, 0, 0, b"nothing")),
];

pub(crate) fn all(target: &Target, report: &mut Report) -> Result<(), Error> {
    // What a server takes at its first calls and keeps is not what a flood costs.
    Honest::baseline(target)?;
    for (name, append) in FLOODS {
        flood(target, report, name, append)?;
    }
    one_byte_frames(target, report)
}

fn flood(target: &Target, report: &mut Report, name: &str, append: Append) -> Result<(), Error> {
    let duration = Duration::from_secs(target.pick(2, 60));
    target.server.reset_peak();
    let kib = target.server.resident_kib();
    let honest = Honest::start(target, duration.as_secs_f64())?;
    let (mut connections, mut frames, mut refusals) = (0_u64, 0_u64, 0_u64);
    let began = Instant::now();
    while began.elapsed() < duration {
        let mut hostile = Hostile::connect(target, &[])?;
        connections += 1;
        let mut output = Vec::new();
        let stream = hostile.call(&mut output, "/bench.Bench/Up");
        hostile.push(&output, false, Duration::from_millis(100));
        while began.elapsed() < duration && !hostile.is_over() {
            let mut output = Vec::new();
            (0..BATCH).for_each(|_| append(&mut output, stream));
            if !hostile.push(&output, false, Duration::from_millis(500)) {
                // The server does not take more: that is as good as a good-bye.
                refusals += 1;
                break;
            }
            frames += BATCH as u64;
        }
        // Only now is it read what the server had to say.
        hostile.read();
    }
    let fared = honest.finish()?;
    let growth_kib = target.server.peak_kib().saturating_sub(kib) as f64;
    report.note(&format!("{name}_frames"), frames);
    report.note(&format!("{name}_connections"), connections);
    report.note(&format!("{name}_refused"), refusals);
    report.at_most(&format!("{name}_growth_kib"), growth_kib, GROWTH_KIB_MAX);
    honest::unharmed(report, &format!("{name}_honest"), &fared);
    Ok(())
}

/// A message that comes byte by byte, each in a frame of its own.
fn one_byte_frames(target: &Target, report: &mut Report) -> Result<(), Error> {
    /// Less than the window that a stream has to begin with.
    const FRAMES: usize = 900_000;
    let frames = target.pick(FRAMES / 10, FRAMES);
    let mut hostile = Hostile::connect(target, &[])?;
    hostile.read_until(Duration::from_secs(5), |hostile| hostile.heard.acknowledgements > 0);
    let mut output = Vec::new();
    let stream = hostile.call(&mut output, "/bench.Bench/Up");
    // One message of a megabyte is announced.
    frame::push(&mut output, kind::DATA, 0, stream, &[0, 0, 0x0f, 0x42, 0x40]);
    // A body of nearly as many bytes follows.
    frame::push(&mut output, kind::DATA, 0, stream, &[0x0a, 0xbc, 0x84, 0x3d]);
    hostile.push(&output, true, Duration::from_secs(1));
    let processor_ns = target.server.processor_ns();
    let mut batch = Vec::new();
    (0..BATCH).for_each(|_| frame::push(&mut batch, kind::DATA, 0, stream, &[7]));
    let mut sent = 0;
    while sent < frames && hostile.push(&batch, true, Duration::from_secs(1)) && !hostile.is_unwelcome() {
        sent += BATCH;
        hostile.read();
    }
    // A PING behind it all: when it is answered, all has been looked at.
    let mut output = Vec::new();
    let known = hostile.heard.acknowledgements;
    frame::push(&mut output, kind::PING, 0, 0, b"all read");
    frame::reset(&mut output, stream, frame::reason::CANCEL);
    hostile.push(&output, true, Duration::from_secs(1));
    let is_all_read = hostile.read_until(Duration::from_secs(5), |hostile| hostile.heard.acknowledgements > known);
    let processor_us = (target.server.processor_ns() - processor_ns) as f64 / 1e3;
    report.note("one_byte_frames", sent);
    report.note("one_byte_frames_refused", sent < frames || !is_all_read);
    report.at_most("one_byte_frame_processor_us", processor_us / sent.max(1) as f64, PROCESSOR_US_MAX);
    Ok(())
}
