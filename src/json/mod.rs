//! Messages as JSON, after protobuf's JSON mapping: what every protocol that speaks it shares.
//!
//! [`Messages`] holds the schemas of what a server serves and finds a method by its path; [`JsonMethod`] turns its
//! messages from JSON into bytes and back, as [`JsonOptions`] say. What is wrong with a JSON text is a [`JsonError`],
//! which says where: line, column and field.

pub(crate) mod base64;
mod depth;
pub(crate) mod details;
mod error;
mod messages;
mod number;
mod options;
pub(crate) mod pool;
mod read;
mod reader;
mod scalar;
mod structure;
mod transcode;
mod write;

pub use self::error::JsonError;
pub(crate) use self::messages::{JsonMethod, Messages};
pub use self::options::JsonOptions;
pub(crate) use self::read::{map_key, read_field, read_message};
pub(crate) use self::scalar::{scalar_from_text, shortened};
pub(crate) use self::write::write_field;
pub(crate) use self::write::write_message;

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]
mod tests;
