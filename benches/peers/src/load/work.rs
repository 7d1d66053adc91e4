//! What a caller asks for, and what the answer must be.

use std::str::FromStr;

use prost::Message as _;

use crate::load::pattern::Pattern;
use crate::schemas::bench::{Msg, Req};
use crate::schemas::probe::{BurnRequest, HoldRequest};

/// One call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// `Bench/Unary` with a body of so many bytes.
    Unary(usize),
    /// `Bench/Down`: so many messages of so many bytes.
    Down(u32, usize),
    /// `Bench/Up`: the same, sent.
    Up(u32, usize),
    /// `Bench/Bidi`: the same, both.
    Echo(u32, usize),
    /// `Probe/Burn` for so many microseconds.
    Burn(u32),
    /// `Probe/Hold` for so many milliseconds, then so many bytes.
    Hold(u32, u32),
}

impl Work {
    /// The method.
    pub fn path(self) -> &'static str {
        match self {
            Work::Unary(_) => "/bench.Bench/Unary",
            Work::Down(..) => "/bench.Bench/Down",
            Work::Up(..) => "/bench.Bench/Up",
            Work::Echo(..) => "/bench.Bench/Bidi",
            Work::Burn(_) => "/probe.Probe/Burn",
            Work::Hold(..) => "/probe.Probe/Hold",
        }
    }

    /// How many messages one call is counted as.
    pub fn messages(self) -> u64 {
        match self {
            Work::Down(count, _) | Work::Up(count, _) | Work::Echo(count, _) => u64::from(count),
            _ => 1,
        }
    }

    /// How many bytes of payload one call moves, those of an echo once.
    pub fn payload_bytes(self) -> u64 {
        match self {
            Work::Unary(bytes) => bytes as u64,
            Work::Down(count, size) | Work::Up(count, size) | Work::Echo(count, size) => u64::from(count) * size as u64,
            Work::Burn(_) | Work::Hold(..) => 0,
        }
    }

    /// Puts what is to be sent into one pattern and what must come into the other. Unary calls get ids of their own,
    /// so that an answer to another call is noticed.
    pub fn begin(self, call: u64, request: &mut Pattern, answer: &mut Pattern) {
        // One byte, whichever call it is: all requests have one size.
        let id = call % 127 + 1;
        match self {
            Work::Unary(bytes) => {
                request.messages(id, 1, bytes);
                answer.messages(id, 1, bytes);
            }
            Work::Down(count, size) => {
                request.fixed(&Req { count, size: size as u32 }.encode_to_vec());
                answer.messages(0, count, size);
            }
            Work::Up(count, size) => {
                request.messages(0, count, size);
                answer.fixed(&Msg { id: u64::from(count), ..Msg::default() }.encode_to_vec());
            }
            Work::Echo(count, size) => {
                request.messages(0, count, size);
                answer.messages(0, count, size);
            }
            Work::Burn(processor_us) => {
                request.fixed(&BurnRequest { processor_us }.encode_to_vec());
                answer.fixed(&[]);
            }
            Work::Hold(wait_ms, size) => {
                request.fixed(&HoldRequest { wait_ms, size, ..HoldRequest::default() }.encode_to_vec());
                // The same field and the same bytes as a message without an id.
                answer.messages(0, 1, size as usize);
            }
        }
    }
}

impl FromStr for Work {
    type Err = String;

    /// `unary:100`, `down:10000x100`, `burn:200`, `hold:50x10`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("{text} is no work; write unary:BYTES, down:COUNTxBYTES, up:, echo:, burn:US or hold:MSxBYTES");
        let (kind, size) = text.split_once(':').ok_or_else(wrong)?;
        let one = || size.parse().map_err(|_| wrong());
        let two = || {
            let (count, bytes) = size.split_once('x').ok_or_else(wrong)?;
            Ok::<(u32, u32), String>((count.parse().map_err(|_| wrong())?, bytes.parse().map_err(|_| wrong())?))
        };
        Ok(match kind {
            "unary" => Work::Unary(one()? as usize),
            "down" => two().map(|(count, bytes)| Work::Down(count, bytes as usize))?,
            "up" => two().map(|(count, bytes)| Work::Up(count, bytes as usize))?,
            "echo" => two().map(|(count, bytes)| Work::Echo(count, bytes as usize))?,
            "burn" => Work::Burn(one()?),
            "hold" => two().map(|(ms, bytes)| Work::Hold(ms, bytes))?,
            _ => return Err(wrong()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_as_it_is_written() {
        let table = [
            ("unary:100", Work::Unary(100)),
            ("down:10000x100", Work::Down(10_000, 100)),
            ("echo:3x0", Work::Echo(3, 0)),
            ("hold:50x10", Work::Hold(50, 10)),
        ];
        for (text, work) in table {
            assert_eq!(text.parse(), Ok(work));
        }
        for text in ["unary", "down:3", "burn:x", "sing:1"] {
            assert!(text.parse::<Work>().is_err_and(|error| error.contains("is no work")), "{text}");
        }
    }
}
