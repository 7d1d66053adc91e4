//! How a server is reached: what every command that speaks to one has.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::arguments::Header;
use crate::arguments::values::{header, seconds_not_zero};

/// How to reach the server, and what to tell it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connection")]
pub(crate) struct ConnectionArguments {
    /// Speak without TLS, and do not ask the server first [default: HOST:PORT by itself is asked]
    #[arg(long, conflicts_with_all = ["ca", "cert", "key", "domain", "insecure"])]
    pub(crate) plaintext: bool,

    /// What to speak
    #[arg(long, value_enum, value_name = "NAME", default_value_t)]
    pub(crate) protocol: SpokenProtocol,

    /// Speak it over HTTP/1.1; gRPC needs HTTP/2
    #[arg(long)]
    pub(crate) http1: bool,

    /// The authority that calls name, in place of the host of ADDR
    #[arg(long, value_name = "NAME")]
    pub(crate) authority: Option<String>,

    /// How long connecting may take, TLS included [default: 20]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) connect_timeout: Option<Duration>,

    /// Ask the server for a sign of life after this long without one
    #[arg(long, value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) keepalive_time: Option<Duration>,

    /// What this program calls itself, in front of its own name
    #[arg(long, value_name = "TEXT")]
    pub(crate) user_agent: Option<String>,

    /// Metadata to send with every call; the value of a name in -bin is base64; ${NAME} is an environment variable. May be repeated
    #[arg(long, short = 'H', value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) header: Vec<Header>,

    #[command(flatten)]
    pub(crate) tls: ClientTls,
}

/// What calls are made in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum SpokenProtocol {
    /// gRPC
    #[default]
    Grpc,
    /// gRPC-Web, the protocol of pages in browsers
    GrpcWeb,
    /// Connect; methods without side effects are called by GET
    Connect,
}

/// Whom to trust, and what to show of oneself. Each of these turns TLS on, as `https://` does.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS (also turned on by https://, which trusts public CAs)")]
pub(crate) struct ClientTls {
    /// Trust servers with a certificate in this file, or signed by one in it
    #[arg(long = "tls-ca", visible_alias = "cacert", value_name = "FILE", conflicts_with = "insecure")]
    pub(crate) ca: Option<PathBuf>,

    /// The certificate to show to the server (mutual TLS)
    #[arg(long = "tls-cert", visible_alias = "cert", value_name = "FILE", requires = "key")]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key
    #[arg(long = "tls-key", visible_alias = "key", value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// The name that the server's certificate must be for [default: the host of ADDR]
    #[arg(long = "tls-domain", visible_alias = "servername", value_name = "NAME")]
    pub(crate) domain: Option<String>,

    /// Trust any server: encrypted, but with whom is anybody's guess
    #[arg(long = "tls-insecure", visible_alias = "insecure")]
    pub(crate) insecure: bool,
}

impl ClientTls {
    /// Whether anything of it was asked for.
    pub(crate) fn is_set(&self) -> bool {
        let ClientTls { ca, cert, key, domain, insecure } = self;
        ca.is_some() || cert.is_some() || key.is_some() || domain.is_some() || *insecure
    }
}
