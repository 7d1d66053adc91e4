//! Header blocks without an end (R14), and header blocks that grow when unpacked (R15).

use std::time::{Duration, Instant};

use seltzer_peers::load::Error;
use seltzer_peers::load::paced::wait;
use seltzer_peers::schemas::bench::Req;
use seltzer_peers::wire::frame::{self, flag, kind, reason, setting};
use seltzer_peers::wire::hpack::push_integer;

use prost::Message as _;

use crate::Target;
use crate::hostile::Hostile;
use crate::plain::framed;
use crate::report::Report;

/// Sizes of CONTINUATION frames.
const SIZES: [(&str, usize); 3] = [("16KiB", 16 * 1024), ("1B", 1), ("0B", 0)];

/// After so many frames nobody is let go on.
const FRAMES_MAX: f64 = 16.0;

/// What a block without an end may pin.
const RETAINED_KIB_MAX: f64 = 64.0;

/// What refusing one may cost.
const PROCESSOR_MS_MAX: f64 = 1.0;

/// How long to look for an answer to each frame.
const ANSWER: Duration = Duration::from_millis(20);

/// R14: CONTINUATION without END_HEADERS.
pub(crate) fn continuations(target: &Target, report: &mut Report) -> Result<(), Error> {
    for (name, size) in SIZES {
        let times = target.pick(5, 50);
        let (mut frames_most, mut all_calmed) = (0, true);
        let processor_ns = target.server.processor_ns();
        for _ in 0..times {
            let (frames, code) = endless_block(target, size)?;
            frames_most = frames_most.max(frames);
            all_calmed &= code == Some(reason::ENHANCE_YOUR_CALM);
        }
        let processor_ms = (target.server.processor_ns() - processor_ns) as f64 / 1e6 / f64::from(times);
        report.at_most(&format!("{name}_frames"), frames_most as f64, FRAMES_MAX);
        report.at_most(&format!("{name}_processor_ms"), processor_ms, PROCESSOR_MS_MAX);
        report.note(&format!("{name}_calmed"), all_calmed);
    }
    retained(target, report)
}

/// Sends frame after frame; says how many it took until the server had enough, and the code of its good-bye.
fn endless_block(target: &Target, size: usize) -> Result<(usize, Option<u32>), Error> {
    /// Then it is clear that the server does not mind.
    const FRAMES_TRIED: usize = 200;
    let mut hostile = Hostile::connect(target, &[])?;
    let mut output = Vec::new();
    let stream = hostile.new_stream();
    let block = hostile.block("/bench.Bench/Unary");
    frame::push(&mut output, kind::HEADERS, flag::END_STREAM, stream, &block);
    hostile.push(&output, true, ANSWER);
    // Literals with names of no meaning, which go on in the next frame.
    let filler = filler(size);
    let mut frames = 0;
    while frames < FRAMES_TRIED && !hostile.is_unwelcome() {
        let mut output = Vec::new();
        frame::push(&mut output, kind::CONTINUATION, 0, stream, &filler);
        hostile.push(&output, true, ANSWER);
        frames += 1;
        hostile.read_until(ANSWER, Hostile::is_unwelcome);
    }
    Ok((frames, hostile.heard.goaway.map(|(_, code)| code)))
}

/// A header block of so many bytes that can stand behind any other.
fn filler(size: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(size);
    while block.len() + 128 + 16 <= size {
        // Without indexing: a name of one byte, a value of 128.
        block.extend_from_slice(&[0x00, 0x01, b'x']);
        push_integer(&mut block, 0x00, 7, 128);
        block.extend_from_slice(&[b'v'; 128]);
    }
    // One byte that stands for `accept-encoding: gzip, deflate`.
    block.resize(size, 0x90);
    block
}

/// Many connections with as much of a block as is borne, which then fall silent.
fn retained(target: &Target, report: &mut Report) -> Result<(), Error> {
    let connections = target.pick(100, 500);
    let kib = target.server.resident_kib();
    let mut kept = Vec::new();
    for _ in 0..connections {
        let mut hostile = Hostile::connect(target, &[])?;
        let mut output = Vec::new();
        let stream = hostile.new_stream();
        let block = hostile.block("/bench.Bench/Unary");
        frame::push(&mut output, kind::HEADERS, flag::END_STREAM, stream, &block);
        for _ in 0..7 {
            frame::push(&mut output, kind::CONTINUATION, 0, stream, &filler(2000));
        }
        hostile.push(&output, true, ANSWER);
        kept.push(hostile);
    }
    wait(Duration::from_millis(200));
    let growth = target.server.resident_kib().saturating_sub(kib) as f64;
    kept.iter_mut().for_each(Hostile::read);
    report.note("retained_connections_closed", kept.iter().filter(|hostile| hostile.is_unwelcome()).count());
    report.at_most("retained_kib_per_connection", growth / f64::from(connections), RETAINED_KIB_MAX);
    Ok(())
}

/// What an attacker of this kind may cost in all.
const GROWTH_KIB_MAX: f64 = 64.0 * 1024.0;

/// How much memory a byte of the attacker's may cost.
const AMPLIFICATION_MAX: f64 = 4.0;

/// How long an answer may wait for a window that stays shut.
const REAPED_MAX: Duration = Duration::from_secs(30);

/// A timer that is a little late is not wrong.
const GRACE: Duration = Duration::from_secs(2);

/// R15: a large field in the table, referred to again and again; cookies in crumbs; and a shut window.
pub(crate) fn bomb(target: &Target, report: &mut Report) -> Result<(), Error> {
    for (name, connections) in [("one", 1), ("hundred", 100)] {
        let duration = Duration::from_secs(target.pick(3, 60));
        let mut bombers = Vec::new();
        let (mut reconnected, mut sent) = (0_u64, 0_u64);
        target.server.reset_peak();
        let kib = target.server.resident_kib();
        let began = Instant::now();
        while began.elapsed() < duration {
            // The bytes of 100 Mbit/s, shared by all.
            if sent as f64 > began.elapsed().as_secs_f64() * 12.5e6 {
                wait(Duration::from_millis(1));
                continue;
            }
            while bombers.len() < connections {
                bombers.push((Hostile::connect(target, &[(setting::INITIAL_WINDOW_SIZE, 0)])?, false));
                reconnected += 1;
            }
            for (hostile, is_primed) in &mut bombers {
                let before = hostile.sent_bytes;
                let output = bomb_blocks(hostile, is_primed);
                hostile.push(&output, true, Duration::from_millis(20));
                hostile.read();
                sent += hostile.sent_bytes - before;
            }
            bombers.retain(|(hostile, _)| !hostile.is_unwelcome());
        }
        let growth_kib = target.server.peak_kib().saturating_sub(kib) as f64;
        report.note(&format!("{name}_sent_bytes"), sent);
        report.note(&format!("{name}_connections_used"), reconnected);
        report.at_most(&format!("{name}_growth_kib"), growth_kib, GROWTH_KIB_MAX);
        report.at_most(&format!("{name}_amplification"), growth_kib * 1024.0 / sent.max(1) as f64, AMPLIFICATION_MAX);
    }
    reaped(target, report)
}

/// Some requests: a field of 3,900 bytes is put into the table by the first of a connection.
fn bomb_blocks(hostile: &mut Hostile, is_primed: &mut bool) -> Vec<u8> {
    let mut output = Vec::new();
    for turn in 0..10 {
        let stream = hostile.new_stream();
        let mut block = vec![0x83, 0x86];
        block.extend_from_slice(b"\x04\x12/bench.Bench/Unary");
        block.extend_from_slice(b"\x01\x09127.0.0.1");
        if !std::mem::replace(is_primed, true) {
            block.extend_from_slice(b"\x40\x01x");
            push_integer(&mut block, 0x00, 7, 3_900);
            block.extend_from_slice(&[b'v'; 3_900]);
        }
        if turn % 2 == 0 {
            // The newest entry of the table: one byte each.
            block.resize(16_000, 0x80 | 62);
        } else {
            // `cookie: a`, a crumb each.
            while block.len() < 16_000 {
                block.extend_from_slice(&[0x0f, 0x11, 0x01, b'a']);
            }
        }
        frame::push(&mut output, kind::HEADERS, flag::END_HEADERS, stream, &block);
        frame::push(&mut output, kind::DATA, flag::END_STREAM, stream, &framed(b""));
    }
    output
}

/// An answer that is finished and cannot be sent, because the window is shut: how long does the server keep it?
fn reaped(target: &Target, report: &mut Report) -> Result<(), Error> {
    if target.is_quick {
        return Ok(());
    }
    let mut hostile = Hostile::connect(target, &[(setting::INITIAL_WINDOW_SIZE, 0)])?;
    let mut output = Vec::new();
    let stream = hostile.call(&mut output, "/bench.Bench/Down");
    let request = framed(&Req { count: 4, size: 1000 }.encode_to_vec());
    frame::push(&mut output, kind::DATA, flag::END_STREAM, stream, &request);
    hostile.push(&output, true, ANSWER);
    let began = Instant::now();
    hostile.read_until(REAPED_MAX + GRACE, |hostile| hostile.is_unwelcome() || hostile.heard.resets > 0);
    report.at_most("stalled_answer_reaped_s", began.elapsed().as_secs_f64(), (REAPED_MAX + GRACE).as_secs_f64());
    report.check("a stalled answer is reaped", hostile.is_unwelcome() || hostile.heard.resets > 0);
    Ok(())
}
