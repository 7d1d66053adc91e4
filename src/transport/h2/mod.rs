//! Our own HTTP/2 engine as the carrier of connections: what moves its bytes, and what wakes whom.
//!
//! One task a connection reads, lets the engine take every frame apart, hands over what came, and writes once.

#[cfg(feature = "server")]
mod answer;
#[cfg(feature = "server")]
mod begin;
#[cfg(feature = "server")]
mod body;
#[cfg(feature = "server")]
mod buffers;
#[cfg(feature = "client")]
pub(crate) mod client;
#[cfg(feature = "server")]
mod direct;
#[cfg(feature = "server")]
mod exchange;
mod fields;
mod heads;
#[cfg(feature = "server")]
mod memory;
mod message;
mod read_buffer;
#[cfg(feature = "server")]
mod ready;
#[cfg(feature = "server")]
mod receive;
#[cfg(feature = "server")]
mod request;
#[cfg(feature = "server")]
mod scatter;
#[cfg(feature = "server")]
mod send;
#[cfg(feature = "server")]
pub(crate) mod server;
#[cfg(feature = "server")]
mod sniff;
#[cfg(feature = "server")]
mod task;
#[cfg(feature = "server")]
mod writing;

#[cfg(feature = "server")]
pub(crate) use self::answer::{Answer, AnswerFuture, AtOnce, Beginning, Later, Rest, Routed, Unary};
#[cfg(feature = "server")]
pub(crate) use self::body::StreamBody;
#[cfg(feature = "http1")]
pub(crate) use self::memory::Framing;
#[cfg(feature = "server")]
pub(crate) use self::memory::{Budget, Memory, connection_bytes_max};
#[cfg(fuzzing)]
pub(crate) use self::message::collect;
pub(crate) use self::message::{Message, Payload};
#[cfg(any(feature = "client", fuzzing))]
pub(crate) use self::message::{Refused, only_message};
#[cfg(feature = "server")]
pub(crate) use self::read_buffer::{give_read_buffer, take_read_buffer};
#[cfg(feature = "server")]
pub(crate) use self::ready::ReadyQueue;
#[cfg(feature = "server")]
pub(crate) use self::request::head as request_head;
#[cfg(feature = "server")]
pub(crate) use self::sniff::{Spoken, sniff};

/// The largest window that there can be (RFC 9113, section 6.9.1).
pub(crate) const WINDOW_BYTES_MAX: u32 = (1 << 31) - 1;
