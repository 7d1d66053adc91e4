//! The settings of a service, and what comes out of them together with the server's.

use std::sync::Arc;

use crate::codec::{Compression, CompressionEncoding, MessageLimits};

/// What a generated service sets for itself; everything unset is the server's.
#[derive(Debug, Clone, Default)]
pub struct ServiceConfig {
    accept: Vec<CompressionEncoding>,
    send: Option<CompressionEncoding>,
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
