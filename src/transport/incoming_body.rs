//! The body of a request, whoever carries it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body as _, Frame};
#[cfg(feature = "server")]
use http_body_util::Full;
use tonic::body::Body;

use crate::codec::{ByteSource, Part};
use crate::metadata::MetadataMap;
use crate::status::Status;

/// The body of a request.
pub(crate) enum IncomingBody {
    /// A body as any HTTP server hands it over.
    Http(Body),
    /// A small body, all of which is there.
    #[cfg(feature = "server")]
    Whole(Full<Bytes>),
    /// What arrives on a stream of our own engine.
    #[cfg(feature = "server")]
    Engine(crate::transport::h2::StreamBody),
}

impl IncomingBody {
    /// The same as a body that any tower service takes.
    pub(crate) fn into_http(self) -> Body {
        match self {
            IncomingBody::Http(body) => body,
            #[cfg(feature = "server")]
            IncomingBody::Whole(body) => Body::new(body),
            #[cfg(feature = "server")]
            IncomingBody::Engine(body) => Body::new(body),
        }
    }
}

impl http_body::Body for IncomingBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match &mut *self {
            IncomingBody::Http(body) => Pin::new(body).poll_frame(cx),
            #[cfg(feature = "server")]
            IncomingBody::Whole(body) => {
                Pin::new(body).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(|never| match never {})))
            }
            #[cfg(feature = "server")]
            IncomingBody::Engine(body) => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            IncomingBody::Http(body) => body.is_end_stream(),
            #[cfg(feature = "server")]
            IncomingBody::Whole(body) => body.is_end_stream(),
            #[cfg(feature = "server")]
            IncomingBody::Engine(body) => body.is_end_stream(),
        }
    }
}

/// A request's body as the bytes of a call. Trailers of requests mean nothing in gRPC.
impl ByteSource for IncomingBody {
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        loop {
            return Poll::Ready(match ready!(self.as_mut().poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) => Part::Data(bytes),
                    Err(_trailers) => continue,
                },
                Some(Err(status)) => Part::End(Err(status)),
                None => Part::End(Ok(MetadataMap::new())),
            });
        }
    }

    #[cfg(feature = "server")]
    fn poll_collect(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut bytes::BytesMut,
        length: usize,
    ) -> Poll<bool> {
        match self.get_mut() {
            IncomingBody::Http(_) | IncomingBody::Whole(_) => Poll::Ready(false),
            IncomingBody::Engine(body) => body.poll_collect(cx, buffer, length),
        }
    }
}
