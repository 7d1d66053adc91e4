//! The `FieldMask` of a PATCH whose caller gave none: the fields that its body names.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::gateway::rule::{Binding, BoundBody};

/// How many paths a mask gets; a body with more fields than that gets none.
const PATHS_MAX: usize = 1000;

/// Fills the mask of a PATCH, if there is one that is not set.
pub(crate) fn fill(message: &mut DynamicMessage, binding: &Binding, body: &[u8]) {
    if binding.http_method != "PATCH" {
        return;
    }
    let BoundBody::Field(body_field) = &binding.body else { return };
    let (Kind::Message(resource), false) = (body_field.kind(), body_field.is_list() || body_field.is_map()) else {
        return;
    };
    let Some(mask_field) = mask_of(binding.call.input()).filter(|field| !message.has_field(field)) else { return };
    // It was read before, so it can be read.
    let Ok(serde_json::Value::Object(body)) = serde_json::from_slice(body) else { return };
    let mut paths = Vec::new();
    collect(&resource, &body, "", &mut paths);
    // What stands in the path names the resource.
    let in_path: Vec<String> = binding
        .variables
        .iter()
        .filter_map(|fields| fields.strip_prefix(std::slice::from_ref(body_field)))
        .map(|fields| fields.iter().map(FieldDescriptor::name).collect::<Vec<_>>().join("."))
        .collect();
    paths.retain(|path| !in_path.contains(path));
    let (Kind::Message(mask), true) = (mask_field.kind(), paths.len() <= PATHS_MAX) else { return };
    let mut filled = DynamicMessage::new(mask.clone());
    let Some(paths_field) = mask.get_field(1) else { return };
    let paths = Value::List(paths.into_iter().map(Value::String).collect());
    if filled.try_set_field(&paths_field, paths).is_ok() {
        // The kind of the field is the mask's: this cannot fail.
        let _ = message.try_set_field(&mask_field, Value::Message(filled));
    }
}

/// The one mask of a request.
fn mask_of(input: &MessageDescriptor) -> Option<FieldDescriptor> {
    let is_mask = |field: &FieldDescriptor| {
        matches!(field.kind(), Kind::Message(message) if message.full_name() == "google.protobuf.FieldMask")
            && !field.is_list()
            && !field.is_map()
    };
    let mut masks = input.fields().filter(is_mask);
    masks.next().filter(|_| masks.next().is_none())
}

/// The paths of all that an object says of a message.
fn collect(
    message: &MessageDescriptor,
    object: &serde_json::Map<String, serde_json::Value>,
    before: &str,
    paths: &mut Vec<String>,
) {
    for (name, value) in object {
        let Some(field) = message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name)) else {
            continue;
        };
        let path = if before.is_empty() { field.name().to_owned() } else { format!("{before}.{}", field.name()) };
        match (field.kind(), value) {
            (Kind::Message(inner), serde_json::Value::Object(fields))
                if !field.is_list()
                    && !field.is_map()
                    && !fields.is_empty()
                    && !inner.full_name().starts_with("google.protobuf.") =>
            {
                collect(&inner, fields, &path, paths);
            }
            _ => paths.push(path),
        }
        if paths.len() > PATHS_MAX {
            return;
        }
    }
}
