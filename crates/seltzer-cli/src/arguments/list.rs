//! The options of `seltzer list`.

use std::time::Duration;

use clap::Args;

use crate::arguments::values::seconds_not_zero;
use crate::arguments::{ConnectionArguments, SchemaSource};

/// List services, or the methods of one
///
/// One name a line, in the order of the alphabet. With `--proto` or `--descriptor-set` no server is needed, and ADDR may be left out.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ListArguments {
    /// Where the server listens, and the service whose methods are wanted
    #[arg(value_name = "ADDR] [SERVICE")]
    pub(crate) words: Vec<String>,

    /// How long it may take
    #[arg(long, visible_alias = "max-time", value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) timeout: Option<Duration>,

    /// The methods of all services
    #[arg(long, short)]
    pub(crate) methods: bool,

    #[command(flatten)]
    pub(crate) schemas: SchemaSource,

    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer list 127.0.0.1:50051
  seltzer list 127.0.0.1:50051 hello.Greeter
  seltzer list --proto shop.proto -I proto

Exit status: 0, the code of the gRPC status if the server cannot be asked, 64 for mistakes in the arguments.";
