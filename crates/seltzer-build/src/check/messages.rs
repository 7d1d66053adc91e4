//! Messages and enums: types, modules of nested types, fields, accessors, variants.

use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto};

use crate::check::{Context, Item, Scope};
use crate::error::Error;
use crate::names::{snake, strip_enum_prefix, unraw, upper_camel};

/// Field numbers of descriptors, which make up the paths of places.
const FILE_MESSAGE: i32 = 4;
const FILE_ENUM: i32 = 5;
const MESSAGE_FIELD: i32 = 2;
const MESSAGE_NESTED: i32 = 3;
const MESSAGE_ENUM: i32 = 4;
const MESSAGE_ONEOF: i32 = 8;
const ENUM_VALUE: i32 = 2;

/// Declares the types of a file in the scope of its module, and checks what is inside.
pub(crate) fn check_file<'a>(context: &Context<'a>, scope: &mut Scope<'a>) -> Result<(), Error> {
    for (index, message) in indexed(&context.file.message_type) {
        let name = context.full_name(message.name());
        check_message(context, scope, message, &name, &[FILE_MESSAGE, index])?;
    }
    for (index, the_enum) in indexed(&context.file.enum_type) {
        let name = context.full_name(the_enum.name());
        check_enum(context, scope, the_enum, &name, &[FILE_ENUM, index])?;
    }
    Ok(())
}

fn check_message<'a>(
    context: &Context<'a>,
    scope: &mut Scope<'a>,
    message: &'a DescriptorProto,
    full_name: &str,
    path: &[i32],
) -> Result<(), Error> {
    if context.is_extern(full_name) {
        return Ok(());
    }
    let name = message.name();
    scope.declare(upper_camel(name), context.item(format!("message `{name}`"), path))?;
    check_fields(context, message, path)?;
    check_accessors(context, message, path)?;
    let nested = || indexed(&message.nested_type).filter(|(_, nested)| !is_map_entry(nested));
    let has_oneof = real_oneofs(message).next().is_some();
    if nested().next().is_some() || !message.enum_type.is_empty() || has_oneof {
        let item = context.item(format!("the module of the types in message `{name}`"), path);
        scope.declare(snake(name), item)?;
    }
    let mut inner = Scope::default();
    for (index, message) in nested() {
        let name = format!("{full_name}.{}", message.name());
        check_message(context, &mut inner, message, &name, &join(path, MESSAGE_NESTED, index))?;
    }
    for (index, the_enum) in indexed(&message.enum_type) {
        let name = format!("{full_name}.{}", the_enum.name());
        check_enum(context, &mut inner, the_enum, &name, &join(path, MESSAGE_ENUM, index))?;
    }
    for (index, oneof) in real_oneofs(message) {
        let item = oneof_item(context, message, index, path);
        inner.declare(oneof_type(message, oneof), item)?;
        check_variants(context, message, index, path)?;
    }
    Ok(())
}

/// Fields and oneofs are the members of one struct.
fn check_fields(context: &Context<'_>, message: &DescriptorProto, path: &[i32]) -> Result<(), Error> {
    let mut members = Scope::default();
    for (index, field) in indexed(&message.field).filter(|(_, field)| !is_in_oneof(field)) {
        members.declare(snake(field.name()), field_item(context, field, index, path))?;
    }
    for (index, oneof) in real_oneofs(message) {
        members.declare(snake(oneof), oneof_item(context, message, index, path))?;
    }
    Ok(())
}

/// The methods that prost derives for a struct: `set_kind` of a field `kind` may be the getter of
/// a field `set_kind`.
fn check_accessors(context: &Context<'_>, message: &DescriptorProto, path: &[i32]) -> Result<(), Error> {
    let mut methods = Scope::default();
    for (index, field) in indexed(&message.field).filter(|(_, field)| !is_in_oneof(field)) {
        let name = snake(field.name());
        let plain = unraw(&name);
        let map_value = map_entry(message, field).and_then(|entry| entry.field.get(1));
        let accessors = if let Some(value) = map_value {
            match value.r#type() {
                Type::Enum => vec![format!("get_{plain}"), format!("insert_{plain}")],
                _ => Vec::new(),
            }
        } else if field.r#type() == Type::Enum {
            let verb = if field.label() == Label::Repeated { "push" } else { "set" };
            vec![name.clone(), format!("{verb}_{plain}")]
        } else if has_getter(context, field) {
            vec![name.clone()]
        } else {
            Vec::new()
        };
        for accessor in accessors {
            let what = format!("the method for field `{}`", field.name());
            let item = context.item(what, &join(path, MESSAGE_FIELD, index));
            methods.declare(accessor, item)?;
        }
    }
    Ok(())
}

/// Whether prost derives a getter for a field that is no enum: it is a scalar in an `Option`.
fn has_getter(context: &Context<'_>, field: &FieldDescriptorProto) -> bool {
    let is_message = matches!(field.r#type(), Type::Message | Type::Group);
    let is_proto2 = context.file.syntax() != "proto3";
    !is_message && (field.proto3_optional() || (is_proto2 && field.label() == Label::Optional))
}

/// The variants of a oneof.
fn check_variants(
    context: &Context<'_>,
    message: &DescriptorProto,
    oneof_index: i32,
    path: &[i32],
) -> Result<(), Error> {
    let mut variants = Scope::default();
    for (index, field) in indexed(&message.field) {
        if is_in_oneof(field) && field.oneof_index == Some(oneof_index) {
            variants.declare(upper_camel(field.name()), field_item(context, field, index, path))?;
        }
    }
    Ok(())
}

fn check_enum<'a>(
    context: &Context<'a>,
    scope: &mut Scope<'a>,
    the_enum: &'a EnumDescriptorProto,
    full_name: &str,
    path: &[i32],
) -> Result<(), Error> {
    if context.is_extern(full_name) {
        return Ok(());
    }
    let name = the_enum.name();
    scope.declare(upper_camel(name), context.item(format!("enum `{name}`"), path))?;
    let strips = !context.settings.retain_enum_prefix;
    let names = variant_names(the_enum, strips);
    let hint = if strips && are_distinct(&variant_names(the_enum, false)) {
        "rename one of them, or keep the enum's name in front of both with `.retain_enum_prefix()`"
    } else {
        "rename one of them"
    };
    let mut variants = Scope::default();
    for (index, variant) in names {
        let value = the_enum.value[usize::try_from(index).expect("an index")].name();
        let item = context.item(format!("enum value `{value}`"), &join(path, ENUM_VALUE, index));
        variants.declare_or(variant, item, hint)?;
    }
    Ok(())
}

/// The Rust names of an enum's values; a second name of one number has none.
fn variant_names(the_enum: &EnumDescriptorProto, strips: bool) -> Vec<(i32, String)> {
    let type_name = upper_camel(the_enum.name());
    let mut numbers = std::collections::HashSet::new();
    indexed(&the_enum.value)
        .filter(|(_, value)| numbers.insert(value.number()))
        .map(|(index, value)| {
            let name = upper_camel(value.name());
            let name = if strips { strip_enum_prefix(&type_name, &name) } else { name };
            (index, name)
        })
        .collect()
}

fn are_distinct(names: &[(i32, String)]) -> bool {
    let mut seen = std::collections::HashSet::new();
    names.iter().all(|(_, name)| seen.insert(name))
}

/// The oneofs that were written as such, with their indices.
fn real_oneofs(message: &DescriptorProto) -> impl Iterator<Item = (i32, &str)> {
    indexed(&message.oneof_decl)
        .filter(|(index, _)| message.field.iter().any(|field| is_in_oneof(field) && field.oneof_index == Some(*index)))
        .map(|(index, oneof)| (index, oneof.name()))
}

/// The type of a oneof, which steps aside for a nested type of its name.
fn oneof_type(message: &DescriptorProto, oneof: &str) -> String {
    let name = upper_camel(oneof);
    let nested = message.nested_type.iter().map(DescriptorProto::name);
    let mut types = nested.chain(message.enum_type.iter().map(EnumDescriptorProto::name));
    if types.any(|nested| upper_camel(nested) == name) { format!("{name}OneOf") } else { name }
}

fn is_in_oneof(field: &FieldDescriptorProto) -> bool {
    field.oneof_index.is_some() && !field.proto3_optional()
}

fn is_map_entry(message: &DescriptorProto) -> bool {
    message.options.as_ref().is_some_and(prost_types::MessageOptions::map_entry)
}

/// The nested message behind a map field.
fn map_entry<'a>(message: &'a DescriptorProto, field: &FieldDescriptorProto) -> Option<&'a DescriptorProto> {
    let type_name = field.type_name().rsplit('.').next()?;
    message
        .nested_type
        .iter()
        .find(|nested| is_map_entry(nested) && nested.name() == type_name)
        .filter(|_| field.r#type() == Type::Message && field.label() == Label::Repeated)
}

fn field_item<'a>(context: &Context<'a>, field: &FieldDescriptorProto, index: i32, path: &[i32]) -> Item<'a> {
    context.item(format!("field `{}`", field.name()), &join(path, MESSAGE_FIELD, index))
}

fn oneof_item<'a>(context: &Context<'a>, message: &DescriptorProto, index: i32, path: &[i32]) -> Item<'a> {
    let name = message.oneof_decl[usize::try_from(index).expect("an index")].name();
    context.item(format!("oneof `{name}`"), &join(path, MESSAGE_ONEOF, index))
}

fn join(path: &[i32], field: i32, index: i32) -> Vec<i32> {
    let mut path = path.to_vec();
    path.extend([field, index]);
    path
}

fn indexed<T>(items: &[T]) -> impl Iterator<Item = (i32, &T)> {
    (0..).zip(items)
}
