//! Messages that are small until unpacked (R19), and messages that claim to be large (R20).

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::read::{GzEncoder as GzReader, ZlibEncoder as ZlibReader};
use flate2::write::GzEncoder;
use prost::Message as _;
use seltzer_peers::load::Error;
use seltzer_peers::schemas::bench::Msg;
use seltzer_peers::wire::Outcome;
use seltzer_peers::wire::frame::{self, kind};

use crate::Target;
use crate::hostile::Hostile;
use crate::plain::{Plain, framed};
use crate::report::Report;

/// The largest message that a server takes, unless it was told otherwise.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What a bomb unpacks to.
const BOMB_BYTES: u64 = 1 << 30;

/// Beside the limit: what unpacking itself needs, and a piece that is on its way.
const SLACK_KIB: f64 = 1024.0;

/// Statuses of gRPC.
const OK: u16 = 0;
const RESOURCE_EXHAUSTED: u16 = 8;
const INTERNAL: u16 = 13;

/// R19.
pub(crate) fn bombs(target: &Target, report: &mut Report) -> Result<(), Error> {
    let bytes = target.pick(BOMB_BYTES / 16, BOMB_BYTES);
    let zeros = || std::io::repeat(0).take(bytes);
    let (mut gzip, mut deflate) = (Vec::new(), Vec::new());
    GzReader::new(zeros(), Compression::best()).read_to_end(&mut gzip)?;
    ZlibReader::new(zeros(), Compression::best()).read_to_end(&mut deflate)?;
    let nested = {
        let mut nested = Vec::new();
        GzReader::new(&gzip[..], Compression::best()).read_to_end(&mut nested)?;
        nested
    };
    let bombs = [("gzip", "gzip", &gzip), ("deflate", "deflate", &deflate), ("zstd", "zstd", &zstd_bomb(bytes))];
    let mut client = Plain::connect(target)?;
    let mut expect = |report: &mut Report, name: &str, encoding: &str, body: &[u8], statuses: &[u16]| {
        target.server.reset_peak();
        let kib = target.server.resident_kib();
        let outcome = compressed(&mut client, encoding, body)?;
        let growth_kib = target.server.peak_kib().saturating_sub(kib) as f64;
        report.note(&format!("{name}_bytes"), body.len());
        report.note(&format!("{name}_status"), outcome.grpc_status);
        report.check(
            &format!("{name} has the right status"),
            outcome.grpc_status.is_some_and(|status| statuses.contains(&status)),
        );
        let limit = (MESSAGE_BYTES_MAX + body.len()) as f64 / 1024.0 + SLACK_KIB;
        report.at_most(&format!("{name}_growth_kib"), growth_kib, limit);
        Ok::<(), Error>(())
    };
    for (name, encoding, body) in bombs {
        // The first one brings the buffers that are kept.
        expect(&mut Report::new(name, true), name, encoding, body, &[RESOURCE_EXHAUSTED])?;
        expect(report, name, encoding, body, &[RESOURCE_EXHAUSTED])?;
    }
    // Unpacked once it is small, and no message.
    expect(report, "nested", "gzip", &nested, &[INTERNAL, RESOURCE_EXHAUSTED])?;
    expect(report, "truncated", "gzip", &gzip[..gzip.len().min(1000)], &[INTERNAL, RESOURCE_EXHAUSTED])?;
    flipped(target, report)
}

fn compressed(client: &mut Plain, encoding: &str, body: &[u8]) -> Result<Outcome, Error> {
    let mut request = framed(body);
    request[0] = 1;
    let fields = [("grpc-encoding".to_owned(), encoding.to_owned())];
    Ok(client.call("/bench.Bench/Unary", &fields, &request, true)?.0)
}

/// A frame of zstd whose blocks repeat one byte 128 KiB times each.
fn zstd_bomb(bytes: u64) -> Vec<u8> {
    const BLOCK_BYTES: u32 = 128 * 1024;
    // Magic number; no content size, no dictionary; a window of 1 MiB.
    let mut bomb = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x50];
    let blocks = bytes / u64::from(BLOCK_BYTES);
    for block in 1..=blocks {
        let head = u32::from(block == blocks) | 1 << 1 | BLOCK_BYTES << 3;
        bomb.extend_from_slice(&head.to_le_bytes()[..3]);
        bomb.push(0);
    }
    bomb
}

/// A message that unpacks well, with each of its bits wrong once, and again.
fn flipped(target: &Target, report: &mut Report) -> Result<(), Error> {
    let times = target.pick(2_000, 100_000);
    let text: Vec<u8> = (0..400_u32).flat_map(|index| (index * index).to_le_bytes()).collect();
    let message = Msg { body: text.into(), id: 42, name: "a name".to_owned() }.encode_to_vec();
    let mut writer = GzEncoder::new(Vec::new(), Compression::default());
    writer.write_all(&message)?;
    let packed = writer.finish()?;
    let mut client = Plain::connect(target)?;
    let mut statuses = BTreeMap::new();
    // Numbers that look like chance and are the same each time.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    for index in 0..times {
        let mut broken = packed.clone();
        let bit = if index < packed.len() * 8 {
            index
        } else {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let second = state as usize % (packed.len() * 8);
            broken[second / 8] ^= 1 << (second % 8);
            (state >> 32) as usize % (packed.len() * 8)
        };
        broken[bit / 8] ^= 1 << (bit % 8);
        let outcome = compressed(&mut client, "gzip", &broken)?;
        *statuses.entry(outcome.grpc_status.unwrap_or(u16::MAX)).or_insert(0_u64) += 1;
    }
    // A bit of the time of packing changes nothing.
    let wrong: u64 = statuses
        .iter()
        .filter(|(status, _)| ![OK, INTERNAL, RESOURCE_EXHAUSTED].contains(status))
        .map(|(_, count)| count)
        .sum();
    report.note("flipped", times);
    for (status, count) in statuses {
        report.note(&format!("flipped_status_{status}"), count);
    }
    report.at_most("flipped_with_another_status", wrong as f64, 0.0);
    Ok(())
}

/// What a claim of five bytes may cost.
const CLAIM_KIB_MAX: f64 = 4.0;

/// What a call may cost that interceptors have begun and that waits for its message.
const INTERCEPTED_CALL_KIB_MAX: f64 = 12.0;

/// R20: ten thousand streams, each of which announces 4 MiB and sends nothing more.
pub(crate) fn claims(target: &Target, report: &mut Report) -> Result<(), Error> {
    const STREAMS_PER_CONNECTION: usize = 250;
    let connections = target.pick(8, 40);
    let streams = connections * STREAMS_PER_CONNECTION;
    let kib = target.server.resident_kib();
    let mut growth = |claim: &[u8]| -> Result<f64, Error> {
        target.server.reset_peak();
        let mut kept = Vec::new();
        for _ in 0..connections {
            kept.push(wait_for_messages(target, STREAMS_PER_CONNECTION, claim)?);
        }
        let refused: u64 = kept.iter().map(|hostile| hostile.heard.resets + hostile.heard.ended).sum();
        report.note("streams_refused", refused);
        report.note("connections_closed", kept.iter().filter(|hostile| hostile.is_unwelcome()).count());
        Ok(target.server.peak_kib().saturating_sub(kib) as f64)
    };
    // Calls that interceptors have seen exist without any message, too.
    let calls_kib = if target.has_interceptors { growth(&[])? } else { 0.0 };
    let length = (MESSAGE_BYTES_MAX as u32).to_be_bytes();
    let claims_kib = growth(&[&[0], &length[..]].concat())?;
    report.note("streams", streams);
    if target.has_interceptors {
        report.note("both_together_kib", claims_kib);
        report.at_most("calls_growth_kib", calls_kib, INTERCEPTED_CALL_KIB_MAX * streams as f64);
    }
    report.at_most("growth_kib", claims_kib - calls_kib, CLAIM_KIB_MAX * streams as f64);
    oversized(target, report)
}

/// Calls whose messages begin with these bytes, and go no further.
fn wait_for_messages(target: &Target, streams: usize, begin: &[u8]) -> Result<Hostile, Error> {
    let mut hostile = Hostile::connect(target, &[])?;
    let mut output = Vec::new();
    for _ in 0..streams {
        let stream = hostile.call(&mut output, "/bench.Bench/Unary");
        if !begin.is_empty() {
            frame::push(&mut output, kind::DATA, 0, stream, begin);
        }
    }
    frame::push(&mut output, kind::PING, 0, 0, b"all read");
    hostile.push(&output, true, Duration::from_secs(2));
    // Its answer, and that to the settings.
    hostile.read_until(Duration::from_secs(5), |hostile| hostile.heard.acknowledgements >= 2);
    Ok(hostile)
}

/// One byte more than is allowed is refused when it is announced, not when it has come.
fn oversized(target: &Target, report: &mut Report) -> Result<(), Error> {
    let mut client = Plain::connect(target)?;
    let mut prefix = vec![0];
    prefix.extend_from_slice(&(MESSAGE_BYTES_MAX as u32 + 1).to_be_bytes());
    let began = Instant::now();
    let (outcome, _) = client.call("/bench.Bench/Unary", &[], &prefix, false)?;
    report.note("oversized_status", outcome.grpc_status);
    report.note("oversized_ms", began.elapsed().as_secs_f64() * 1e3);
    report.check(
        "an oversized message is RESOURCE_EXHAUSTED before it comes",
        outcome.grpc_status == Some(RESOURCE_EXHAUSTED),
    );
    Ok(())
}
