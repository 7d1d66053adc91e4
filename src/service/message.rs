//! Messages whose type is known to the call alone, and a codec for them.

use std::any::{Any, type_name};
use std::fmt;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use crate::codec::{Codec, Rope};
use crate::status::Status;

/// A message of a call, of any type, as interceptors of clients and of servers see it.
///
/// For methods that are known by name only, those of services that tonic generated among them, it is the message's
/// bytes: a [`Bytes`].
///
/// ```
/// use seltzer::client::Message;
///
/// let mut message = Message::new("Alice".to_owned());
/// assert!(message.downcast_ref::<u32>().is_none());
/// if let Some(name) = message.downcast_mut::<String>() {
///     name.push('!');
/// }
/// assert_eq!(message.into_inner::<String>().unwrap(), "Alice!");
/// ```
pub struct Message {
    value: Arc<dyn Any + Send + Sync>,
    type_name: &'static str,
    /// Whether it had travelled compressed.
    pub(crate) was_compressed: bool,
}

impl Message {
    /// A message of the type that its method has on this side.
    pub fn new<T: Any + Send + Sync>(message: T) -> Self {
        Message { value: Arc::new(message), type_name: type_name::<T>(), was_compressed: false }
    }

    /// The message, if it is of this type.
    #[must_use]
    pub fn downcast_ref<T: Any>(&self) -> Option<&T> {
        self.value.downcast_ref()
    }

    /// The same, to change. Copied first where [`ClientCall::try_clone`](crate::client::ClientCall::try_clone) has
    /// shared it.
    pub fn downcast_mut<T: Any + Clone + Send + Sync>(&mut self) -> Option<&mut T> {
        if Arc::get_mut(&mut self.value).is_none() {
            self.value = Arc::new(self.value.downcast_ref::<T>()?.clone());
        }
        Arc::get_mut(&mut self.value)?.downcast_mut()
    }

    /// The message by value, if it is of this type and not shared.
    ///
    /// # Errors
    /// It is not, and comes back.
    pub fn into_inner<T: Any + Send + Sync>(self) -> Result<T, Message> {
        let Message { value, type_name, was_compressed } = self;
        match value.downcast::<T>() {
            Ok(value) => Arc::try_unwrap(value).map_err(|value| Message { value, type_name, was_compressed }),
            Err(value) => Err(Message { value, type_name, was_compressed }),
        }
    }

    /// The message as what it is to [`Any`].
    #[must_use]
    pub fn as_any(&self) -> &dyn Any {
        &*self.value
    }

    /// The name of its type, for messages to people.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// The same message once more.
    pub(crate) fn share(&self) -> Message {
        Message { value: Arc::clone(&self.value), ..*self }
    }

    /// The message by value, of the type that this place in a call needs.
    pub(crate) fn into_type<T: Any + Send + Sync>(self, what: &str) -> Result<T, Status> {
        self.into_inner().map_err(|other| wrong_type::<T>(what, &other))
    }
}

fn wrong_type<T>(what: &str, message: &Message) -> Status {
    Status::internal(format!(
        "an interceptor put a message of the type {} where {what} of the type {} belongs",
        message.type_name,
        type_name::<T>()
    ))
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Message({})", self.type_name)
    }
}

/// A codec for messages of any type.
pub(crate) type BoxCodec = Box<dyn Codec<Encode = Message, Decode = Message>>;

/// A codec for messages of any type that uses the method's own.
#[derive(Clone)]
pub(crate) struct AnyCodec<D> {
    codec: D,
    /// What is sent, in the words of an error.
    sends: &'static str,
}

impl<D: Codec> AnyCodec<D>
where
    D::Encode: Sync,
{
    pub(crate) fn new(codec: D, sends: &'static str) -> Self {
        AnyCodec { codec, sends }
    }

    /// The same without its type.
    pub(crate) fn boxed(self) -> BoxCodec
    where
        D::Decode: Sync,
    {
        Box::new(self)
    }

    fn sent<'a>(&self, message: &'a Message) -> Result<&'a D::Encode, Status> {
        message.downcast_ref().ok_or_else(|| wrong_type::<D::Encode>(self.sends, message))
    }
}

impl<D: Codec> Codec for AnyCodec<D>
where
    D::Encode: Sync,
    D::Decode: Sync,
{
    type Encode = Message;
    type Decode = Message;

    fn content_subtype(&self) -> Option<&'static str> {
        self.codec.content_subtype()
    }

    fn encode(&mut self, message: &Message, buffer: &mut BytesMut) -> Result<(), Status> {
        let message = self.sent(message)?;
        self.codec.encode(message, buffer)
    }

    fn encode_shared(&mut self, message: &Message, output: &mut Rope) -> Result<(), Status> {
        let message = self.sent(message)?;
        self.codec.encode_shared(message, output)
    }

    fn decode(&mut self, message: Bytes) -> Result<Message, Status> {
        self.codec.decode(message).map(Message::new)
    }

    fn decode_slice(&mut self, message: &[u8]) -> Result<Message, Status> {
        self.codec.decode_slice(message).map(Message::new)
    }

    fn decode_front(&mut self, bytes: &mut Bytes, length: usize) -> Result<Message, Status> {
        self.codec.decode_front(bytes, length).map(Message::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_message_is_copied_before_it_is_changed() {
        let mut message = Message::new(1_u32);
        let shared = message.share();
        *message.downcast_mut::<u32>().expect("it is one") = 2;
        assert_eq!((message.downcast_ref(), shared.downcast_ref()), (Some(&2_u32), Some(&1_u32)));
        assert!(message.downcast_mut::<u64>().is_none());
        assert_eq!(message.into_inner::<u64>().expect_err("it is none").type_name(), "u32");
        let again = shared.share();
        assert!(shared.into_inner::<u32>().is_err(), "somebody else has it");
        assert_eq!(again.into_inner::<u32>().expect("nobody else has it"), 1);
    }
}
