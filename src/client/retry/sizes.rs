//! Limits that a service config puts on messages, for calls whose client does not know of them.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;

use crate::codec::MessageLimits;
use crate::status::Status;

/// The bytes in front of a message: a flag, and its length.
const PREFIX_BYTES: usize = 5;

/// The largest message that a client of ours takes of an answer, beside a limit of its own; left among the answer's
/// extensions, because what a message is when it is decompressed shows only there.
#[derive(Debug, Clone, Copy)]
pub(in crate::client) struct AnswerLimit(usize);

impl AnswerLimit {
    /// The smaller of both limits.
    pub(in crate::client) fn lower(self, mut limits: MessageLimits) -> MessageLimits {
        limits.decoding_bytes_max = limits.decoding_bytes_max.min(self.0);
        limits
    }
}

/// Why a body was broken off, where it was: what became of its call follows from that.
#[derive(Debug, Clone, Default)]
pub(in crate::client) struct TooLarge(Arc<OnceLock<Status>>);

impl TooLarge {
    /// What a call ends with whose request was broken off, or not.
    pub(in crate::client) fn or<T>(&self, result: Result<T, Status>) -> Result<T, Status> {
        result.map_err(|status| self.0.get().cloned().unwrap_or(status))
    }
}

/// Holds a request's messages to a limit.
pub(in crate::client) fn limit_request(body: Body, bytes_max: Option<usize>, too_large: &TooLarge) -> Body {
    limited(body, bytes_max, Side { whose: "the request", field: "maxRequestMessageBytes", too_large })
}

/// Holds an answer's messages to a limit.
pub(in crate::client) fn limit_answer(
    mut response: http::Response<Body>,
    bytes_max: Option<usize>,
) -> http::Response<Body> {
    if let Some(bytes_max) = bytes_max {
        response.extensions_mut().insert(AnswerLimit(bytes_max));
    }
    let side = Side { whose: "the answer", field: "maxResponseMessageBytes", too_large: &TooLarge::default() };
    response.map(|body| limited(body, bytes_max, side))
}

/// Whose messages they are, and what limits them.
#[derive(Clone, Copy)]
struct Side<'a> {
    whose: &'static str,
    field: &'static str,
    too_large: &'a TooLarge,
}

fn limited(body: Body, bytes_max: Option<usize>, side: Side<'_>) -> Body {
    let Some(bytes_max) = bytes_max else { return body };
    let Side { whose, field, too_large } = side;
    let sizes = Sizes::new(bytes_max);
    Body::new(SizedBody { body, sizes, whose, field, too_large: too_large.clone(), is_over: false })
}

/// Looks at the lengths of messages, however their bytes are cut.
struct Sizes {
    bytes_max: usize,
    prefix: [u8; PREFIX_BYTES],
    prefix_len: usize,
    /// What is still to come of a message.
    left: usize,
}

impl Sizes {
    fn new(bytes_max: usize) -> Self {
        Sizes { bytes_max, prefix: [0; PREFIX_BYTES], prefix_len: 0, left: 0 }
    }

    /// `Err`: a message of so many bytes is too large.
    fn check(&mut self, mut bytes: &[u8]) -> Result<(), usize> {
        while !bytes.is_empty() {
            if self.left > 0 {
                let taken = self.left.min(bytes.len());
                self.left -= taken;
                bytes = &bytes[taken..];
                continue;
            }
            let taken = (PREFIX_BYTES - self.prefix_len).min(bytes.len());
            self.prefix[self.prefix_len..][..taken].copy_from_slice(&bytes[..taken]);
            self.prefix_len += taken;
            bytes = &bytes[taken..];
            if self.prefix_len == PREFIX_BYTES {
                let [_, length @ ..] = self.prefix;
                let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                if length > self.bytes_max {
                    return Err(length);
                }
                (self.left, self.prefix_len) = (length, 0);
            }
        }
        Ok(())
    }
}

/// A body whose messages are held to a limit.
struct SizedBody {
    body: Body,
    sizes: Sizes,
    whose: &'static str,
    field: &'static str,
    too_large: TooLarge,
    is_over: bool,
}

impl http_body::Body for SizedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        let data = match &frame {
            Some(Ok(frame)) => frame.data_ref(),
            _ => None,
        };
        let this = &mut *self;
        if let Some(data) = data
            && let Err(length) = this.sizes.check(data)
        {
            let SizedBody { sizes: Sizes { bytes_max, .. }, whose, field, .. } = this;
            let status = Status::resource_exhausted(format!(
                "a message of {whose} has {length} bytes, and the service config permits {bytes_max} ({field})"
            ));
            this.is_over = true;
            let _ = this.too_large.0.set(status.clone());
            // Dropping an answer resets its stream.
            this.body = Body::empty();
            return Poll::Ready(Some(Err(status)));
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_measured_however_they_are_cut() {
        let message = |length: usize| {
            let prefix = u32::try_from(length).expect("it is small").to_be_bytes();
            [&[0][..], &prefix, &vec![7; length]].concat()
        };
        let table: [(&[usize], Result<(), usize>); 5] =
            [(&[0, 0], Ok(())), (&[10, 1, 0, 10], Ok(())), (&[11], Err(11)), (&[3, 12], Err(12)), (&[0, 11], Err(11))];
        for (lengths, expected) in table {
            let bytes: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
            for cut in 1..=bytes.len() {
                let mut sizes = Sizes::new(10);
                let checked = bytes.chunks(cut).try_for_each(|piece| sizes.check(piece));
                assert_eq!(checked, expected, "{lengths:?} in pieces of {cut}");
            }
        }
    }
}
