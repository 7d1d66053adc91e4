//! What travels beside the messages: headers and trailers, as gRPC's metadata.
//!
//! The types are tonic's. Added here is the border between metadata, which belongs to the user, and the
//! headers that belong to the protocol (`grpc-timeout`, `content-type`, ...): the latter never reach a
//! handler's metadata, and a user's attempt to set them is dropped.

use http::header::{HeaderMap, HeaderName, HeaderValue};

pub use tonic::metadata::{
    Ascii, AsciiMetadataKey, AsciiMetadataValue, Binary, BinaryMetadataKey, BinaryMetadataValue, KeyAndValueRef,
    MetadataKey, MetadataMap, MetadataValue,
};

pub(crate) const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
pub(crate) const GRPC_MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
pub(crate) const GRPC_STATUS_DETAILS: HeaderName = HeaderName::from_static("grpc-status-details-bin");
pub(crate) const GRPC_TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
pub(crate) const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");
pub(crate) const GRPC_ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Whether a header belongs to the protocol rather than to the user.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    is_reserved_name(name.as_str())
}

/// The same of a name in lower case.
pub(crate) fn is_reserved_name(name: &str) -> bool {
    matches!(
        name,
        "te" | "content-type"
            | "content-length"
            | "user-agent"
            // They belong to one connection, and make an HTTP/2 message malformed (RFC 9113, section 8.2.2).
            | "connection"
            | "keep-alive"
            | "proxy-connection"
            | "transfer-encoding"
            | "upgrade"
            | "grpc-timeout"
            | "grpc-encoding"
            | "grpc-accept-encoding"
            | "grpc-message"
            | "grpc-message-type"
            | "grpc-status"
            | "grpc-status-details-bin"
    )
}

/// Whether a header says which pages may read an answer: that is the server's to say (`Server::cors`), not a handler's.
#[cfg(any(feature = "web", feature = "connect", feature = "gateway"))]
pub(crate) fn is_of_pages(name: &HeaderName) -> bool {
    name.as_str().starts_with("access-control-")
}

/// Headers that say how a message travelled over HTTP, and nothing to a caller or a handler.
#[cfg(any(feature = "web", feature = "connect", feature = "connect-client"))]
pub(crate) fn is_of_transfer(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "host" | "content-encoding" | "content-length" | "accept-encoding" | "expect" | "trailer" | "http2-settings"
    ) || is_reserved(name)
}

/// Up to so many headers are looked through in less time than a name takes to be hashed.
const FEW_HEADERS: usize = 8;

/// Whether there may be a header of this name: a quick look before a slow one.
#[inline]
pub(crate) fn may_have(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.keys_len() > FEW_HEADERS || headers.keys().any(|key| key == name)
}

/// Whether a content type means gRPC: `application/grpc`, alone or with a subtype or parameters.
pub(crate) fn is_grpc(content_type: &HeaderValue) -> bool {
    is_grpc_bytes(content_type.as_bytes())
}

/// The same of a value that is not known to be one.
pub(crate) fn is_grpc_bytes(content_type: &[u8]) -> bool {
    match content_type.strip_prefix(b"application/grpc") {
        Some(rest) => matches!(rest.first(), None | Some(b'+' | b';')),
        None => false,
    }
}

/// The user's part of a block of headers or trailers.
///
/// Values of `-bin` names that a proxy joined with commas are split again, as the specification of
/// gRPC over HTTP/2 asks before decoding.
pub(crate) fn user_metadata(headers: HeaderMap) -> MetadataMap {
    if headers.keys().all(|name| !is_reserved(name) && !is_joined_binary(name, &headers)) {
        return MetadataMap::from_headers(headers);
    }
    let mut user = HeaderMap::new();
    for (name, value) in &headers {
        if is_reserved(name) {
            continue;
        }
        if name.as_str().ends_with("-bin") && value.as_bytes().contains(&b',') {
            for part in value.as_bytes().split(|byte| *byte == b',') {
                if let Ok(part) = HeaderValue::from_bytes(part.trim_ascii()) {
                    user.append(name, part);
                }
            }
        } else {
            user.append(name, value.clone());
        }
    }
    MetadataMap::from_headers(user)
}

fn is_joined_binary(name: &HeaderName, headers: &HeaderMap) -> bool {
    name.as_str().ends_with("-bin") && headers.get_all(name).iter().any(|value| value.as_bytes().contains(&b','))
}

/// Adds a user's metadata to a block of headers, leaving out what belongs to the protocol.
pub(crate) fn append_user_metadata(headers: &mut HeaderMap, metadata: MetadataMap) {
    if metadata.is_empty() {
        return;
    }
    let mut last = None;
    for (name, value) in metadata.into_headers() {
        // HeaderMap's iterator names a header once and yields `None` for its further values.
        let name = name.or_else(|| last.clone());
        if let Some(name) = &name
            && !is_reserved(name)
        {
            headers.append(name.clone(), value);
        }
        last = name;
    }
}

/// Adds headers to others; names that both have keep all values.
#[cfg(feature = "_client-protocols")]
pub(crate) fn append(headers: &mut HeaderMap, more: &HeaderMap) {
    for (name, value) in more {
        headers.append(name, value.clone());
    }
}

/// Adds the entries of one map to another; names that both have keep both values.
pub(crate) fn merge(into: &mut MetadataMap, from: MetadataMap) {
    if into.is_empty() {
        *into = from;
    } else if !from.is_empty() {
        let mut headers = std::mem::take(into).into_headers();
        append_user_metadata(&mut headers, from);
        *into = MetadataMap::from_headers(headers);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a valid value")))
            .collect()
    }

    #[test]
    fn protocol_headers_are_not_metadata() {
        let metadata = user_metadata(headers(&[
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("grpc-timeout", "1S"),
            ("authorization", "Bearer token123"),
        ]));
        assert_eq!(metadata.len(), 1);
        assert_eq!(metadata.get("authorization").map(AsciiMetadataValue::as_bytes), Some(&b"Bearer token123"[..]));
    }

    #[test]
    fn joined_binary_values_are_split() {
        let metadata = user_metadata(headers(&[("trace-bin", "AQI, AwQ"), ("plain", "a,b")]));
        let values: Vec<_> = metadata
            .get_all_bin("trace-bin")
            .iter()
            .map(|value| value.to_bytes().expect("valid base64").to_vec())
            .collect();
        assert_eq!(values, [vec![1, 2], vec![3, 4]]);
        assert_eq!(metadata.get("plain").map(AsciiMetadataValue::as_bytes), Some(&b"a,b"[..]));
    }

    #[test]
    fn a_user_cannot_set_protocol_headers_but_can_repeat_its_own() {
        let mut metadata = MetadataMap::new();
        metadata.append("x-tag", "1".parse().expect("ascii"));
        metadata.append("x-tag", "2".parse().expect("ascii"));
        let mut with_reserved = metadata.into_headers();
        with_reserved.insert(GRPC_STATUS, HeaderValue::from_static("0"));
        let mut block = HeaderMap::new();
        append_user_metadata(&mut block, MetadataMap::from_headers(with_reserved));
        assert!(block.get(GRPC_STATUS).is_none());
        assert_eq!(block.get_all("x-tag").iter().count(), 2);
    }
}
