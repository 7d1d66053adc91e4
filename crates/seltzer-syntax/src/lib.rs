#![doc = include_str!("../README.md")]
//!
//! # Editions
//!
//! | feature | what becomes of it |
//! |---|---|
//! | `field_presence` | `optional` or not, `required`; a file with implicit presence becomes proto3, any other proto2 |
//! | `enum_type` | nothing: generated Rust keeps unknown numbers of closed enums too |
//! | `repeated_field_encoding` | `packed`, written out |
//! | `utf8_validation` | nothing: a `String` is UTF-8 always |
//! | `message_encoding` | groups |
//! | `json_format`, `enforce_naming_style`, `default_symbol_visibility` | rules that are checked, then nothing |
//! | `(pb.go)` and those of other languages | nothing |
//!
//! One thing has no form in proto2 nor in proto3, and is an error at the field: implicit presence in the same file as an
//! enum that does not start at zero.

mod comments;
mod compile;
pub mod descriptor;
mod edition;
mod error;
mod features;
mod lower;
mod names;
mod options;
mod parser;
mod rules;
mod token;

pub use crate::compile::{DESCRIPTOR_FILE, disguise, undisguise};
pub use crate::edition::Edition;
pub use crate::error::SyntaxError;
pub use crate::features::{Features, FieldPresence};
pub use crate::lower::{lower, lower_encoded};
pub use crate::parser::parse;
pub use crate::rules::{RuleError, check};
