//! gRPC-Web: calls from browsers, which cannot read HTTP's trailers, to the services of a server; and calls of channels
//! where something between knows nothing else.
//!
//! # Servers
//!
//! With the feature `web`. Add `GrpcWeb` to a server, and pages of other origins by [`Cors`](crate::server::Cors):
//!
#![cfg_attr(feature = "web", doc = "```no_run")]
#![cfg_attr(not(feature = "web"), doc = "```ignore")]
//! # async fn example(greeter: impl seltzer::codegen::Service) -> Result<(), Box<dyn std::error::Error>> {
//! use seltzer::Server;
//! use seltzer::server::Cors;
//! use seltzer::web::GrpcWeb;
//!
//! Server::builder()
//!     .add_service(greeter)
//!     .speak(GrpcWeb::new())
//!     .cors(Cors::origins(["https://app.example"]))
//!     .serve("127.0.0.1:8080".parse()?)
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Both forms are spoken, binary (`application/grpc-web`) and text (`application/grpc-web-text`, base64), over HTTP/1.1
//! and HTTP/2, for all kinds of calls as far as the client can make them: browsers send a request as a whole, so that
//! they have unary calls and server streams. Deadlines, compression, metadata and details of errors are gRPC's.
//!
//! Messages pass through as they are. Those in JSON (`application/grpc-web+json`) need the descriptors of the service,
//! and one of the features that read JSON by them, `connect` or `gateway`.
//!
//! # Clients
//!
//! With the feature `web-client`, a channel speaks it to servers that do: through proxies that do not carry gRPC's
//! trailers, or, with `Endpoint::http1_only`, HTTP/2. Generated clients are the same.
//!
#![cfg_attr(feature = "web-client", doc = "```no_run")]
#![cfg_attr(not(feature = "web-client"), doc = "```ignore")]
//! # async fn example() -> Result<(), seltzer::transport::Error> {
//! use seltzer::Channel;
//! use seltzer::web::GrpcWebClient;
//!
//! let channel = Channel::builder("https://api.example").speak(GrpcWebClient::new()).connect().await?;
//! # drop(channel);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "web-client")]
mod client;
mod content_type;
#[cfg(feature = "web")]
mod protocol;
#[cfg(feature = "web")]
mod text;

use http::HeaderName;

#[cfg(feature = "web-client")]
pub use self::client::GrpcWebClient;
#[cfg(feature = "web")]
pub use self::protocol::GrpcWeb;

/// The flag of the frame that holds the trailers.
const TRAILERS_FLAG: u8 = 0x80;

/// Marks a request as gRPC-Web, for proxies.
const X_GRPC_WEB: HeaderName = HeaderName::from_static("x-grpc-web");
