//! A bearer token as an interceptor.

use crate::client::credentials::BearerToken;
use crate::client::interceptor::{ClientCall, ClientInterceptor, ClientReply, Next};
use crate::status::Status;

/// Puts the token into each call, whatever connection that goes over: an interceptor does not know. As call credentials
/// (`Endpoint::call_credentials`) the same token is kept from connections without TLS.
impl ClientInterceptor for BearerToken {
    async fn intercept(&self, mut call: ClientCall, next: Next) -> Result<ClientReply, Status> {
        call.metadata_mut().insert("authorization", self.header().await?);
        next.run(call).await
    }
}
