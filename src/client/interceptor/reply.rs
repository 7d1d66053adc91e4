//! The answer to a call, as interceptors see it.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use http::Extensions;

use crate::codec::ReadMessages;
use crate::metadata::MetadataMap;
use crate::service::{BoxReplies, Message, Replies, ReplyPart};
use crate::status::Status;

/// The answer to a call: metadata, then one message or a stream of them, then trailers.
///
/// A call that failed before its answer began has none, but a [`Status`].
pub struct ClientReply {
    pub(super) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    pub(super) messages: Replies,
}

impl ClientReply {
    /// An answer of one message, made on this side.
    #[must_use]
    pub fn new(message: Message) -> Self {
        ClientReply { metadata: MetadataMap::new(), extensions: Extensions::new(), messages: Replies::one(message) }
    }

    /// An answer of a stream of messages, which ends with these trailers, or with its first error.
    #[must_use]
    pub fn from_stream(
        messages: impl Stream<Item = Result<Message, Status>> + Send + 'static,
        trailers: MetadataMap,
    ) -> Self {
        let messages = Replies::of_stream(messages, trailers);
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
        self.messages.message()
    }

    /// The same, to change or to replace.
    pub fn message_mut(&mut self) -> Option<&mut Message> {
        self.messages.message_mut()
    }

    /// What came after the message, where the answer is one; `None` where it is a stream, see
    /// [`map_end`](Self::map_end).
    #[must_use]
    pub fn trailers(&self) -> Option<&MetadataMap> {
        self.messages.trailers()
    }

    /// Changes each message, or ends the call with a status: at once, or as the messages of a stream are read.
    ///
    /// # Errors
    /// The status that the change of the one message came to.
    pub fn map_messages(
        mut self,
        change: impl FnMut(Message) -> Result<Message, Status> + Send + Unpin + 'static,
    ) -> Result<Self, Status> {
        self.messages = self.messages.map_messages(change)?;
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
        self.messages = self.messages.map_end(change)?;
        Ok(self)
    }

    /// Takes the messages out as a stream, for more than [`map_messages`](Self::map_messages) can do;
    /// [`from_stream`](Self::from_stream) makes an answer of a stream. Its trailers are dropped.
    pub fn into_messages(self) -> impl Stream<Item = Result<Message, Status>> + Send + Unpin + 'static {
        self.messages.into_stream()
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
                self.last_was_compressed = message.was_compressed;
                match message.into_type("an answer") {
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
        f.debug_struct("ClientReply").field("metadata", &self.metadata).field("messages", &self.messages).finish()
    }
}
