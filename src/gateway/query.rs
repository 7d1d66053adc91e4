//! Query parameters: fields by their paths, `author.name=A&tags=x&tags=y&ratings[z]=5`.

use std::borrow::Cow;
use std::collections::HashSet;

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};

use crate::gateway::rule::{Binding, BoundBody};
use crate::gateway::template::{Reserved, percent_decode};
use crate::gateway::text::{holder, value_from_text};
use crate::json::{map_key, shortened};

/// How many parameters a query may have.
const PARAMETERS_MAX: usize = 1000;

/// How deep a parameter's field may lie.
const DEPTH_MAX: usize = 32;

/// What is known of fields that are filled already.
struct Filling<'a> {
    binding: &'a Binding,
    /// The paths of single fields that came in the query.
    seen: HashSet<String>,
}

/// Where a parameter goes.
struct Target {
    /// From the message to the field.
    fields: Vec<FieldDescriptor>,
    /// The entry of a map.
    key: Option<MapKey>,
}

/// Fills a message with what a query says.
///
/// # Errors
/// A parameter is unknown, has a value that its field does not take, or comes twice; the text names it.
pub(crate) fn fill(
    message: &mut DynamicMessage,
    query: &str,
    binding: &Binding,
    ignore_unknown: bool,
) -> Result<(), String> {
    let mut filling = Filling { binding, seen: HashSet::new() };
    for (index, parameter) in query.split('&').filter(|parameter| !parameter.is_empty()).enumerate() {
        if index >= PARAMETERS_MAX {
            return Err(format!("the query has more than {PARAMETERS_MAX} parameters"));
        }
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let fail = |what: &str| format!("the query parameter {:?}: {what}", shortened(name));
        let (name, value) = (decode(name).map_err(fail)?, decode(value).map_err(fail)?);
        let fail = |what: String| format!("the query parameter {}: {what}", shortened(&name));
        let Some(target) = target(binding.call.input(), &name).map_err(fail)? else {
            if ignore_unknown {
                continue;
            }
            let input = binding.call.input().full_name();
            return Err(fail(format!("the message {input} has no such field")));
        };
        filling.set(message, &target, &value).map_err(fail)?;
    }
    Ok(())
}

/// Decodes as forms are encoded: a plus is a space.
fn decode(text: &str) -> Result<Cow<'_, str>, &'static str> {
    if !text.contains('+') {
        return percent_decode(text, Reserved::Decoded);
    }
    percent_decode(&text.replace('+', " "), Reserved::Decoded).map(|text| Cow::Owned(text.into_owned()))
}

/// Finds the field; none if there is no such field.
fn target(message: &MessageDescriptor, name: &str) -> Result<Option<Target>, String> {
    let mut message = message.clone();
    let mut fields: Vec<FieldDescriptor> = Vec::new();
    let mut rest = name;
    loop {
        if fields.len() >= DEPTH_MAX {
            return Err(format!("it lies more than {DEPTH_MAX} fields deep"));
        }
        let length = rest.find(['.', '[']).unwrap_or(rest.len());
        let (part, behind) = rest.split_at(length);
        let found = message.get_field_by_name(part).or_else(|| message.get_field_by_json_name(part));
        let Some(field) = found else { return Ok(None) };
        let kind = field.kind();
        fields.push(field);
        let field = &fields[fields.len() - 1];
        if let Some(behind) = behind.strip_prefix('[') {
            let Kind::Message(entry) = &kind else { return Err(format!("{part} is no map")) };
            let Some(key) = behind.strip_suffix(']').filter(|_| field.is_map()) else {
                return Err(format!("{part} is filled as {part}[KEY]=VALUE, if it is a map"));
            };
            let key = map_key(&entry.map_entry_key_field().kind(), key)?;
            return Ok(Some(Target { fields, key: Some(key) }));
        }
        let Some(behind) = behind.strip_prefix('.') else { return Ok(Some(Target { fields, key: None })) };
        match kind {
            Kind::Message(_) if field.is_list() || field.is_map() => {
                return Err(format!("{part} is repeated: it cannot be filled field by field in a query"));
            }
            Kind::Message(inner) => message = inner,
            _ => return Err(format!("{part} is no message")),
        }
        rest = behind;
    }
}

impl Filling<'_> {
    fn set(&mut self, message: &mut DynamicMessage, target: &Target, text: &str) -> Result<(), String> {
        let Target { fields, key } = target;
        self.check(fields)?;
        let Some(field) = fields.last() else { return Err("there is no such field".to_owned()) };
        check_oneofs(message, fields)?;
        let holder = holder(message, fields)?;
        if let Some(key) = key {
            let Kind::Message(entry) = field.kind() else { return Err("this is no map".to_owned()) };
            let value = value_from_text(&entry.map_entry_value_field().kind(), text)?;
            return match holder.get_field_mut(field) {
                Value::Map(map) if map.contains_key(key) => Err("the key is there twice".to_owned()),
                Value::Map(map) => {
                    map.insert(key.clone(), value);
                    Ok(())
                }
                _ => Err("this is no map".to_owned()),
            };
        }
        if field.is_map() {
            return Err(format!("a map is filled as {}[KEY]=VALUE", field.json_name()));
        }
        let value = value_from_text(&field.kind(), text)?;
        if field.is_list() {
            if let Value::List(list) = holder.get_field_mut(field) {
                list.push(value);
            }
            return Ok(());
        }
        let path: Vec<_> = fields.iter().map(FieldDescriptor::name).collect();
        if !self.seen.insert(path.join(".")) {
            return Err("it is there twice, and the field is not repeated".to_owned());
        }
        holder.try_set_field(field, value).map_err(|error| error.to_string())
    }

    /// What is bound elsewhere does not come in the query.
    fn check(&self, fields: &[FieldDescriptor]) -> Result<(), String> {
        if self.binding.variables.iter().any(|variable| variable == fields) {
            return Err("the field stands in the path already".to_owned());
        }
        match &self.binding.body {
            BoundBody::Field(field) if fields.first() == Some(field) => {
                Err(format!("the field {} is the body", field.json_name()))
            }
            BoundBody::Whole => Err("the body holds all fields that are not in the path".to_owned()),
            _ => Ok(()),
        }
    }
}

/// No two fields of a oneof are set.
fn check_oneofs(message: &DynamicMessage, fields: &[FieldDescriptor]) -> Result<(), String> {
    let Some((field, behind)) = fields.split_first() else { return Ok(()) };
    if let Some(oneof) = field.containing_oneof()
        && let Some(other) = oneof.fields().find(|other| other != field && message.has_field(other))
    {
        return Err(format!("only one of {} may be set, and {} is", oneof.name(), other.json_name()));
    }
    match &*message.get_field(field) {
        Value::Message(inner) if message.has_field(field) => check_oneofs(inner, behind),
        _ => Ok(()),
    }
}
