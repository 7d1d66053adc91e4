//! The options of `seltzer describe`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::arguments::values::seconds_not_zero;
use crate::arguments::{ConnectionArguments, SchemaSource};

/// Show services, methods and messages as schemas write them
///
/// Without a name all services are shown. A name is that of a service, a method, a message, a field, an enum or an extension, with its package. With `--proto` or `--descriptor-set` no server is needed, and ADDR may be left out.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct DescribeArguments {
    /// Where the server listens, and the names
    #[arg(value_name = "ADDR] [NAME")]
    pub(crate) words: Vec<String>,

    /// Show what a message looks like in JSON as well
    #[arg(long, visible_alias = "msg-template")]
    pub(crate) template: bool,

    /// How long it may take
    #[arg(long, visible_alias = "max-time", value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) timeout: Option<Duration>,

    /// Write what was found as a compiled schema; `-` is standard output
    #[arg(long, visible_alias = "protoset-out", short = 'o', value_name = "FILE")]
    pub(crate) descriptor_set_out: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) schemas: SchemaSource,

    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer describe 127.0.0.1:50051
  seltzer describe 127.0.0.1:50051 hello.Greeter.SayHello
  seltzer describe 127.0.0.1:50051 hello.HelloRequest --template
  seltzer describe --proto shop.proto shop.v1.Order

Exit status: 0, the code of the gRPC status if the server cannot be asked, 64 for mistakes in the arguments.";
