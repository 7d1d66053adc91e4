//! What fuzz targets reach of the inside. It exists under `--cfg fuzzing` alone, and promises nothing.

#[cfg(feature = "gateway")]
mod rest;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};

use crate::codec::{ByteSource, Codec, CompressionEncoding, MessageReader, Part, ShapeOf, held};
use crate::metadata::MetadataMap;
use crate::status::{Code, Status};
use crate::transport::h2::{Payload, Refused, collect, only_message};

#[cfg(feature = "gateway")]
pub use self::rest::{json, query, template};

/// The messages of a stream whose bytes arrive in these pieces, and how it ends.
#[must_use]
pub fn stream_messages(
    pieces: &[&[u8]],
    encoding: Option<CompressionEncoding>,
    bytes_max: usize,
) -> (Vec<Bytes>, Code) {
    let parts = pieces.iter().map(|piece| Part::Data(Bytes::copy_from_slice(piece)));
    let parts: Vec<_> = parts.chain([Part::End(Ok(MetadataMap::new()))]).collect();
    let mut reader = MessageReader::new(Box::pin(Arrived(parts.into_iter())), Verbatim, encoding, bytes_max);
    let mut messages = Vec::new();
    loop {
        match reader.poll_next_message(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Some(Ok(message))) => messages.push(message),
            Poll::Ready(Some(Err(status))) => return (messages, status.code()),
            Poll::Ready(None) => return (messages, Code::Ok),
            Poll::Pending => unreachable!("everything is there"),
        }
    }
}

/// The one message of a unary call whose body arrives in these pieces, and whether it is compressed.
///
/// # Errors
/// The code of the status that ends the call otherwise.
pub fn unary_message(pieces: &[&[u8]], bytes_max: usize) -> Result<(bool, Bytes), Code> {
    let mut collected = BytesMut::new();
    for piece in pieces {
        collect(&mut collected, piece, bytes_max).map_err(code)?;
    }
    let message = only_message(Payload::Shared(collected.freeze()), bytes_max).map_err(code)?;
    match message.payload {
        Payload::Shared(payload) => Ok((message.is_compressed, payload)),
        Payload::Slice(payload) => Ok((message.is_compressed, Bytes::copy_from_slice(payload))),
    }
}

/// A message as it travels compressed.
#[must_use]
pub fn compressed(encoding: CompressionEncoding, level: u32, message: &[u8]) -> Vec<u8> {
    let mut output = Vec::new();
    encoding.compressor().compress(message, level, &mut output).expect("memory does not fail");
    output
}

/// What decoding a message of this shape would hold beyond the message's own bytes.
#[must_use]
pub fn held_bytes(shape: ShapeOf, message: &[u8]) -> usize {
    held(shape, message)
}

fn code(refused: Refused) -> Code {
    match refused {
        Refused::Status(status) => status.code(),
        Refused::Cardinality(_) => Code::Unimplemented,
    }
}

struct Arrived(std::vec::IntoIter<Part>);

impl ByteSource for Arrived {
    fn poll_part(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Part> {
        Poll::Ready(self.0.next().expect("nothing is asked for after the end"))
    }
}

/// Messages are their bytes.
struct Verbatim;

impl Codec for Verbatim {
    type Encode = Bytes;
    type Decode = Bytes;

    fn encode(&mut self, message: &Bytes, buffer: &mut BytesMut) -> Result<(), Status> {
        buffer.extend_from_slice(message);
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<Bytes, Status> {
        Ok(message)
    }
}
