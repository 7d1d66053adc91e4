//! The short way of a unary call: nothing but its bytes, and no word of the `http` crate.

use std::convert::Infallible;
use std::fmt;
use std::future::{Future, poll_fn};
use std::iter::{Chain, FilterMap};
use std::option;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::BytesMut;
use http::{HeaderMap, HeaderName, HeaderValue};
use seltzer_h2::{HeaderField, Prepared, Reason, SendError, StreamId};
use tokio::time::Instant;

use crate::codec::Rope;
use crate::deadline::{Deadline, TimeoutText};
use crate::metadata;
use crate::status::Status;
use crate::transport::h2::client::call::{Call, Head, Lost, Trailers, Unary, UnaryEnd, register};
use crate::transport::h2::client::connection::Connection;
use crate::transport::h2::client::places::Ticket;
use crate::transport::h2::client::send::{Place, Reservation, unsendable};
use crate::transport::h2::client::state::State;
use crate::transport::h2::fields::field_of;
use crate::transport::h2::message::Refused;
use crate::transport::progress::Progress;

/// What a unary call says.
#[derive(Debug)]
pub(crate) struct UnaryRequest<'a> {
    /// The headers that all calls of the method have.
    pub(crate) block: &'a Prepared,
    /// The user's metadata; what is reserved in it is left out.
    pub(crate) metadata: &'a HeaderMap,
    pub(crate) deadline: Option<Deadline>,
    /// The largest message of the answer.
    pub(crate) answer_bytes_max: usize,
}

/// The whole answer to a unary call.
#[derive(Debug)]
pub(crate) struct UnaryAnswer {
    pub(crate) head: Head,
    /// The message with its prefix, as far as it came: no more than that, and within its limit.
    pub(crate) body: BytesMut,
    pub(crate) trailers: Trailers,
    /// When it had come, as far as the connection knows without another look at the clock.
    pub(crate) read_at: Instant,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The call ended early.
    Lost { status: Status, progress: Progress },
    /// The answer is not one good message.
    Refused(Refused),
}

/// Why a call did not begin. Nothing of it left.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// All streams that the server permits are taken.
    NoPlace,
    /// The connection takes no more calls.
    Closed(Status),
    /// The server would not take it.
    Unsendable(Status),
}

impl Connection {
    /// Begins a unary call if it need not wait. Its message, with its prefix, is taken out of `message` when it goes.
    #[inline]
    pub(crate) fn begin_unary(
        self,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
        caller: &Waker,
    ) -> Result<UnaryCall, Refusal> {
        let begun = self.shared().with(|state| state.begin_unary(&mut Ticket::None, request, message, caller));
        begun.map(|stream| UnaryCall::begun(self, stream))
    }
}

impl Reservation {
    /// Begins a unary call, whose turn it is.
    pub(crate) async fn begin_unary(
        mut self,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
    ) -> Result<UnaryCall, Refusal> {
        let begun = poll_fn(|cx| {
            let mut place = self.place();
            let Place { shared, ticket } = &mut place;
            Poll::Ready(shared.with(|state| state.begin_unary(ticket, request, message, cx.waker())))
        })
        .await;
        begun.map(|stream| UnaryCall::begun(self.connection.clone(), stream))
    }
}

impl State {
    fn begin_unary(
        &mut self,
        ticket: &mut Ticket,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
        caller: &Waker,
    ) -> Result<StreamId, Refusal> {
        if *ticket == Ticket::None && !self.is_closed() && !self.has_free_place() {
            return Err(Refusal::NoPlace);
        }
        let begins_at = self.position();
        let stream = self.open(ticket).map_err(Refusal::Closed)?;
        if let Err(error) = self.send_unary(stream, request, message) {
            self.engine.reset(stream, Reason::Cancel);
            return Err(Refusal::Unsendable(unsendable(error)));
        }
        let call = Unary {
            begins_at,
            bytes_max: request.answer_bytes_max,
            deadline: request.deadline,
            head: None,
            body: BytesMut::new(),
            end: None,
            caller: Some(caller.clone()),
        };
        self.calls.insert(stream, Call::Unary(call));
        if let Some(deadline) = request.deadline {
            self.keep_deadline(stream, deadline);
        }
        Ok(stream)
    }

    fn send_unary(
        &mut self,
        stream: StreamId,
        request: &UnaryRequest<'_>,
        message: &mut Rope,
    ) -> Result<(), SendError> {
        if request.deadline.is_none() && request.metadata.is_empty() {
            self.engine.send_prepared(stream, request.block, false)?;
        } else {
            let timeout = request.deadline.map(|deadline| TimeoutText::of(deadline.remaining()));
            let more = More { timeout: timeout.as_ref(), metadata: request.metadata };
            self.engine.send_prepared_with(stream, request.block, more, false)?;
        }
        let write = |output: &mut Rope| {
            output.append(message);
            Ok::<(), Infallible>(())
        };
        self.engine.send_data_with(stream, write, true).map(|_written| ())
    }

    fn poll_unary(&mut self, stream: StreamId, cx: &Context<'_>) -> Poll<Result<UnaryAnswer, Failed>> {
        let Some(Call::Unary(call)) = self.calls.get_mut(stream) else { return Poll::Ready(Err(gone())) };
        let Some(end) = call.end.take() else {
            register(&mut call.caller, cx.waker());
            return Poll::Pending;
        };
        let (head, body, read_at) = (call.head.take(), std::mem::take(&mut call.body), self.read_at);
        self.calls.remove(stream);
        Poll::Ready(match (head, end) {
            (Some(head), UnaryEnd::Complete(trailers)) => Ok(UnaryAnswer { head, body, trailers, read_at }),
            (_, UnaryEnd::Refused(refused)) => Err(Failed::Refused(refused)),
            (head, UnaryEnd::Lost(lost)) => {
                let Lost { status, progress } = *lost;
                Err(Failed::Lost { status, progress: if head.is_some() { Progress::Final } else { progress } })
            }
            (None, UnaryEnd::Complete(_)) => Err(gone()),
        })
    }
}

/// What a call says beyond its method's block.
#[derive(Clone, Copy)]
struct More<'a> {
    timeout: Option<&'a TimeoutText>,
    metadata: &'a HeaderMap,
}

type UserFields<'a> =
    FilterMap<http::header::Iter<'a, HeaderValue>, fn((&'a HeaderName, &'a HeaderValue)) -> Option<HeaderField<'a>>>;

impl<'a> IntoIterator for More<'a> {
    type Item = HeaderField<'a>;
    type IntoIter = Chain<option::IntoIter<HeaderField<'a>>, UserFields<'a>>;

    fn into_iter(self) -> Self::IntoIter {
        let timeout = self.timeout.map(|text| HeaderField::new(b"grpc-timeout", text.as_bytes()));
        timeout.into_iter().chain(self.metadata.iter().filter_map(user_field as fn(_) -> _))
    }
}

fn user_field<'a>((name, value): (&'a HeaderName, &'a HeaderValue)) -> Option<HeaderField<'a>> {
    (!metadata::is_reserved(name)).then(|| field_of(name, value))
}

/// A unary call on its way; dropped, it is cancelled at once.
pub(crate) struct UnaryCall {
    connection: Connection,
    stream: StreamId,
    /// It began in this very poll, and its caller is known.
    is_fresh: bool,
    is_over: bool,
}

impl UnaryCall {
    fn begun(connection: Connection, stream: StreamId) -> Self {
        UnaryCall { connection, stream, is_fresh: true, is_over: false }
    }
}

impl Future for UnaryCall {
    type Output = Result<UnaryAnswer, Failed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if std::mem::take(&mut self.is_fresh) {
            return Poll::Pending;
        }
        // Taking an answer gives nobody anything to do.
        let polled = self.connection.shared().lock().poll_unary(self.stream, cx);
        self.is_over = polled.is_ready();
        polled
    }
}

fn gone() -> Failed {
    Failed::Lost { status: Status::internal("the call is gone"), progress: Progress::Final }
}

impl Drop for UnaryCall {
    fn drop(&mut self) {
        if !self.is_over {
            // What is left of it is dropped when the lock is free.
            drop(self.connection.shared().with(|state| state.abandon_call(self.stream)));
        }
    }
}

impl fmt::Debug for UnaryCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnaryCall").field("stream", &self.stream).finish_non_exhaustive()
    }
}
