//! Features: what an edition starts with, and what each scope changes of it.

use prost::Message;

use crate::edition::Edition;
use crate::options::{self, Value};

/// The field `features` in each kind of options.
pub(crate) mod tag {
    pub(crate) const FILE: u32 = 50;
    pub(crate) const MESSAGE: u32 = 12;
    pub(crate) const EXTENSION_RANGE: u32 = 50;
    pub(crate) const FIELD: u32 = 21;
    pub(crate) const ONEOF: u32 = 1;
    pub(crate) const ENUM: u32 = 7;
    pub(crate) const VALUE: u32 = 2;
    pub(crate) const SERVICE: u32 = 34;
    pub(crate) const METHOD: u32 = 35;
}

/// `google.protobuf.FeatureSet`, as far as it is not of one language: what is written at one place.
#[derive(Clone, Copy, PartialEq, Message)]
pub(crate) struct FeatureSet {
    #[prost(int32, optional, tag = "1")]
    pub(crate) field_presence: Option<i32>,
    #[prost(int32, optional, tag = "2")]
    pub(crate) enum_type: Option<i32>,
    #[prost(int32, optional, tag = "3")]
    pub(crate) repeated_field_encoding: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub(crate) utf8_validation: Option<i32>,
    #[prost(int32, optional, tag = "5")]
    pub(crate) message_encoding: Option<i32>,
    #[prost(int32, optional, tag = "6")]
    pub(crate) json_format: Option<i32>,
    #[prost(int32, optional, tag = "7")]
    pub(crate) enforce_naming_style: Option<i32>,
    #[prost(int32, optional, tag = "8")]
    pub(crate) default_symbol_visibility: Option<i32>,
}

impl FeatureSet {
    /// What is written in options of a kind, whose field for it is `tag`.
    pub(crate) fn written(options: Option<&[u8]>, tag: u32) -> Option<FeatureSet> {
        let mut found = None;
        for field in options::fields(options?) {
            if let Value::Bytes(bytes) = field.value
                && field.number == tag
            {
                let set: &mut FeatureSet = found.get_or_insert_default();
                // What is not a feature set was refused when the options were interpreted.
                let _ = set.merge(bytes);
            }
        }
        found
    }
}

/// Whether absence can be told from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldPresence {
    /// It can.
    Explicit,
    /// It cannot.
    Implicit,
    /// The field must not be absent.
    LegacyRequired,
}

/// The features that hold at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Whether absence of a field can be told from zero.
    pub field_presence: FieldPresence,
    /// Whether an enum keeps to its values.
    pub closed_enum: bool,
    /// Whether numbers of a list share one tag.
    pub packed: bool,
    /// Whether strings must be UTF-8. Rust's always are: it is kept for others.
    pub verify_utf8: bool,
    /// Whether messages end with a tag, as groups do, instead of starting with a length.
    pub delimited: bool,
    /// Whether the names of fields must differ in JSON.
    pub allow_json: bool,
    /// Whether names must keep to the style guide.
    pub enforce_style: bool,
    pub(crate) visibility: Visibility,
}

/// What other files see where the text does not say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Visibility {
    ExportAll,
    ExportTopLevel,
    LocalAll,
    Strict,
}

impl Features {
    /// What holds in a file that says nothing.
    #[must_use]
    pub fn of(edition: Edition) -> Features {
        let is_proto2 = edition == Edition::Proto2;
        let since_2024 = edition >= Edition::Edition2024;
        Features {
            field_presence: if edition == Edition::Proto3 { FieldPresence::Implicit } else { FieldPresence::Explicit },
            closed_enum: is_proto2,
            packed: !is_proto2,
            verify_utf8: !is_proto2,
            delimited: false,
            allow_json: !is_proto2,
            enforce_style: since_2024,
            visibility: if since_2024 { Visibility::ExportTopLevel } else { Visibility::ExportAll },
        }
    }

    /// What holds inside of something with these options, whose field for features is `tag`.
    pub(crate) fn within(self, options: Option<&[u8]>, tag: u32) -> Features {
        match FeatureSet::written(options, tag) {
            Some(written) => self.with(&written),
            None => self,
        }
    }

    fn with(mut self, written: &FeatureSet) -> Features {
        match written.field_presence {
            Some(1) => self.field_presence = FieldPresence::Explicit,
            Some(2) => self.field_presence = FieldPresence::Implicit,
            Some(3) => self.field_presence = FieldPresence::LegacyRequired,
            _ => {}
        }
        set(&mut self.closed_enum, written.enum_type, 2);
        set(&mut self.packed, written.repeated_field_encoding, 1);
        set(&mut self.verify_utf8, written.utf8_validation, 2);
        set(&mut self.delimited, written.message_encoding, 2);
        set(&mut self.allow_json, written.json_format, 1);
        if let Some(style) = written.enforce_naming_style {
            self.enforce_style = style != STYLE_LEGACY;
        }
        match written.default_symbol_visibility {
            Some(1) => self.visibility = Visibility::ExportAll,
            Some(2) => self.visibility = Visibility::ExportTopLevel,
            Some(3) => self.visibility = Visibility::LocalAll,
            Some(4) => self.visibility = Visibility::Strict,
            _ => {}
        }
        self
    }
}

fn set(feature: &mut bool, written: Option<i32>, yes: i32) {
    if let Some(written) = written {
        *feature = written == yes;
    }
}

/// `FeatureSet.EnforceNamingStyle.STYLE_LEGACY`
const STYLE_LEGACY: i32 = 2;

impl Visibility {
    /// As the language spells it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Visibility::ExportAll => "EXPORT_ALL",
            Visibility::ExportTopLevel => "EXPORT_TOP_LEVEL",
            Visibility::LocalAll => "LOCAL_ALL",
            Visibility::Strict => "STRICT",
        }
    }
}
