//! The options of `seltzer call`.

use std::time::Duration;

use clap::{ArgAction, Args};
use seltzer::codec::CompressionEncoding;

use crate::arguments::values::{compression, header, seconds_not_zero};
use crate::arguments::{ConnectionArguments, Header, SchemaSource};

/// Call a method: JSON in, JSON out
///
/// Replies are printed on standard output as they come, one a line. A status other than OK is printed on standard error as `CODE_NAME: message`, its details beneath.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct CallArguments {
    /// Where the server listens: HOST:PORT, http://HOST:PORT, https://HOST:PORT or unix:PATH
    ///
    /// Without a port http:// means 80 and https:// 443; HOST by itself is refused.
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,

    /// What to call: [package.]Service/Method
    #[arg(value_name = "SERVICE/METHOD", required_unless_present = "diagnose")]
    pub(crate) method: Option<String>,

    /// The message in JSON, or several one after another; `@` reads standard input, `@FILE` a file
    ///
    /// Several are for methods that take a stream. From standard input or a file each message is sent as soon as it is complete. Without this option `{}` is sent, or a stream without messages.
    #[arg(long, short, value_name = "JSON")]
    pub(crate) data: Vec<String>,

    /// How long the whole call may take; fractions are allowed
    #[arg(long, visible_alias = "max-time", value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) timeout: Option<Duration>,

    /// Compress messages with this
    #[arg(long, value_name = "NAME", value_parser = compression())]
    pub(crate) compression: Option<CompressionEncoding>,

    /// The largest reply message that is accepted, in bytes [default: 4194304]
    #[arg(long, visible_alias = "max-msg-sz", value_name = "BYTES")]
    pub(crate) max_message_bytes: Option<usize>,

    /// Write fields that have their default values as well
    #[arg(long)]
    pub(crate) emit_defaults: bool,

    /// Pass over fields in JSON that the schema does not have
    #[arg(long)]
    pub(crate) allow_unknown_fields: bool,

    /// Go the way to the server step by step first, and say how long each takes, and which one fails
    #[arg(long)]
    pub(crate) diagnose: bool,

    /// Make no call: print what the method's message looks like in JSON
    #[arg(long, visible_alias = "msg-template")]
    pub(crate) template: bool,

    /// Metadata for the call alone, not for questions after schemas. May be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) call_header: Vec<Header>,

    /// Show the metadata that is sent (>), received before the replies (<) and after them (<<)
    #[arg(long, short, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(flatten)]
    pub(crate) schemas: SchemaSource,

    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer call 127.0.0.1:50051 Calculator/Divide -d '{\"a\": 1, \"b\": 4}'
  seltzer call 127.0.0.1:50051 Calculator/SumNumbers -d '{\"value\": 1} {\"value\": 2}'
  seltzer call 127.0.0.1:50051 Contact/sendStatus -d @ < messages.json
  seltzer call unix:/tmp/shop.sock shop.v1.Shop/Buy --proto shop.proto -I proto -d '{\"id\": 7}'
  seltzer call http://localhost:8080 hello.Greeter/SayHello --protocol connect --http1
  seltzer call https://example.com hello.Greeter/SayHello --timeout 2.5 \\
      -H 'authorization: Bearer ${TOKEN}' -d '{\"name\": \"world\"}'

Exit status: 0 for OK; the code of the gRPC status otherwise (1 CANCELLED to 16 UNAUTHENTICATED);
64 if the call was never made because of its arguments or their files; 74 if replies could not be written.";
