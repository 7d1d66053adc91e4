//! The command line as users write it.

mod bench;
mod call;
mod compile;
mod connection;
mod describe;
mod health;
mod include;
mod limits;
mod list;
mod load;
mod manual;
mod openapi;
mod protocols;
mod quantities;
mod schemas;
mod serve;
mod values;

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

pub(crate) use crate::bench::RateSchedule;

pub(crate) use self::bench::{BenchArguments, ReportFormat};
pub(crate) use self::call::CallArguments;
pub(crate) use self::compile::CompileArguments;
pub(crate) use self::connection::{ClientTls, ConnectionArguments, SpokenProtocol};
pub(crate) use self::describe::DescribeArguments;
pub(crate) use self::health::HealthArguments;
pub(crate) use self::include::{Include, builder};
pub(crate) use self::limits::{KeepaliveArguments, LifetimeArguments, LimitArguments};
pub(crate) use self::list::ListArguments;
pub(crate) use self::load::{CallRate, LoadArguments, RateKey, TimeoutArguments};
pub(crate) use self::manual::{CompletionsArguments, ManArguments};
pub(crate) use self::openapi::{DocumentFormat, OpenApiArguments};
pub(crate) use self::protocols::ProtocolArguments;
pub(crate) use self::quantities::{Bytes, Count, Seconds};
pub(crate) use self::schemas::SchemaSource;
pub(crate) use self::serve::{CarrierName, ServeArguments, ServerTls};
pub(crate) use self::values::{Header, NamedIdentity};

/// Serves, calls and compiles gRPC services: no protoc, no C compiler.
#[derive(Debug, Parser)]
#[command(name = "seltzer", version, after_help = AFTER_HELP, max_term_width = HELP_COLUMNS_MAX)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// In a box, as other commands with very many options.
    Serve(Box<ServeArguments>),
    Call(Box<CallArguments>),
    List(ListArguments),
    Describe(DescribeArguments),
    Health(HealthArguments),
    Bench(Box<BenchArguments>),
    Compile(CompileArguments),
    Openapi(OpenApiArguments),
    Completions(CompletionsArguments),
    Man(ManArguments),
    Protoc(ProtocArguments),
}

/// Take protoc's place: descriptor sets and plugins, with protoc's own flags
///
/// `seltzer protoc --help` lists them. Also as a program of its own, `seltzer-protoc`, for `PROTOC=seltzer-protoc`.
#[derive(Debug, Args)]
#[command(disable_help_flag = true)]
pub(crate) struct ProtocArguments {
    #[arg(value_name = "OPTION | PROTO", trailing_var_arg = true, allow_hyphen_values = true)]
    _words: Vec<OsString>,
}

/// Longer lines are hard to read, however wide the terminal.
const HELP_COLUMNS_MAX: usize = 100;

const AFTER_HELP: &str = "\
Examples:
  seltzer
  seltzer call 127.0.0.1:50051 Calculator/Divide -d '{\"a\": 1, \"b\": 4}'
  seltzer describe 127.0.0.1:50051 hello.Greeter
  seltzer health 127.0.0.1:50051
  seltzer bench 127.0.0.1:50051 hello.Greeter/SayHello -d '{\"name\": \"world\"}'
  seltzer compile proto/hello.proto -I proto --descriptor-set-out hello.bin
  seltzer protoc -Iproto --go_out=out proto/hello.proto
  seltzer openapi proto/hello.proto -I proto -o openapi.yaml

`seltzer COMMAND --help` shows the options of a command, and examples.";

impl Arguments {
    /// Reads the command line. Without a command it is `serve`'s.
    ///
    /// # Errors
    /// What clap says about it: a mistake, or the text of `--help` and `--version`.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut words: Vec<OsString> = words.into_iter().collect();
        let is_bare = words.get(1).is_none_or(|first| {
            let first = first.to_string_lossy();
            first.starts_with('-') && !matches!(&*first, "-h" | "--help" | "-V" | "--version")
        });
        if is_bare {
            words.insert(words.len().min(1), "serve".into());
        }
        Arguments::try_parse_from(words)
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default() {
        for words in [&["seltzer"][..], &["seltzer", "--listen", "127.0.0.1:0"], &["seltzer", "serve"]] {
            let arguments = Arguments::read(words.iter().map(OsString::from)).expect("a valid command line");
            assert!(matches!(arguments.command, Command::Serve(_)), "{words:?}");
        }
        let call = Arguments::read(["seltzer", "call", "a:1", "S/M"].map(OsString::from)).expect("valid");
        assert!(matches!(call.command, Command::Call(_)));
    }
}
