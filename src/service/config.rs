//! The settings of a service, and what comes out of them together with the server's.

use std::sync::Arc;

use crate::codec::{COMPRESSION_LEVEL_MAX, Compression, CompressionEncoding, MessageLimits};

/// What a generated service sets for itself; everything unset is the server's.
#[derive(Debug, Clone, Default)]
pub struct ServiceConfig {
    accept: Vec<CompressionEncoding>,
    send: Option<CompressionEncoding>,
    level: Option<u32>,
    minimum_bytes: Option<usize>,
    decoding_bytes_max: Option<usize>,
    encoding_bytes_max: Option<usize>,
}

impl ServiceConfig {
    /// Accepts one more encoding from callers.
    pub fn accept_compressed(&mut self, encoding: CompressionEncoding) {
        self.accept.push(encoding);
    }

    /// Answers with this encoding where the caller accepts it.
    pub fn send_compressed(&mut self, encoding: CompressionEncoding) {
        self.send = Some(encoding);
    }

    /// How hard it compresses, from 0 (fast) to 9 (small).
    pub fn compression_level(&mut self, level: u32) {
        self.level = Some(level.min(COMPRESSION_LEVEL_MAX));
    }

    /// Answers shorter than this many bytes are sent as they are.
    pub fn compression_minimum_bytes(&mut self, bytes: usize) {
        self.minimum_bytes = Some(bytes);
    }

    /// The largest request message, in bytes.
    pub fn max_decoding_message_size(&mut self, limit: usize) {
        self.decoding_bytes_max = Some(limit);
    }

    /// The largest response message, in bytes.
    pub fn max_encoding_message_size(&mut self, limit: usize) {
        self.encoding_bytes_max = Some(limit);
    }

    /// These settings on top of the server's.
    pub(crate) fn over(&self, server: &CallSettings) -> Arc<CallSettings> {
        let mut settings = server.clone();
        for encoding in &self.accept {
            settings.compression.add_accepted(*encoding);
        }
        if self.send.is_some() {
            settings.compression.send = self.send;
        }
        if let Some(level) = self.level {
            settings.compression.level = level;
        }
        if let Some(bytes) = self.minimum_bytes {
            settings.compression.minimum_bytes = bytes;
        }
        if let Some(limit) = self.decoding_bytes_max {
            settings.limits.decoding_bytes_max = limit;
        }
        if let Some(limit) = self.encoding_bytes_max {
            settings.limits.encoding_bytes_max = limit;
        }
        Arc::new(settings)
    }
}

/// The compression and the limits that hold for a call.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallSettings {
    pub(crate) compression: Compression,
    pub(crate) limits: MessageLimits,
}

impl CallSettings {
    /// Those that hold for services of other people's: what they send compressed is their own affair.
    pub(crate) fn for_tower(&self) -> Arc<CallSettings> {
        let mut settings = self.clone();
        settings.compression.send = None;
        Arc::new(settings)
    }
}
