//! What a channel says in its calls about who makes them, and to whom.

use http::Uri;
use tonic::body::Body;

use crate::client::channel::Inner;
use crate::client::credentials::{Both, CallInfo};
use crate::client::options::CallOptions;
use crate::metadata::{self, MetadataMap};
use crate::status::Status;
use crate::transport::target::Target;

impl Inner {
    /// Whether a call has to wait for metadata that proves who makes it.
    #[inline]
    pub(super) fn has_credentials(&self, options: &CallOptions) -> bool {
        !self.both(options).is_none()
    }

    fn both<'a>(&'a self, options: &'a CallOptions) -> Both<'a> {
        Both { channel: self.endpoint.call_credentials.as_ref(), own: options.own_credentials() }
    }

    /// The metadata that proves who makes a call.
    pub(super) async fn credentials(
        &self,
        options: &CallOptions,
        origin: Option<&Uri>,
        path: &str,
    ) -> Result<MetadataMap, Status> {
        // Calls to a target that cannot be used fail with what is wrong with it, when they look for a connection.
        let Ok(target) = &self.endpoint.target else { return Ok(MetadataMap::new()) };
        let authority = options.own_authority().or(origin.and_then(Uri::authority)).unwrap_or(&target.authority);
        let exposed = (!target.is_private()).then_some(&*target.written);
        self.both(options).metadata(CallInfo::new(authority.as_str(), path), exposed).await
    }

    /// The same, put into a request.
    pub(super) async fn add_credentials(&self, request: &mut http::Request<Body>) -> Result<(), Status> {
        let options = CallOptions::of(request.extensions());
        let path = method_path(request.uri().path());
        let metadata = self.credentials(options, Some(request.uri()), path).await?;
        metadata::append_user_metadata(request.headers_mut(), metadata);
        Ok(())
    }

    /// Names the authority that a request's options name.
    pub(super) fn name_authority(&self, request: &mut http::Request<Body>) {
        let Some(own) = CallOptions::of(request.extensions()).own_authority().cloned() else { return };
        let mut parts = std::mem::take(request.uri_mut()).into_parts();
        let scheme = self.endpoint.target.as_ref().map_or(http::uri::Scheme::HTTP, Target::scheme);
        parts.scheme.get_or_insert(scheme);
        parts.authority = Some(own);
        parts.path_and_query.get_or_insert_with(|| http::uri::PathAndQuery::from_static("/"));
        // With all three parts there is nothing to refuse.
        *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    }
}

/// A request's path without what an origin puts in front of it.
fn method_path(path: &str) -> &str {
    let mut slashes = path.rmatch_indices('/').map(|(at, _)| at);
    slashes.nth(1).map_or(path, |at| &path[at..])
}
