//! Protobuf messages, by prost.

use std::fmt;
use std::marker::PhantomData;

use ::prost::Message;
use bytes::{Buf, Bytes, BytesMut};

use crate::codec::shape;
use crate::codec::{Codec, Rope, ShapeOf};
use crate::status::Status;

/// What is reserved for a message at most: of a larger one the large parts are not written but taken over.
const RESERVED_BYTES_MAX: usize = 16 * 1024;

/// Where there is so much room, it is not reckoned whether a message needs more: that takes as long as writing it, and
/// most need less.
const ROOM_BYTES: usize = 1024;

/// Protobuf: sends `Encode`, receives `Decode`.
///
/// ```
/// use seltzer::codec::{Codec, ProstCodec};
///
/// let mut codec = ProstCodec::<String, String>::default();       // google.protobuf.StringValue
/// let mut buffer = bytes::BytesMut::new();
/// codec.encode(&"hello".to_owned(), &mut buffer)?;
/// assert_eq!(codec.decode(buffer.freeze())?, "hello");
/// # Ok::<(), seltzer::Status>(())
/// ```
///
/// Generated services make theirs with the sizes of their messages: a message whose elements would take far more memory
/// than its bytes is refused with RESOURCE_EXHAUSTED before it is decoded.
pub struct ProstCodec<Encode, Decode> {
    /// What is known of messages that are received.
    shape: Option<ShapeOf>,
    messages: PhantomData<fn(Encode) -> Decode>,
}

impl<Encode, Decode> ProstCodec<Encode, Decode> {
    /// A codec that knows the sizes of the messages it receives.
    #[doc(hidden)]
    #[must_use]
    pub fn with_shape(shape: Option<ShapeOf>) -> Self {
        ProstCodec { shape, messages: PhantomData }
    }

    fn check(&self, message: &[u8]) -> Result<(), Status> {
        self.shape.map_or(Ok(()), |shape| shape::check(shape, message))
    }
}

impl<Encode, Decode> Codec for ProstCodec<Encode, Decode>
where
    Encode: Message + 'static,
    Decode: Message + Default + 'static,
{
    type Encode = Encode;
    type Decode = Decode;

    fn encode(&mut self, message: &Encode, buffer: &mut BytesMut) -> Result<(), Status> {
        // `encode_raw` skips the capacity check: a BytesMut grows.
        buffer.reserve(message.encoded_len());
        message.encode_raw(buffer);
        Ok(())
    }

    fn encode_shared(&mut self, message: &Encode, output: &mut Rope) -> Result<(), Status> {
        let buffer = output.written();
        if buffer.capacity() - buffer.len() < ROOM_BYTES {
            buffer.reserve(message.encoded_len().min(RESERVED_BYTES_MAX));
        }
        message.encode_raw(output);
        Ok(())
    }

    fn decode(&mut self, mut message: Bytes) -> Result<Decode, Status> {
        let length = message.len();
        self.decode_front(&mut message, length)
    }

    fn decode_slice(&mut self, message: &[u8]) -> Result<Decode, Status> {
        self.check(message)?;
        Decode::decode(message).map_err(invalid)
    }

    fn decode_front(&mut self, bytes: &mut Bytes, length: usize) -> Result<Decode, Status> {
        let message = bytes.get(..length).unwrap_or_default();
        self.check(message)?;
        // Without a handle for the message itself: counting those is half of reading a small one.
        let decoded = Decode::decode(Front { rest: message, shared: bytes }).map_err(invalid);
        bytes.advance(length.min(bytes.len()));
        decoded
    }
}

/// A message at the beginning of shared bytes. What is cut out of it shares them too; everything else is reading a
/// slice.
struct Front<'a> {
    rest: &'a [u8],
    shared: &'a Bytes,
}

impl Buf for Front<'_> {
    #[inline]
    fn remaining(&self) -> usize {
        self.rest.len()
    }

    #[inline]
    fn chunk(&self) -> &[u8] {
        self.rest
    }

    #[inline]
    fn advance(&mut self, count: usize) {
        self.rest = &self.rest[count..];
    }

    #[inline]
    fn copy_to_bytes(&mut self, count: usize) -> Bytes {
        let (bytes, rest) = self.rest.split_at(count);
        self.rest = rest;
        self.shared.slice_ref(bytes)
    }
}

#[allow(clippy::needless_pass_by_value, reason = "an error that is mapped comes by value")]
fn invalid(error: ::prost::DecodeError) -> Status {
    Status::internal(format!("the message is not valid protobuf of the expected type: {error}"))
}

impl<Encode, Decode> Default for ProstCodec<Encode, Decode> {
    fn default() -> Self {
        Self::with_shape(None)
    }
}

impl<Encode, Decode> Clone for ProstCodec<Encode, Decode> {
    fn clone(&self) -> Self {
        Self::with_shape(self.shape)
    }
}

impl<Encode, Decode> fmt::Debug for ProstCodec<Encode, Decode> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProstCodec")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_a_message_in_front_share_its_bytes() {
        let mut codec = ProstCodec::<Bytes, Bytes>::default();
        let mut bytes = Bytes::from_static(b"\x0a\x03abcnext");
        let inside = bytes.as_ptr_range();
        let decoded = codec.decode_front(&mut bytes, 5).expect("it is a message");
        assert_eq!((&decoded[..], &bytes[..]), (&b"abc"[..], &b"next"[..]));
        assert!(inside.contains(&decoded.as_ptr()), "it was copied");
        for broken in [&b"\x0a\x04abcnext"[..], b"\x0a\x80\x80\x80\x80next", b"\x0bnext"] {
            let mut bytes = Bytes::copy_from_slice(broken);
            let length = broken.len() - 4;
            assert!(codec.decode_front(&mut bytes, length).is_err(), "{broken:?}");
            assert_eq!(&bytes[..], b"next", "{broken:?}");
        }
        assert!(codec.decode_front(&mut Bytes::new(), 0).expect("it is a message").is_empty());
    }
}
