//! Which protocols `seltzer serve` speaks beside gRPC.

use clap::Args;

/// All that this program knows, unless told otherwise.
#[derive(Debug, Args)]
#[command(next_help_heading = "Protocols")]
pub(crate) struct ProtocolArguments {
    /// Do not serve the pages for people: OpenAPI documents, Swagger UI, and how often methods were called
    #[arg(long)]
    pub(crate) no_docs: bool,
}
