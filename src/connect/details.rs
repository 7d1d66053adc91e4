//! Details of errors, told in JSON for people who read them.

use prost_reflect::{DescriptorPool, DynamicMessage};
use serde_json::Value;

use crate::json::{JsonMethod, JsonOptions, write_message};

/// The types of details that are known: a service's own, and those of `google.rpc`.
#[derive(Clone)]
pub(crate) struct Details {
    standard: DescriptorPool,
}

impl Details {
    pub(crate) fn new() -> Self {
        // It is compiled in, and whole.
        Details { standard: DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap_or_default() }
    }

    /// A detail in JSON; `None` where its type is unknown, or its bytes are not of it.
    pub(crate) fn tell(&self, method: &JsonMethod, name: &str, value: &[u8]) -> Option<Value> {
        let own = method.descriptor().parent_pool().get_message_by_name(name);
        let message = own.or_else(|| self.standard.get_message_by_name(name))?;
        let message = DynamicMessage::decode(message, value).ok()?;
        let mut json = Vec::new();
        write_message(&message, &JsonOptions::new(), &mut json).ok()?;
        serde_json::from_slice(&json).ok()
    }
}
