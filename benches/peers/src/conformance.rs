//! What the server and the client share that Connect's conformance suite judges.

use std::collections::BTreeMap;

use prost_types::Any;
use seltzer::Status;
use seltzer::metadata::{KeyAndValueRef, MetadataMap};

use crate::conformance::schemas::Header;

/// What was generated from `proto/connectrpc`.
#[allow(missing_docs, missing_debug_implementations, unreachable_pub, clippy::all, reason = "generated")]
pub mod schemas {
    seltzer::include_proto!("connectrpc.conformance.v1");
}

/// `google.rpc.Status`, which carries the details of an error.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RpcStatus {
    /// The code, as a number.
    #[prost(int32, tag = "1")]
    pub code: i32,
    /// The message.
    #[prost(string, tag = "2")]
    pub message: String,
    /// The details.
    #[prost(message, repeated, tag = "3")]
    pub details: Vec<Any>,
}

/// Metadata as the suite writes it: binary values in base64.
pub fn headers(metadata: &MetadataMap) -> Vec<Header> {
    let mut headers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in metadata.iter() {
        let (name, value) = match entry {
            KeyAndValueRef::Ascii(name, value) => (name.as_str(), value.as_encoded_bytes()),
            KeyAndValueRef::Binary(name, value) => (name.as_str(), value.as_encoded_bytes()),
        };
        headers.entry(name.to_owned()).or_default().push(String::from_utf8_lossy(value).into_owned());
    }
    headers.into_iter().map(|(name, value)| Header { name, value }).collect()
}

/// Metadata that is asked for.
///
/// # Errors
/// INVALID_ARGUMENT for what cannot be metadata.
pub fn metadata(headers: &[Header]) -> Result<MetadataMap, Status> {
    let mut map = http::HeaderMap::new();
    for header in headers {
        let unfit = |_| Status::invalid_argument(format!("{} cannot be metadata", header.name));
        let name: http::HeaderName = header.name.parse().map_err(|_| unfit(()))?;
        for value in &header.value {
            map.append(name.clone(), value.parse().map_err(|_| unfit(()))?);
        }
    }
    Ok(MetadataMap::from_headers(map))
}
