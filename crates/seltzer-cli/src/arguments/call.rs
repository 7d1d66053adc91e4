//! The options of `seltzer call`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use seltzer::codec::CompressionEncoding;

use crate::arguments::values::{compression, header, seconds_not_zero};
use crate::arguments::{Header, Include};

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
    #[arg(value_name = "SERVICE/METHOD")]
    pub(crate) method: String,

    /// The message in JSON, or several one after another; `@` reads standard input, `@FILE` a file
    ///
    /// Several are for methods that take a stream. From standard input or a file each message is sent as soon as it is complete. Without this option `{}` is sent, or a stream without messages.
    #[arg(long, short, value_name = "JSON")]
    pub(crate) data: Vec<String>,

    /// Metadata to send; the value of a name in -bin is base64. May be repeated
    #[arg(long, short = 'H', value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) header: Vec<Header>,

    /// How long the whole call may take; fractions are allowed
    #[arg(long, value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) timeout: Option<Duration>,

    /// Compress messages with this
    #[arg(long, value_name = "NAME", value_parser = compression())]
    pub(crate) compression: Option<CompressionEncoding>,

    /// The largest reply message that is accepted, in bytes [default: 4194304]
    #[arg(long, value_name = "BYTES")]
    pub(crate) max_message_bytes: Option<usize>,

    /// Show the metadata that is sent (>), received before the replies (<) and after them (<<)
    #[arg(long, short, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(flatten)]
    pub(crate) schemas: SchemaSource,

    #[command(flatten)]
    pub(crate) tls: ClientTls,
}

/// Where the messages are defined; without any of these the demo services' schemas are used.
#[derive(Debug, Args)]
#[command(next_help_heading = "Schemas (built in: the demo services, health, reflection, channelz)")]
pub(crate) struct SchemaSource {
    /// A schema that defines the service. May be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) proto: Vec<PathBuf>,

    /// Where imports are looked up: a directory, or VIRTUAL=DIR. May be repeated [default: the directory of the schema]
    #[arg(long, short = 'I', value_name = "DIR", requires = "proto")]
    pub(crate) include: Vec<Include>,

    /// A compiled schema, as `seltzer compile --descriptor-set-out --include-imports` writes it. May be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) descriptor_set: Vec<PathBuf>,
}

/// Whom to trust, and what to show of oneself. Each of these turns TLS on, as `https://` does.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS (also turned on by https://, which trusts public CAs)")]
pub(crate) struct ClientTls {
    /// Trust servers with a certificate in this file, or signed by one in it
    #[arg(long = "tls-ca", value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,

    /// The certificate to show to the server (mutual TLS)
    #[arg(long = "tls-cert", value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key
    #[arg(long = "tls-key", value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// The name that the server's certificate must be for [default: the host of ADDR]
    #[arg(long = "tls-domain", value_name = "NAME")]
    pub(crate) domain: Option<String>,

    /// Trust any server: encrypted, but with whom is anybody's guess
    #[arg(long = "tls-insecure")]
    pub(crate) insecure: bool,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer call 127.0.0.1:50051 Calculator/Divide -d '{\"a\": 1, \"b\": 4}'
  seltzer call 127.0.0.1:50051 Calculator/SumNumbers -d '{\"value\": 1} {\"value\": 2}'
  seltzer call 127.0.0.1:50051 Contact/sendStatus -d @ < messages.json
  seltzer call unix:/tmp/shop.sock shop.v1.Shop/Buy --proto shop.proto -I proto -d '{\"id\": 7}'
  seltzer call https://example.com hello.Greeter/SayHello --timeout 2.5 \\
      -H 'authorization: Bearer token123' -d '{\"name\": \"world\"}'

Exit status: 0 for OK; the code of the gRPC status otherwise (1 CANCELLED to 16 UNAUTHENTICATED);
64 if the call was never made because of its arguments or their files; 74 if replies could not be written.";
