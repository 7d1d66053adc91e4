//! Bytes without a protocol, to and from `raw_tcp`.

use std::io::{Read as _, Write as _};
use std::time::Instant;

use serde_json::{Value, json};

use crate::handlers::BODY_BYTE;
use crate::load::Error;
use crate::load::caller::SCRATCH_BYTES;
use crate::process::Process;
use crate::wire::socket;

/// Moves so many bytes, `d`own or `u`p.
///
/// # Errors
/// The server cannot be reached, or answers something else.
pub fn run(port: u16, congestion: Option<&str>, way: u8, bytes: u64, server: Option<Process>) -> Result<Value, Error> {
    let mut stream = socket::connect(port, congestion)?;
    let mut scratch = vec![BODY_BYTE; SCRATCH_BYTES];
    let expected = scratch.clone();
    let processor_ns = server.map_or(0, Process::processor_ns);
    let began = Instant::now();
    let mut order = [way; 9];
    order[1..].copy_from_slice(&bytes.to_be_bytes());
    stream.write_all(&order)?;
    let mut left = bytes;
    while left > 0 {
        let most = left.min(SCRATCH_BYTES as u64) as usize;
        let count = if way == b'd' {
            let count = stream.read(&mut scratch[..most])?;
            if count == 0 || scratch[..count] != expected[..count] {
                return Err("other bytes than expected".into());
            }
            count
        } else {
            stream.write(&scratch[..most])?
        };
        left -= count as u64;
    }
    if way != b'd' {
        let mut answer = [0; 8];
        stream.read_exact(&mut answer)?;
        if u64::from_be_bytes(answer) != bytes {
            return Err("another number of bytes than sent".into());
        }
    }
    let seconds = began.elapsed().as_secs_f64();
    let processor_ns = server.map_or(0, Process::processor_ns).saturating_sub(processor_ns);
    Ok(json!({
        "ok": 1,
        "failed": 0,
        "seconds": seconds,
        "payload_megabytes_per_second": bytes as f64 / seconds / 1e6,
        "processor_ns_per_byte": processor_ns as f64 / bytes as f64,
    }))
}
