//! The body of an answer: anyone's, or messages that are written straight to where they are sent from.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use tonic::body::Body;

use crate::codec::{PACKED_MESSAGES_MAX, Quota, Rope};
use crate::status::Status;

/// How much of an answer's messages is made at once for a carrier that takes bodies in pieces.
const PIECE: Quota = Quota { bytes: 32 * 1024, messages: PACKED_MESSAGES_MAX };

/// The body of an answer.
pub(crate) enum ResponseBody {
    /// A body as any tower service makes them.
    Http(Body),
    /// The messages of a generated service.
    Messages(Messages),
}

/// A call's messages as bytes, and the trailers behind them.
pub(crate) trait MessageSource: Send {
    /// Appends what there is at once, up to the quota. `Some`: the end, behind what was appended; it is not asked
    /// again. Pending: nothing was appended.
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        output: &mut Rope,
        quota: Quota,
    ) -> Poll<Option<HeaderMap>>;
}

/// A source of messages, and what it made for a carrier that takes pieces.
pub(crate) struct Messages {
    source: Option<Pin<Box<dyn MessageSource>>>,
    made: Rope,
    trailers: Option<HeaderMap>,
}

impl ResponseBody {
    pub(crate) fn empty() -> Self {
        ResponseBody::Http(Body::empty())
    }

    pub(crate) fn messages(source: impl MessageSource + 'static) -> Self {
        ResponseBody::Messages(Messages { source: Some(Box::pin(source)), made: Rope::default(), trailers: None })
    }

    /// The same as a body that any tower service takes.
    pub(crate) fn into_http(self) -> Body {
        match self {
            ResponseBody::Http(body) => body,
            messages @ ResponseBody::Messages(_) => Body::new(messages),
        }
    }
}

impl Messages {
    /// The next piece for a carrier that takes pieces.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Frame<Bytes>>> {
        loop {
            if let Some(bytes) = self.made.pop_front() {
                return Poll::Ready(Some(Frame::data(bytes)));
            }
            if let Some(trailers) = self.trailers.take() {
                return Poll::Ready(Some(Frame::trailers(trailers)));
            }
            let Some(source) = &mut self.source else { return Poll::Ready(None) };
            if let Some(trailers) = ready!(source.as_mut().poll_write(cx, &mut self.made, PIECE)) {
                self.source = None;
                self.trailers = Some(trailers);
            }
        }
    }
}

impl MessageSource for Messages {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        output: &mut Rope,
        quota: Quota,
    ) -> Poll<Option<HeaderMap>> {
        match &mut self.source {
            Some(source) => source.as_mut().poll_write(cx, output, quota),
            None => Poll::Ready(Some(HeaderMap::new())),
        }
    }
}

impl http_body::Body for ResponseBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            ResponseBody::Http(body) => Pin::new(body).poll_frame(cx),
            ResponseBody::Messages(messages) => messages.poll_piece(cx).map(|frame| frame.map(Ok)),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            ResponseBody::Http(body) => body.is_end_stream(),
            ResponseBody::Messages(messages) => {
                messages.source.is_none() && messages.made.is_empty() && messages.trailers.is_none()
            }
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            ResponseBody::Http(body) => body.size_hint(),
            ResponseBody::Messages(_) => http_body::SizeHint::default(),
        }
    }
}
