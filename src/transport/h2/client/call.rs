//! A call as its connection knows it.

use std::collections::VecDeque;
use std::task::Waker;

use bytes::BytesMut;
use http::HeaderMap;

use crate::status::Status;

/// Pieces of a response are put together up to this size.
const PIECE_BYTES: usize = 16 * 1024;

/// What came of the answer to one call, until its caller takes it.
#[derive(Debug, Default)]
pub(super) struct Call {
    /// How much was handed to the socket, in all, when the first byte of this call was.
    pub(super) begins_at: u64,
    pub(super) has_head: bool,
    pub(super) head: Option<http::response::Parts>,
    /// Small pieces are put together, so that they cost no more than their bytes.
    pub(super) inbound: VecDeque<BytesMut>,
    pub(super) end: Option<End>,
    pub(super) reader: Option<Waker>,
    /// The task that sends the rest of the request. It must hear of room, and of the end of the call.
    pub(super) upload: Option<Waker>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum End {
    /// With the whole answer, and perhaps trailers.
    Complete(Option<HeaderMap>),
    /// Early.
    Lost(Lost),
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) status: Status,
    /// The peer has surely done nothing for it.
    pub(super) is_unprocessed: bool,
}

impl Call {
    /// Adds bytes of the answer.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.inbound.back_mut() {
            Some(last) if last.len() + bytes.len() <= PIECE_BYTES => last.extend_from_slice(bytes),
            _ => self.inbound.push_back(BytesMut::from(bytes)),
        }
    }
}

/// Remembers whom to wake.
pub(super) fn register(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(registered) => registered.clone_from(waker),
        empty => *empty = Some(waker.clone()),
    }
}
