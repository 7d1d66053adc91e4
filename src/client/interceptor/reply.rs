//! The answer to a call, as interceptors see it.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use http::Extensions;

use crate::client::interceptor::Message;
use crate::codec::ReadMessages;
use crate::metadata::MetadataMap;
use crate::status::{Code, Status};

/// The answer to a call: metadata, then one message or a stream of them, then trailers.
///
/// A call that failed before its answer began has none, but a [`Status`].
pub struct ClientReply {
    pub(super) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    pub(super) messages: Replies,
}

pub(super) enum Replies {
    One { message: Message, trailers: MetadataMap },
    Many(BoxReplies),
}

pub(super) type BoxReplies = Pin<Box<dyn PollReplies>>;

/// The messages of an answer, and how it ends. Not asked again after its end.
pub(super) trait PollReplies: Send {
    fn poll_reply(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<ReplyPart>;

    /// Whether the message that came last had travelled compressed.
    fn last_was_compressed(&self) -> bool {
        false
    }
}

pub(super) enum ReplyPart {
    Message(Message),
    End(Result<MetadataMap, Status>),
}

impl ClientReply {
    /// An answer of one message, made on this side.
    #[must_use]
    pub fn new(message: Message) -> Self {
        let messages = Replies::One { message, trailers: MetadataMap::new() };
        ClientReply { metadata: MetadataMap::new(), extensions: Extensions::new(), messages }
    }

    /// An answer of a stream of messages, which ends with these trailers, or with its first error.
    #[must_use]
    pub fn from_stream(
        messages: impl Stream<Item = Result<Message, Status>> + Send + 'static,
        trailers: MetadataMap,
    ) -> Self {
        let messages = Replies::Many(Box::pin(Made { messages: Box::pin(messages), trailers }));
        ClientReply { metadata: MetadataMap::new(), extensions: Extensions::new(), messages }
    }

    /// What came before the first message.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The same, to change.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// What is beside the response for code on this side.
    pub fn extensions_mut(&mut self) -> &mut Extensions {
        &mut self.extensions
    }

    /// The message, where the answer is one; `None` where it is a stream.
    #[must_use]
    pub fn message(&self) -> Option<&Message> {
        match &self.messages {
            Replies::One { message, .. } => Some(message),
            Replies::Many(_) => None,
        }
    }

    /// The same, to change or to replace.
    pub fn message_mut(&mut self) -> Option<&mut Message> {
        match &mut self.messages {
            Replies::One { message, .. } => Some(message),
            Replies::Many(_) => None,
        }
    }

    /// What came after the message, where the answer is one; `None` where it is a stream, see
    /// [`map_end`](Self::map_end).
    #[must_use]
    pub fn trailers(&self) -> Option<&MetadataMap> {
        match &self.messages {
            Replies::One { trailers, .. } => Some(trailers),
            Replies::Many(_) => None,
        }
    }

    /// Changes each message, or ends the call with a status: at once, or as the messages of a stream are read.
    ///
    /// # Errors
    /// The status that the change of the one message came to.
    pub fn map_messages(
        mut self,
        mut change: impl FnMut(Message) -> Result<Message, Status> + Send + Unpin + 'static,
    ) -> Result<Self, Status> {
        self.messages = match self.messages {
            Replies::One { message, trailers } => Replies::One { message: change(message)?, trailers },
            Replies::Many(replies) => Replies::Many(Box::pin(MappedMessages { replies, change })),
        };
        Ok(self)
    }

    /// Changes how the call ends, with trailers or with a status: at once, or when a stream has been read to its end.
    ///
    /// # Errors
    /// The status that the end of an answer of one message came to.
    pub fn map_end(
        mut self,
        change: impl FnOnce(Result<MetadataMap, Status>) -> Result<MetadataMap, Status> + Send + Unpin + 'static,
    ) -> Result<Self, Status> {
        self.messages = match self.messages {
            Replies::One { message, trailers } => Replies::One { message, trailers: change(Ok(trailers))? },
            Replies::Many(replies) => Replies::Many(Box::pin(MappedEnd { replies, change: Some(change) })),
        };
        Ok(self)
    }

    /// Takes the messages out as a stream, for more than [`map_messages`](Self::map_messages) can do;
    /// [`from_stream`](Self::from_stream) makes an answer of a stream. Its trailers are dropped.
    pub fn into_messages(self) -> impl Stream<Item = Result<Message, Status>> + Send + Unpin + 'static {
        Taken(Some(self.messages.into_parts()))
    }
}

impl Replies {
    pub(super) fn into_parts(self) -> BoxReplies {
        match self {
            Replies::One { message, trailers } => Box::pin(Parts { message: Some(message), trailers }),
            Replies::Many(replies) => replies,
        }
    }

    /// The one message and the trailers.
    pub(super) async fn into_single(self, path: &str) -> Result<(Message, MetadataMap), Status> {
        let mut replies = match self {
            Replies::One { message, trailers } => return Ok((message, trailers)),
            Replies::Many(replies) => replies,
        };
        let cardinality = |came| crate::client::response::cardinality(path, came);
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
pub(super) fn failure(status: Status) -> Status {
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

    fn last_was_compressed(&self) -> bool {
        self.replies.last_was_compressed()
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

    fn last_was_compressed(&self) -> bool {
        self.replies.last_was_compressed()
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

/// The messages of an answer for its caller, who knows their type.
pub(super) struct Typed {
    /// `None` after the end.
    replies: Option<BoxReplies>,
    trailers: Option<MetadataMap>,
    last_was_compressed: bool,
}

impl Typed {
    pub(super) fn new(replies: Replies) -> Self {
        Typed { replies: Some(replies.into_parts()), trailers: None, last_was_compressed: false }
    }
}

impl<T: Send + Sync + 'static> ReadMessages<T> for Typed {
    fn poll_message(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let Some(replies) = &mut self.replies else { return Poll::Ready(None) };
        let end = match ready!(replies.as_mut().poll_reply(cx)) {
            ReplyPart::Message(message) => {
                let last_was_compressed = replies.last_was_compressed();
                self.last_was_compressed = last_was_compressed;
                match message.answer() {
                    Ok(message) => return Poll::Ready(Some(Ok(message))),
                    Err(status) => Err(status),
                }
            }
            ReplyPart::End(end) => end,
        };
        self.replies = None;
        Poll::Ready(match end {
            Ok(trailers) => {
                self.trailers = Some(trailers);
                None
            }
            Err(status) => Some(Err(status)),
        })
    }

    fn take_trailers(mut self: Pin<&mut Self>) -> Option<MetadataMap> {
        self.trailers.take()
    }

    fn last_was_compressed(&self) -> bool {
        self.last_was_compressed
    }
}

impl fmt::Debug for ClientReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let messages: &dyn fmt::Debug = match &self.messages {
            Replies::One { message, .. } => message,
            Replies::Many(_) => &"a stream",
        };
        f.debug_struct("ClientReply").field("metadata", &self.metadata).field("messages", messages).finish()
    }
}
