//! From messages to bytes and back: serialisation, compression and the five-byte prefix.
//!
//! - [`Codec`] turns a message into bytes. [`ProstCodec`] does it for protobuf; write your own for anything else.
//! - [`Compressor`] makes them smaller. [`CompressionEncoding`] names the ones at hand.
//! - [`Streaming`] is a stream of messages as they arrive.

mod compression;
mod compressor;
mod encoded;
mod encoder;
mod frame;
mod limits;
mod prost;
#[cfg(feature = "telemetry")]
mod scan;
mod shape;
mod source;
pub(crate) mod spare;
mod streaming;

pub use self::compression::{Compression, CompressionEncoding, CompressionSwitch, ReceivedCompressed};
pub use self::compressor::{Compressor, DecompressError};
pub use self::limits::{DECODING_BYTES_MAX_DEFAULT, MessageLimits};
pub use self::prost::ProstCodec;
#[doc(hidden)]
pub use self::shape::{FieldShape, Shape, ShapeOf};
pub use self::streaming::Streaming;
pub use seltzer_h2::Rope;

pub(crate) use self::compression::COMPRESSION_LEVEL_MAX;
pub(crate) use self::encoded::EncodedStream;
pub(crate) use self::encoder::{MessageEncoder, PACKED_MESSAGES_MAX};
pub(crate) use self::frame::PREFIX_BYTES;
#[cfg(any(feature = "server", feature = "client"))]
pub(crate) use self::frame::{GROWTH, read_prefix};
#[cfg(feature = "telemetry")]
pub(crate) use self::scan::FrameScanner;
#[cfg(fuzzing)]
pub(crate) use self::shape::held;
pub(crate) use self::source::{ByteSource, Filled, Part, Quota};
#[cfg(feature = "client")]
pub(crate) use self::streaming::plain;
pub(crate) use self::streaming::{MessageReader, ReadMessages};

use bytes::{Bytes, BytesMut};

use crate::status::Status;

/// How messages of one method become bytes and back.
///
/// Generated code uses [`ProstCodec`]. A codec of your own is named to the generator by its path
/// (`seltzer_build::configure().codec_path("crate::JsonCodec")`), which then calls `Default::default()`.
///
/// ```
/// use bytes::{BufMut, Bytes, BytesMut};
/// use seltzer::{Status, codec::Codec};
///
/// /// Messages that are plain text.
/// #[derive(Debug, Clone, Default)]
/// struct TextCodec;
///
/// impl Codec for TextCodec {
///     type Encode = String;
///     type Decode = String;
///
///     fn encode(&mut self, message: &String, buffer: &mut BytesMut) -> Result<(), Status> {
///         buffer.put_slice(message.as_bytes());
///         Ok(())
///     }
///
///     fn decode(&mut self, message: Bytes) -> Result<String, Status> {
///         String::from_utf8(message.to_vec()).map_err(|_| Status::internal("the message is not UTF-8"))
///     }
/// }
/// ```
pub trait Codec: Send + 'static {
    /// What is sent.
    type Encode: Send + 'static;
    /// What is received.
    type Decode: Send + 'static;

    /// The word after `application/grpc+` in the content type. `None` sends plain `application/grpc`,
    /// which means protobuf.
    fn content_subtype(&self) -> Option<&'static str> {
        None
    }

    /// Appends the message's bytes to the buffer, and changes nothing else in it.
    ///
    /// # Errors
    /// INTERNAL when the message has no form in bytes.
    fn encode(&mut self, message: &Self::Encode, buffer: &mut BytesMut) -> Result<(), Status>;

    /// Appends the message's bytes, and may have the output take large parts of them over instead of copying them.
    ///
    /// # Errors
    /// As [`encode`](Self::encode), which it calls unless a codec knows better.
    fn encode_shared(&mut self, message: &Self::Encode, output: &mut Rope) -> Result<(), Status> {
        // A codec that does more than to append harms nobody but itself.
        let output = output.written();
        let mut own = output.split_off(output.len());
        let encoded = self.encode(message, &mut own);
        output.unsplit(own);
        encoded
    }

    /// Reads a message from exactly its bytes.
    ///
    /// # Errors
    /// INTERNAL when they are not a message of this type.
    fn decode(&mut self, message: Bytes) -> Result<Self::Decode, Status>;

    /// Reads a message from bytes that are only lent: small messages are read from where they arrived.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), which it calls with a copy unless a codec knows better.
    fn decode_slice(&mut self, message: &[u8]) -> Result<Self::Decode, Status> {
        self.decode(Bytes::copy_from_slice(message))
    }

    /// Reads a message from the first `length` of these bytes, which are there, and takes them away.
    ///
    /// # Errors
    /// As [`decode`](Self::decode), which it calls unless a codec knows better.
    fn decode_front(&mut self, bytes: &mut Bytes, length: usize) -> Result<Self::Decode, Status> {
        self.decode(bytes.split_to(length))
    }
}
