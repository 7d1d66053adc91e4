//! Why there is no document.

use std::fmt;

/// Schemas of which no document can be made.
#[derive(Debug)]
pub struct OpenApiError(String);

impl OpenApiError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        OpenApiError(message.into())
    }
}

impl fmt::Display for OpenApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no OpenAPI document can be made: {}", self.0)
    }
}

impl std::error::Error for OpenApiError {}
