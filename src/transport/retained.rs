//! What others than gRPC's own reader keep of a request's body until a message of it is whole: counted where everything
//! is counted that waits.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;

use crate::status::Status;
use crate::transport::h2::Framing;

/// Counts what is kept of one request's body.
pub(crate) trait Retain: Send + Sync {
    /// So many bytes are kept now. What is kept too long or too much of ends with an error in the body.
    fn retain(&self, bytes: usize);
}

/// Where those who collect a body tell how much of it they have, in the extensions of its request. A body that is small
/// and there as a whole has none.
#[derive(Clone)]
pub(crate) struct Retainer(Arc<dyn Retain>);

impl Retainer {
    pub(crate) fn new(counter: Arc<dyn Retain>) -> Self {
        Retainer(counter)
    }

    /// Takes it out of a request.
    pub(crate) fn take(extensions: &mut http::Extensions) -> Option<Self> {
        extensions.remove()
    }

    /// So many bytes are kept now.
    pub(crate) fn retain(&self, bytes: usize) {
        self.0.retain(bytes);
    }
}

/// A body of which somebody behind it keeps what is not a whole message yet.
pub(crate) struct RetainedBody {
    body: Body,
    retainer: Option<Retainer>,
    kept: Kept,
}

/// How much that is.
enum Kept {
    /// All of the body is one message.
    Whole(usize),
    /// It is messages with gRPC's prefixes.
    Messages(Framing),
}

impl RetainedBody {
    /// A body that is collected as a whole.
    pub(crate) fn whole(body: Body, retainer: Option<Retainer>) -> Self {
        RetainedBody { body, retainer, kept: Kept::Whole(0) }
    }

    /// A body of messages with gRPC's prefixes.
    pub(crate) fn of_messages(body: Body, retainer: Option<Retainer>) -> Self {
        RetainedBody { body, retainer, kept: Kept::Messages(Framing::default()) }
    }
}

impl http_body::Body for RetainedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let polled = Pin::new(&mut this.body).poll_frame(cx);
        if let (Some(retainer), Poll::Ready(Some(Ok(frame)))) = (&this.retainer, &polled)
            && let Some(bytes) = frame.data_ref()
        {
            retainer.retain(this.kept.follow(bytes));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

impl Drop for RetainedBody {
    fn drop(&mut self) {
        if let Some(retainer) = &self.retainer {
            retainer.retain(0);
        }
    }
}

impl Kept {
    /// More came; tells how much is kept.
    fn follow(&mut self, bytes: &[u8]) -> usize {
        match self {
            Kept::Whole(kept) => {
                *kept += bytes.len();
                *kept
            }
            Kept::Messages(framing) => framing.follow(bytes),
        }
    }
}
