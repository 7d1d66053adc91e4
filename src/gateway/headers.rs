//! HTTP headers as metadata, and back.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use http::header::{HeaderMap, HeaderName, HeaderValue, TRAILER};
use http::request::Parts;

use crate::deadline::parse_timeout;
use crate::gateway::error::Failure;
use crate::metadata::{GRPC_TIMEOUT, MetadataMap, is_of_pages, is_reserved};

/// What stands before the names of metadata, where these are no headers of HTTP.
const METADATA_PREFIX: &str = "grpc-metadata-";

/// What stands before the names of metadata that came behind the messages.
const TRAILER_PREFIX: &str = "grpc-trailer-";

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// How long the call may take, by the header `grpc-timeout`.
///
/// # Errors
/// The header is not a timeout.
pub(crate) fn timeout(headers: &HeaderMap) -> Result<Option<Duration>, Failure> {
    let Some(value) = headers.get(GRPC_TIMEOUT) else { return Ok(None) };
    parse_timeout(value).map(Some).ok_or_else(|| {
        Failure::bad_request("the header Grpc-Timeout is a number of up to 8 digits and a unit: `500m`, `5S`, `1M`")
    })
}

/// The metadata of a call: the request's headers, but for those that are about HTTP itself, and what is written as
/// `Grpc-Metadata-NAME`.
pub(crate) fn metadata(head: &Parts, peer: Option<SocketAddr>) -> MetadataMap {
    // Those that say for whom the call is made come to what there is.
    let mut metadata = HeaderMap::with_capacity(head.headers.keys_len() + 2);
    let mut is_any_prefixed = false;
    for (name, value) in &head.headers {
        let is_agent = name == http::header::USER_AGENT;
        let is_prefixed = name.as_str().starts_with(METADATA_PREFIX);
        is_any_prefixed |= is_prefixed;
        if is_agent || !(is_prefixed || is_reserved(name) || is_of_http(name)) {
            metadata.append(name, value.clone());
        }
    }
    if is_any_prefixed {
        append_prefixed(&mut metadata, &head.headers);
    }
    forward(&mut metadata, head, peer);
    MetadataMap::from_headers(metadata)
}

/// Adds what is written as `Grpc-Metadata-NAME`.
fn append_prefixed(metadata: &mut HeaderMap, headers: &HeaderMap) {
    // What is a header of the request cannot be put beside it: proxies have seen only that one.
    let own = metadata.clone();
    for (name, value) in headers {
        let prefixed = name.as_str().strip_prefix(METADATA_PREFIX);
        let Some(Ok(name)) = prefixed.map(|name| HeaderName::from_bytes(name.as_bytes())) else { continue };
        if !own.contains_key(&name) && !is_reserved(&name) {
            metadata.append(name, value.clone());
        }
    }
}

/// Says for whom the call is made.
fn forward(metadata: &mut HeaderMap, head: &Parts, peer: Option<SocketAddr>) {
    let host = head.uri.authority().map(|host| host.as_str().as_bytes());
    let host = host.or_else(|| head.headers.get(http::header::HOST).map(HeaderValue::as_bytes));
    if let (Some(Ok(host)), false) = (host.map(HeaderValue::from_bytes), metadata.contains_key(FORWARDED_HOST)) {
        metadata.insert(FORWARDED_HOST, host);
    }
    let Some(peer) = peer.map(|peer| written(peer.ip())) else { return };
    let before = metadata.get_all(FORWARDED_FOR).iter().map(HeaderValue::as_bytes);
    let mut all = before.filter(|before| !before.is_empty()).collect::<Vec<_>>();
    all.push(&peer);
    if let Ok(all) = HeaderValue::from_bytes(&all.join(&b", "[..])) {
        metadata.insert(FORWARDED_FOR, all);
    }
}

/// An address as text. Every call has one, and formatting takes its time.
fn written(address: IpAddr) -> Vec<u8> {
    let IpAddr::V4(address) = address else { return address.to_string().into_bytes() };
    let mut text = Vec::with_capacity("255.255.255.255".len());
    for octet in address.octets() {
        if !text.is_empty() {
            text.push(b'.');
        }
        if octet >= 100 {
            text.push(b'0' + octet / 100);
        }
        if octet >= 10 {
            text.push(b'0' + octet / 10 % 10);
        }
        text.push(b'0' + octet % 10);
    }
    text
}

/// Whether a header is about the request's form, which a call has not.
fn is_of_http(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("content-")
        || name.starts_with("access-control-")
        || matches!(name, "accept" | "accept-encoding" | "accept-charset" | "host" | "expect" | "trailer")
        || matches!(name, "http2-settings" | "upgrade-insecure-requests")
}

/// Puts the metadata of a reply into the headers of the answer.
pub(crate) fn append_metadata(headers: &mut HeaderMap, metadata: MetadataMap, plain: &[HeaderName]) {
    append(headers, metadata, METADATA_PREFIX, plain);
}

/// Puts the metadata that came behind the messages into the headers, or trailers, of the answer.
pub(crate) fn append_trailers(headers: &mut HeaderMap, metadata: MetadataMap, plain: &[HeaderName]) {
    append(headers, metadata, TRAILER_PREFIX, plain);
}

/// Names the metadata that may come behind the messages: over HTTP/1.1 nothing else can.
pub(crate) fn announce(headers: &mut HeaderMap, trailers: &[HeaderName], plain: &[HeaderName]) {
    let names = trailers.iter().filter_map(|name| shown(name, TRAILER_PREFIX, plain));
    let names: Vec<_> = names.map(|name| name.to_string()).collect();
    if let (false, Ok(names)) = (names.is_empty(), HeaderValue::from_str(&names.join(", "))) {
        headers.insert(TRAILER, names);
    }
}

fn append(headers: &mut HeaderMap, metadata: MetadataMap, prefix: &str, plain: &[HeaderName]) {
    for (name, value) in &metadata.into_headers() {
        if let Some(name) = shown(name, prefix, plain) {
            headers.append(name, value.clone());
        }
    }
}

/// What a reply's metadata is called among the headers of an answer.
fn shown(name: &HeaderName, prefix: &str, plain: &[HeaderName]) -> Option<HeaderName> {
    if is_reserved(name) {
        return None;
    }
    if plain.contains(name) && !is_of_pages(name) {
        return Some(name.clone());
    }
    HeaderName::from_bytes(format!("{prefix}{name}").as_bytes()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_written_as_everybody_writes_them() {
        for address in ["127.0.0.1", "0.0.0.0", "255.100.99.10", "9.200.1.109", "::1", "2001:db8::ff"] {
            let parsed: IpAddr = address.parse().expect("an address");
            assert_eq!(written(parsed), address.as_bytes());
        }
    }
}
