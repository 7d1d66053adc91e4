//! How messages look as JSON, and how large they may be.

/// How deep messages may lie within each other: the limit that protobuf's own parsers have.
const DEPTH_MAX_DEFAULT: usize = 100;

/// How messages look as JSON, and what is accepted of those who write it.
///
/// Without anything set this is protobuf's JSON mapping: names in lower camel case, enum values by name, fields with
/// default values left out, and unknown fields refused.
///
/// ```
/// # #[cfg(feature = "gateway")] {
/// use seltzer::gateway::JsonOptions;
///
/// let options = JsonOptions::new().default_values(true).proto_names(true);
/// # drop(options);
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonOptions {
    pub(crate) default_values: bool,
    pub(crate) enum_numbers: bool,
    pub(crate) proto_names: bool,
    pub(crate) ignore_unknown: bool,
    pub(crate) depth_max: usize,
}

impl Default for JsonOptions {
    fn default() -> Self {
        JsonOptions {
            default_values: false,
            enum_numbers: false,
            proto_names: false,
            ignore_unknown: false,
            depth_max: DEPTH_MAX_DEFAULT,
        }
    }
}

impl JsonOptions {
    /// Protobuf's JSON mapping as it is.
    #[must_use]
    pub fn new() -> Self {
        JsonOptions::default()
    }

    /// Whether fields with default values are written too: zeros, empty texts and lists.
    #[must_use]
    pub fn default_values(mut self, written: bool) -> Self {
        self.default_values = written;
        self
    }

    /// Whether enum values are written as numbers instead of names. Both are read.
    #[must_use]
    pub fn enum_numbers(mut self, numbers: bool) -> Self {
        self.enum_numbers = numbers;
        self
    }

    /// Whether fields are written by their names in the schema (`sent_at_ms`) instead of those for JSON (`sentAtMs`).
    /// Both are read.
    #[must_use]
    pub fn proto_names(mut self, names: bool) -> Self {
        self.proto_names = names;
        self
    }

    /// Whether fields and enum names that the schema does not have are passed over instead of refused.
    #[must_use]
    pub fn ignore_unknown(mut self, ignored: bool) -> Self {
        self.ignore_unknown = ignored;
        self
    }

    /// How deep messages may lie within each other: 100 unless set, and 120 at most, which is what the stack bears.
    #[must_use]
    pub fn depth_max(mut self, messages: usize) -> Self {
        self.depth_max = messages.min(120);
        self
    }
}
