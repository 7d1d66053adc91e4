//! Who answers the requests of a connection.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body_util::Full;
use seltzer_h2::{FieldList, Prepared};
use tokio::time::Instant;
use tonic::body::Body;

use crate::codec::Rope;
use crate::deadline::Deadline;
use crate::status::Status;
use crate::transport::h2::message::Message;
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// An answer on its way.
pub(crate) type AnswerFuture = Pin<Box<dyn Future<Output = http::Response<ResponseBody>> + Send>>;

/// Answers the requests of one connection; asked by the connection's task and nobody else.
pub(crate) trait Answer: Send + Unpin + 'static {
    /// What is known of a call from its header block alone. The same block is not asked about again.
    type Head: Send + Sync + 'static;

    /// What is known of any other request from its head alone.
    type Meaning: Send + Sync + 'static;

    /// Looks at a request's header block.
    fn route(&self, fields: &FieldList) -> Routed<Self::Head>;

    /// The header block of a good answer to a unary call, and the trailers behind its message.
    fn blocks(head: &Self::Head) -> (&Prepared, &Prepared);

    /// The largest message that such a call may send.
    fn message_bytes_max(&self, head: &Self::Head) -> usize;

    /// How long such a call may take.
    fn timeout(&self, head: &Self::Head) -> Option<Duration>;

    /// Answers a unary call whose one message has arrived: appends the message of the answer with its prefix, if
    /// that is all there is to it. The call itself arrived at `arrived`.
    fn unary(&mut self, head: &Arc<Self::Head>, message: Message<'_>, arrived: Instant, output: &mut Rope) -> Unary;

    /// Ends a unary call that did not send exactly one good message in time.
    fn refuse(&mut self, head: &Arc<Self::Head>, status: Status, arrived: Instant) -> Later;

    /// Such a call was lost before its message had come: nobody waits for an answer.
    fn lost(&mut self, _head: &Self::Head, _arrived: Instant) {}

    /// The status of a call that sent no message, or more than one.
    fn cardinality(&self, head: &Self::Head, came: &str) -> Status;

    /// The status of a call whose time was up before its message had come.
    fn deadline_status(&self) -> Status;

    /// Looks at the head of any other request. The same block is not asked about again.
    fn understand(&self, request: &http::Request<()>) -> Self::Meaning;

    /// Whether who answers has its messages collected by the connection.
    fn collects_messages(meaning: &Self::Meaning) -> bool;

    /// Answers a request with such a head.
    fn answer(&mut self, meaning: &Self::Meaning, request: http::Request<IncomingBody>) -> Later;

    /// A request with such a head was lost before it was handed over.
    fn lost_request(&mut self, _meaning: &Self::Meaning) {}

    /// Whether [`answer_at_once`](Self::answer_at_once) is worth asking.
    fn answers_at_once(&self, _: &Self::Meaning) -> bool {
        false
    }

    /// Answers a request all of which is there, and polls its handler once.
    fn answer_at_once(&mut self, meaning: &Self::Meaning, head: &http::Request<()>, body: Full<Bytes>) -> AtOnce {
        AtOnce::Later(self.answer(meaning, head.clone().map(|()| IncomingBody::Whole(body))))
    }
}

/// Which way a request takes.
pub(crate) enum Routed<H> {
    /// A unary call of a generated service: its message is decoded from the read buffer, its handler is polled at
    /// once.
    Unary(H),
    /// Anything else.
    General,
}

/// What became of a unary call.
pub(crate) enum Unary {
    /// The answer is one message without metadata, and it is in the output.
    Written,
    /// The answer is something else, or it is not there yet. Nothing is in the output.
    Later(Later),
}

/// What became of a request that was polled at once.
#[allow(
    clippy::large_enum_variant,
    reason = "it is looked at where it is returned, and the large one is the usual one"
)]
pub(crate) enum AtOnce {
    /// The head of the answer is there, and what was to be had of its body.
    Begun(Beginning),
    /// It is not there yet.
    Later(Later),
}

/// The beginning of an answer, which may be all of it.
pub(crate) struct Beginning {
    pub(crate) head: http::response::Parts,
    pub(crate) data: Option<Bytes>,
    pub(crate) rest: Rest,
    /// As in [`Later`], where there is a rest to come.
    pub(crate) deadline: Option<Deadline>,
}

/// What follows the beginning of an answer.
pub(crate) enum Rest {
    /// Trailers, and that is all.
    Trailers(HeaderMap),
    /// Nothing.
    End,
    /// The body broke off.
    Broken,
    /// More data, if it is there already, and what is still to be polled.
    Body { data: Option<Bytes>, body: Body },
}

/// An answer that goes the general way.
pub(crate) struct Later {
    pub(crate) answer: AnswerFuture,
    /// Whether it is known to take its time, so that it is not even begun on the connection's task.
    pub(crate) is_long: bool,
    /// When it must be over. The answer sees to that itself, as long as the peer takes what is sent.
    pub(crate) deadline: Option<Deadline>,
}
