//! What a channel speaks.

use tonic::body::Body;

use crate::client::endpoint::Endpoint;
use crate::transport::connection::{Origin, Reserved};
use crate::transport::progress::Unanswered;

/// With 100 calls a connection, the least that servers usually permit, enough for 400 at the same time.
const CONNECTIONS_MAX_DEFAULT: usize = 4;

/// Over HTTP/1.1, so many calls at the same time: several times what a browser permits itself, and little for a server.
const HTTP1_CONNECTIONS_MAX_DEFAULT: usize = 32;

impl Endpoint {
    /// Speaks another protocol than gRPC: Connect with `connect::ConnectClient`, gRPC-Web with `web::GrpcWebClient`.
    ///
    /// All else stays as it is: generated clients, deadlines, interceptors, credentials, balancers, retries, hedging,
    /// counts and traces know no difference.
    ///
    #[cfg_attr(feature = "web-client", doc = "```")]
    #[cfg_attr(not(feature = "web-client"), doc = "```ignore")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::Channel;
    /// use seltzer::web::GrpcWebClient;
    ///
    /// let channel = Channel::builder("http://127.0.0.1:8080").speak(GrpcWebClient::new()).connect_lazy();
    /// # drop(channel);
    /// # }
    /// ```
    #[cfg(feature = "_client-protocols")]
    #[must_use]
    pub fn speak(mut self, protocol: impl Into<crate::client::ClientProtocol>) -> Self {
        self.protocol = Some(protocol.into());
        self
    }

    /// Speaks HTTP/1.1 instead of HTTP/2, for servers and proxies that know nothing else: a call has a connection for
    /// itself then. It needs [`speak`](Self::speak), because gRPC itself needs HTTP/2.
    ///
    /// A stream both ways is half-duplex: many servers answer only when they have all requests. Settings of HTTP/2 have no
    /// effect, and there are no pings; [`health_check`](Self::health_check) is passed over, as it would keep a connection
    /// from all calls.
    ///
    #[cfg_attr(feature = "web-client", doc = "```")]
    #[cfg_attr(not(feature = "web-client"), doc = "```ignore")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use seltzer::Channel;
    /// use seltzer::web::GrpcWebClient;
    ///
    /// let endpoint = Channel::builder("http://127.0.0.1:8080").speak(GrpcWebClient::new()).http1_only();
    /// let channel = endpoint.connect_lazy();
    /// # drop(channel);
    /// # }
    /// ```
    #[cfg(feature = "http1-client")]
    #[must_use]
    pub fn http1_only(mut self) -> Self {
        self.connection.http1_only = true;
        self
    }

    /// Whether a connection carries one call at a time.
    pub(in crate::client) fn is_http1(&self) -> bool {
        #[cfg(feature = "http1-client")]
        return self.connection.http1_only;
        #[cfg(not(feature = "http1-client"))]
        false
    }

    /// How many connections to one server there may be.
    pub(in crate::client) fn connections_permitted(&self) -> usize {
        let usual = if self.is_http1() { HTTP1_CONNECTIONS_MAX_DEFAULT } else { CONNECTIONS_MAX_DEFAULT };
        self.connections_max.unwrap_or(usual)
    }

    /// Whether calls are sent as they are.
    #[inline]
    pub(in crate::client) fn speaks_grpc(&self) -> bool {
        #[cfg(feature = "_client-protocols")]
        return self.protocol.is_none();
        #[cfg(not(feature = "_client-protocols"))]
        true
    }

    /// Sends a request of gRPC's when its turn has come, in the protocol that is spoken.
    ///
    /// # Errors
    /// As [`Reserved::send`].
    pub(in crate::client) async fn send_on(
        &self,
        reserved: Reserved,
        request: http::Request<Body>,
        origin: Origin<'_>,
    ) -> Result<http::Response<Body>, Unanswered> {
        #[cfg(feature = "_client-protocols")]
        if let Some(protocol) = &self.protocol {
            // In a box, so that other calls are small.
            return Box::pin(protocol.send(reserved, request, origin)).await;
        }
        reserved.send(request, origin).await
    }
}
