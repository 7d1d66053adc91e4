//! Messages in JSON, for the protocols that frame them as gRPC does.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::json::{JsonMethod, JsonOptions, Messages};
use crate::server::protocol::{BeginError, Served};
use crate::server::translated::Recode;
use crate::status::Status;

/// The methods whose schemas are known, by their paths.
///
/// # Errors
/// A service came with schemas that cannot be read.
pub(crate) fn methods(
    served: &Served<'_>,
    options: JsonOptions,
) -> Result<HashMap<&'static str, Arc<JsonMethod>>, BeginError> {
    let mut messages = Messages::new(options);
    let mut methods = HashMap::new();
    for service in served.services() {
        messages.add(service.name, service.file_descriptor_set)?;
        for method in service.methods {
            if let Some(json) = messages.method(method.path) {
                methods.insert(method.path, Arc::new(json.clone()));
            }
        }
    }
    Ok(methods)
}

impl Recode for JsonMethod {
    fn request(&self, message: &[u8]) -> Result<Bytes, Status> {
        self.decode_request(message).map_err(|error| Status::invalid_argument(error.to_string()))
    }

    fn reply(&self, message: Bytes) -> Result<Bytes, Status> {
        let json = self.encode_reply(&message).map_err(|error| Status::internal(error.to_string()))?;
        Ok(json.into())
    }
}
