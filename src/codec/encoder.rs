//! Messages into prefixed bytes, compressed where asked.

use bytes::{BufMut as _, Bytes, BytesMut};
use seltzer_h2::Mark;

use crate::codec::frame::PREFIX_BYTES;
use crate::codec::{Codec, Compression, CompressionEncoding, CompressionSwitch, Rope};
use crate::context::Counter;
use crate::status::Status;

/// Small messages of a stream are packed until a chunk of bytes has this size: about two HTTP/2 frames, so that a
/// stream of tiny messages costs one frame in hundreds of messages.
pub(crate) const PACKED_BYTES_MAX: usize = 32 * 1024;

/// ... or until it holds this many messages: messages that are small but slow to make must not hold a thread up.
pub(crate) const PACKED_MESSAGES_MAX: usize = 128;

/// Encodes the messages of one direction of one call.
pub(crate) struct MessageEncoder<C> {
    codec: C,
    encoding: Option<CompressionEncoding>,
    level: u32,
    minimum_bytes: usize,
    bytes_max: usize,
    switch: Option<CompressionSwitch>,
    counter: Counter,
    #[cfg(feature = "channelz")]
    tally: Option<std::sync::Arc<crate::tally::Tallied>>,
    #[cfg(feature = "telemetry")]
    watch: Option<std::sync::Arc<dyn crate::observe::MessageWatch>>,
}

impl<C: Codec> MessageEncoder<C> {
    pub(crate) fn new(
        codec: C,
        compression: &Compression,
        encoding: Option<CompressionEncoding>,
        bytes_max: usize,
    ) -> Self {
        MessageEncoder {
            codec,
            encoding,
            level: compression.level,
            minimum_bytes: compression.minimum_bytes,
            bytes_max,
            switch: None,
            counter: Counter::default(),
            #[cfg(feature = "channelz")]
            tally: None,
            #[cfg(feature = "telemetry")]
            watch: None,
        }
    }

    pub(crate) fn with_switch(mut self, switch: Option<CompressionSwitch>) -> Self {
        self.switch = switch;
        self
    }

    /// Tells the sizes of the messages.
    pub(crate) fn measured(mut self, counter: Counter) -> Self {
        self.counter = counter;
        self
    }

    /// Counts the messages.
    #[cfg(feature = "channelz")]
    pub(crate) fn counted(mut self, tally: Option<&std::sync::Arc<crate::tally::Tallied>>) -> Self {
        self.tally = tally.cloned();
        self
    }

    /// Tells of the messages.
    #[cfg(feature = "telemetry")]
    pub(crate) fn telling(mut self, watch: Option<std::sync::Arc<dyn crate::observe::MessageWatch>>) -> Self {
        self.watch = watch;
        self
    }

    /// Tells of the messages from now on.
    #[cfg(feature = "telemetry")]
    pub(crate) fn tell(&mut self, watch: Option<std::sync::Arc<dyn crate::observe::MessageWatch>>) {
        self.watch = watch;
    }

    /// Appends a message with its prefix. On an error the output is as it was.
    pub(crate) fn encode(&mut self, message: &C::Encode, output: &mut Rope) -> Result<(), Status> {
        let start = output.mark();
        let written = self.encode_after(start, message, output);
        if written.is_err() {
            output.truncate(start);
        }
        #[cfg(feature = "channelz")]
        if let (Ok(()), Some(tally)) = (&written, &self.tally) {
            tally.sent();
        }
        if written.is_ok() && self.counter.is_on() {
            self.counter.sent(output.since(start) - PREFIX_BYTES);
        }
        written
    }

    fn encode_after(&mut self, start: Mark, message: &C::Encode, output: &mut Rope) -> Result<(), Status> {
        output.written().put_bytes(0, PREFIX_BYTES);
        let plain_bytes = match self.encoding {
            Some(encoding) => self.compress(encoding, message, output)?,
            None => {
                self.codec.encode_shared(message, output)?;
                self.check_length(output.since(start) - PREFIX_BYTES)?;
                None
            }
        };
        let length = output.since(start) - PREFIX_BYTES;
        #[cfg(feature = "telemetry")]
        if let Some(watch) = &self.watch {
            let bytes = Some(plain_bytes.unwrap_or(length));
            watch.sent(crate::observe::MessageSize { bytes, compressed_bytes: plain_bytes.map(|_| length) });
        }
        let length = u32::try_from(length).map_err(|_| {
            Status::resource_exhausted(format!("a message of {length} bytes does not fit gRPC's four-byte length"))
        })?;
        let prefix = &mut output.written()[start.at()..start.at() + PREFIX_BYTES];
        prefix[0] = u8::from(plain_bytes.is_some());
        prefix[1..].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    /// Appends a message compressed, or plain if it is too short for that. Tells how long a compressed one was before.
    fn compress(
        &mut self,
        encoding: CompressionEncoding,
        message: &C::Encode,
        output: &mut Rope,
    ) -> Result<Option<usize>, Status> {
        let mut plain = BytesMut::new();
        self.codec.encode(message, &mut plain)?;
        self.check_length(plain.len())?;
        if !self.compresses(plain.len()) {
            output.put(plain.freeze());
            return Ok(None);
        }
        let mut compressed = Vec::new();
        encoding
            .compressor()
            .compress(&plain, self.level, &mut compressed)
            .map_err(|error| Status::internal(format!("{} failed on a message: {error}", encoding.name())))?;
        output.put(Bytes::from(compressed));
        Ok(Some(plain.len()))
    }

    fn check_length(&self, length: usize) -> Result<(), Status> {
        if length <= self.bytes_max {
            return Ok(());
        }
        Err(Status::resource_exhausted(format!(
            "a message of {length} bytes is larger than {} bytes, the limit for sending",
            self.bytes_max
        )))
    }

    fn compresses(&self, length: usize) -> bool {
        length >= self.minimum_bytes && self.switch.as_ref().is_none_or(CompressionSwitch::is_on)
    }
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use super::*;
    use crate::codec::ProstCodec;

    fn encoder(compression: &Compression, bytes_max: usize) -> MessageEncoder<ProstCodec<String, String>> {
        MessageEncoder::new(ProstCodec::default(), compression, compression.send, bytes_max)
    }

    #[test]
    fn a_message_gets_its_prefix() {
        let mut buffer = Rope::default();
        buffer.put_slice(b"before");
        encoder(&Compression::default(), 100).encode(&"hi".to_owned(), &mut buffer).expect("small");
        assert_eq!(&buffer.written()[..], b"before\0\0\0\0\x04\x0a\x02hi");
    }

    #[test]
    fn a_refused_message_leaves_no_trace() {
        let mut buffer = Rope::default();
        buffer.put_slice(b"before");
        let error = encoder(&Compression::default(), 3).encode(&"hi".to_owned(), &mut buffer).expect_err("4 bytes");
        assert_eq!(error.code(), crate::Code::ResourceExhausted);
        assert_eq!(&buffer.written()[..], b"before");
    }

    #[test]
    fn short_messages_and_a_switch_keep_messages_plain() {
        let compression =
            Compression { send: Some(CompressionEncoding::Gzip), minimum_bytes: 20, ..Compression::default() };
        let switch = CompressionSwitch::default();
        let mut encoder = encoder(&compression, usize::MAX).with_switch(Some(switch.clone()));
        let mut flag = |message: &str| {
            let mut buffer = Rope::default();
            encoder.encode(&message.to_owned(), &mut buffer).expect("small");
            buffer.written()[0]
        };
        assert_eq!(flag("short"), 0);
        assert_eq!(flag(&"long".repeat(20)), 1);
        switch.off();
        assert_eq!(flag(&"long".repeat(20)), 0);
        switch.on();
        assert_eq!(flag(&"long".repeat(20)), 1);
    }
}
