//! The options of `seltzer compile`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

use crate::arguments::Include;

/// Compile .proto files to a descriptor set or to Rust
///
/// google/api, google/rpc, google/type, the well-known types and gRPC's health, reflection and channelz schemas are built in; a file of the same name under an include directory goes first.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, group = ArgGroup::new("output").required(true).multiple(true))]
pub(crate) struct CompileArguments {
    /// The schemas
    #[arg(value_name = "PROTO", required = true)]
    pub(crate) protos: Vec<PathBuf>,

    /// Where imports are looked up: a directory, or VIRTUAL=DIR. May be repeated [default: the directories of the schemas]
    #[arg(long, short = 'I', value_name = "DIR")]
    pub(crate) include: Vec<Include>,

    /// Write a google.protobuf.FileDescriptorSet; `-` is standard output
    #[arg(long, short = 'o', value_name = "FILE", group = "output", help_heading = "Descriptor set")]
    pub(crate) descriptor_set_out: Option<PathBuf>,

    /// Put imported files into the set as well, so that it can be used by itself
    #[arg(long, requires = "descriptor_set_out", help_heading = "Descriptor set")]
    pub(crate) include_imports: bool,

    /// Keep comments and positions in the set
    #[arg(long, requires = "descriptor_set_out", help_heading = "Descriptor set")]
    pub(crate) include_source_info: bool,

    /// Write Rust into a directory: messages, services and clients, a file a package
    #[arg(long, value_name = "DIR", group = "output", help_heading = "Rust")]
    pub(crate) rust_out: Option<PathBuf>,

    /// Name the module of the schemas, instead of their package's name
    #[arg(long, value_name = "NAME", requires = "rust_out", help_heading = "Rust")]
    pub(crate) module: Option<String>,

    /// Also write a file of this name that includes the others in nested modules
    #[arg(long, value_name = "FILE", requires = "rust_out", help_heading = "Rust")]
    pub(crate) include_file: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer compile proto/hello.proto -I proto --descriptor-set-out hello.bin --include-imports
  seltzer compile proto/calculator.proto --rust-out src/generated --module calculator

Exit status: 0, 64 for a mistake in the command line, 1 for a schema that is wrong or missing,
74 if standard output takes no more.";
