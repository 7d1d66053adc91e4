//! Compiles `.proto` files to Rust, in process.

mod builder;
mod builtin;
mod cargo;
mod check;
mod comments;
mod compile;
mod diagnostic;
mod error;
mod generate;
mod hints;
mod include_tree;
mod input;
pub mod manual;
mod messages;
mod names;
mod output;
mod panics;
mod report;
mod resolver;
mod scan;
mod schemas;
mod service;
mod settings;
mod stem;

use std::path::Path;

pub use crate::builder::{Builder, configure};
pub use crate::error::Error;
pub use crate::schemas::{SchemaFile, Schemas};

/// Compiles schemas in a build script with the usual settings.
///
/// # Errors
///
/// As for [`Builder::compile_protos`].
pub fn compile_protos(protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
    configure().compile_protos(protos, includes)
}
