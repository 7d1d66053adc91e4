//! What arrives on a connection, made into calls.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use seltzer_h2::{Event, HeadersKind, Memo, Reason, StreamId};
use tokio::time::Instant;

use crate::deadline::Deadline;
use crate::metadata;
use crate::pace::Pace;
use crate::status::Status;
use crate::transport::h2::begin::Begun;
use crate::transport::h2::buffers::{give_collected_buffer, take_collected_buffer};
use crate::transport::h2::direct::DIRECT_BYTES_MIN;
use crate::transport::h2::exchange::{Exchange, Outbound};
use crate::transport::h2::heads::{GeneralHead, Known};
use crate::transport::h2::message::{Refused, collect, only_message};
use crate::transport::h2::request;
use crate::transport::h2::server::ServerConnection;
use crate::transport::h2::task::{Detached, Work};
use crate::transport::h2::writing::Writing;
use crate::transport::h2::{Answer, Later, Message, Payload, Routed, Unary};

/// How long after its deadline a stream is reset whose peer takes nothing of it: a peer that reads hears of the
/// deadline by the status of the call.
const DEADLINE_PATIENCE: Duration = Duration::from_secs(1);

/// Up to this size a message's parts are copied rather than shared, and pin nothing.
const LENT_BYTES_MAX: usize = 4 * 1024;

/// A stream as its connection knows it.
pub(super) enum Call<A: Answer> {
    /// A unary call of a generated service that waits for its message.
    Unary { head: Arc<A::Head>, collected: BytesMut, arrived: Instant },
    /// A request that begins when the batch that brought it is through.
    Begun(Begun<A>),
    /// A request whose handler runs.
    Running { exchange: Arc<Exchange>, work: Arc<Detached>, deadline: Option<Deadline> },
    /// A request whose answer is messages that this task writes.
    Writing(Box<Writing<A>>),
}

impl<A: Answer> ServerConnection<A> {
    /// Takes one event of the engine.
    pub(super) fn take_event(&mut self, event: Event<'_>) {
        match event {
            Event::Data { stream, bytes, end_stream } => self.take_data(stream, bytes, end_stream),
            Event::Headers { stream, kind: HeadersKind::Request, end_stream, memo } => {
                self.take_request(stream, memo, end_stream);
            }
            // Trailers of requests mean nothing in gRPC, but they end the request.
            Event::Headers { stream, end_stream, .. } => self.take_data(stream, &[], end_stream),
            // Trailers end the request, however large they are: nobody reads them.
            Event::HeadersTooLarge { stream, end_stream } if self.calls.get(stream).is_some() => {
                self.take_data(stream, &[], end_stream);
            }
            Event::HeadersTooLarge { stream, .. } => self.refuse_headers(stream),
            Event::Reset { stream, reason, by_peer } => self.lose_call(stream, &reset_status(reason, by_peer)),
            Event::Closed(error) => {
                tracing::debug!(%error, "a connection ended early");
                self.ended = Some(Err(error));
                self.lose_calls(&Status::cancelled("the connection broke"));
            }
            // What is left concerns clients.
            _ => {}
        }
    }

    fn take_request(&mut self, stream: StreamId, memo: Memo, end_stream: bool) {
        let Some(known) = self.known(memo) else {
            return self.answer_at_once(stream, StatusCode::BAD_REQUEST);
        };
        if let Known::Unary(head) = known {
            if end_stream {
                let status = self.answer.cardinality(&head, "none came");
                return self.refuse(stream, &head, status, self.now);
            }
            if let Some(timeout) = self.answer.timeout(&head) {
                self.waiting.push((Deadline::counted_from(self.now, timeout), stream));
            }
            self.calls.insert(stream, Call::Unary { head, collected: BytesMut::new(), arrived: self.now });
            return;
        }
        let Known::General(head) = known else { return };
        self.calls.insert(stream, Call::Begun(Begun::new(head, end_stream)));
        self.begun.push(stream);
    }

    /// What the header block that just came means: remembered for blocks that the engine has seen before. `None`: it
    /// cannot be said in the words of the `http` crate.
    fn known(&mut self, memo: Memo) -> Option<Known<A>> {
        if let Some(known) = self.heads.get(self.engine.memo_tag(memo)) {
            return Some(known.clone());
        }
        let known = match self.answer.route(self.engine.fields()) {
            Routed::Unary(head) => Known::Unary(Arc::new(head)),
            Routed::General => {
                let request = request::head(self.engine.fields())?;
                let meaning = self.answer.understand(&request);
                let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(metadata::is_grpc);
                let counts_messages = is_grpc && !A::collects_messages(&meaning);
                let answers_at_once = self.answer.answers_at_once(&meaning);
                let pace = Pace::default();
                Known::General(Arc::new(GeneralHead {
                    request,
                    meaning,
                    pace,
                    counts_messages,
                    #[cfg(feature = "http1")]
                    is_told_of: !is_grpc,
                    answers_at_once,
                }))
            }
        };
        if !memo.is_none() {
            let tag = self.heads.keep(known.clone());
            self.engine.set_memo_tag(memo, tag);
        }
        Some(known)
    }

    fn take_data(&mut self, stream: StreamId, bytes: &[u8], end_stream: bool) {
        let exchange = match self.calls.get_mut(stream) {
            Some(Call::Unary { collected, .. }) if end_stream && collected.is_empty() => {
                return self.take_message(stream, Payload::Slice(bytes));
            }
            Some(Call::Unary { .. }) => return self.collect(stream, bytes, end_stream),
            Some(Call::Begun(begun)) => {
                if begun.take(bytes, end_stream) {
                    return;
                }
                &begun.share(stream, &self.ready)
            }
            Some(Call::Running { exchange, .. }) => exchange,
            Some(Call::Writing(writing)) => &writing.exchange,
            // Refused before: its bytes go nowhere.
            None => return self.engine.release(stream, bytes.len()),
        };
        if bytes.len() > DIRECT_BYTES_MIN && exchange.collects() {
            self.bulk.expect();
        }
        let unwanted = exchange.receive(bytes);
        if end_stream {
            exchange.end_inbound(Ok(()));
        } else if unwanted > 0 {
            self.engine.release(stream, unwanted);
        }
        self.keep_within_memory();
    }

    /// Collects a message that comes in pieces.
    fn collect(&mut self, stream: StreamId, bytes: &[u8], end_stream: bool) {
        let Some(Call::Unary { head, collected, arrived }) = self.calls.get_mut(stream) else { return };
        let bytes_max = self.answer.message_bytes_max(head);
        let before = collected.len();
        if collected.capacity() == 0 {
            *collected = take_collected_buffer();
        }
        let refused = match collect(collected, bytes, bytes_max) {
            Ok(()) if end_stream => {
                let whole = std::mem::take(collected);
                self.ready.memory().give(before);
                return self.take_collected(stream, whole);
            }
            Ok(()) => {
                self.ready.memory().take(bytes.len());
                self.engine.release(stream, bytes.len());
                return self.keep_within_memory();
            }
            Err(refused) => refused,
        };
        let (head, arrived) = (Arc::clone(head), *arrived);
        self.forget_collected(stream);
        self.forget_deadline(stream, &head, arrived);
        self.refuse_as(stream, &head, refused, arrived);
    }

    /// Takes a body that came in pieces: a small one is only lent, so that its buffer can be used again.
    fn take_collected(&mut self, stream: StreamId, whole: BytesMut) {
        if whole.len() > LENT_BYTES_MAX {
            return self.take_message(stream, Payload::Shared(whole.freeze()));
        }
        self.take_message(stream, Payload::Slice(&whole));
        give_collected_buffer(whole);
    }

    /// Where more waits than may, the call goes that has the largest part of it; until there is less, no new streams
    /// are taken.
    pub(super) fn keep_within_memory(&mut self) {
        while self.ready.memory().must_shrink() {
            let Some((bytes, stream)) = self.largest_call() else { break };
            let status = Status::resource_exhausted(format!(
                "too much waits on this connection or on this server, and of this call most, {bytes} bytes: send fewer large messages \
                 at a time"
            ));
            self.break_off(stream, status);
        }
        self.engine.refuse_streams(self.ready.memory().is_tight());
    }

    /// The call of which most waits.
    fn largest_call(&mut self) -> Option<(usize, StreamId)> {
        let waiting = self.calls.iter_mut().map(|(stream, call)| {
            let bytes = match call {
                Call::Unary { collected, .. } => collected.len(),
                Call::Begun(begun) => begun.shared().map_or(0, |exchange| exchange.held_bytes()),
                Call::Running { exchange, .. } => exchange.held_bytes(),
                Call::Writing(writing) => writing.exchange.held_bytes(),
            };
            (bytes, stream)
        });
        waiting.filter(|(bytes, _)| *bytes > 0).max()
    }

    /// Ends a request before all of it has come.
    fn break_off(&mut self, stream: StreamId, status: Status) {
        let exchange = match self.calls.get_mut(stream) {
            Some(Call::Unary { head, arrived, .. }) => {
                let (head, arrived) = (Arc::clone(head), *arrived);
                self.forget_collected(stream);
                self.forget_deadline(stream, &head, arrived);
                return self.refuse(stream, &head, status, arrived);
            }
            Some(Call::Begun(begun)) => &begun.share(stream, &self.ready),
            Some(Call::Running { exchange, .. }) => exchange,
            Some(Call::Writing(writing)) => &writing.exchange,
            None => return,
        };
        let rest = exchange.break_off(status);
        self.engine.release(stream, rest);
    }

    /// Lets go of what was collected of a message.
    fn forget_collected(&mut self, stream: StreamId) {
        if let Some(Call::Unary { collected, .. }) = self.calls.get_mut(stream) {
            self.ready.memory().give(std::mem::take(collected).len());
        }
    }

    fn refuse_as(&mut self, stream: StreamId, head: &Arc<A::Head>, refused: Refused, arrived: Instant) {
        let status = match refused {
            Refused::Status(status) => status,
            Refused::Cardinality(came) => self.answer.cardinality(head, came),
        };
        self.refuse(stream, head, status, arrived);
    }

    /// Takes the whole body of a unary call: exactly one message with its prefix.
    fn take_message(&mut self, stream: StreamId, body: Payload<'_>) {
        let Some(Call::Unary { head, arrived, .. }) = self.calls.remove(stream) else { return };
        self.forget_deadline(stream, &head, arrived);
        let bytes_max = self.answer.message_bytes_max(&head);
        match only_message(body, bytes_max) {
            Ok(message) => self.answer_unary(stream, &head, message, arrived),
            Err(refused) => self.refuse_as(stream, &head, refused, arrived),
        }
    }

    fn answer_unary(&mut self, stream: StreamId, head: &Arc<A::Head>, message: Message<'_>, arrived: Instant) {
        let ServerConnection { engine, answer, .. } = self;
        let (block, trailers) = A::blocks(head);
        let sent = engine.send_response(
            stream,
            block,
            |output| match answer.unary(head, message, arrived, output) {
                Unary::Written => Ok(()),
                Unary::Later(later) => Err(later),
            },
            trailers,
        );
        match sent {
            Ok(Err(later)) => self.run_answer(stream, later),
            // An answer that nobody waits for any more is an answer too.
            Ok(Ok(())) | Err(_) => self.engine.finish(stream),
        }
    }

    fn refuse(&mut self, stream: StreamId, head: &Arc<A::Head>, status: Status, arrived: Instant) {
        let later = self.answer.refuse(head, status, arrived);
        self.run_answer(stream, later);
    }

    fn forget_deadline(&mut self, stream: StreamId, head: &A::Head, arrived: Instant) {
        if !self.deadlines.is_empty()
            && let Some(timeout) = self.answer.timeout(head)
        {
            self.deadlines.remove(&(Deadline::counted_from(arrived, timeout), stream));
        }
    }

    /// Remembers which of this batch's unary calls still wait for their message, and until when they may.
    pub(super) fn keep_deadlines(&mut self) {
        for (deadline, stream) in self.waiting.drain(..) {
            if matches!(self.calls.get(stream), Some(Call::Unary { .. })) {
                self.deadlines.insert((deadline, stream));
            }
        }
    }

    /// Ends the calls whose time was up before their message had come, or of which the peer takes nothing.
    pub(super) fn expire(&mut self, now: Instant) {
        while let Some((deadline, stream)) = self.deadlines.first().copied()
            && deadline.tokio_instant() <= now
        {
            self.deadlines.pop_first();
            match self.calls.get(stream) {
                Some(Call::Unary { head, arrived, .. }) => {
                    let (head, arrived) = (Arc::clone(head), *arrived);
                    self.forget_collected(stream);
                    let status = self.answer.deadline_status();
                    self.refuse(stream, &head, status, arrived);
                }
                // Its answer has said so by now, but the peer does not take it.
                Some(Call::Running { .. } | Call::Writing(_)) => {
                    self.engine.reset(stream, Reason::Cancel);
                    let status = self.answer.deadline_status();
                    self.lose_call(stream, &status);
                }
                _ => {}
            }
        }
    }

    /// Lets a call go the general way whose message has come.
    fn run_answer(&mut self, stream: StreamId, later: Later) {
        self.calls.remove(stream);
        self.run(stream, None, later, false, None);
    }

    /// Polls a call at once; one that has to wait moves to a task of its own. Without an exchange it has its request.
    pub(super) fn run(
        &mut self,
        stream: StreamId,
        exchange: Option<Arc<Exchange>>,
        later: Later,
        is_head_only: bool,
        head: Option<Arc<GeneralHead<A>>>,
    ) {
        let mut work = Work::new(later.answer, is_head_only);
        let mut pieces = std::mem::take(&mut self.pieces);
        let is_over = match &head {
            _ if later.is_long => false,
            Some(head) => head.pace.measure(|| work.poll_inline(&mut pieces)).is_ready(),
            None => work.poll_inline(&mut pieces).is_ready(),
        };
        let work = (!is_over).then_some(work);
        self.settle(stream, exchange, work, pieces, later.deadline, head);
    }

    /// Sends what a call has made, and puts what is left of it where it belongs.
    pub(super) fn settle(
        &mut self,
        stream: StreamId,
        exchange: Option<Arc<Exchange>>,
        work: Option<Work>,
        mut pieces: VecDeque<Outbound>,
        deadline: Option<Deadline>,
        head: Option<Arc<GeneralHead<A>>>,
    ) {
        let Some(work) = work else {
            self.send_pieces(stream, &mut pieces);
            self.pieces = pieces;
            return self.engine.finish(stream);
        };
        let exchange = exchange.unwrap_or_else(|| {
            let exchange = Exchange::new(stream, Arc::clone(&self.ready));
            exchange.abandon_inbound();
            exchange.end_inbound(Ok(()));
            exchange
        });
        if work.has_messages() {
            self.send_pieces(stream, &mut pieces);
        } else if !pieces.is_empty() {
            exchange.send(&mut pieces);
        }
        self.pieces = pieces;
        let deadline = deadline.map(|deadline| deadline.later_by(DEADLINE_PATIENCE));
        self.deadlines.extend(deadline.map(|deadline| (deadline, stream)));
        if work.has_messages() {
            self.write_messages(stream, Writing::new(exchange, work, deadline, head));
        } else {
            self.detach(stream, exchange, work, deadline);
        }
    }

    fn send_pieces(&mut self, stream: StreamId, pieces: &mut VecDeque<Outbound>) {
        for piece in pieces.drain(..) {
            if !self.send_piece(stream, piece) {
                break;
            }
        }
    }

    /// Lets a call go on in a task of its own. Polled again there, it registers the waker of that task.
    pub(super) fn detach(&mut self, stream: StreamId, exchange: Arc<Exchange>, work: Work, deadline: Option<Deadline>) {
        let work = Detached::new(work, Arc::clone(&exchange));
        match &self.pool {
            Some(pool) => pool.spawn(Arc::clone(&work).run()),
            None => tokio::spawn(Arc::clone(&work).run()),
        };
        self.calls.insert(stream, Call::Running { exchange, work, deadline });
        self.send_call(stream);
    }

    /// Takes a call out whose handler is gone.
    pub(super) fn end_call(&mut self, stream: StreamId) {
        if let Some(Call::Running { deadline: Some(deadline), .. }) = self.calls.remove(stream) {
            self.deadlines.remove(&(deadline, stream));
        }
        self.engine.finish(stream);
    }

    /// The peer does not want the answer any more, or cannot have it.
    fn lose_call(&mut self, stream: StreamId, status: &Status) {
        self.forget_collected(stream);
        match self.calls.remove(stream) {
            Some(Call::Running { exchange, work, deadline }) => {
                let is_gone = lose(&exchange, &work, status);
                self.calls.insert(stream, Call::Running { exchange, work, deadline });
                if is_gone {
                    self.end_call(stream);
                } else {
                    // The stream counts until its handler is gone.
                    self.send_call(stream);
                }
            }
            Some(Call::Writing(writing)) => {
                writing.exchange.close(status.clone());
                self.forget_writing(stream, &writing);
                drop(writing);
                self.engine.finish(stream);
            }
            Some(Call::Begun(begun)) => {
                if let Some(exchange) = begun.shared() {
                    exchange.close(status.clone());
                }
                self.answer.lost_request(begun.meaning());
                self.engine.finish(stream);
            }
            Some(Call::Unary { head, arrived, .. }) => {
                self.forget_deadline(stream, &head, arrived);
                self.answer.lost(&head, arrived);
                self.engine.finish(stream);
            }
            None => {}
        }
    }

    pub(super) fn lose_calls(&mut self, status: &Status) {
        for (_, call) in self.calls.drain() {
            match call {
                Call::Running { exchange, work, .. } => {
                    lose(&exchange, &work, status);
                }
                Call::Writing(writing) => writing.exchange.close(status.clone()),
                Call::Begun(begun) => {
                    if let Some(exchange) = begun.shared() {
                        exchange.close(status.clone());
                    }
                    self.answer.lost_request(begun.meaning());
                }
                Call::Unary { head, collected, arrived } => {
                    self.ready.memory().give(collected.len());
                    self.answer.lost(&head, arrived);
                }
            }
        }
    }
}

/// Takes a handler away. Tells whether it is gone by now.
fn lose(exchange: &Exchange, work: &Detached, status: &Status) -> bool {
    let is_gone = work.cancel();
    // Wakes its task too, which ends then.
    exchange.close(status.clone());
    is_gone
}

fn reset_status(reason: Reason, by_peer: bool) -> Status {
    let who = if by_peer { "the peer reset the stream" } else { "the peer broke the protocol" };
    Status::cancelled(format!("{who}: {reason}"))
}
