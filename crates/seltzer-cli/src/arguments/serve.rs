//! The options of `seltzer serve`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, ArgGroup, Args, ValueEnum};
use seltzer::codec::CompressionEncoding;
use seltzer::transport::{Carrier, ListenAddress};

use crate::arguments::values::{NamedIdentity, compression, named_identity, seconds, seconds_not_zero, token};
use crate::arguments::{
    KeepaliveArguments, LifetimeArguments, LimitArguments, LoadArguments, ProtocolArguments, TimeoutArguments,
};

/// gRPC's customary port, for this machine alone.
const ADDRESS_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 50051);

/// As many as a server takes; beyond it is a slip of the finger.
const WORKERS_MAX: i64 = 1024;

/// Serve the demo services (the default command)
///
/// Health and reflection are served besides, so that grpcurl and the like need no schemas.
///
/// Prints `listening on ADDR` once for each address, then what is served. When told to stop it accepts nothing more and lets calls finish; told a second time it ends at once. SIGHUP has it read the files of --tls-cert, --tls-key, --tls-sni and --tls-client-ca again: new connections use them, those that are open go on, and files that cannot be used change nothing. Without such files SIGHUP ends it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct ServeArguments {
    /// Where to listen: HOST:PORT (port 0 takes a free one) or unix:PATH. May be repeated [default: the sockets that a service manager passes on (LISTEN_FDS), or 127.0.0.1:50051]
    #[arg(long, short, value_name = "ADDR")]
    pub(crate) listen: Vec<ListenAddress>,

    /// Require `authorization: Bearer TOKEN` of every call
    #[arg(long, env = "SELTZER_TOKEN", hide_env_values = true, value_parser = token)]
    pub(crate) token: Option<String>,

    /// Compress replies with this, for callers that accept it
    #[arg(long, value_name = "NAME", value_parser = compression())]
    pub(crate) compression: Option<CompressionEncoding>,

    /// How many threads move bytes, each with its share of the connections; as many more run handlers that wait or take long [default: all share one thread a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=WORKERS_MAX))]
    pub(crate) workers: Option<u16>,

    /// What carries HTTP/2: Seltzer's own engine, or hyper to compare it with
    #[arg(long, value_name = "NAME", default_value = "engine")]
    pub(crate) carrier: CarrierName,

    /// How long calls may go on after the server was told to stop
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) drain_grace: Duration,

    /// Serve channelz too: what this server does, with its peers' addresses
    #[arg(long)]
    pub(crate) channelz: bool,

    /// Serve what is measured of calls too, for Prometheus: http://ADDR/metrics, over plain HTTP
    #[arg(long, value_name = "ADDR")]
    pub(crate) metrics: Option<ListenAddress>,

    /// Send what is measured of calls, and their traces, to an OpenTelemetry collector (OTLP over gRPC), for example
    /// http://127.0.0.1:4317; headers, timeout and so on are those of the variables OTEL_*
    #[arg(long, value_name = "ENDPOINT")]
    pub(crate) otlp: Option<String>,

    /// How often Contact/getTask pushes a task [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) task_interval: Option<Duration>,

    /// Log each call on standard error: method, status, time, peer. -vv and -vvv tell more
    #[arg(long, short, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    #[command(flatten)]
    pub(crate) protocols: ProtocolArguments,

    #[command(flatten)]
    pub(crate) tls: ServerTls,

    #[command(flatten)]
    pub(crate) load: LoadArguments,

    #[command(flatten)]
    pub(crate) timeouts: TimeoutArguments,

    #[command(flatten)]
    pub(crate) lifetime: LifetimeArguments,

    #[command(flatten)]
    pub(crate) keepalive: KeepaliveArguments,

    #[command(flatten)]
    pub(crate) limits: LimitArguments,
}

impl ServeArguments {
    /// Where to listen, beside sockets that were passed on.
    pub(crate) fn addresses(&self, inherits: bool) -> Vec<ListenAddress> {
        if self.listen.is_empty() && !inherits {
            return vec![ListenAddress::Socket(ADDRESS_DEFAULT)];
        }
        self.listen.clone()
    }
}

/// What `--carrier` may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum CarrierName {
    Engine,
    Hyper,
}

impl From<CarrierName> for Carrier {
    fn from(name: CarrierName) -> Self {
        match name {
            CarrierName::Engine => Carrier::Engine,
            CarrierName::Hyper => Carrier::Hyper,
        }
    }
}

/// How the server proves who it is, and whom it lets in.
#[derive(Debug, Args)]
#[command(
    next_help_heading = "TLS",
    group = ArgGroup::new("identity"),
    group = ArgGroup::new("any-identity").multiple(true),
)]
pub(crate) struct ServerTls {
    /// Serve with TLS: the server's certificate in PEM, intermediate ones after it
    #[arg(long = "tls-cert", value_name = "FILE", requires = "key", groups = ["identity", "any-identity"])]
    pub(crate) cert: Option<PathBuf>,

    /// The certificate's private key in PEM
    #[arg(long = "tls-key", value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Serve with TLS and a certificate made up at start, for trying things out
    #[arg(long = "tls-self-signed", groups = ["identity", "any-identity"])]
    pub(crate) self_signed: bool,

    /// Another certificate and key, for clients that ask for this name or, as in `*.example.com`, for one below it. May be repeated
    #[arg(long = "tls-sni", value_name = "NAME=CERT:KEY", value_parser = named_identity, group = "any-identity")]
    pub(crate) named: Vec<NamedIdentity>,

    /// Write the certificate of --tls-self-signed to a file, for clients to trust
    #[arg(long = "tls-self-signed-out", value_name = "FILE", requires = "self_signed")]
    pub(crate) self_signed_out: Option<PathBuf>,

    /// Require a certificate of clients, signed by one in this file or in it (mutual TLS)
    #[arg(long = "tls-client-ca", value_name = "FILE", requires = "any-identity")]
    pub(crate) client_ca: Option<PathBuf>,
}

const AFTER_HELP: &str = "\
Examples:
  seltzer serve
  seltzer serve --listen 0.0.0.0:50051 --listen unix:/tmp/seltzer.sock -v
  seltzer serve --tls-self-signed --tls-self-signed-out ca.pem
  seltzer serve --tls-cert server.pem --tls-key server.key --tls-client-ca clients.pem
  seltzer serve --tls-sni api.example.com=api.pem:api.key --tls-sni '*.example.com=any.pem:any.key'
  seltzer serve --token token123 --compression gzip
  seltzer serve --max-calls 500 --queue-length 100 --queue-timeout 0.5 --max-call-timeout 60
  seltzer serve --rate-limit 100:200 --rate-limit-by metadata:x-api-key --max-connection-age 1800

Under systemd it serves the sockets of its socket unit (LISTEN_FDS), and says when it is ready and when it stops
(NOTIFY_SOCKET, Type=notify).

Exit status: 0 after a stop, 64 for a mistake in the command line, 1 for other failures,
128 and the signal's number when told twice to stop.";
