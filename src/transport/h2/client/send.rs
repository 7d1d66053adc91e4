//! The general way of a call, in the words of the `http` crate.

use std::array;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::{Chain, FilterMap};
use std::option;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::header::USER_AGENT;
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue};
use seltzer_h2::{HeaderField, Reason, SendError, StreamId};
use tonic::body::Body;

use crate::status::Status;
use crate::transport::connection::Origin;
use crate::transport::h2::client::call::{Call, End, General, Lost, register};
use crate::transport::h2::client::connection::{Connection, Shared};
use crate::transport::h2::client::places::Ticket;
use crate::transport::h2::client::response::{Ongoing, ResponseBody};
use crate::transport::h2::client::state::State;
use crate::transport::h2::client::upload::{Opening, Rest, Source, Upload};
use crate::transport::h2::fields::allowed_field;

/// A request that failed: its status, and the request itself where the server has surely done nothing for it.
type Failed = (Status, Option<http::Request<Body>>);

impl Connection {
    /// Sends a request when its turn has come, which it tells; resolves with the response's head. Dropping the future
    /// resets the stream.
    ///
    /// The request's body goes on by itself, whatever becomes of the response.
    ///
    /// # Errors
    /// The status that a broken stream or connection means, and the request itself where the server has surely done
    /// nothing for it.
    pub(crate) async fn send(
        &self,
        request: http::Request<Body>,
        origin: Origin<'_>,
        on_begin: impl FnOnce(),
    ) -> Result<http::Response<Body>, Failed> {
        let mut place = Place { shared: self.shared(), ticket: Ticket::None };
        if let Err(status) = place.wait().await {
            return Err((status, Some(request)));
        }
        let sent = place.send(request, origin)?;
        drop(place);
        on_begin();
        sent.await
    }

    /// Waits until a call can begin, or none ever will.
    pub(crate) async fn place(&self) {
        let mut place = Place { shared: self.shared(), ticket: Ticket::None };
        // The place passes on to whoever is quicker.
        let _ = place.wait().await;
    }

    /// Sends a request now, if its turn is now.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub(crate) fn send_at_once(&self, request: http::Request<Body>, origin: Origin<'_>) -> Result<Sent, Failed> {
        Place { shared: self.shared(), ticket: Ticket::None }.send(request, origin)
    }
}

/// A call's place among the streams that the peer permits; given back when dropped.
pub(super) struct Place<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) ticket: Ticket,
}

/// Why a stream was not opened.
enum Refused {
    /// The connection is closed, or has no place.
    NotNow(Status),
    /// The peer would not take such a request.
    Unsendable(Status),
}

impl Place<'_> {
    pub(super) async fn wait(&mut self) -> Result<(), Status> {
        poll_fn(|cx| self.shared.with(|state| state.poll_place(&mut self.ticket, cx.waker()))).await
    }

    /// Sends a request, or as much of it as is there.
    fn send(&mut self, request: http::Request<Body>, origin: Origin<'_>) -> Result<Sent, Failed> {
        let (head, body) = request.into_parts();
        let mut opening = Opening::take_from(body);
        if let Rest::Broken(status) = opening.rest {
            return Err((status, None));
        }
        match self.open(Fields { head: &head, origin }, &opening) {
            Ok(stream) => {
                let upload = Upload::spawn(self.shared, stream, &mut opening);
                let call = Ongoing::new(Arc::clone(self.shared), stream);
                Ok(Sent { call: Some(call), request: Some((head, opening)), upload })
            }
            Err(Refused::NotNow(status)) => Err((status, Some(http::Request::from_parts(head, opening.into_body())))),
            Err(Refused::Unsendable(status)) => Err((status, None)),
        }
    }

    fn open(&mut self, fields: Fields<'_>, opening: &Opening) -> Result<StreamId, Refused> {
        self.shared.with(|state| {
            if self.ticket == Ticket::None && !state.has_free_place() {
                return Err(Refused::NotNow(Status::unavailable("the server permits no more calls now")));
            }
            let begins_at = state.position();
            let stream = state.open(&mut self.ticket).map_err(Refused::NotNow)?;
            send_opening(state, stream, fields, opening).map_err(|error| {
                state.engine.reset(stream, Reason::Cancel);
                Refused::Unsendable(unsendable(error))
            })?;
            state.calls.insert(stream, Call::General(Box::new(General { begins_at, ..General::default() })));
            Ok(stream)
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.ticket != Ticket::None {
            self.shared.with(|state| state.leave_place(&mut self.ticket));
        }
    }
}

/// The header block of a request.
#[derive(Clone, Copy)]
struct Fields<'a> {
    head: &'a Parts,
    origin: Origin<'a>,
}

type HeaderFields<'a> =
    FilterMap<http::header::Iter<'a, HeaderValue>, fn((&'a HeaderName, &'a HeaderValue)) -> Option<HeaderField<'a>>>;

impl<'a> IntoIterator for Fields<'a> {
    type Item = HeaderField<'a>;
    type IntoIter =
        Chain<Chain<array::IntoIter<HeaderField<'a>, 4>, HeaderFields<'a>>, option::IntoIter<HeaderField<'a>>>;

    fn into_iter(self) -> Self::IntoIter {
        let Parts { method, uri, headers, .. } = self.head;
        // A client made `with_origin` names an authority of its own.
        let (scheme, authority) = match uri.authority() {
            Some(own) => (uri.scheme_str().unwrap_or("http"), own.as_str()),
            None => (self.origin.scheme, self.origin.authority),
        };
        let user_agent = (!headers.contains_key(USER_AGENT)).then_some(self.origin.user_agent);
        let pseudo = [
            HeaderField::new(b":method", method.as_str().as_bytes()),
            HeaderField::new(b":scheme", scheme.as_bytes()),
            HeaderField::new(b":authority", authority.as_bytes()),
            HeaderField::new(b":path", uri.path_and_query().map_or("/", PathAndQuery::as_str).as_bytes()),
        ];
        let user_agent = user_agent.map(|name| HeaderField::new(b"user-agent", name.as_bytes()));
        let headers = headers.iter().filter_map(allowed_field as fn(_) -> _);
        pseudo.into_iter().chain(headers).chain(user_agent)
    }
}

fn send_opening(state: &mut State, stream: StreamId, fields: Fields<'_>, opening: &Opening) -> Result<(), SendError> {
    let is_whole = matches!(opening.rest, Rest::Ended);
    let mut pieces = opening.pieces().peekable();
    let is_empty = pieces.peek().is_none();
    state.engine.send_prepared_with(stream, &state.nothing, fields, is_whole && is_empty)?;
    while let Some(piece) = pieces.next() {
        state.engine.send_data(stream, piece.clone(), is_whole && pieces.peek().is_none())?;
    }
    Ok(())
}

pub(super) fn unsendable(error: SendError) -> Status {
    match error {
        SendError::HeadersTooLarge => {
            Status::resource_exhausted("the metadata of the call is larger than the server takes: send less of it")
        }
        other => Status::internal(other.to_string()),
    }
}

/// A request that is on its way: a future of the head of its response. Dropped before, it is cancelled at once.
pub(crate) struct Sent {
    call: Option<Ongoing>,
    /// What it was, to send it again.
    request: Option<(Parts, Opening)>,
    upload: Option<Arc<Source>>,
}

impl Future for Sent {
    type Output = Result<http::Response<Body>, Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let over = || Err(lost(Status::internal("the call is over")));
        let head = match &self.call {
            Some(call) => ready!(call.shared.lock().poll_head(call.stream, cx)),
            None => over(),
        };
        let (call, request) = (self.call.take(), self.request.take());
        let lost = match (head, call) {
            (Ok(head), Some(call)) => {
                return Poll::Ready(Ok(http::Response::from_parts(head, Body::new(ResponseBody::new(call)))));
            }
            (Err(lost), _) => lost,
            (Ok(_), None) => lost(Status::internal("the call is over")),
        };
        let again = request.filter(|_| lost.is_unprocessed).and_then(|(head, opening)| {
            let body = opening.reclaim(self.upload.take())?;
            Some(http::Request::from_parts(head, body))
        });
        Poll::Ready(Err((lost.status, again)))
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").finish_non_exhaustive()
    }
}

fn lost(status: Status) -> Lost {
    Lost { status, is_unprocessed: false }
}

impl State {
    fn poll_head(&mut self, stream: StreamId, cx: &Context<'_>) -> Poll<Result<http::response::Parts, Lost>> {
        let Some(call) = self.general(stream) else {
            return Poll::Ready(Err(lost(Status::internal("the call is gone"))));
        };
        if let Some(head) = call.head.take() {
            return Poll::Ready(Ok(head));
        }
        match call.end.take() {
            Some(End::Lost(lost)) => Poll::Ready(Err(lost)),
            Some(End::Complete(_)) => Poll::Ready(Err(lost(Status::internal("the answer ended before it began")))),
            None => {
                register(&mut call.reader, cx.waker());
                Poll::Pending
            }
        }
    }
}
