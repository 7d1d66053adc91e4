//! Responses that a balancer watches.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;

use crate::client::core::Observation;
use crate::status::{self, Code, Status};

impl Observation {
    /// Reports the call's end when the response has been read.
    pub(super) fn watch(self, response: http::Response<Body>) -> http::Response<Body> {
        // Headers that are trailers, too.
        if let Some(status) = status::from_peer(response.headers()) {
            self.end(status.code(), Some(response.headers()));
            return response;
        }
        response.map(|body| Body::new(ObservedBody { body, observation: Some(self) }))
    }
}

/// A response's body whose end is reported.
struct ObservedBody {
    body: Body,
    observation: Option<Observation>,
}

impl http_body::Body for ObservedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        match &frame {
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref()
                    && let Some(observation) = self.observation.take()
                {
                    let code = status::from_peer(trailers).map_or(Code::Unknown, |status| status.code());
                    observation.end(code, Some(trailers));
                }
            }
            Some(Err(status)) => {
                if let Some(observation) = self.observation.take() {
                    observation.end(status.code(), None);
                }
            }
            None => {
                if let Some(observation) = self.observation.take() {
                    observation.end(Code::Unknown, None);
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}
