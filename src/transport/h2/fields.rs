//! Header blocks between the engine's words and those of the `http` crate.

use bytes::Bytes;
use http::header::{CONNECTION, COOKIE, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use seltzer_h2::{FieldList, HeaderField, Token};

/// Headers as fields, without those that HTTP/2 forbids (RFC 9113, section 8.2.2).
pub(super) fn fields_of(headers: &HeaderMap) -> impl Iterator<Item = HeaderField<'_>> {
    headers.iter().filter_map(allowed_field)
}

/// A header as a field, unless HTTP/2 forbids it.
pub(super) fn allowed_field<'a>((name, value): (&'a HeaderName, &'a HeaderValue)) -> Option<HeaderField<'a>> {
    (!is_forbidden(name)).then(|| field_of(name, value))
}

/// A header as a field.
pub(super) fn field_of<'a>(name: &'a HeaderName, value: &'a HeaderValue) -> HeaderField<'a> {
    let (name, bytes) = (name.as_str().as_bytes(), value.as_bytes());
    if value.is_sensitive() { HeaderField::sensitive(name, bytes) } else { HeaderField::new(name, bytes) }
}

fn is_forbidden(name: &HeaderName) -> bool {
    const FORBIDDEN: [HeaderName; 5] = [
        CONNECTION,
        TRANSFER_ENCODING,
        UPGRADE,
        HeaderName::from_static("keep-alive"),
        HeaderName::from_static("proxy-connection"),
    ];
    FORBIDDEN.contains(name)
}

/// Fields as headers, without the pseudo-fields. `None`: they hold something that the `http` crate cannot say.
pub(super) fn header_map(fields: &FieldList) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(fields.len());
    let mut cookies: Vec<u8> = Vec::new();
    for field in fields.iter() {
        if field.name.first() == Some(&b':') {
            continue;
        }
        if field.token == Token::Cookie {
            // A cookie may come in crumbs (RFC 9113, section 8.2.3).
            if !cookies.is_empty() {
                cookies.extend_from_slice(b"; ");
            }
            cookies.extend_from_slice(field.value);
            continue;
        }
        let name = name_of(field.name)?;
        let mut value = value_of(field.value)?;
        value.set_sensitive(field.is_sensitive);
        headers.try_append(name, value).ok()?;
    }
    if !cookies.is_empty() {
        headers.insert(COOKIE, HeaderValue::from_maybe_shared(Bytes::from(cookies)).ok()?);
    }
    Some(headers)
}

/// What comes in almost every block is not counted, as memory that copies of a block share would be.
fn name_of(bytes: &[u8]) -> Option<HeaderName> {
    const USUAL: [HeaderName; 3] = [
        HeaderName::from_static("grpc-status"),
        HeaderName::from_static("grpc-encoding"),
        HeaderName::from_static("grpc-accept-encoding"),
    ];
    match USUAL.into_iter().find(|usual| usual.as_str().as_bytes() == bytes) {
        Some(usual) => Some(usual),
        None => HeaderName::from_bytes(bytes).ok(),
    }
}

/// The same of values.
fn value_of(bytes: &[u8]) -> Option<HeaderValue> {
    const USUAL: [&str; 3] = ["0", "application/grpc", "identity"];
    match USUAL.into_iter().find(|usual| usual.as_bytes() == bytes) {
        Some(usual) => Some(HeaderValue::from_static(usual)),
        None => HeaderValue::from_bytes(bytes).ok(),
    }
}
