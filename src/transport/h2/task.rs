//! The general way of a call: an answer's future and then its body, piece by piece into the exchange.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http_body::Body as _;
use tonic::body::Body;

use crate::transport::h2::AnswerFuture;
use crate::transport::h2::exchange::{Exchange, Outbound};

/// A call at work. Polled on the connection's task first; moves to a task of its own when it has to wait.
pub(crate) struct CallTask {
    exchange: Arc<Exchange>,
    state: State,
    /// A HEAD request: its answer has no body.
    is_head_only: bool,
}

enum State {
    Answering(AnswerFuture),
    Sending(Body),
    Over,
}

/// How many pieces a body may give in one poll: one that is always ready must let others have their turn.
const PIECES_MAX: usize = 32;

impl CallTask {
    pub(crate) fn new(exchange: Arc<Exchange>, answer: AnswerFuture, is_head_only: bool) -> Self {
        CallTask { exchange, state: State::Answering(answer), is_head_only }
    }

    fn begin_sending(&mut self, response: http::Response<Body>) {
        let (head, body) = response.into_parts();
        let is_end = self.is_head_only || body.is_end_stream();
        self.state = if is_end { State::Over } else { State::Sending(body) };
        self.exchange.send(Outbound::Head { head, is_end });
    }
}

impl Future for CallTask {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..PIECES_MAX {
            match &mut this.state {
                State::Over => return Poll::Ready(()),
                State::Answering(answer) => {
                    let response = ready!(answer.as_mut().poll(cx));
                    this.begin_sending(response);
                }
                State::Sending(body) => {
                    if ready!(this.exchange.poll_room(cx)).is_err() {
                        this.state = State::Over;
                        continue;
                    }
                    let piece = match ready!(Pin::new(body).poll_frame(cx)) {
                        None => Outbound::End,
                        Some(Err(_)) => Outbound::Broken,
                        Some(Ok(frame)) => match frame.into_data() {
                            Ok(bytes) if bytes.is_empty() => continue,
                            Ok(bytes) => Outbound::Data(bytes),
                            Err(frame) => match frame.into_trailers() {
                                Ok(trailers) => Outbound::Trailers(trailers),
                                Err(_unknown) => continue,
                            },
                        },
                    };
                    if !matches!(piece, Outbound::Data(_)) {
                        this.state = State::Over;
                    }
                    this.exchange.send(piece);
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for CallTask {
    fn drop(&mut self) {
        // What the handler holds goes first: the stream counts until it is gone.
        self.state = State::Over;
        self.exchange.send(Outbound::Finished);
    }
}
