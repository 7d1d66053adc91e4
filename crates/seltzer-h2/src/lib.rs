//! HTTP/2 without input or output: RFC 9113 and RFC 7541, for both roles.
//!
//! A [`Connection`] opens no socket and reads no clock: bytes and instants go in, events and bytes come out.
//! Everything that a peer can cause has a limit, in [`Limits`]. There is no server push, and no priority.
//!
//! - [`hpack`]: header compression.
//! - [`limits`]: every limit with its reason.

mod bucket;
mod config;
mod connection;
mod error;
mod event;
mod fields;
mod flow;
mod frame;
pub mod hpack;
pub mod limits;
mod output;
mod prepared;
mod reset_memory;
mod rope;
mod semantics;
mod stream;
mod stream_id;
mod stream_table;
mod token;

pub use crate::bucket::Rate;
pub use crate::config::Config;
pub use crate::connection::Connection;
pub use crate::error::{Error, Guilty, OpenError, Reason, SendError};
pub use crate::event::{Event, HeadersKind};
pub use crate::fields::{Field, FieldList, HeaderField};
pub use crate::hpack::Memo;
pub use crate::limits::Limits;
pub use crate::prepared::Prepared;
pub use crate::rope::{Mark, Rope};
pub use crate::stream_id::StreamId;
pub use crate::stream_table::StreamTable;
pub use crate::token::{Token, TokenSet};
