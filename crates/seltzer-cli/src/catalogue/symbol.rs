//! Anything in a schema that has a name.

use prost_reflect::{
    DescriptorPool, EnumDescriptor, EnumValueDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    MethodDescriptor, OneofDescriptor, ServiceDescriptor,
};

/// Something that is declared.
pub(crate) enum Symbol {
    Service(ServiceDescriptor),
    Method(MethodDescriptor),
    Message(MessageDescriptor),
    Field(FieldDescriptor),
    Oneof(OneofDescriptor),
    Enum(EnumDescriptor),
    EnumValue(EnumValueDescriptor),
    Extension(ExtensionDescriptor),
}

impl Symbol {
    /// What a full name stands for.
    pub(crate) fn find(pool: &DescriptorPool, name: &str) -> Option<Self> {
        let (parent, last) = name.rsplit_once('.').unwrap_or(("", name));
        let within = || {
            let method = pool.get_service_by_name(parent)?.methods().find(|method| method.name() == last);
            method.map(Symbol::Method)
        };
        let part = || {
            let message = pool.get_message_by_name(parent)?;
            let oneof = message.oneofs().find(|oneof| oneof.name() == last).map(Symbol::Oneof);
            message.get_field_by_name(last).map(Symbol::Field).or(oneof)
        };
        // The names of an enum's values stand beside its own.
        let value = || {
            let is_beside =
                |known: &EnumDescriptor| known.full_name().rsplit_once('.').map_or("", |(before, _)| before) == parent;
            let beside = pool.all_enums().find(|known| is_beside(known) && known.get_value_by_name(last).is_some());
            let named = beside.or_else(|| pool.get_enum_by_name(parent))?;
            named.get_value_by_name(last).map(Symbol::EnumValue)
        };
        pool.get_service_by_name(name)
            .map(Symbol::Service)
            .or_else(|| pool.get_message_by_name(name).map(Symbol::Message))
            .or_else(|| pool.get_enum_by_name(name).map(Symbol::Enum))
            .or_else(|| pool.get_extension_by_name(name).map(Symbol::Extension))
            .or_else(within)
            .or_else(part)
            .or_else(value)
    }

    /// What it is, with its article.
    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Symbol::Service(_) => "a service",
            Symbol::Method(_) => "a method",
            Symbol::Message(_) => "a message",
            Symbol::Field(_) => "a field",
            Symbol::Oneof(_) => "a one-of",
            Symbol::Enum(_) => "an enum",
            Symbol::EnumValue(_) => "an enum value",
            Symbol::Extension(_) => "an extension",
        }
    }

    /// The message that it is, has for its type, or takes.
    pub(crate) fn message(&self) -> Option<MessageDescriptor> {
        let of_kind = |kind: Kind| kind.as_message().cloned();
        match self {
            Symbol::Message(message) => Some(message.clone()),
            Symbol::Method(method) => Some(method.input()),
            Symbol::Field(field) => of_kind(field.kind()),
            Symbol::Extension(extension) => of_kind(extension.kind()),
            _ => None,
        }
    }
}
