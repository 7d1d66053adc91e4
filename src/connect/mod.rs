//! Connect: calls that any HTTP client can make, in protobuf or in JSON, to the services of a server; and calls of channels
//! to servers that speak it.
//!
//! # Servers
//!
//! With the feature `connect`. Add `Connect` to a server:
//!
#![cfg_attr(feature = "connect", doc = "```no_run")]
#![cfg_attr(not(feature = "connect"), doc = "```ignore")]
//! # async fn example(greeter: impl seltzer::codegen::Service) -> Result<(), Box<dyn std::error::Error>> {
//! use seltzer::Server;
//! use seltzer::connect::Connect;
//!
//! Server::builder()
//!     .add_service(greeter)
//!     .speak(Connect::new())
//!     .serve("127.0.0.1:8080".parse()?)
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//! curl -d '{"name": "world"}' -H 'content-type: application/json' http://127.0.0.1:8080/hello.Greeter/SayHello
//! ```
//!
//! | call | request | answer |
//! |---|---|---|
//! | unary | POST with `application/proto` or `application/json` | the message; or an HTTP status and the error in JSON |
//! | unary, `idempotency_level = NO_SIDE_EFFECTS` | as well GET with `?connect=v1&encoding=json&message=...` | the same, for caches |
//! | with streams | POST with `application/connect+proto` or `application/connect+json`, frames | frames, the last one with error and metadata |
//!
//! It needs what Seltzer's generator says of services, so those that tonic generated are not called this way. Pages of
//! other origins need [`Cors`](crate::server::Cors).
//!
//! # Clients
//!
//! With the feature `connect-client`, a channel speaks it. Generated clients are the same.
//!
#![cfg_attr(feature = "connect-client", doc = "```no_run")]
#![cfg_attr(not(feature = "connect-client"), doc = "```ignore")]
//! # async fn example() -> Result<(), seltzer::transport::Error> {
//! use seltzer::Channel;
//! use seltzer::connect::ConnectClient;
//!
//! let channel = Channel::builder("https://api.example").speak(ConnectClient::new()).connect().await?;
//! # drop(channel);
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "connect-client")]
mod client;
mod code;
#[cfg(feature = "connect")]
mod error;
mod form;
#[cfg(feature = "connect")]
mod protocol;
#[cfg(feature = "connect")]
mod query;
#[cfg(feature = "connect")]
mod request;
#[cfg(feature = "connect")]
mod stream;
#[cfg(feature = "connect")]
mod unary;

use http::HeaderName;

#[cfg(feature = "connect-client")]
pub use self::client::ConnectClient;
#[cfg(feature = "connect")]
pub use self::protocol::Connect;
pub use crate::json::JsonOptions;

const PROTOCOL_VERSION: HeaderName = HeaderName::from_static("connect-protocol-version");
const TIMEOUT_MS: HeaderName = HeaderName::from_static("connect-timeout-ms");
const STREAM_ENCODING: HeaderName = HeaderName::from_static("connect-content-encoding");
const STREAM_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("connect-accept-encoding");

/// The only version there is.
const VERSION: &str = "1";
/// The same in a query.
const QUERY_VERSION: &str = "v1";

/// The flag of the frame that ends a stream.
const END_FLAG: u8 = 0x02;

/// Trailing metadata of a unary answer travels among its headers, its names behind this.
const TRAILER_PREFIX: &str = "trailer-";
