//! A request's header block in the words of the `http` crate.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Uri, Version};
use seltzer_h2::{FieldList, Token};

use crate::transport::h2::fields::header_map;

/// The head of a request. `None`: it holds something that the `http` crate cannot say.
pub(crate) fn head(fields: &FieldList) -> Option<http::Request<()>> {
    let mut request = http::Request::new(());
    *request.version_mut() = Version::HTTP_2;
    *request.method_mut() = Method::from_bytes(fields.get(Token::Method)?).ok()?;
    *request.uri_mut() = uri(fields)?;
    *request.headers_mut() = header_map(fields)?;
    Some(request)
}

fn uri(fields: &FieldList) -> Option<Uri> {
    let mut parts = http::uri::Parts::default();
    if let Some(path) = fields.get(Token::Path) {
        parts.path_and_query = Some(PathAndQuery::from_maybe_shared(Bytes::copy_from_slice(path)).ok()?);
    }
    // An authority that is no URI's, such as a unix socket's path, is left out: only the handler's view of it is
    // lost.
    let authority = fields.get(Token::Authority).and_then(|authority| Authority::try_from(authority).ok());
    let scheme = fields.get(Token::Scheme).and_then(|scheme| Scheme::try_from(scheme).ok());
    if let Some(authority) = authority {
        parts.scheme = parts.path_and_query.is_some().then(|| scheme.unwrap_or(Scheme::HTTP));
        parts.authority = Some(authority);
    }
    Uri::from_parts(parts).ok()
}
