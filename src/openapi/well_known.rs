//! Messages whose JSON is not an object of their fields.

use crate::openapi::value::{Object, Value};

/// The schema of a message that JSON treats in its own way. `google.rpc.Status` is here because every error is one,
/// whether or not a schema imports it.
pub(crate) fn schema(full_name: &str) -> Option<Object> {
    let wrapper = |schema: Object, of: &str| {
        let description = format!("{of}, or null where none is set.");
        Some(schema.with("description", description))
    };
    let nullable = |kind: &str| Object::new().with("type", [kind, "null"]);
    match full_name {
        "google.protobuf.Any" => Some(any()),
        "google.protobuf.Duration" => Some(
            text("Seconds, with up to nine digits behind the point and an `s` at the end.")
                .with("pattern", r"^-?[0-9]+(\.[0-9]{1,9})?s$")
                .with("examples", ["1.5s"]),
        ),
        "google.protobuf.Empty" => Some(object("Nothing: an object without fields.")),
        "google.protobuf.FieldMask" => Some(
            text("Paths of fields, in lower camel case, with commas between them.")
                .with("examples", ["name,home.city"]),
        ),
        "google.protobuf.ListValue" => {
            let items = Object::new().with("$ref", "#/components/schemas/google.protobuf.Value");
            Some(
                Object::new()
                    .with("type", "array")
                    .with("items", items)
                    .with("description", "Any list of JSON values."),
            )
        }
        "google.protobuf.Struct" => {
            let value = Object::new().with("$ref", "#/components/schemas/google.protobuf.Value");
            Some(object("Any JSON object.").with("additionalProperties", value))
        }
        "google.protobuf.Timestamp" => Some(
            text("A moment (RFC 3339), in UTC unless it says otherwise.")
                .with("format", "date-time")
                .with("examples", ["2026-01-31T12:00:00Z"]),
        ),
        "google.protobuf.Value" => Some(Object::new().with("description", "Any JSON value.")),
        "google.protobuf.BoolValue" => wrapper(nullable("boolean"), "A boolean"),
        "google.protobuf.BytesValue" => {
            wrapper(nullable("string").with("format", "byte").with("contentEncoding", "base64"), "Bytes in base64")
        }
        "google.protobuf.DoubleValue" => wrapper(nullable("number").with("format", "double"), "A number"),
        "google.protobuf.FloatValue" => wrapper(nullable("number").with("format", "float"), "A number"),
        "google.protobuf.Int32Value" => wrapper(nullable("integer").with("format", "int32"), "An integer"),
        "google.protobuf.Int64Value" => wrapper(nullable("string").with("format", "int64"), "An integer in quotes"),
        "google.protobuf.StringValue" => wrapper(nullable("string"), "A string"),
        "google.protobuf.UInt32Value" => {
            wrapper(nullable("integer").with("format", "uint32").with("minimum", 0), "An integer")
        }
        "google.protobuf.UInt64Value" => wrapper(nullable("string").with("format", "uint64"), "An integer in quotes"),
        "google.rpc.Status" => Some(status()),
        _ => None,
    }
}

/// What such a schema refers to.
pub(crate) fn refers_to(full_name: &str) -> Option<&'static str> {
    match full_name {
        "google.protobuf.ListValue" | "google.protobuf.Struct" => Some("google.protobuf.Value"),
        "google.rpc.Status" => Some("google.protobuf.Any"),
        _ => None,
    }
}

/// Whether a message is one value in JSON, so that it can be a parameter.
pub(crate) fn is_scalar(full_name: &str) -> bool {
    match full_name.strip_prefix("google.protobuf.") {
        Some("Duration" | "FieldMask" | "Timestamp") => true,
        Some(name) => name.ends_with("Value") && !matches!(name, "ListValue" | "Value"),
        None => false,
    }
}

fn text(description: &str) -> Object {
    Object::new().with("type", "string").with("description", description)
}

fn object(description: &str) -> Object {
    Object::new().with("type", "object").with("description", description)
}

fn any() -> Object {
    let url = text("The message's type: `type.googleapis.com/` and its full name.");
    object("A message of any type: its fields, with its type beside them.")
        .with("properties", Object::new().with("@type", url))
        .with("required", ["@type"])
        .with("additionalProperties", true)
}

fn status() -> Object {
    let code = Object::new().with("type", "integer").with("format", "int32");
    let any = Object::new().with("$ref", "#/components/schemas/google.protobuf.Any");
    let details = Object::new().with("type", "array").with("items", any);
    let properties = Object::new()
        .with("code", code.with("description", "The gRPC code, such as 5 for NOT_FOUND."))
        .with("message", text("What went wrong, in words."))
        .with("details", details.with("description", "What else is known of it."));
    let properties: Value = properties.into();
    object("Why a call failed.").with("properties", properties)
}
