//! SETTINGS, RFC 9113 section 6.5.

use crate::error::{Error, Reason};
use crate::flow::WINDOW_MAX;
use crate::frame::{ACK, FRAME_BYTES_LIMIT, FRAME_BYTES_MIN, put_head};
use crate::stream_id::StreamId;
use bytes::BytesMut;

/// The frame's type.
pub(crate) const KIND: u8 = 0x4;

/// A number and its value.
pub(crate) const ENTRY_BYTES: usize = 6;

/// SETTINGS_HEADER_TABLE_SIZE, section 6.5.2, as all of these.
pub(crate) const HEADER_TABLE_SIZE: u16 = 0x1;
/// SETTINGS_ENABLE_PUSH.
pub(crate) const ENABLE_PUSH: u16 = 0x2;
/// SETTINGS_MAX_CONCURRENT_STREAMS.
pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 0x3;
/// SETTINGS_INITIAL_WINDOW_SIZE.
pub(crate) const INITIAL_WINDOW_SIZE: u16 = 0x4;
/// SETTINGS_MAX_FRAME_SIZE.
pub(crate) const MAX_FRAME_SIZE: u16 = 0x5;
/// SETTINGS_MAX_HEADER_LIST_SIZE.
pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 0x6;

/// One setting that this library knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    HeaderTableSize(u32),
    EnablePush(bool),
    MaxConcurrentStreams(u32),
    InitialWindowSize(u32),
    MaxFrameSize(u32),
    MaxHeaderListSize(u32),
}

/// Reads an entry. `None`: one that RFC 9113 does not know, to be ignored.
pub(crate) fn parse_entry(entry: [u8; ENTRY_BYTES]) -> Result<Option<Setting>, Error> {
    let [n0, n1, v0, v1, v2, v3] = entry;
    let value = u32::from_be_bytes([v0, v1, v2, v3]);
    Ok(Some(match u16::from_be_bytes([n0, n1]) {
        HEADER_TABLE_SIZE => Setting::HeaderTableSize(value),
        ENABLE_PUSH if value <= 1 => Setting::EnablePush(value == 1),
        ENABLE_PUSH => {
            return Err(Error::peer(Reason::ProtocolError, "SETTINGS_ENABLE_PUSH that is neither 0 nor 1"));
        }
        MAX_CONCURRENT_STREAMS => Setting::MaxConcurrentStreams(value),
        INITIAL_WINDOW_SIZE if value <= WINDOW_MAX => Setting::InitialWindowSize(value),
        INITIAL_WINDOW_SIZE => {
            return Err(Error::peer(Reason::FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE above 2,147,483,647"));
        }
        MAX_FRAME_SIZE if (FRAME_BYTES_MIN..=FRAME_BYTES_LIMIT).contains(&value) => Setting::MaxFrameSize(value),
        MAX_FRAME_SIZE => {
            return Err(Error::peer(
                Reason::ProtocolError,
                "SETTINGS_MAX_FRAME_SIZE that is not between 16,384 and 16,777,215",
            ));
        }
        MAX_HEADER_LIST_SIZE => Setting::MaxHeaderListSize(value),
        _ => return Ok(None),
    }))
}

/// Appends a frame of these entries.
pub(crate) fn put(output: &mut BytesMut, entries: &[(u16, u32)]) {
    put_head(output, entries.len() * ENTRY_BYTES, KIND, 0, StreamId::ZERO);
    for (number, value) in entries {
        output.extend_from_slice(&number.to_be_bytes());
        output.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends an acknowledgement.
pub(crate) fn put_ack(output: &mut BytesMut) {
    put_head(output, 0, KIND, ACK, StreamId::ZERO);
}
