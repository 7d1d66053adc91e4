//! The options of `seltzer health`.

use std::time::Duration;

use clap::Args;

use crate::arguments::ConnectionArguments;
use crate::arguments::values::seconds_not_zero;

/// Ask a server how it is doing
///
/// By grpc.health.v1.Health. Prints SERVING, NOT_SERVING, or another word of the protocol.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct HealthArguments {
    /// Where the server listens
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,

    /// The service that is meant [default: the server as a whole]
    #[arg(value_name = "SERVICE", default_value = "", hide_default_value = true)]
    pub(crate) service: String,

    /// Go on, and print a line whenever it changes, until Ctrl-C
    #[arg(long, short)]
    pub(crate) watch: bool,

    /// All services that the server has an answer for
    #[arg(long, short, conflicts_with_all = ["watch", "service"])]
    pub(crate) list: bool,

    /// How long it may take
    #[arg(long, visible_alias = "max-time", value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) timeout: Option<Duration>,

    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer health 127.0.0.1:50051
  seltzer health 127.0.0.1:50051 hello.Greeter --watch

Exit status: 0 for SERVING, 69 for any other answer (the last one, with --watch), the code of the gRPC status if there was none (5, NOT_FOUND: the server does not know the service; 12, UNIMPLEMENTED: it tells nobody), 64 for mistakes in the arguments.";
