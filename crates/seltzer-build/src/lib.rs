//! Compiles `.proto` files to Rust, in process.
