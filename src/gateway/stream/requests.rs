//! The messages of a request that streams them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use http_body::Body as _;
use tonic::body::Body;

use crate::gateway::request::Bound;
use crate::gateway::stream::format::StreamFormat;
use crate::gateway::stream::split::Splitter;
use crate::status::{Code, Status};
use crate::transport::retained::Retainer;

/// The messages of a request that streams them: JSON values, or pieces of bytes where the body is those.
///
/// What stands in path and query is in each message; of bytes, in the first one alone.
pub(crate) struct Requests {
    body: Body,
    /// Hears of what is kept of the body.
    retainer: Option<Retainer>,
    bound: Bound,
    /// None where the body is bytes.
    splitter: Option<Splitter>,
    bytes_max: usize,
    count: usize,
    raw: VecDeque<Bytes>,
    has_ended: bool,
}

impl Requests {
    pub(crate) fn new(body: Body, retainer: Option<Retainer>, bound: Bound, bytes_max: usize) -> Self {
        let is_lines = StreamFormat::is_lines(bound.content_type.as_deref());
        let splitter = bound.raw_body().is_none().then(|| Splitter::new(is_lines, bytes_max));
        Requests { body, retainer, bound, splitter, bytes_max, count: 0, raw: VecDeque::new(), has_ended: false }
    }

    /// The next message of what has come.
    fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let number = self.count + 1;
        let value = match &mut self.splitter {
            Some(splitter) => {
                let next = splitter.next();
                let next = match next {
                    Ok(None) if self.has_ended => splitter.finish(),
                    next => next,
                };
                next.map_err(|what| Status::invalid_argument(format!("the body, at message {number}: {what}")))?
            }
            None => self.raw.pop_front().or_else(|| (self.has_ended && self.count == 0).then(Bytes::new)),
        };
        let Some(value) = value else { return Ok(None) };
        self.count = number;
        let message = match (&self.splitter, number) {
            (None, 2..) => self.bound.continued(&value),
            _ => self.bound.message(&value),
        };
        message.map(Some).map_err(|failure| {
            let status = failure.status();
            Status::new(status.code(), format!("message {number}: {}", status.message()))
        })
    }

    fn take(&mut self, piece: &Bytes) {
        match &mut self.splitter {
            Some(splitter) => splitter.push(piece),
            None => {
                // Each piece becomes a message, and a message has its limit.
                let size = self.bytes_max.clamp(1, 64 * 1024);
                let mut rest = piece.clone();
                while !rest.is_empty() {
                    self.raw.push_back(rest.split_to(rest.len().min(size)));
                }
            }
        }
    }
}

impl Requests {
    /// Tells how much is kept of messages that nobody has taken.
    fn tell(&self) {
        if let Some(retainer) = &self.retainer {
            let raw = self.raw.iter().map(Bytes::len).sum::<usize>();
            retainer.retain(self.splitter.as_ref().map_or(raw, Splitter::bytes));
        }
    }

    /// Nothing more comes.
    fn end(&mut self, status: Status) -> Poll<Option<Result<Bytes, Status>>> {
        self.has_ended = true;
        self.splitter = Some(Splitter::new(true, 0));
        self.raw.clear();
        self.tell();
        Poll::Ready(Some(Err(status)))
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        if let Some(retainer) = &self.retainer {
            retainer.retain(0);
        }
    }
}

impl Stream for Requests {
    type Item = Result<Bytes, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match this.next() {
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Ok(None) if this.has_ended => return Poll::Ready(None),
                Ok(None) => {}
                Err(status) => return this.end(status),
            }
            this.tell();
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        this.take(&piece);
                    }
                }
                Some(Err(status)) if status.code() == Code::ResourceExhausted => return this.end(status),
                Some(Err(error)) => return this.end(Status::cancelled(format!("the body broke off: {error}"))),
                None => this.has_ended = true,
            }
        }
    }
}
