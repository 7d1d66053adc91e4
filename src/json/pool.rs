//! Descriptor sets as pools that can be asked.

use std::fmt;

use prost_reflect::{DescriptorError, DescriptorPool};
use seltzer_syntax::RuleError;

/// Why a descriptor set is of no use.
#[derive(Debug)]
pub(crate) enum PoolError {
    /// A file of an edition has no form that pools know.
    Edition(RuleError),
    /// The bytes are no set, or its files are inconsistent.
    Descriptor(DescriptorError),
}

/// Reads an encoded `google.protobuf.FileDescriptorSet`. Pools know no editions: files of editions are lowered.
pub(crate) fn decode(set: &[u8]) -> Result<DescriptorPool, PoolError> {
    let lowered = seltzer_syntax::lower_encoded(set).map_err(PoolError::Edition)?;
    DescriptorPool::decode(&*lowered).map_err(PoolError::Descriptor)
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::Edition(error) => error.fmt(f),
            PoolError::Descriptor(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PoolError::Edition(error) => error.source(),
            PoolError::Descriptor(error) => error.source(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

    use super::*;

    #[test]
    fn files_of_editions_are_lowered() {
        let file = prost_types::FileDescriptorProto { name: Some("a.proto".to_owned()), ..Default::default() };
        let set = prost_types::FileDescriptorSet { file: vec![file] };
        let mut bytes = prost::Message::encode_to_vec(&set);
        assert_eq!(decode(&bytes).unwrap().files().count(), 1);
        // The same file with `syntax = "editions"` and `edition = EDITION_2023`, and one of an edition to come.
        for (edition, is_known) in [(1000_u32, true), (1009, false)] {
            let mut file = b"\x0a\x07a.proto\x62\x08editions\x70".to_vec();
            prost::encoding::encode_varint(u64::from(edition), &mut file);
            bytes = vec![0x0a, u8::try_from(file.len()).unwrap()];
            bytes.extend(file);
            let decoded = decode(&bytes);
            assert_eq!(decoded.is_ok(), is_known, "{decoded:?}");
        }
        assert!(matches!(decode(b"\xff"), Err(PoolError::Descriptor(_))));
    }
}
