//! Descriptors as the wire has them: with editions, which the usual types leave out, and with options as bytes, so that
//! options of any kind survive.

pub use prost_types::SourceCodeInfo;
pub use prost_types::descriptor_proto::ReservedRange;
pub use prost_types::enum_descriptor_proto::EnumReservedRange;
pub use prost_types::field_descriptor_proto::{Label, Type};
pub use prost_types::source_code_info::Location;

/// `google.protobuf.FileDescriptorSet`
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileDescriptorSet {
    /// The files, each after those that it imports.
    #[prost(message, repeated, tag = "1")]
    pub file: Vec<FileDescriptorProto>,
}

/// `google.protobuf.FileDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct FileDescriptorProto {
    /// The name by which others import it.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// What stands before the names in it.
    #[prost(string, optional, tag = "2")]
    pub package: Option<String>,
    /// The files that it imports, without those for options alone.
    #[prost(string, repeated, tag = "3")]
    pub dependency: Vec<String>,
    /// Indices of dependencies that whoever imports this file sees too.
    #[prost(int32, repeated, packed = "false", tag = "10")]
    pub public_dependency: Vec<i32>,
    /// Indices of weak dependencies.
    #[prost(int32, repeated, packed = "false", tag = "11")]
    pub weak_dependency: Vec<i32>,
    /// The files that it imports for their options alone.
    #[prost(string, repeated, tag = "15")]
    pub option_dependency: Vec<String>,
    /// The messages at the top.
    #[prost(message, repeated, tag = "4")]
    pub message_type: Vec<DescriptorProto>,
    /// The enums at the top.
    #[prost(message, repeated, tag = "5")]
    pub enum_type: Vec<EnumDescriptorProto>,
    /// The services.
    #[prost(message, repeated, tag = "6")]
    pub service: Vec<ServiceDescriptorProto>,
    /// The extension fields at the top.
    #[prost(message, repeated, tag = "7")]
    pub extension: Vec<FieldDescriptorProto>,
    /// An encoded `google.protobuf.FileOptions`.
    #[prost(bytes = "vec", optional, tag = "8")]
    pub options: Option<Vec<u8>>,
    /// Where things stand in the text, and their comments.
    #[prost(message, optional, tag = "9")]
    pub source_code_info: Option<SourceCodeInfo>,
    /// `proto3`, `editions`, or nothing for proto2.
    #[prost(string, optional, tag = "12")]
    pub syntax: Option<String>,
    /// The number of the edition, if the syntax is `editions`.
    #[prost(int32, optional, tag = "14")]
    pub edition: Option<i32>,
}

/// `google.protobuf.DescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct DescriptorProto {
    /// The last part of its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its fields, in the order of the text.
    #[prost(message, repeated, tag = "2")]
    pub field: Vec<FieldDescriptorProto>,
    /// The extension fields that are declared in it.
    #[prost(message, repeated, tag = "6")]
    pub extension: Vec<FieldDescriptorProto>,
    /// The messages in it, those of groups and maps included.
    #[prost(message, repeated, tag = "3")]
    pub nested_type: Vec<DescriptorProto>,
    /// The enums in it.
    #[prost(message, repeated, tag = "4")]
    pub enum_type: Vec<EnumDescriptorProto>,
    /// The numbers that extensions may have.
    #[prost(message, repeated, tag = "5")]
    pub extension_range: Vec<ExtensionRange>,
    /// Its oneofs.
    #[prost(message, repeated, tag = "8")]
    pub oneof_decl: Vec<OneofDescriptorProto>,
    /// An encoded `google.protobuf.MessageOptions`.
    #[prost(bytes = "vec", optional, tag = "7")]
    pub options: Option<Vec<u8>>,
    /// The numbers that fields must not have; ends are excluded.
    #[prost(message, repeated, tag = "9")]
    pub reserved_range: Vec<ReservedRange>,
    /// The names that fields must not have.
    #[prost(string, repeated, tag = "10")]
    pub reserved_name: Vec<String>,
    /// 1 for `local`, 2 for `export`, nothing where the text says neither.
    #[prost(int32, optional, tag = "11")]
    pub visibility: Option<i32>,
}

/// `google.protobuf.DescriptorProto.ExtensionRange`
#[derive(Clone, PartialEq, prost::Message)]
pub struct ExtensionRange {
    /// The first number.
    #[prost(int32, optional, tag = "1")]
    pub start: Option<i32>,
    /// The number after the last.
    #[prost(int32, optional, tag = "2")]
    pub end: Option<i32>,
    /// An encoded `google.protobuf.ExtensionRangeOptions`.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub options: Option<Vec<u8>>,
}

/// `google.protobuf.FieldDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct FieldDescriptorProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its number on the wire.
    #[prost(int32, optional, tag = "3")]
    pub number: Option<i32>,
    /// Optional, required or repeated.
    #[prost(enumeration = "Label", optional, tag = "4")]
    pub label: Option<i32>,
    /// Its type; a parser does not know whether a name is that of a message or of an enum.
    #[prost(enumeration = "Type", optional, tag = "5")]
    pub r#type: Option<i32>,
    /// The name of its message or enum.
    #[prost(string, optional, tag = "6")]
    pub type_name: Option<String>,
    /// The message that it extends.
    #[prost(string, optional, tag = "2")]
    pub extendee: Option<String>,
    /// Its default, as text.
    #[prost(string, optional, tag = "7")]
    pub default_value: Option<String>,
    /// The oneof that it belongs to.
    #[prost(int32, optional, tag = "9")]
    pub oneof_index: Option<i32>,
    /// Its name in JSON.
    #[prost(string, optional, tag = "10")]
    pub json_name: Option<String>,
    /// An encoded `google.protobuf.FieldOptions`.
    #[prost(bytes = "vec", optional, tag = "8")]
    pub options: Option<Vec<u8>>,
    /// Whether it is `optional` in proto3.
    #[prost(bool, optional, tag = "17")]
    pub proto3_optional: Option<bool>,
}

/// `google.protobuf.OneofDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct OneofDescriptorProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// An encoded `google.protobuf.OneofOptions`.
    #[prost(bytes = "vec", optional, tag = "2")]
    pub options: Option<Vec<u8>>,
}

/// `google.protobuf.EnumDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct EnumDescriptorProto {
    /// The last part of its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its values, in the order of the text.
    #[prost(message, repeated, tag = "2")]
    pub value: Vec<EnumValueDescriptorProto>,
    /// An encoded `google.protobuf.EnumOptions`.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub options: Option<Vec<u8>>,
    /// The numbers that values must not have; ends are included.
    #[prost(message, repeated, tag = "4")]
    pub reserved_range: Vec<EnumReservedRange>,
    /// The names that values must not have.
    #[prost(string, repeated, tag = "5")]
    pub reserved_name: Vec<String>,
    /// 1 for `local`, 2 for `export`, nothing where the text says neither.
    #[prost(int32, optional, tag = "6")]
    pub visibility: Option<i32>,
}

/// `google.protobuf.EnumValueDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct EnumValueDescriptorProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its number.
    #[prost(int32, optional, tag = "2")]
    pub number: Option<i32>,
    /// An encoded `google.protobuf.EnumValueOptions`.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub options: Option<Vec<u8>>,
}

/// `google.protobuf.ServiceDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct ServiceDescriptorProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// Its methods, in the order of the text.
    #[prost(message, repeated, tag = "2")]
    pub method: Vec<MethodDescriptorProto>,
    /// An encoded `google.protobuf.ServiceOptions`.
    #[prost(bytes = "vec", optional, tag = "3")]
    pub options: Option<Vec<u8>>,
}

/// `google.protobuf.MethodDescriptorProto`
#[derive(Clone, PartialEq, prost::Message)]
pub struct MethodDescriptorProto {
    /// Its name.
    #[prost(string, optional, tag = "1")]
    pub name: Option<String>,
    /// The message that it takes.
    #[prost(string, optional, tag = "2")]
    pub input_type: Option<String>,
    /// The message that it returns.
    #[prost(string, optional, tag = "3")]
    pub output_type: Option<String>,
    /// An encoded `google.protobuf.MethodOptions`.
    #[prost(bytes = "vec", optional, tag = "4")]
    pub options: Option<Vec<u8>>,
    /// Whether the client sends a stream.
    #[prost(bool, optional, tag = "5")]
    pub client_streaming: Option<bool>,
    /// Whether the server sends a stream.
    #[prost(bool, optional, tag = "6")]
    pub server_streaming: Option<bool>,
}

/// Field numbers of descriptors, which make up the paths of locations.
pub(crate) mod tag {
    pub(crate) mod file {
        pub(crate) const PACKAGE: i32 = 2;
        pub(crate) const DEPENDENCY: i32 = 3;
        pub(crate) const MESSAGE: i32 = 4;
        pub(crate) const ENUM: i32 = 5;
        pub(crate) const SERVICE: i32 = 6;
        pub(crate) const EXTENSION: i32 = 7;
        pub(crate) const OPTIONS: i32 = 8;
        pub(crate) const PUBLIC_DEPENDENCY: i32 = 10;
        pub(crate) const WEAK_DEPENDENCY: i32 = 11;
        pub(crate) const SYNTAX: i32 = 12;
        pub(crate) const OPTION_DEPENDENCY: i32 = 15;
    }
    /// `name` is field 1 of everything that has a name.
    pub(crate) const NAME: i32 = 1;
    /// Options that are not interpreted yet are field 999 of every kind of options.
    pub(crate) const UNINTERPRETED_OPTION: i32 = 999;
    pub(crate) mod message {
        pub(crate) const FIELD: i32 = 2;
        pub(crate) const NESTED: i32 = 3;
        pub(crate) const ENUM: i32 = 4;
        pub(crate) const EXTENSION_RANGE: i32 = 5;
        pub(crate) const EXTENSION: i32 = 6;
        pub(crate) const OPTIONS: i32 = 7;
        pub(crate) const ONEOF: i32 = 8;
        pub(crate) const RESERVED_RANGE: i32 = 9;
        pub(crate) const RESERVED_NAME: i32 = 10;
    }
    pub(crate) mod range {
        pub(crate) const START: i32 = 1;
        pub(crate) const END: i32 = 2;
        pub(crate) const OPTIONS: i32 = 3;
    }
    pub(crate) mod field {
        pub(crate) const EXTENDEE: i32 = 2;
        pub(crate) const NUMBER: i32 = 3;
        pub(crate) const LABEL: i32 = 4;
        pub(crate) const TYPE: i32 = 5;
        pub(crate) const TYPE_NAME: i32 = 6;
        pub(crate) const DEFAULT_VALUE: i32 = 7;
        pub(crate) const OPTIONS: i32 = 8;
        pub(crate) const JSON_NAME: i32 = 10;
    }
    pub(crate) mod oneof {
        pub(crate) const OPTIONS: i32 = 2;
    }
    pub(crate) mod enumeration {
        pub(crate) const VALUE: i32 = 2;
        pub(crate) const OPTIONS: i32 = 3;
        pub(crate) const RESERVED_RANGE: i32 = 4;
        pub(crate) const RESERVED_NAME: i32 = 5;
    }
    pub(crate) mod value {
        pub(crate) const NUMBER: i32 = 2;
        pub(crate) const OPTIONS: i32 = 3;
    }
    pub(crate) mod service {
        pub(crate) const METHOD: i32 = 2;
        pub(crate) const OPTIONS: i32 = 3;
    }
    pub(crate) mod method {
        pub(crate) const INPUT: i32 = 2;
        pub(crate) const OUTPUT: i32 = 3;
        pub(crate) const OPTIONS: i32 = 4;
        pub(crate) const CLIENT_STREAMING: i32 = 5;
        pub(crate) const SERVER_STREAMING: i32 = 6;
    }
}
