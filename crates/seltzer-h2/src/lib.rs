//! HTTP/2 without input or output.
//!
//! The engine under Seltzer, in the making. What stands so far:
//!
//! - [`hpack`]: header compression, RFC 7541.
//!
//! It opens no socket and reads no clock: bytes go in, header fields and bytes come out.

pub mod hpack;
