//! Bodies whose messages are measured, of services that others have generated.

use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
#[cfg(feature = "server")]
use http_body_util::Full;
use tonic::body::Body;

use crate::context::{Context, Counter};
use crate::meter::MessageSizes;
use crate::status::Status;
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// Which way messages go.
#[derive(Clone, Copy)]
enum Way {
    In,
    Out,
}

/// Measures the messages of a request, if anybody wants to know.
pub(super) fn request(request: &mut http::Request<IncomingBody>, context: &Context) {
    if context.is_counted() {
        let (sizes, counter) = (MessageSizes::default(), context.counter());
        let body = std::mem::replace(request.body_mut(), IncomingBody::Http(Body::empty())).into_http();
        *request.body_mut() = IncomingBody::Http(Body::new(Measured { body, sizes, counter, way: Way::In }));
    }
}

/// The same of an answer.
pub(super) fn answer(response: &mut http::Response<ResponseBody>, context: &Context) {
    if context.is_counted()
        && let ResponseBody::Http(body) = response.body_mut()
    {
        *body = rest(std::mem::take(body), MessageSizes::default(), context);
    }
}

/// The same of what is left of one.
pub(super) fn rest(body: Body, sizes: MessageSizes, context: &Context) -> Body {
    if context.is_counted() && !http_body::Body::is_end_stream(&body) {
        return Body::new(Measured { body, sizes, counter: context.counter(), way: Way::Out });
    }
    body
}

/// The same of what of it is there.
#[cfg(feature = "server")]
pub(super) fn pieces(pieces: [&Option<Bytes>; 2], context: &Context) -> MessageSizes {
    let (counter, mut sizes) = (context.counter(), MessageSizes::default());
    if counter.is_on() {
        pieces.into_iter().flatten().for_each(|piece| counter.sent(sizes.take(piece)));
    }
    sizes
}

/// The same of a request all of which is there.
#[cfg(feature = "server")]
pub(super) fn whole(body: Full<Bytes>, context: &Context) -> Full<Bytes> {
    if !context.is_counted() {
        return body;
    }
    let bytes = body.into_inner().unwrap_or_default();
    context.count_received(MessageSizes::default().take(&bytes));
    Full::new(bytes)
}

struct Measured {
    body: Body,
    sizes: MessageSizes,
    counter: Counter,
    way: Way,
}

impl http_body::Body for Measured {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(data) = frame.data_ref()
        {
            let bytes = self.sizes.take(data);
            match self.way {
                Way::In => self.counter.received(bytes),
                Way::Out => self.counter.sent(bytes),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
