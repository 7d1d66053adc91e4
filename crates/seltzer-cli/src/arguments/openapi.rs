//! The options of `seltzer openapi`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments::Include;

/// Write the OpenAPI 3.1 document of the services in .proto files
///
/// Paths are those of the methods' google.api.http options; a method without is `POST /package.Service/Method`. Words are the schemas' comments. `seltzer serve` has the same of the demo services at /openapi.json.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct OpenApiArguments {
    /// The schemas
    #[arg(value_name = "PROTO", required = true)]
    pub(crate) protos: Vec<PathBuf>,

    /// Where imports are looked up: a directory, or VIRTUAL=DIR. May be repeated [default: the directories of the schemas]
    #[arg(long, short = 'I', value_name = "DIR")]
    pub(crate) include: Vec<Include>,

    /// JSON or YAML [default: as the output is called; JSON]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<DocumentFormat>,

    /// Where to write it; `-` is standard output
    #[arg(long, short = 'o', value_name = "FILE", default_value = "-")]
    pub(crate) output: PathBuf,

    /// What the whole is called
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<String>,

    /// The version of what is described
    #[arg(long, value_name = "TEXT")]
    pub(crate) api_version: Option<String>,

    /// Where the services are. May be repeated [default: wherever the document comes from]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Vec<String>,

    /// Say that calls need `authorization: Bearer TOKEN`
    #[arg(long)]
    pub(crate) bearer: bool,
}

/// What a document is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocumentFormat {
    Json,
    Yaml,
}

impl OpenApiArguments {
    /// What the document is to be written as.
    pub(crate) fn document_format(&self) -> DocumentFormat {
        let extension = self.output.extension().and_then(|extension| extension.to_str());
        self.format.unwrap_or(match extension {
            Some("yaml" | "yml") => DocumentFormat::Yaml,
            _ => DocumentFormat::Json,
        })
    }
}

const AFTER_HELP: &str = "\
Examples:
  seltzer openapi proto/hello.proto -I proto
  seltzer openapi proto/*.proto -I proto --title Greetings --server https://api.example.com -o openapi.yaml

Exit status: 0, 64 for a mistake in the command line, 1 for a schema that is wrong or missing,
74 if standard output takes no more.";
