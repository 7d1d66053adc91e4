//! What `google.api.field_behavior` says of a field.

use prost_reflect::{FieldDescriptor, Value};

/// The option's full name.
const OPTION: &str = "google.api.field_behavior";

// `google.api.FieldBehavior`
const REQUIRED: i32 = 2;
const OUTPUT_ONLY: i32 = 3;
const INPUT_ONLY: i32 = 4;

/// How a field is meant to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Behavior {
    pub(crate) required: bool,
    pub(crate) output_only: bool,
    pub(crate) input_only: bool,
}

impl Behavior {
    /// What is said of a field; nothing where its set does not know the option.
    pub(crate) fn of(field: &FieldDescriptor) -> Self {
        let Some(option) = field.parent_message().parent_pool().get_extension_by_name(OPTION) else {
            return Behavior::default();
        };
        let options = field.options();
        let said = options.get_extension(&option);
        let is_said = |behavior: i32| {
            let list = said.as_list().unwrap_or_default();
            list.iter().any(|value| matches!(value, Value::EnumNumber(number) if *number == behavior))
        };
        Behavior { required: is_said(REQUIRED), output_only: is_said(OUTPUT_ONLY), input_only: is_said(INPUT_ONLY) }
    }
}
