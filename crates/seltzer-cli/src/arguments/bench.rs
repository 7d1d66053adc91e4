//! The options of `seltzer bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::arguments::values::{seconds, seconds_not_zero};
use crate::arguments::{ConnectionArguments, Count, RateSchedule, SchemaSource};

/// Call a method very often, and say how long it takes
///
/// Without `--rate` a number of calls is always under way, and the next begins when one has ended (a closed loop): this shows how much a server can do. With `--rate` calls begin at times of their own, whether the server keeps up or not (an open loop), and a call's latency counts from the time at which it was meant to begin: this shows what users would see.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct BenchArguments {
    /// Where the server listens
    #[arg(value_name = "ADDR")]
    pub(crate) address: String,

    /// What to call: [package.]Service/Method
    #[arg(value_name = "SERVICE/METHOD")]
    pub(crate) method: String,

    /// The message in JSON; several take turns, or go one after another where the method takes a stream. {{n}}, {{uuid}}, {{random A B}} and {{timestamp}} are new in each call
    #[arg(long, short, value_name = "JSON")]
    pub(crate) data: Vec<String>,

    /// How many calls are under way at once, without --rate
    #[arg(long, short = 'c', value_name = "CALLS", default_value = "50", conflicts_with = "rate")]
    pub(crate) concurrency: Count,

    /// How many connections they share, in turn
    #[arg(long, value_name = "CONNECTIONS", default_value = "1")]
    pub(crate) connections: Count,

    /// How many threads make them
    #[arg(long, value_name = "THREADS", default_value = "1")]
    pub(crate) threads: Count,

    /// How long to go on [default: 10, unless --calls says how many]
    #[arg(long, short = 'z', value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) duration: Option<Duration>,

    /// How many calls to make
    #[arg(long, short = 'n', value_name = "CALLS", conflicts_with = "warmup")]
    pub(crate) calls: Option<Count>,

    /// How many calls begin each second: RATE, FROM..TO rising or falling evenly, or FROM..TO/STEP in steps
    #[arg(long, short = 'r', value_name = "RATE")]
    pub(crate) rate: Option<RateSchedule>,

    /// How many calls may be under way with --rate; the others wait, which counts as latency
    #[arg(long, value_name = "CALLS", default_value = "10000", requires = "rate")]
    pub(crate) max_in_flight: Count,

    /// How long to go on before anything is counted
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    pub(crate) warmup: Duration,

    /// How often the messages of a stream are sent in each call
    #[arg(long, value_name = "TIMES", default_value = "1")]
    pub(crate) stream_repeat: Count,

    /// How long a call may take
    #[arg(long, visible_alias = "max-time", value_name = "SECONDS", value_parser = seconds_not_zero)]
    pub(crate) timeout: Option<Duration>,

    /// What to write [default: as the output is called; text]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<ReportFormat>,

    /// Where to write it; `-` is standard output
    #[arg(long, short = 'o', value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    #[command(flatten)]
    pub(crate) schemas: SchemaSource,

    #[command(flatten)]
    pub(crate) connection: ConnectionArguments,
}

/// What a report is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For people at a terminal
    Text,
    /// Everything, for programs
    Json,
    /// A line for each second
    Csv,
    /// A page with plots, which needs nothing else
    Html,
}

impl BenchArguments {
    /// What the report is to be written as.
    pub(crate) fn report_format(&self) -> ReportFormat {
        let extension = self.output.extension().and_then(|extension| extension.to_str());
        self.format.unwrap_or(match extension {
            Some("json") => ReportFormat::Json,
            Some("csv") => ReportFormat::Csv,
            Some("html" | "htm") => ReportFormat::Html,
            _ => ReportFormat::Text,
        })
    }
}

const AFTER_HELP: &str = "\
Examples:
  seltzer bench 127.0.0.1:50051 hello.Greeter/SayHello -d '{\"name\": \"world\"}'
  seltzer bench 127.0.0.1:50051 hello.Greeter/SayHello --rate 2000 -z 30 -o report.html
  seltzer bench 127.0.0.1:50051 Calculator/SumNumbers -d '{\"value\": {{random 1 100}}}' --stream-repeat 100
  seltzer bench 127.0.0.1:50051 hello.Greeter/SayHello --rate 100..5000 -z 60 -o rising.csv

Exit status: 0 if every call was answered with OK, 1 if not, 64 for mistakes in the arguments, 74 if the report cannot be written.";
