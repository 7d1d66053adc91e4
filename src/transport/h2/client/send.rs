//! The general way of a call, in the words of the `http` crate.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use http::request::Parts;
use seltzer_h2::{HeaderField, SendError, StreamId};
use tonic::body::Body;

use crate::status::Status;
use crate::transport::h2::client::call::{Call, End, General, Lost, register};
use crate::transport::h2::client::connection::{Connection, Shared};
use crate::transport::h2::client::places::Ticket;
use crate::transport::h2::client::response::{Ongoing, ResponseBody};
use crate::transport::h2::client::state::State;
use crate::transport::h2::client::upload::{Opening, Rest, Upload};
use crate::transport::h2::fields::fields_of;

/// A request that failed: its status, and the request itself where the server has surely done nothing for it.
type Failed = (Status, Option<http::Request<Body>>);

impl Connection {
    /// Sends a request; resolves with the response's head. Dropping the future resets the stream.
    ///
    /// The request's body goes on by itself, whatever becomes of the response.
    ///
    /// # Errors
    /// The status that a broken stream or connection means, and the request itself where the server has surely done
    /// nothing for it.
    pub(crate) async fn send(&self, request: http::Request<Body>) -> Result<http::Response<Body>, Failed> {
        let shared = self.shared();
        let mut place = Place { shared, ticket: Ticket::None };
        if let Err(status) = place.wait().await {
            return Err((status, Some(request)));
        }
        let (head, body) = request.into_parts();
        let mut opening = Opening::take_from(body);
        if let Rest::Broken(status) = opening.rest {
            return Err((status, None));
        }
        let stream = match place.open(&head, &opening) {
            Ok(stream) => stream,
            Err(Refused::Closed(status)) => {
                return Err((status, Some(http::Request::from_parts(head, opening.into_body()))));
            }
            Err(Refused::Unsendable(status)) => return Err((status, None)),
        };
        drop(place);
        let ongoing = Ongoing::new(Arc::clone(shared), stream);
        let upload = Upload::spawn(shared, stream, &mut opening);
        match poll_fn(|cx| shared.with(|state| poll_head(state, stream, cx))).await {
            Ok(response) => Ok(http::Response::from_parts(response, Body::new(ResponseBody::new(ongoing)))),
            Err(Lost { status, is_unprocessed }) => {
                drop(ongoing);
                let body = if is_unprocessed { opening.reclaim(upload) } else { None };
                Err((status, body.map(|body| http::Request::from_parts(head, body))))
            }
        }
    }
}

/// A call's place among the streams that the peer permits; given back when dropped.
pub(super) struct Place<'a> {
    pub(super) shared: &'a Arc<Shared>,
    pub(super) ticket: Ticket,
}

/// Why a stream was not opened.
enum Refused {
    /// The connection is closed.
    Closed(Status),
    /// The peer would not take such a request.
    Unsendable(Status),
}

impl Place<'_> {
    pub(super) async fn wait(&mut self) -> Result<(), Status> {
        poll_fn(|cx| self.shared.with(|state| state.poll_place(&mut self.ticket, cx.waker()))).await
    }

    /// Sends the beginning of a request.
    fn open(&mut self, head: &Parts, opening: &Opening) -> Result<StreamId, Refused> {
        self.shared.with(|state| {
            let begins_at = state.position();
            let stream = state.open(&mut self.ticket).map_err(Refused::Closed)?;
            send_opening(state, stream, head, opening).map_err(|error| {
                state.engine.reset(stream, seltzer_h2::Reason::Cancel);
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

fn send_opening(state: &mut State, stream: StreamId, head: &Parts, opening: &Opening) -> Result<(), SendError> {
    let uri = &head.uri;
    let pseudo = [
        (&b":method"[..], head.method.as_str()),
        (b":scheme", uri.scheme_str().unwrap_or("http")),
        (b":authority", uri.authority().map_or("", http::uri::Authority::as_str)),
        (b":path", uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str)),
    ];
    let pseudo = pseudo.into_iter().map(|(name, value)| HeaderField::new(name, value.as_bytes()));
    let is_whole = matches!(opening.rest, Rest::Ended);
    let has_body = !opening.pieces.is_empty();
    state.engine.send_headers(stream, pseudo.chain(fields_of(&head.headers)), is_whole && !has_body)?;
    for (index, piece) in opening.pieces.iter().enumerate() {
        let is_last = is_whole && index + 1 == opening.pieces.len();
        state.engine.send_data(stream, piece.clone(), is_last)?;
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

fn poll_head(
    state: &mut State,
    stream: StreamId,
    cx: &std::task::Context<'_>,
) -> Poll<Result<http::response::Parts, Lost>> {
    let Some(call) = state.general(stream) else {
        return Poll::Ready(Err(Lost { status: Status::internal("the call is gone"), is_unprocessed: false }));
    };
    if let Some(head) = call.head.take() {
        return Poll::Ready(Ok(head));
    }
    match call.end.take() {
        Some(End::Lost(lost)) => Poll::Ready(Err(lost)),
        Some(End::Complete(_)) => {
            let status = Status::internal("the answer ended before it began");
            Poll::Ready(Err(Lost { status, is_unprocessed: false }))
        }
        None => {
            register(&mut call.reader, cx.waker());
            Poll::Pending
        }
    }
}
