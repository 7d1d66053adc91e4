//! Schemas that need no file on disk: Google's common types and gRPC's standard services.
//!
//! The well-known types (`google/protobuf/*.proto`) come with protox and are not listed here.

use crate::scan;

/// The text of a built-in schema by its import name.
pub(crate) fn text(name: &str) -> Option<&'static str> {
    SCHEMAS.binary_search_by_key(&name, |(name, _)| name).ok().map(|index| SCHEMAS[index].1)
}

/// Whether protox itself knows a schema of this name.
pub(crate) fn is_well_known(name: &str) -> bool {
    WELL_KNOWN.contains(&name)
}

/// Whether protox cannot read a schema although it is no edition: options at a single extension number are not known
/// to it.
pub(crate) fn needs_own_parser(name: &str) -> bool {
    name == "google/protobuf/descriptor.proto"
}

/// The import names of every built-in schema, in alphabetical order.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    SCHEMAS.iter().map(|(name, _)| *name)
}

/// The built-in or well-known schema that defines a type or an option of this full name.
pub(crate) fn defining(full_name: &str) -> Option<&'static str> {
    let (package, name) = full_name.rsplit_once('.')?;
    if package == "google.protobuf" {
        return WELL_KNOWN_TYPES.iter().find(|(types, _)| types.contains(&name)).map(|(_, file)| *file);
    }
    let (file, _) = SCHEMAS.iter().find(|(_, text)| defines(text, package, name))?;
    Some(file)
}

/// The full name of a well-known type that was called by its last part alone.
pub(crate) fn well_known_type(name: &str) -> Option<String> {
    let is_known = WELL_KNOWN_TYPES.iter().any(|(types, _)| types.contains(&name));
    is_known.then(|| format!("google.protobuf.{name}"))
}

/// Whether a schema declares `name` in `package`: a type, a service's type or an extension field.
fn defines(text: &str, package: &str, name: &str) -> bool {
    let dotted = package.replace('.', " . ");
    let tokens: Vec<&str> = scan::tokens(text).map(|token| token.text).collect();
    let declares_package = tokens.split(|token| *token == ";").any(|statement| {
        statement.split_first().is_some_and(|(first, rest)| *first == "package" && rest.join(" ") == dotted)
    });
    let mut in_extend = false;
    declares_package
        && tokens.windows(2).any(|pair| {
            match pair[0] {
                "extend" => in_extend = true,
                "}" => in_extend = false,
                _ => {}
            }
            let is_type = matches!(pair[0], "message" | "enum") && pair[1] == name;
            is_type || (in_extend && pair[0] == name && pair[1] == "=")
        })
}

macro_rules! schemas {
    ($($name:literal),* $(,)?) => {
        /// In alphabetical order, for the binary search.
        const SCHEMAS: &[(&str, &str)] = &[
            $(($name, include_str!(concat!("../proto/", $name)))),*
        ];
    };
}

schemas![
    "google/api/annotations.proto",
    "google/api/client.proto",
    "google/api/field_behavior.proto",
    "google/api/field_info.proto",
    "google/api/http.proto",
    "google/api/httpbody.proto",
    "google/api/launch_stage.proto",
    "google/api/resource.proto",
    "google/api/routing.proto",
    "google/api/visibility.proto",
    "google/protobuf/cpp_features.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/go_features.proto",
    "google/protobuf/java_features.proto",
    "google/rpc/code.proto",
    "google/rpc/context/attribute_context.proto",
    "google/rpc/error_details.proto",
    "google/rpc/http.proto",
    "google/rpc/status.proto",
    "google/type/calendar_period.proto",
    "google/type/color.proto",
    "google/type/date.proto",
    "google/type/datetime.proto",
    "google/type/dayofweek.proto",
    "google/type/decimal.proto",
    "google/type/expr.proto",
    "google/type/fraction.proto",
    "google/type/interval.proto",
    "google/type/latlng.proto",
    "google/type/localized_text.proto",
    "google/type/money.proto",
    "google/type/month.proto",
    "google/type/phone_number.proto",
    "google/type/postal_address.proto",
    "google/type/quaternion.proto",
    "google/type/timeofday.proto",
    "grpc/channelz/v1/channelz.proto",
    "grpc/health/v1/health.proto",
    "grpc/reflection/v1/reflection.proto",
    "grpc/reflection/v1alpha/reflection.proto",
];

const WELL_KNOWN: &[&str] = &[
    "google/protobuf/any.proto",
    "google/protobuf/api.proto",
    "google/protobuf/compiler/plugin.proto",
    "google/protobuf/descriptor.proto",
    "google/protobuf/duration.proto",
    "google/protobuf/empty.proto",
    "google/protobuf/field_mask.proto",
    "google/protobuf/source_context.proto",
    "google/protobuf/struct.proto",
    "google/protobuf/timestamp.proto",
    "google/protobuf/type.proto",
    "google/protobuf/wrappers.proto",
];

/// What the well-known schemas define.
const WELL_KNOWN_TYPES: &[(&[&str], &str)] = &[
    (&["Any"], "google/protobuf/any.proto"),
    (&["Duration"], "google/protobuf/duration.proto"),
    (&["Empty"], "google/protobuf/empty.proto"),
    (&["FieldMask"], "google/protobuf/field_mask.proto"),
    (&["ListValue", "NullValue", "Struct", "Value"], "google/protobuf/struct.proto"),
    (&["Timestamp"], "google/protobuf/timestamp.proto"),
    (
        &[
            "BoolValue",
            "BytesValue",
            "DoubleValue",
            "FloatValue",
            "Int32Value",
            "Int64Value",
            "StringValue",
            "UInt32Value",
            "UInt64Value",
        ],
        "google/protobuf/wrappers.proto",
    ),
    (
        &["EnumOptions", "FieldOptions", "FileOptions", "MessageOptions", "MethodOptions", "ServiceOptions"],
        "google/protobuf/descriptor.proto",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(SCHEMAS.is_sorted_by_key(|(name, _)| name));
    }
}
