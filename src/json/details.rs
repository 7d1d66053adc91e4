//! Details of errors, told in JSON for people who read them.

use std::sync::OnceLock;

use prost::Message as _;
use prost_reflect::{DescriptorPool, DynamicMessage};
use prost_types::Any;
use serde_json::Value;

use crate::json::{JsonOptions, write_message};
use crate::status::Status;

/// The details of a status: what its `google.rpc.Status` holds of them. None if its bytes are no such message.
pub(crate) fn details(status: &Status) -> Vec<Any> {
    tonic_types::Status::decode(status.details()).map(|status| status.details).unwrap_or_default()
}

/// The full name of a detail's type.
pub(crate) fn type_name(detail: &Any) -> &str {
    detail.type_url.rsplit('/').next().unwrap_or_default()
}

/// A detail in JSON; `None` where its type is unknown, or its bytes are not of it.
///
/// Types are those of the service's schema, if it is given, and those of `google.rpc`.
pub(crate) fn tell(detail: &Any, own: Option<&DescriptorPool>) -> Option<Value> {
    let name = type_name(detail);
    let known = own.and_then(|pool| pool.get_message_by_name(name));
    let known = known.or_else(|| standard()?.get_message_by_name(name))?;
    let message = DynamicMessage::decode(known, &*detail.value).ok()?;
    let mut json = Vec::new();
    write_message(&message, &JsonOptions::new(), &mut json).ok()?;
    serde_json::from_slice(&json).ok()
}

/// The types of details that every service may use.
fn standard() -> Option<&'static DescriptorPool> {
    static POOL: OnceLock<Option<DescriptorPool>> = OnceLock::new();
    POOL.get_or_init(|| DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).ok()).as_ref()
}
