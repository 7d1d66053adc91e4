//! What a message has, in one line: the hint for JSON that does not fit.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

/// Fields are named up to this number.
const FIELDS_MAX: usize = 12;

/// `Point has latitude (int32) and longitude (int32)`; `None` for types with a form of their own in JSON.
pub(crate) fn describe(message: &MessageDescriptor) -> Option<String> {
    if message.full_name().starts_with("google.protobuf.") {
        return None;
    }
    let mut fields: Vec<String> = message.fields().take(FIELDS_MAX).map(|field| describe_field(&field)).collect();
    if message.fields().len() > FIELDS_MAX {
        fields.push("more".to_owned());
    }
    Some(match fields.split_last() {
        None => format!("{} has no fields: write {{}}", message.full_name()),
        Some((only, [])) => format!("{} has the field {only}", message.full_name()),
        Some((last, others)) => format!("{} has the fields {} and {last}", message.full_name(), others.join(", ")),
    })
}

fn describe_field(field: &FieldDescriptor) -> String {
    let kind = if field.is_map() {
        "map".to_owned()
    } else if field.is_list() {
        format!("list of {}", name(&field.kind()))
    } else {
        name(&field.kind())
    };
    format!("{} ({kind})", field.json_name())
}

fn name(kind: &Kind) -> String {
    match kind {
        Kind::Message(message) => message.full_name().to_owned(),
        Kind::Enum(values) => values.full_name().to_owned(),
        // The others are called in schemas as in Rust, but for capitals.
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::describe;
    use crate::catalogue;

    #[test]
    fn messages_are_described() {
        let schemas = catalogue::demo_services().expect("they are built in");
        let table = [
            ("Calculator/SumNumbers", Some("Number has the field value (double)")),
            ("Calculator/Add", Some("BinaryOperation has the fields a (double) and b (double)")),
            ("RouteGuide/ListFeature", Some("Rectangle has the fields lo (Point) and hi (Point)")),
            ("Contact/getTask", Some("Empty has no fields: write {}")),
        ];
        for (method, expected) in table {
            let method = schemas.method(method).expect(method);
            assert_eq!(describe(&method.input()).as_deref(), expected);
        }
        let output = schemas.method("tutorial").map(|method| method.output());
        assert!(output.is_none());
    }
}
