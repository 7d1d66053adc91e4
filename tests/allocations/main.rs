//! What is counted by the allocator, which is the whole program's and so has one of its own.
//!
//! | module | what belongs there |
//! |---|---|
//! | `calls` | allocations of a call on the server's thread |
//! | `messages` | memory that hostile messages make decoding take |

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test says what is wrong by failing")]

#[cfg(unix)]
mod calls;
mod messages;
