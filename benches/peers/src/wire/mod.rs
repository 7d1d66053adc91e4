//! HTTP/2 as a client speaks it, independent of the engine under test.

pub mod frame;
pub mod hpack;
mod huffman;
pub mod session;
pub mod socket;
mod static_table;
pub mod tls;

pub use self::session::{Event, Outcome, Session};
