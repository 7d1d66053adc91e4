//! Which protocols `seltzer serve` speaks beside gRPC.

use clap::Args;

/// All that this program knows, unless told otherwise.
#[derive(Debug, Args)]
#[command(next_help_heading = "Protocols")]
pub(crate) struct ProtocolArguments {
    /// Do not speak REST: JSON over HTTP, after the schemas' google.api.http options. Without it there are no documents of it
    #[arg(long)]
    pub(crate) no_rest: bool,

    /// Do not speak gRPC-Web, the protocol of pages in browsers
    #[arg(long)]
    pub(crate) no_grpc_web: bool,

    /// Do not speak Connect: calls by any HTTP client, in protobuf and in JSON
    #[arg(long)]
    pub(crate) no_connect: bool,

    /// Do not serve the pages for people: OpenAPI documents, Swagger UI, and how often methods were called
    #[arg(long)]
    pub(crate) no_docs: bool,
}

impl ProtocolArguments {
    /// Whether the pages for people are served: they describe REST.
    pub(crate) fn has_docs(&self) -> bool {
        !self.no_docs && !self.no_rest
    }
}
