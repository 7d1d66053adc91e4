//! Turning calls away.

use std::fmt;
use std::time::Duration;

use crate::metadata::MetadataMap;
use crate::status::{Code, Status};

/// Tells clients that retry when to come back (gRFC A6).
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// What calls hear that are turned away.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shedding {
    pub(super) code: Code,
    /// When those that retry should come back.
    pub(super) pushback: Option<Duration>,
}

impl Shedding {
    pub(super) fn new(code: Code) -> Self {
        Shedding { code, pushback: None }
    }

    pub(super) fn status(&self, why: fmt::Arguments<'_>) -> Status {
        let mut metadata = MetadataMap::new();
        if let Some(pause) = self.pushback {
            // Rounded up: whoever comes back too early is turned away once more.
            let millis = i32::try_from(pause.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX);
            metadata.insert(PUSHBACK, millis.into());
        }
        Status::with_metadata(self.code, why.to_string(), metadata)
    }
}
