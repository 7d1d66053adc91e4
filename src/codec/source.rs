//! Where the bytes of a call come from, whoever carries them.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;

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

/// One direction of a call as bytes. Carriers implement it; services and callers read from it.
pub(crate) trait ByteSource: Send {
    /// The next piece. Not called again after [`Part::End`].
    fn poll_part(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part>;
}
