//! What the requests ask for, made into metadata, payloads and errors.

use prost::Message;
use prost_types::Any;
use seltzer::metadata::{KeyAndValueRef, MetadataMap};
use seltzer::{Code, Status, context};
use seltzer_peers::conformance::schemas::conformance_payload::RequestInfo;
use seltzer_peers::conformance::schemas::{Error, Header};
use seltzer_peers::conformance::{RpcStatus, headers, metadata};

/// The package of everything here, as type names have it.
const PACKAGE: &str = "type.googleapis.com/connectrpc.conformance.v1.";

/// A message with its name.
pub(crate) fn any(name: &str, message: &impl Message) -> Any {
    Any { type_url: format!("{PACKAGE}{name}"), value: message.encode_to_vec() }
}

/// What the server saw of a call.
pub(crate) fn request_info(metadata: &MetadataMap, requests: Vec<Any>) -> RequestInfo {
    let timeout_ms = context::current().time_remaining().and_then(|left| i64::try_from(left.as_millis()).ok());
    RequestInfo { request_headers: headers(metadata), timeout_ms, requests }
}

/// Puts what is asked for behind the answer, whether that succeeds or fails.
pub(crate) fn set_trailers(headers: &[Header]) -> Result<(), Status> {
    let context = context::current();
    for entry in metadata(headers)?.iter() {
        match entry {
            KeyAndValueRef::Ascii(name, value) => {
                let text = value.to_str().map_err(|_| Status::invalid_argument("metadata that is no text"))?;
                context.set_trailing_metadata(name.as_str(), text)?;
            }
            KeyAndValueRef::Binary(name, value) => {
                let bytes = value.to_bytes().map_err(|_| Status::invalid_argument("metadata that is no base64"))?;
                context.set_trailing_metadata_bin(name.as_str(), &bytes)?;
            }
        }
    }
    Ok(())
}

/// The error that is asked for; with what the server saw, where no answer has told it.
pub(crate) fn error(error: Error, info: Option<RequestInfo>) -> Status {
    let message = error.message.unwrap_or_default();
    let mut details = error.details;
    details.extend(info.map(|info| any("ConformancePayload.RequestInfo", &info)));
    let code = Code::from_i32(error.code);
    if details.is_empty() {
        return Status::new(code, message);
    }
    let status = RpcStatus { code: error.code, message: message.clone(), details };
    Status::with_details(code, message, status.encode_to_vec().into())
}
