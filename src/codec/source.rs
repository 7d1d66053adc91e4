//! Where the bytes of a call come from, whoever carries them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut as _, Bytes, BytesMut};

use crate::codec::Rope;

use crate::metadata::MetadataMap;
use crate::status::Status;

/// A piece of one direction of a call.
#[derive(Debug)]
pub(crate) enum Part {
    /// Bytes of prefixed messages, cut anywhere.
    Data(Bytes),
    /// The end: trailing metadata, or what went wrong. Nothing comes after it.
    End(Result<MetadataMap, Status>),
}

/// How much is asked for at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quota {
    /// Where to stop, soon after so many bytes.
    pub(crate) bytes: usize,
    /// No more than so many messages: small ones may be slow to make.
    pub(crate) messages: usize,
}

/// How far filling an output came.
#[derive(Debug)]
pub(crate) enum Filled {
    /// There may be more.
    More,
    /// As [`Part::End`]; what was appended comes before it.
    End(Result<MetadataMap, Status>),
}

/// One direction of a call as bytes. Carriers implement it; services and callers read from it.
pub(crate) trait ByteSource: Send {
    /// The next piece. Not called again after [`Part::End`].
    fn poll_part(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part>;

    /// Appends what there is at once to `output`, up to the quota. Pending: nothing was appended.
    fn poll_fill(self: Pin<&mut Self>, cx: &mut Context<'_>, output: &mut Rope, _: Quota) -> Poll<Filled> {
        self.poll_part(cx).map(|part| match part {
            Part::Data(bytes) => {
                output.put(bytes);
                Filled::More
            }
            Part::End(end) => Filled::End(end),
        })
    }

    /// Appends what arrives to `buffer` until that has `length` bytes, which saves one copy of a large message where
    /// the source can do it. `false`: it cannot, or nothing comes any more; ask for parts.
    ///
    /// While it is pending the buffer's contents are with the source.
    fn poll_collect(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut BytesMut, _length: usize) -> Poll<bool> {
        Poll::Ready(false)
    }
}
