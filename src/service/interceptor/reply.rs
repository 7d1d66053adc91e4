//! The answer of a handler, as interceptors see it.

use std::fmt;

use futures_core::Stream;
use http::Extensions;
use tokio_stream::StreamExt as _;
use tonic::Response;

use crate::metadata::MetadataMap;
use crate::service::interceptor::watch::Watch;
use crate::service::{Message, Replies};
use crate::status::Status;

/// The answer to a call: metadata, then one message or a stream of them, then trailers.
///
/// A call that failed before its answer began has none, but a [`Status`].
///
/// ```
/// use seltzer::Status;
/// use seltzer::server::{Message, Next, ServerCall, ServerReply};
///
/// /// Keeps an answer to itself that its caller need not see.
/// async fn redact(call: ServerCall, next: Next) -> Result<ServerReply, Status> {
///     let mut reply = next.run(call).await?;
///     reply.metadata_mut().insert("x-redacted", "1".parse().expect("ASCII"));
///     reply.map_messages(|message| match message.downcast_ref::<String>() {
///         Some(_) => Ok(Message::new(String::new())),
///         None => Ok(message),
///     })
/// }
/// # fn is_one(_: impl seltzer::server::ServerInterceptor) {}
/// # is_one(redact);
/// ```
pub struct ServerReply {
    pub(super) metadata: MetadataMap,
    pub(super) extensions: Extensions,
    pub(super) messages: Replies,
    /// Whoever wants to know how the call ends, where its answer is one message: that is when it is sent.
    pub(super) watches: Vec<Watch>,
}

impl ServerReply {
    /// An answer of one message.
    #[must_use]
    pub fn new(message: Message) -> Self {
        ServerReply::of(Replies::one(message))
    }

    /// An answer of a stream of messages, which ends with these trailers, or with its first error.
    #[must_use]
    pub fn from_stream(
        messages: impl Stream<Item = Result<Message, Status>> + Send + 'static,
        trailers: MetadataMap,
    ) -> Self {
        ServerReply::of(Replies::of_stream(messages, trailers))
    }

    pub(super) fn of(messages: Replies) -> Self {
        ServerReply { metadata: MetadataMap::new(), extensions: Extensions::new(), messages, watches: Vec::new() }
    }

    /// What a handler answered, that has one message.
    pub(in crate::service) fn of_one<T: Send + Sync + 'static>(response: Response<T>) -> Self {
        let (metadata, message, extensions) = response.into_parts();
        ServerReply { metadata, extensions, ..ServerReply::new(Message::new(message)) }
    }

    /// What a handler answered, that has a stream of messages.
    pub(in crate::service) fn of_many<T, S>(response: Response<S>) -> Self
    where
        T: Send + Sync + 'static,
        S: Stream<Item = Result<T, Status>> + Send + 'static,
    {
        let (metadata, messages, extensions) = response.into_parts();
        let messages = messages.map(|message| message.map(Message::new));
        ServerReply { metadata, extensions, ..ServerReply::from_stream(messages, MetadataMap::new()) }
    }

    /// What goes before the first message. Where a handler has sent its metadata ahead, what is added here goes into the
    /// trailers.
    #[must_use]
    pub fn metadata(&self) -> &MetadataMap {
        &self.metadata
    }

    /// The same, to change.
    pub fn metadata_mut(&mut self) -> &mut MetadataMap {
        &mut self.metadata
    }

    /// What is beside the response for code on this side: how it is compressed, for example.
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

    /// What goes after the message, where the answer is one; `None` where it is a stream, see
    /// [`map_end`](Self::map_end).
    #[must_use]
    pub fn trailers(&self) -> Option<&MetadataMap> {
        self.messages.trailers()
    }

    /// Changes each message, or ends the call with a status: at once, or as the messages of a stream are sent.
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

    /// Changes how the call ends, with trailers or with a status: at once, or when a stream is at its end. What a
    /// handler set as trailing metadata is among the trailers; of a failed call it is sent besides the status's own.
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

impl fmt::Debug for ServerReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerReply")
            .field("metadata", &self.metadata)
            .field("messages", &self.messages)
            .finish_non_exhaustive()
    }
}
