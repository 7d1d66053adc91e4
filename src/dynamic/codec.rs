//! Messages that are known by descriptor only.

use bytes::{Bytes, BytesMut};
use prost_reflect::prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor};

use crate::codec::Codec;
use crate::status::Status;

/// Protobuf messages by descriptor: sends any, receives those of one type.
#[derive(Debug, Clone)]
pub struct DynamicCodec {
    decode: MessageDescriptor,
}

impl DynamicCodec {
    /// A codec that receives messages of this type.
    #[must_use]
    pub fn new(decode: MessageDescriptor) -> Self {
        DynamicCodec { decode }
    }
}

impl Codec for DynamicCodec {
    type Encode = DynamicMessage;
    type Decode = DynamicMessage;

    fn encode(&mut self, message: &DynamicMessage, buffer: &mut BytesMut) -> Result<(), Status> {
        message.encode(buffer).map_err(|error| Status::internal(format!("the message cannot be encoded: {error}")))
    }

    fn decode(&mut self, message: Bytes) -> Result<DynamicMessage, Status> {
        DynamicMessage::decode(self.decode.clone(), message).map_err(|error| {
            Status::internal(format!("the message is not a valid {}: {error}", self.decode.full_name()))
        })
    }
}
