//! Calls of methods that are known by descriptor only.

use futures_core::Stream;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tonic::{Request, Response};

use crate::client::{CallTarget, Client, GrpcService, MethodTraits};
use crate::codec::{CompressionEncoding, Streaming};
use crate::dynamic::DynamicCodec;
use crate::status::Status;

/// Calls any method over a channel.
#[derive(Debug, Clone)]
pub struct DynamicClient<C = crate::client::Channel> {
    inner: Client<C>,
}

impl<C: GrpcService> DynamicClient<C> {
    /// A client over a channel.
    pub fn new(channel: C) -> Self {
        DynamicClient { inner: Client::new(channel) }
    }

    /// Compresses what it sends.
    #[must_use]
    pub fn send_compressed(mut self, encoding: CompressionEncoding) -> Self {
        self.inner.send_compressed(encoding);
        self
    }

    /// The largest response message, in bytes. 4 MiB unless set.
    #[must_use]
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.inner.max_decoding_message_size(limit);
        self
    }

    /// Calls a method of any kind: a stream of requests, of one for methods that take one, answered by a stream
    /// of responses, of one for methods that answer with one.
    ///
    /// # Errors
    /// The status that the server sent or that the failure means; later failures come from the stream.
    pub async fn call<S>(
        &self,
        method: &MethodDescriptor,
        request: Request<S>,
    ) -> Result<Response<Streaming<DynamicMessage>>, Status>
    where
        S: Stream<Item = DynamicMessage> + Send + 'static,
    {
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let traits = MethodTraits::of_schema(method);
        let target = CallTarget::by_path(&path, traits)?;
        self.inner.streaming(target, traits.kind, DynamicCodec::new(method.output()), request).await
    }
}
