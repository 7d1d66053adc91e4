//! What the comparisons, load generators and hostile clients of this package share.
//!
//! The programs are in `src/bin`: servers that answer the same schema (`seltzer_bench_server`, `tonic_bench_server`),
//! the least that could answer (`floor`, `raw_tcp`), a load generator that checks every byte of every answer (`load`),
//! and clients that mean harm (`attacks`). HTTP/2 is spoken here by a small client of its own ([`wire`]), so that
//! nothing is judged by itself.

pub mod allocator;
pub mod arguments;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod handlers;
pub mod load;
pub mod over_seltzer;
pub mod over_tonic;
pub mod process;
pub mod report;
pub mod schemas;
pub mod wire;
