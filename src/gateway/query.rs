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

/// The parameters of a query, read once for all messages of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parameters(Vec<Parameter>);

/// One that has found its field.
#[derive(Debug, Clone)]
struct Parameter {
    name: String,
    target: Target,
    value: Value,
}

/// Where a parameter goes.
#[derive(Debug, Clone)]
struct Target {
    /// From the message to the field.
    fields: Vec<FieldDescriptor>,
    /// The entry of a map.
    key: Option<MapKey>,
}

impl Parameters {
    /// Reads a query.
    ///
    /// # Errors
    /// A parameter is unknown, has a value that its field does not take, or comes twice; the text names it.
    pub(crate) fn read(query: &str, binding: &Binding, ignore_unknown: bool) -> Result<Self, String> {
        // The paths of single fields.
        let mut seen = HashSet::new();
        let mut parameters = Vec::new();
        for (index, parameter) in query.split('&').filter(|parameter| !parameter.is_empty()).enumerate() {
            if index >= PARAMETERS_MAX {
                return Err(format!("the query has more than {PARAMETERS_MAX} parameters"));
            }
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let fail = |what: &str| format!("the query parameter {:?}: {what}", shortened(name));
            let (name, value) = (decode(name).map_err(fail)?, decode(value).map_err(fail)?);
            let fail = |what: String| named(&name, &what);
            let Some(target) = target(binding.call.input(), &name).map_err(fail)? else {
                if ignore_unknown {
                    continue;
                }
                let input = binding.call.input().full_name();
                return Err(fail(format!("the message {input} has no such field")));
            };
            check_bound(binding, &target.fields).map_err(fail)?;
            let value = target.value(&value, &mut seen).map_err(fail)?;
            parameters.push(Parameter { name: name.into_owned(), target, value });
        }
        Ok(Parameters(parameters))
    }

    /// Fills a message with them.
    ///
    /// # Errors
    /// A parameter does not go with what is there already; the text names it.
    pub(crate) fn fill(&self, message: &mut DynamicMessage) -> Result<(), String> {
        for Parameter { name, target, value } in &self.0 {
            target.set(message, value.clone()).map_err(|what| named(name, &what))?;
        }
        Ok(())
    }
}

fn named(name: &str, what: &str) -> String {
    format!("the query parameter {}: {what}", shortened(name))
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

impl Target {
    /// The value that a text means here.
    fn value(&self, text: &str, seen: &mut HashSet<String>) -> Result<Value, String> {
        let Some(field) = self.fields.last() else { return Err("there is no such field".to_owned()) };
        if self.key.is_some() {
            let Kind::Message(entry) = field.kind() else { return Err("this is no map".to_owned()) };
            return value_from_text(&entry.map_entry_value_field().kind(), text);
        }
        if field.is_map() {
            return Err(format!("a map is filled as {}[KEY]=VALUE", field.json_name()));
        }
        let value = value_from_text(&field.kind(), text)?;
        let path: Vec<_> = self.fields.iter().map(FieldDescriptor::name).collect();
        if !field.is_list() && !seen.insert(path.join(".")) {
            return Err("it is there twice, and the field is not repeated".to_owned());
        }
        Ok(value)
    }

    fn set(&self, message: &mut DynamicMessage, value: Value) -> Result<(), String> {
        let Target { fields, key } = self;
        let Some(field) = fields.last() else { return Err("there is no such field".to_owned()) };
        check_oneofs(message, fields)?;
        let holder = holder(message, fields)?;
        if let Some(key) = key {
            return match holder.get_field_mut(field) {
                Value::Map(map) if map.contains_key(key) => Err("the key is there twice".to_owned()),
                Value::Map(map) => {
                    map.insert(key.clone(), value);
                    Ok(())
                }
                _ => Err("this is no map".to_owned()),
            };
        }
        if field.is_list() {
            if let Value::List(list) = holder.get_field_mut(field) {
                list.push(value);
            }
            return Ok(());
        }
        holder.try_set_field(field, value).map_err(|error| error.to_string())
    }
}

/// What is bound elsewhere does not come in the query.
fn check_bound(binding: &Binding, fields: &[FieldDescriptor]) -> Result<(), String> {
    if binding.variables.iter().any(|variable| variable == fields) {
        return Err("the field stands in the path already".to_owned());
    }
    match &binding.body {
        BoundBody::Field(field) if fields.first() == Some(field) => {
            Err(format!("the field {} is the body", field.json_name()))
        }
        BoundBody::Whole => Err("the body holds all fields that are not in the path".to_owned()),
        _ => Ok(()),
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
