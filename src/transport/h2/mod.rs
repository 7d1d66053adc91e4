//! Our own HTTP/2 engine as the carrier of connections: what moves its bytes, and what wakes whom.
//!
//! One task a connection reads, lets the engine take every frame apart, answers what can be answered at once, and
//! writes once.

mod answer;
mod body;
mod buffers;
mod exchange;
mod heads;
mod message;
mod ready;
mod receive;
mod request;
mod send;
pub(crate) mod server;
mod sniff;
mod task;

pub(crate) use self::answer::{Answer, AnswerFuture, Later, Message, Payload, Routed, Unary};
#[cfg(fuzzing)]
pub(crate) use self::message::{Refused, collect, only_message};
pub(crate) use self::request::head as request_head;
pub(crate) use self::sniff::{Spoken, sniff};
