//! JSON to protobuf's bytes and back without a message in between, by tables that are made once of the schemas.
//!
//! What is accepted, what is written, and what errors say and where is the same as by way of a `DynamicMessage`
//! ([`read_message`](crate::json::read_message), [`write_message`](crate::json::write_message)): the tests are, too.
//! Messages that are rare and hard to read go that way still: `Any`, and those with extensions.

mod read;
mod table;
mod wire;
mod write;

pub(crate) use self::read::read;
pub(crate) use self::table::{MessageTable, Tables};
pub(crate) use self::write::{write, write_field};

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]
mod tests;
