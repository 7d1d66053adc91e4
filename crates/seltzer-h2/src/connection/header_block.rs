//! A header block in several frames, RFC 9113 section 4.3.

use crate::connection::Connection;
use crate::error::{Error, Reason};
use crate::event::Event;
use crate::frame::{END_HEADERS, END_STREAM, Head, headers};
use crate::limits::HEADER_BLOCK_FACTOR;
use crate::stream_id::StreamId;

/// What came of a block whose END_HEADERS did not.
#[derive(Debug)]
pub(crate) struct HeaderBlock {
    pub(crate) stream: StreamId,
    end_stream: bool,
    depends_on_itself: bool,
    bytes: Vec<u8>,
    continuations: u32,
}

impl Connection {
    #[inline]
    pub(crate) fn receive_headers(&mut self, head: &Head, payload: &[u8]) -> Result<Option<Event<'static>>, Error> {
        let payload = headers::parse(head, payload)?;
        self.check_headers_stream(head.stream)?;
        let end_stream = head.has(END_STREAM);
        if head.has(END_HEADERS) {
            self.check_block_size(payload.fragment.len())?;
            return self.header_block(head.stream, payload.fragment, end_stream, payload.depends_on_itself);
        }
        self.check_block_size(payload.fragment.len())?;
        self.block = Some(Box::new(HeaderBlock {
            stream: head.stream,
            end_stream,
            depends_on_itself: payload.depends_on_itself,
            bytes: payload.fragment.to_vec(),
            continuations: 0,
        }));
        self.timers.block_began(self.now);
        Ok(None)
    }

    /// The frame's stream was compared with the block's before.
    #[cold]
    pub(crate) fn receive_continuation(
        &mut self,
        head: &Head,
        payload: &[u8],
    ) -> Result<Option<Event<'static>>, Error> {
        let Some(mut block) = self.block.take() else {
            return Err(Error::peer(Reason::ProtocolError, "a CONTINUATION frame without a header block"));
        };
        block.continuations += 1;
        if block.continuations > self.limits.continuation_frames_max {
            return Err(Error::peer(Reason::EnhanceYourCalm, "too_many_continuations"));
        }
        self.check_block_size(block.bytes.len() + payload.len())?;
        block.bytes.extend_from_slice(payload);
        if !head.has(END_HEADERS) {
            self.block = Some(block);
            return Ok(None);
        }
        self.header_block(block.stream, &block.bytes, block.end_stream, block.depends_on_itself)
    }

    /// Up to a bound a list that is too large costs its stream only; beyond it the work of decoding is refused.
    #[inline]
    pub(crate) fn check_block_size(&self, bytes: usize) -> Result<(), Error> {
        if bytes > self.limits.header_list_bytes_max.saturating_mul(HEADER_BLOCK_FACTOR) {
            return Err(Error::peer(Reason::EnhanceYourCalm, "header_block_too_large"));
        }
        Ok(())
    }
}
