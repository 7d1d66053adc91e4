//! A call as its connection knows it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use bytes::BytesMut;
use http::HeaderMap;
use http::response::Parts;

use crate::deadline::Deadline;
use crate::status::Status;
use crate::transport::h2::message::Refused;
use crate::transport::progress::Progress;

/// Pieces of a response are put together up to this size.
const PIECE_BYTES: usize = 16 * 1024;

/// What is known of a call, until its caller takes it.
#[derive(Debug)]
pub(super) enum Call {
    Unary(Unary),
    General(Box<General>),
}

/// One request message, one response message: a caller that is woken once, when all is there.
#[derive(Debug)]
pub(super) struct Unary {
    /// As [`General::begins_at`].
    pub(super) begins_at: u64,
    pub(super) bytes_max: usize,
    pub(super) deadline: Option<Deadline>,
    pub(super) head: Option<Head>,
    pub(super) body: BytesMut,
    pub(super) end: Option<UnaryEnd>,
    pub(super) caller: Option<Waker>,
}

/// The head of an answer.
#[derive(Debug)]
pub(crate) enum Head {
    /// Good, without metadata and without compression: the usual one.
    Plain,
    /// Anything else.
    Full(Box<Parts>),
}

/// The trailers of an answer.
#[derive(Debug)]
pub(crate) enum Trailers {
    /// OK, without metadata.
    Plain,
    /// Anything else.
    Full(Box<HeaderMap>),
    /// There are none.
    None,
}

/// How a unary call ended.
#[derive(Debug)]
pub(super) enum UnaryEnd {
    Complete(Trailers),
    /// With something else than one good message.
    Refused(Refused),
    Lost(Box<Lost>),
}

/// What came of the answer to one call, in pieces.
#[derive(Debug, Default)]
pub(crate) struct General {
    /// How much was handed to the socket, in all, when the first byte of this call was.
    pub(super) begins_at: u64,
    pub(super) has_head: bool,
    pub(super) head: Option<Block>,
    pub(super) inbound: Pieces,
    pub(super) end: Option<End>,
    pub(super) reader: Option<Waker>,
    /// The task that sends the rest of the request. It must hear of room, and of the end of the call.
    pub(super) upload: Option<Waker>,
}

/// What came of a body and was not taken. Small pieces are put together, so that they cost no more than their bytes.
#[derive(Debug, Default)]
pub(super) struct Pieces {
    /// The first piece apart: mostly it is the only one.
    first: Option<BytesMut>,
    more: VecDeque<BytesMut>,
}

/// How a call ended.
#[derive(Debug)]
pub(super) enum End {
    /// With the whole answer, and perhaps trailers.
    Complete(Option<Block>),
    /// Early.
    Lost(Lost),
}

/// A header block in the words of the `http` crate, which its connection may keep for others that are the same. Of
/// trailers only the headers count.
pub(super) type Block = Arc<Parts>;

/// Why there is no answer.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) status: Status,
    pub(super) progress: Progress,
}

impl Call {
    /// How much was handed to the socket, in all, when the first byte of this call was.
    pub(super) fn begins_at(&self) -> u64 {
        match self {
            Call::Unary(call) => call.begins_at,
            Call::General(call) => call.begins_at,
        }
    }

    /// Whether its answer has begun.
    pub(super) fn has_head(&self) -> bool {
        match self {
            Call::Unary(call) => call.head.is_some(),
            Call::General(call) => call.has_head,
        }
    }
}

impl Unary {
    /// Whether its time is up.
    pub(super) fn is_overdue(&self) -> bool {
        self.deadline.is_some_and(|deadline| deadline.has_passed())
    }
}

impl General {
    /// Whether the whole answer is here.
    pub(super) fn is_whole(&self) -> bool {
        self.head.is_some() && matches!(self.end, Some(End::Complete(_)))
    }
}

impl Pieces {
    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    /// All of them, in order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.first.iter().chain(&self.more).map(|piece| &**piece)
    }

    /// Adds bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        match self.more.back_mut().or(self.first.as_mut()) {
            Some(last) if last.len() + bytes.len() <= PIECE_BYTES => last.extend_from_slice(bytes),
            Some(_) => self.more.push_back(BytesMut::from(bytes)),
            None => self.first = Some(BytesMut::from(bytes)),
        }
    }

    /// Takes the first bytes out.
    pub(super) fn pop(&mut self) -> Option<BytesMut> {
        self.first.take().or_else(|| self.more.pop_front())
    }
}

/// Remembers whom to wake.
pub(super) fn register(slot: &mut Option<Waker>, waker: &Waker) {
    match slot {
        Some(registered) => registered.clone_from(waker),
        empty => *empty = Some(waker.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type List<'a> = &'a [&'a [u8]];

    #[test]
    fn pieces_come_out_in_their_order_and_small_ones_together() {
        let (large, small) = ([1; PIECE_BYTES], [2; 3]);
        // What is put in, how many pieces are taken out, what is put in then; how long the pieces are that are left.
        let table: [(List<'_>, usize, List<'_>, &[usize]); 6] = [
            (&[], 0, &[], &[]),
            (&[&[]], 0, &[], &[]),
            (&[&small, &small], 0, &[&small], &[9]),
            (&[&large, &small], 0, &[&small, &large], &[PIECE_BYTES, 6, PIECE_BYTES]),
            (&[&large, &small], 1, &[&small], &[6]),
            (&[&large, &small], 2, &[&small, &large], &[3, PIECE_BYTES]),
        ];
        for (before, taken, after, expected) in table {
            let mut pieces = Pieces::default();
            before.iter().for_each(|bytes| pieces.push(bytes));
            for _ in 0..taken {
                assert!(pieces.pop().is_some(), "{expected:?}");
            }
            after.iter().for_each(|bytes| pieces.push(bytes));
            assert_eq!(pieces.is_empty(), expected.is_empty());
            let lengths: Vec<_> = std::iter::from_fn(|| pieces.pop()).map(|piece| piece.len()).collect();
            assert_eq!(lengths, expected);
            assert!(pieces.is_empty());
        }
    }
}
