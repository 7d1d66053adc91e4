//! The client's side of a connection under our own engine.
//!
//! The engine and all that is known of calls lie behind one lock, which nobody holds for long: a caller writes its
//! request into the engine's output and wakes the connection's task, which reads, writes and wakes callers.

mod blocks;
mod call;
mod connection;
mod driver;
mod places;
mod receive;
mod response;
mod send;
mod state;
mod unary;
mod upload;

pub(crate) use self::call::{Head, Trailers};
pub(crate) use self::connection::Connection;
pub(crate) use self::response::ResponseBody;
pub(crate) use self::send::{Reservation, Sent};
pub(crate) use self::state::{ANSWER, deadline_status};
pub(crate) use self::unary::{Failed, Refusal, UnaryAnswer, UnaryCall, UnaryRequest};
pub(crate) use self::upload::Opening;
