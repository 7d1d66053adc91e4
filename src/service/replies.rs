//! The messages of an answer and its end, as interceptors of either side hold them.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;

use crate::metadata::MetadataMap;
use crate::service::Message;
use crate::status::{Code, Status};

/// What comes of a call after the metadata of its answer.
pub(crate) enum Replies {
    One { message: Message, trailers: MetadataMap },
    Many(BoxReplies),
}

pub(crate) type BoxReplies = Pin<Box<dyn PollReplies>>;

/// The messages of an answer, and how it ends. Not asked again after its end.
pub(crate) trait PollReplies: Send {
    fn poll_reply(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyPart>;
}

pub(crate) enum ReplyPart {
    Message(Message),
    End(Result<MetadataMap, Status>),
}

impl Replies {
    /// An answer of one message.
    pub(crate) fn one(message: Message) -> Self {
        Replies::One { message, trailers: MetadataMap::new() }
    }

    /// A stream of messages, which ends with these trailers or with its first error.
    pub(crate) fn of_stream(
        messages: impl Stream<Item = Result<Message, Status>> + Send + 'static,
        trailers: MetadataMap,
    ) -> Self {
        Replies::Many(Box::pin(Made { messages: Box::pin(messages), trailers }))
    }

    pub(crate) fn message(&self) -> Option<&Message> {
        match self {
            Replies::One { message, .. } => Some(message),
            Replies::Many(_) => None,
        }
    }

    pub(crate) fn message_mut(&mut self) -> Option<&mut Message> {
        match self {
            Replies::One { message, .. } => Some(message),
            Replies::Many(_) => None,
        }
    }

    pub(crate) fn trailers(&self) -> Option<&MetadataMap> {
        match self {
            Replies::One { trailers, .. } => Some(trailers),
            Replies::Many(_) => None,
        }
    }

    /// Changes each message, or ends the call with a status.
    pub(crate) fn map_messages(
        self,
        mut change: impl FnMut(Message) -> Result<Message, Status> + Send + Unpin + 'static,
    ) -> Result<Self, Status> {
        Ok(match self {
            Replies::One { message, trailers } => Replies::One { message: change(message)?, trailers },
            Replies::Many(replies) => Replies::Many(Box::pin(MappedMessages { replies, change })),
        })
    }

    /// Changes how the call ends.
    pub(crate) fn map_end(
        self,
        change: impl FnOnce(Result<MetadataMap, Status>) -> Result<MetadataMap, Status> + Send + Unpin + 'static,
    ) -> Result<Self, Status> {
        Ok(match self {
            Replies::One { message, trailers } => Replies::One { message, trailers: change(Ok(trailers))? },
            Replies::Many(replies) => Replies::Many(Box::pin(MappedEnd { replies, change: Some(change) })),
        })
    }

    /// The messages by themselves.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<Message, Status>> + Send + Unpin + 'static {
        Taken(Some(self.into_parts()))
    }

    /// Messages and end, one by one.
    pub(crate) fn into_parts(self) -> BoxReplies {
        match self {
            Replies::One { message, trailers } => Box::pin(Parts { message: Some(message), trailers }),
            Replies::Many(replies) => replies,
        }
    }

    /// The one message and the trailers.
    ///
    /// # Errors
    /// The call's status, or what `cardinality` makes of another number of messages.
    pub(crate) async fn into_single(
        self,
        cardinality: impl Fn(&str) -> Status,
    ) -> Result<(Message, MetadataMap), Status> {
        let mut replies = match self {
            Replies::One { message, trailers } => return Ok((message, trailers)),
            Replies::Many(replies) => replies,
        };
        let message = match poll_fn(|cx| replies.as_mut().poll_reply(cx)).await {
            ReplyPart::Message(message) => message,
            ReplyPart::End(end) => return Err(end.err().unwrap_or_else(|| cardinality("none came"))),
        };
        match poll_fn(|cx| replies.as_mut().poll_reply(cx)).await {
            ReplyPart::Message(_) => Err(cardinality("more than one came")),
            ReplyPart::End(end) => Ok((message, end?)),
        }
    }
}

/// One message as a stream.
struct Parts {
    message: Option<Message>,
    trailers: MetadataMap,
}

impl PollReplies for Parts {
    fn poll_reply(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<ReplyPart> {
        Poll::Ready(match self.message.take() {
            Some(message) => ReplyPart::Message(message),
            None => ReplyPart::End(Ok(std::mem::take(&mut self.trailers))),
        })
    }
}

/// A stream that an interceptor made.
struct Made {
    messages: Pin<Box<dyn Stream<Item = Result<Message, Status>> + Send>>,
    trailers: MetadataMap,
}

impl PollReplies for Made {
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyPart> {
        Poll::Ready(match ready!(self.messages.as_mut().poll_next(cx)) {
            Some(Ok(message)) => ReplyPart::Message(message),
            Some(Err(status)) => ReplyPart::End(Err(failure(status))),
            None => ReplyPart::End(Ok(std::mem::take(&mut self.trailers))),
        })
    }
}

/// What an interceptor fails a call with: OK is no failure.
pub(crate) fn failure(status: Status) -> Status {
    match status.code() {
        Code::Ok => Status::internal("an interceptor failed a call with the status OK"),
        _ => status,
    }
}

struct MappedMessages<F> {
    replies: BoxReplies,
    change: F,
}

impl<F> PollReplies for MappedMessages<F>
where
    F: FnMut(Message) -> Result<Message, Status> + Send + Unpin,
{
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyPart> {
        Poll::Ready(match ready!(self.replies.as_mut().poll_reply(cx)) {
            ReplyPart::Message(message) => match (self.change)(message) {
                Ok(message) => ReplyPart::Message(message),
                Err(status) => ReplyPart::End(Err(failure(status))),
            },
            end @ ReplyPart::End(_) => end,
        })
    }
}

struct MappedEnd<F> {
    replies: BoxReplies,
    change: Option<F>,
}

impl<F> PollReplies for MappedEnd<F>
where
    F: FnOnce(Result<MetadataMap, Status>) -> Result<MetadataMap, Status> + Send + Unpin,
{
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyPart> {
        Poll::Ready(match (ready!(self.replies.as_mut().poll_reply(cx)), self.change.take()) {
            (ReplyPart::End(end), Some(change)) => ReplyPart::End(change(end).map_err(failure)),
            (part, change) => {
                self.change = change;
                part
            }
        })
    }
}

/// Messages without their end, unless that is a failure.
struct Taken(Option<BoxReplies>);

impl Stream for Taken {
    type Item = Result<Message, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(replies) = &mut self.0 else { return Poll::Ready(None) };
        Poll::Ready(match ready!(replies.as_mut().poll_reply(cx)) {
            ReplyPart::Message(message) => Some(Ok(message)),
            ReplyPart::End(end) => {
                self.0 = None;
                end.err().map(Err)
            }
        })
    }
}

impl fmt::Debug for Replies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Replies::One { message, .. } => fmt::Debug::fmt(message, f),
            Replies::Many(_) => f.write_str("a stream"),
        }
    }
}
