//! Frames, RFC 9113 section 4.

/// What a client sends first (section 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// What stands in front of every payload.
pub const HEAD_BYTES: usize = 9;

/// Types of frames (section 6).
#[allow(missing_docs, reason = "the names are the RFC's")]
pub mod kind {
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PUSH_PROMISE: u8 = 5;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

/// Flags of frames (section 6).
#[allow(missing_docs, reason = "the names are the RFC's")]
pub mod flag {
    pub const ACK: u8 = 0x1;
    pub const END_STREAM: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

/// Settings (section 6.5.2).
#[allow(missing_docs, reason = "the names are the RFC's")]
pub mod setting {
    pub const HEADER_TABLE_SIZE: u16 = 1;
    pub const ENABLE_PUSH: u16 = 2;
    pub const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub const INITIAL_WINDOW_SIZE: u16 = 4;
    pub const MAX_FRAME_SIZE: u16 = 5;
    pub const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Reasons to end a stream or a connection (section 7).
#[allow(missing_docs, reason = "the names are the RFC's")]
pub mod reason {
    pub const NO_ERROR: u32 = 0;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

/// What a frame says about itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Bytes of payload.
    pub length: usize,
    /// One of [`kind`], or something unknown.
    pub kind: u8,
    /// Some of [`flag`].
    pub flags: u8,
    /// 0 is the connection.
    pub stream: u32,
}

impl Head {
    /// Reads the head at the beginning of some bytes, if they are enough.
    #[inline]
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let [a, b, c, kind, flags, d, e, f, g] = *bytes.first_chunk()?;
        Some(Head {
            length: u32::from_be_bytes([0, a, b, c]) as usize,
            kind,
            flags,
            stream: u32::from_be_bytes([d, e, f, g]) & 0x7fff_ffff,
        })
    }

    /// Whether a flag is set.
    #[inline]
    pub fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Appends a frame.
#[inline]
pub fn push(output: &mut Vec<u8>, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
    push_head(output, payload.len(), kind, flags, stream);
    output.extend_from_slice(payload);
}

/// Appends the head of a frame whose payload follows.
#[inline]
pub fn push_head(output: &mut Vec<u8>, length: usize, kind: u8, flags: u8, stream: u32) {
    let [_, a, b, c] = (length as u32).to_be_bytes();
    let [d, e, f, g] = stream.to_be_bytes();
    output.extend_from_slice(&[a, b, c, kind, flags, d, e, f, g]);
}

/// Appends SETTINGS.
pub fn settings(output: &mut Vec<u8>, entries: &[(u16, u32)]) {
    push_head(output, entries.len() * 6, kind::SETTINGS, 0, 0);
    for (name, value) in entries {
        output.extend_from_slice(&name.to_be_bytes());
        output.extend_from_slice(&value.to_be_bytes());
    }
}

/// Appends WINDOW_UPDATE.
pub fn window_update(output: &mut Vec<u8>, stream: u32, bytes: u32) {
    push(output, kind::WINDOW_UPDATE, 0, stream, &bytes.to_be_bytes());
}

/// Appends RST_STREAM.
pub fn reset(output: &mut Vec<u8>, stream: u32, reason: u32) {
    push(output, kind::RST_STREAM, 0, stream, &reason.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        push(&mut bytes, kind::DATA, flag::END_STREAM, 3, b"abc");
        let head = Head { length: 3, kind: kind::DATA, flags: flag::END_STREAM, stream: 3 };
        assert_eq!(Head::read(&bytes), Some(head));
        assert_eq!(&bytes[HEAD_BYTES..], b"abc");
        assert_eq!(Head::read(&bytes[..8]), None);
    }
}
