//! The five bytes before each message: one that says whether it is compressed, four for its length
//! (gRPC over HTTP/2, "Length-Prefixed-Message").

use bytes::{Buf, Bytes, BytesMut};

use crate::codec::spare;
use crate::status::Status;

/// The compressed flag and the length.
pub(crate) const PREFIX_BYTES: usize = 5;

/// A message as it came: still compressed, if it was sent so.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) compressed: bool,
    pub(crate) length: usize,
    /// Begins with the message. Who reads it takes its bytes away.
    pub(crate) bytes: &'a mut Bytes,
}

impl Frame<'_> {
    /// The message's bytes.
    pub(crate) fn payload(self) -> Bytes {
        self.bytes.split_to(self.length)
    }
}

/// A message's buffer is at most this many times as large as what has arrived of it. Doubling would copy a large
/// message once more on its way, eight times copies a seventh of it; a claim alone still costs the claimant.
pub(crate) const GROWTH: usize = 8;

/// Cuts a stream of bytes into messages.
///
/// A message that lies within one chunk is a slice of it, without a copy. A longer one is collected; that buffer
/// grows with the data that arrived, never with the length alone that the prefix claims.
#[derive(Debug, Default)]
pub(crate) struct Deframer {
    chunk: Bytes,
    collected: BytesMut,
    /// The collected message that was handed out.
    whole: Bytes,
    /// How long the collected message will be, prefix included, once that is known and it is not complete.
    incomplete: Option<usize>,
    /// Somebody else filled the buffer of this message, and will want memory for the next one.
    was_lent: bool,
}

impl Deframer {
    /// Adds bytes as they arrived. Take all complete messages out before adding more.
    pub(crate) fn push(&mut self, bytes: Bytes) {
        if self.chunk.is_empty() {
            self.chunk = bytes;
        } else {
            self.collected.extend_from_slice(&self.chunk);
            self.chunk = bytes;
        }
    }

    /// Whether no byte of an incomplete message is left.
    pub(crate) fn is_empty(&self) -> bool {
        self.chunk.is_empty() && self.collected.is_empty()
    }

    /// The next complete message.
    ///
    /// # Errors
    /// INTERNAL for a flag other than 0 and 1, RESOURCE_EXHAUSTED for a length over `bytes_max`: at once, before
    /// the message has arrived.
    pub(crate) fn next(&mut self, bytes_max: usize) -> Result<Option<Frame<'_>>, Status> {
        self.incomplete = None;
        if self.collected.is_empty() {
            let Some(prefix) = self.chunk.first_chunk::<PREFIX_BYTES>() else {
                self.keep();
                return Ok(None);
            };
            let (compressed, length) = read_prefix(*prefix, bytes_max)?;
            if self.chunk.len() < PREFIX_BYTES + length {
                self.keep();
                self.incomplete = Some(PREFIX_BYTES + length);
                return Ok(None);
            }
            self.chunk.advance(PREFIX_BYTES);
            return Ok(Some(Frame { compressed, length, bytes: &mut self.chunk }));
        }
        self.collect(PREFIX_BYTES);
        let Some(prefix) = self.collected.first_chunk::<PREFIX_BYTES>() else { return Ok(None) };
        let (compressed, length) = read_prefix(*prefix, bytes_max)?;
        self.reserve(PREFIX_BYTES + length);
        self.collect(PREFIX_BYTES + length);
        if self.collected.len() < PREFIX_BYTES + length {
            self.incomplete = Some(PREFIX_BYTES + length);
            return Ok(None);
        }
        // No more than this message was collected, and nothing of it stays here once it is read.
        self.whole = std::mem::take(&mut self.collected).freeze();
        if std::mem::take(&mut self.was_lent) {
            spare::keep(&self.whole);
        }
        self.whole.advance(PREFIX_BYTES);
        Ok(Some(Frame { compressed, length, bytes: &mut self.whole }))
    }

    /// Keeps what is left of the chunk until the rest of its message comes.
    fn keep(&mut self) {
        self.collected.extend_from_slice(&self.chunk);
        self.chunk.clear();
    }

    /// Lets go of a message that was read.
    pub(crate) fn forget_read(&mut self) {
        if self.chunk.is_empty() {
            self.chunk = Bytes::new();
        }
        self.whole = Bytes::new();
    }

    /// The buffer of a message that is not complete, and how long it will be: for whoever can append to it without
    /// [`push`](Self::push). Its contents may be lent out until then.
    pub(crate) fn incomplete(&mut self) -> Option<(&mut BytesMut, usize)> {
        let length = self.incomplete?;
        Some((&mut self.collected, length))
    }

    /// The buffer of the message that was not complete was lent out and is full.
    pub(crate) fn take_back(&mut self) {
        self.was_lent = true;
    }

    /// Makes room for a message of `bytes`, as far as what has arrived vouches for it.
    fn reserve(&mut self, bytes: usize) {
        let arrived = self.collected.len() + self.chunk.len();
        if self.collected.capacity() < arrived.min(bytes) {
            self.collected.reserve(bytes.min(arrived * GROWTH) - self.collected.len());
        }
    }

    /// Moves bytes from the chunk until `bytes` are collected, or the chunk is used up.
    fn collect(&mut self, bytes: usize) {
        let missing = bytes.saturating_sub(self.collected.len()).min(self.chunk.len());
        if missing > 0 {
            self.collected.extend_from_slice(&self.chunk[..missing]);
            self.chunk.advance(missing);
        }
    }
}

/// Reads a prefix: whether the message is compressed, and its length.
///
/// # Errors
/// As [`Deframer::next`].
pub(crate) fn read_prefix(prefix: [u8; PREFIX_BYTES], bytes_max: usize) -> Result<(bool, usize), Status> {
    let [flag, length @ ..] = prefix;
    let length = u32::from_be_bytes(length);
    let compressed = match flag {
        0 => false,
        1 => true,
        other => {
            return Err(Status::internal(format!(
                "a message begins with the flag {other}, which is neither 0 (plain) nor 1 (compressed)"
            )));
        }
    };
    match usize::try_from(length) {
        Ok(length) if length <= bytes_max => Ok((compressed, length)),
        _ => Err(Status::resource_exhausted(format!(
            "a message of {length} bytes is larger than {bytes_max} bytes, the limit for receiving"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(messages: &[&[u8]]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            bytes.push(0);
            bytes.extend(u32::try_from(message.len()).expect("a short message").to_be_bytes());
            bytes.extend_from_slice(message);
        }
        bytes
    }

    fn read(chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        let mut deframer = Deframer::default();
        let mut messages = Vec::new();
        for chunk in chunks {
            deframer.push(chunk.into());
            while let Some(frame) = deframer.next(1000).expect("valid frames") {
                assert!(!frame.compressed);
                messages.push(frame.payload().to_vec());
            }
        }
        assert!(deframer.is_empty(), "bytes are left over");
        messages
    }

    #[test]
    fn messages_come_out_whole_however_the_bytes_are_cut() {
        let messages: [&[u8]; 5] = [b"one", b"", b"three", &[7; 300], b"x"];
        let wire = wire(&messages);
        for size in 1..=wire.len() {
            let got = read(wire.chunks(size).map(<[u8]>::to_vec));
            assert_eq!(got, messages, "in chunks of {size}");
        }
    }

    #[test]
    fn a_message_within_one_chunk_is_not_copied() {
        let chunk = Bytes::from(wire(&[b"one", b"two"]));
        let mut deframer = Deframer::default();
        deframer.push(chunk.clone());
        let first = deframer.next(10).expect("valid").expect("complete").payload();
        assert_eq!(first.as_ptr(), chunk[PREFIX_BYTES..].as_ptr());
    }

    #[test]
    fn a_claim_over_the_limit_is_refused_at_once_and_one_below_reserves_nothing() {
        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[0, 0, 0, 4, 1]));
        let error = deframer.next(1024).expect_err("1025 bytes are too many");
        assert_eq!(error.code(), crate::Code::ResourceExhausted);
        assert_eq!(error.message(), "a message of 1025 bytes is larger than 1024 bytes, the limit for receiving");

        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[0, 0, 0x3f, 0xff, 0xff, 1]));
        assert!(deframer.next(4 << 20).expect("within the limit").is_none());
        assert!(deframer.collected.capacity() < 1024, "{}", deframer.collected.capacity());
    }

    #[test]
    fn the_buffer_of_a_long_message_grows_with_what_arrived() {
        const LENGTH: usize = 1 << 20;
        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[0, 0, 0x10, 0, 0]));
        let mut arrived = PREFIX_BYTES;
        while arrived < PREFIX_BYTES + LENGTH {
            assert!(deframer.next(LENGTH).expect("within the limit").is_none());
            let capacity = deframer.collected.capacity();
            assert!(capacity <= arrived * GROWTH, "{capacity} bytes for {arrived}");
            let chunk = (PREFIX_BYTES + LENGTH - arrived).min(1000);
            deframer.push(vec![7; chunk].into());
            arrived += chunk;
        }
        let frame = deframer.next(LENGTH).expect("valid").expect("complete");
        assert_eq!(frame.payload().len(), LENGTH);
        assert!(deframer.is_empty());
    }

    #[test]
    fn nothing_of_a_message_that_was_read_is_kept() {
        let message = vec![7; 60_000];
        let bytes = wire(&[&message]);
        for cut in [0, 3, 1000] {
            let mut deframer = Deframer::default();
            if cut > 0 {
                deframer.push(bytes[..cut].to_vec().into());
                assert!(deframer.next(1 << 20).expect("valid").is_none());
            }
            deframer.push(bytes[cut..].to_vec().into());
            let frame = deframer.next(1 << 20).expect("valid").expect("complete");
            // As prost reads it, which takes its bytes away one by one.
            let held = frame.bytes.clone();
            frame.bytes.advance(frame.length);
            deframer.forget_read();
            assert!(held.is_unique(), "cut at {cut}");
        }
    }

    #[test]
    fn a_flag_that_means_nothing_is_refused() {
        let mut deframer = Deframer::default();
        deframer.push(Bytes::from_static(&[2, 0, 0, 0, 0]));
        assert_eq!(deframer.next(10).expect_err("2 is no flag").code(), crate::Code::Internal);
    }
}
