//! Calls without generated code: messages by their descriptors, JSON in and out.
//!
//! [`Schemas`] holds descriptor sets, [`DynamicClient`] calls any method in them.
//!
//! ```no_run
//! # async fn example(set: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
//! use seltzer::{Channel, Request, dynamic::{DynamicClient, Schemas}};
//!
//! let mut schemas = Schemas::default();
//! schemas.add(set)?;
//! let method = schemas.method("hello.Greeter/SayHello").ok_or("no such method")?;
//! let message = seltzer::dynamic::message_from_json(&method.input(), r#"{"name": "Alice"}"#)?;
//! let client = DynamicClient::new(Channel::connect("http://127.0.0.1:50051").await?);
//! let mut replies = client.call(&method, Request::new(tokio_stream::once(message))).await?.into_inner();
//! while let Some(reply) = replies.message().await? {
//!     println!("{}", seltzer::dynamic::message_to_json(&reply)?);
//! }
//! # Ok(())
//! # }
//! ```

mod client;
mod codec;
mod json;
mod schemas;

pub use self::client::DynamicClient;
pub use self::codec::DynamicCodec;
pub use self::json::{JsonError, message_from_json, message_to_json, messages_from_json};
pub use self::schemas::{Schemas, SchemasError};

pub use prost_reflect::{DynamicMessage, MessageDescriptor, MethodDescriptor, ServiceDescriptor};
