//! What callers say in a URL.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::openapi::behavior::Behavior;
use crate::openapi::components::{Components, position};
use crate::openapi::route::{PathParameter, Route, RouteBody};
use crate::openapi::value::Object;
use crate::openapi::well_known;

/// No operation has more parameters than this in its query; a message with more fields is meant for a body, and messages
/// within messages multiply.
const QUERY_PARAMETERS_MAX: usize = 200;

/// The parameters of an operation: those of its path, called by these names, and those of its query.
pub(crate) fn parameters(components: &mut Components, route: &Route, names: &[String]) -> Vec<Object> {
    let input = route.method.input();
    let mut parameters = Vec::new();
    for (parameter, name) in route.path.parameters.iter().zip(names) {
        parameters.push(path_parameter(components, &input, parameter, name));
    }
    if route.body == RouteBody::Whole || route.method.is_client_streaming() {
        return parameters;
    }
    let mut query = Query {
        components,
        bound: route.path.fields.iter().filter_map(|path| schema_path(&input, path)).collect(),
        body: match &route.body {
            RouteBody::Field(field) => Some(field),
            RouteBody::None | RouteBody::Whole => None,
        },
        within: Vec::new(),
        found: Vec::new(),
    };
    query.message(&input, "", "");
    parameters.append(&mut query.found);
    parameters
}

fn path_parameter(
    components: &mut Components,
    input: &MessageDescriptor,
    parameter: &PathParameter,
    name: &str,
) -> Object {
    let field = parameter.field.as_deref().and_then(|path| find(input, path));
    let mut schema = match &field {
        Some(field) if parameter.part_of.is_none() => components.kind(&field.kind()),
        _ => Object::new().with("type", "string"),
    };
    // An empty segment matches nothing.
    if schema.get("type") == Some(&"string".into()) && schema.get("format").is_none() && !parameter.is_rest {
        schema.insert("minLength", 1);
    }
    let mut words = Vec::new();
    words.extend(field.as_ref().and_then(|field| comment(components, field)));
    match (&parameter.part_of, &parameter.field) {
        (Some(part), Some(field)) => words.push(format!("A part of `{field}`, which is `{part}`.")),
        (None, Some(field)) if field != name => words.push(format!("The field `{field}`.")),
        _ => {}
    }
    if parameter.is_rest {
        words.push("May have slashes in it.".to_owned());
    }
    let object = Object::new().with("name", name).with("in", "path");
    let object = object.with_some("description", (!words.is_empty()).then(|| words.join("\n\n")));
    object.with("required", true).with("schema", schema)
}

/// A path in the schema's names, of one that may have JSON's.
fn schema_path(message: &MessageDescriptor, path: &str) -> Option<String> {
    let mut fields = Vec::new();
    let mut message = Some(message.clone());
    for name in path.split('.') {
        let holder = message.take()?;
        let field = holder.get_field_by_name(name).or_else(|| holder.get_field_by_json_name(name))?;
        message = field.kind().as_message().cloned();
        fields.push(field.name().to_owned());
    }
    Some(fields.join("."))
}

/// The field at a path of the schema's names, or of JSON's.
pub(crate) fn find(message: &MessageDescriptor, path: &str) -> Option<FieldDescriptor> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let field = message.get_field_by_name(first).or_else(|| message.get_field_by_json_name(first))?;
    match rest {
        None => Some(field),
        Some(rest) => find(field.kind().as_message()?, rest),
    }
}

fn comment(components: &mut Components, field: &FieldDescriptor) -> Option<String> {
    components.comment(&field.parent_message().parent_file(), field.path())
}

/// The fields of a message as parameters of a query, those of messages within it with dots.
struct Query<'a> {
    components: &'a mut Components,
    /// Fields that the path has, by the schema's names.
    bound: Vec<String>,
    /// The field that the body has.
    body: Option<&'a str>,
    /// The messages around the one that is looked at: one that contains itself has no end.
    within: Vec<String>,
    found: Vec<Object>,
}

impl Query<'_> {
    /// All fields of a message that stands at `path` in the schema's names, and at `shown` in JSON's.
    fn message(&mut self, message: &MessageDescriptor, path: &str, shown: &str) {
        if self.within.iter().any(|outer| outer == message.full_name()) {
            return;
        }
        self.within.push(message.full_name().to_owned());
        let mut fields: Vec<_> = message.fields().collect();
        fields.sort_by_key(position);
        for field in fields {
            let path = format!("{path}{}", field.name());
            let shown = format!("{shown}{}", self.components.name_of(&field));
            let is_body = self.body.is_some_and(|body| body == path);
            if is_body || self.bound.contains(&path) || self.found.len() >= QUERY_PARAMETERS_MAX {
                continue;
            }
            self.field(&field, &path, shown);
        }
        self.within.pop();
    }

    fn field(&mut self, field: &FieldDescriptor, path: &str, shown: String) {
        if Behavior::of(field).output_only {
            return;
        }
        let kind = field.kind();
        let style = if field.is_map() {
            let Kind::Message(entry) = &kind else { return };
            if !is_scalar(&entry.map_entry_value_field().kind()) {
                return;
            }
            // `labels[key]=value`
            Some("deepObject")
        } else if is_scalar(&kind) {
            None
        } else {
            let Kind::Message(message) = &kind else { return };
            if !field.is_list() && well_known::schema(message.full_name()).is_none() {
                self.message(message, &format!("{path}."), &format!("{shown}."));
            }
            return;
        };
        let mut schema = self.components.field(field);
        // These belong to the parameter.
        let description = schema.take("description");
        let deprecated = schema.take("deprecated");
        let mut parameter = Object::new().with("name", shown).with("in", "query").with_some("description", description);
        if Behavior::of(field).required && self.within.len() == 1 {
            parameter.insert("required", true);
        }
        let parameter = parameter.with_some("deprecated", deprecated).with_some("style", style);
        let parameter = match style {
            Some(_) => parameter.with("explode", true),
            None => parameter,
        };
        self.found.push(parameter.with("schema", schema));
    }
}

/// Whether a value can stand in a URL.
fn is_scalar(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => well_known::is_scalar(message.full_name()),
        _ => true,
    }
}
