//! The general way of a call, in the words of the `http` crate.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes};
use http::request::Parts;
use seltzer_h2::limits::COPY_BYTES_MAX;
use seltzer_h2::{Reason, Rope, SendError, StreamId};
use tokio::time::Instant;
use tonic::body::Body;

use crate::status::Status;
use crate::transport::connection::Origin;
use crate::transport::h2::client::blocks::RequestHead;
use crate::transport::h2::client::call::{Block, Call, End, General, Lost, register};
use crate::transport::h2::client::connection::{Connection, Shared};
use crate::transport::h2::client::places::Ticket;
use crate::transport::h2::client::response::{Ongoing, ResponseBody};
use crate::transport::h2::client::state::State;
use crate::transport::h2::client::upload::{Opening, Rest, Upload, Uploaded};
use crate::transport::progress::{Progress, Unanswered};

/// So few headers of an answer are put in one by one sooner than copied as a whole.
const FEW_HEADERS: usize = 3;

impl Connection {
    /// Waits for a call's turn.
    ///
    /// # Errors
    /// The connection takes no more calls.
    pub(crate) async fn reserve(&self) -> Result<Reservation, Status> {
        let mut place = Place { shared: self.shared(), ticket: Ticket::None };
        place.wait().await?;
        Ok(Reservation { connection: self.clone(), ticket: std::mem::replace(&mut place.ticket, Ticket::None) })
    }
}

/// A call's turn; passed on when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(super) connection: Connection,
    pub(super) ticket: Ticket,
}

impl Reservation {
    /// Sends a request; resolves with the response's head. Dropping the future resets the stream.
    ///
    /// The request's body goes on by itself, whatever becomes of the response.
    ///
    /// # Errors
    /// The status that a broken stream or connection means, and the request itself where the server has surely done
    /// nothing for it.
    pub(crate) async fn send(
        mut self,
        request: http::Request<Body>,
        origin: Origin<'_>,
    ) -> Result<http::Response<Body>, Unanswered> {
        let mut sent = Sent::unsent(request);
        let opened = sent.open(self.place(), origin);
        sent.begin(opened, self.connection.shared(), origin)?;
        drop(self);
        Ok(sent.await?.map(ResponseBody::boxed))
    }

    /// The place, which is used or given back.
    pub(super) fn place(&mut self) -> Place<'_> {
        Place { ticket: std::mem::replace(&mut self.ticket, Ticket::None), shared: self.connection.shared() }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        drop(self.place());
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

    /// Opens a stream with a request, or as much of it as is there.
    #[inline]
    fn open(mut self, head: &Parts, origin: Origin<'_>, opening: &Opening) -> Result<StreamId, Refused> {
        if let Rest::Broken(status) = &opening.rest {
            return Err(Refused::Unsendable(status.clone()));
        }
        let (shared, ticket) = (self.shared, &mut self.ticket);
        shared.with(|state| {
            if *ticket == Ticket::None && !state.has_free_place() {
                return Err(Refused::NotNow(Status::unavailable("the server permits no more calls now")));
            }
            let begins_at = state.position();
            let stream = state.open(ticket).map_err(Refused::NotNow)?;
            send_opening(state, stream, head, origin, opening).map_err(|error| {
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

fn send_opening(
    state: &mut State,
    stream: StreamId,
    head: &Parts,
    origin: Origin<'_>,
    opening: &Opening,
) -> Result<(), SendError> {
    let is_whole = opening.is_whole();
    let mut pieces = opening.pieces().peekable();
    let is_end = is_whole && pieces.peek().is_none();
    if let Some(block) = state.blocks.again(head, origin) {
        state.engine.send_prepared_with(stream, block, iter::empty(), is_end)?;
    } else {
        send_head(state, stream, &RequestHead::new(head, origin), is_end)?;
    }
    let engine = &mut state.engine;
    while let Some(piece) = pieces.next() {
        send_piece(engine, stream, piece, is_whole && pieces.peek().is_none())?;
    }
    Ok(())
}

fn send_head(state: &mut State, stream: StreamId, head: &RequestHead<'_>, is_end: bool) -> Result<(), SendError> {
    let State { engine, blocks, nothing, .. } = state;
    match blocks.get(head) {
        Some(block) if head.has_more() => {
            let more: Vec<_> = head.more().collect();
            engine.send_prepared_with(stream, block, more.iter().copied(), is_end)
        }
        Some(block) => engine.send_prepared_with(stream, block, iter::empty(), is_end),
        None => {
            let all: Vec<_> = head.fields().chain(head.more()).collect();
            engine.send_prepared_with(stream, nothing, all.iter().copied(), is_end)
        }
    }
}

fn send_piece(
    engine: &mut seltzer_h2::Connection,
    stream: StreamId,
    piece: &Bytes,
    is_end: bool,
) -> Result<(), SendError> {
    if piece.len() > COPY_BYTES_MAX {
        return engine.send_data(stream, piece.clone(), is_end);
    }
    // What is copied anyway need not be counted.
    let write = |output: &mut Rope| {
        output.put_slice(piece);
        Ok::<(), Infallible>(())
    };
    engine.send_data_with(stream, write, is_end).map(|_written| ())
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
    uploaded: Option<Uploaded>,
}

impl Future for Sent {
    type Output = Result<http::Response<ResponseBody>, Unanswered>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = match &self.call {
            Some(call) => ready!(call.shared.lock().poll_answer(call.stream, cx)),
            None => Err(lost(Status::internal("the call is over"))),
        };
        let Lost { status, progress } = match (answer, self.call.take()) {
            (Ok(Answer::Whole(head, rest, read_at)), Some(call)) => {
                call.forget();
                return Poll::Ready(Ok(self.answered(head, ResponseBody::Whole(rest, read_at))));
            }
            (Ok(Answer::Begun(head)), Some(call)) => {
                return Poll::Ready(Ok(self.answered(head, ResponseBody::Ongoing(call))));
            }
            (Err(lost), _) => lost,
            (Ok(_), None) => lost(Status::internal("the call is over")),
        };
        let request = self.request.take().filter(|_| progress.is_unprocessed()).and_then(|(head, opening)| {
            let body = opening.reclaim(self.uploaded.as_ref())?;
            Some(http::Request::from_parts(head, body))
        });
        Poll::Ready(Err(Unanswered { status, progress, request }))
    }
}

impl Sent {
    /// A request that is not on its way yet.
    pub(crate) fn unsent(request: http::Request<Body>) -> Self {
        let (head, body) = request.into_parts();
        Sent { call: None, request: Some((head, Opening::take_from(body))), uploaded: None }
    }

    /// What there is of its body before it is on its way.
    pub(crate) fn opening(&mut self) -> Option<&mut Opening> {
        self.request.as_mut().map(|(_, opening)| opening)
    }

    /// Sends it now, if its turn is now.
    ///
    /// # Errors
    /// As [`Reservation::send`].
    #[inline]
    pub(crate) fn send_at_once(&mut self, connection: &Connection, origin: Origin<'_>) -> Result<(), Unanswered> {
        let opened = self.open(Place { shared: connection.shared(), ticket: Ticket::None }, origin);
        self.begin(opened, connection.shared(), origin)
    }

    #[inline]
    fn open(&self, place: Place<'_>, origin: Origin<'_>) -> Result<StreamId, Refused> {
        match &self.request {
            Some((head, opening)) => place.open(head, origin, opening),
            None => Err(Refused::Unsendable(Status::internal("the request is gone"))),
        }
    }

    #[inline]
    fn begin(
        &mut self,
        opened: Result<StreamId, Refused>,
        shared: &Arc<Shared>,
        origin: Origin<'_>,
    ) -> Result<(), Unanswered> {
        let stream = opened.map_err(|refused| self.unanswered(refused))?;
        if let Some((_, opening)) = &mut self.request {
            self.uploaded = Upload::spawn(shared, stream, opening, origin.replay);
        }
        self.call = Some(Ongoing::new(Arc::clone(shared), stream));
        Ok(())
    }

    #[cold]
    fn unanswered(&mut self, refused: Refused) -> Unanswered {
        let request = self.request.take();
        match refused {
            Refused::NotNow(status) => {
                let request = request.map(|(head, opening)| http::Request::from_parts(head, opening.into_body()));
                Unanswered { status, progress: Progress::Unsent, request }
            }
            Refused::Unsendable(status) => Unanswered { status, progress: Progress::Final, request: None },
        }
    }

    #[inline]
    fn answered(&mut self, head: Block, body: ResponseBody) -> http::Response<ResponseBody> {
        if let Some(uploaded) = self.uploaded.take() {
            uploaded.settle();
        }
        match Arc::try_unwrap(head) {
            Ok(own) => http::Response::from_parts(own, body),
            Err(kept) if kept.headers.len() > FEW_HEADERS => {
                http::Response::from_parts(http::response::Parts::clone(&kept), body)
            }
            Err(kept) => self.answered_anew(&kept, body),
        }
    }

    /// A copy of the head in the memory of the request's, which nobody needs any more: it has room for what is added
    /// later.
    fn answered_anew(&mut self, kept: &http::response::Parts, body: ResponseBody) -> http::Response<ResponseBody> {
        let mut response = http::Response::new(body);
        *response.status_mut() = kept.status;
        *response.version_mut() = kept.version;
        if let Some((request, _)) = &mut self.request {
            *response.headers_mut() = std::mem::take(&mut request.headers);
        }
        let headers = response.headers_mut();
        headers.clear();
        for (name, value) in &kept.headers {
            headers.append(name, value.clone());
        }
        response
    }
}

impl fmt::Debug for Sent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sent").finish_non_exhaustive()
    }
}

fn lost(status: Status) -> Lost {
    Lost { status, progress: Progress::Final }
}

/// What is there of an answer.
enum Answer {
    Begun(Block),
    /// All of it, and when it had come. What is left of the call has the rest.
    Whole(Block, Box<General>, Instant),
}

impl State {
    fn poll_answer(&mut self, stream: StreamId, cx: &Context<'_>) -> Poll<Result<Answer, Lost>> {
        let Some(call) = self.general(stream) else {
            return Poll::Ready(Err(lost(Status::internal("the call is gone"))));
        };
        // Nothing follows and the peer needs no more credit: the connection need not know of it any more.
        let is_whole = call.is_whole();
        if let Some(head) = call.head.take() {
            let rest = if is_whole { self.calls.remove(stream) } else { None };
            return Poll::Ready(Ok(match rest {
                Some(Call::General(rest)) => Answer::Whole(head, rest, self.read_at),
                _ => Answer::Begun(head),
            }));
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
