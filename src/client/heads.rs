//! The header blocks of unary calls: what all calls of a method have in common, made once a channel.

use std::sync::{Mutex, PoisonError};

use http::uri::Authority;
use http::{HeaderValue, Uri};
use seltzer_h2::{HeaderField, Prepared};

use crate::client::Endpoint;
use crate::client::request::content_type;
use crate::codec::{Compression, CompressionEncoding};
use crate::meter::{ChannelMeter, ClientMethodMeter};

/// How many blocks a channel keeps. A program calls so many methods with so many settings; one that makes up settings
/// as it goes must not fill the memory.
const HEADS_MAX: usize = 256;

/// The blocks that a channel has made so far.
#[derive(Debug, Default)]
pub(super) struct Heads(Mutex<Vec<(Head, Known)>>);

/// What is known of a method.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub(super) block: Prepared,
    /// Counts its calls.
    pub(super) meter: ClientMethodMeter,
}

/// What a block depends on, besides its channel.
#[derive(Debug)]
struct Head {
    path: &'static str,
    content_subtype: Option<&'static str>,
    encoding: Option<CompressionEncoding>,
    accept: Vec<CompressionEncoding>,
    origin: Option<Uri>,
    authority: Option<Authority>,
}

/// The same, as a call says it.
#[derive(Debug, Clone, Copy)]
pub(super) struct HeadOf<'a> {
    pub(super) path: &'static str,
    pub(super) content_subtype: Option<&'static str>,
    pub(super) encoding: Option<CompressionEncoding>,
    pub(super) compression: &'a Compression,
    pub(super) origin: Option<&'a Uri>,
    /// The call's own.
    pub(super) authority: Option<&'a Authority>,
}

impl Heads {
    /// The block of a call, and what counts it.
    pub(super) fn get(&self, call: HeadOf<'_>, endpoint: &Endpoint, meter: &ChannelMeter) -> Known {
        // Only whole values are put in under this lock.
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = heads.iter().find(|(head, _)| head.is_of(call)) {
            return known.clone();
        }
        let known = Known { block: call.block(endpoint), meter: meter.method(call.path) };
        if heads.len() >= HEADS_MAX {
            heads.clear();
        }
        heads.push((call.into_head(), known.clone()));
        known
    }
}

impl Head {
    #[inline]
    fn is_of(&self, call: HeadOf<'_>) -> bool {
        std::ptr::eq(self.path, call.path)
            && self.content_subtype == call.content_subtype
            && self.encoding == call.encoding
            && self.accept == call.compression.accept
            && self.origin.as_ref() == call.origin
            && self.authority.as_ref() == call.authority
    }
}

impl HeadOf<'_> {
    fn into_head(self) -> Head {
        let HeadOf { path, content_subtype, encoding, compression, origin, authority } = self;
        Head {
            path,
            content_subtype,
            encoding,
            accept: compression.accept.clone(),
            origin: origin.cloned(),
            authority: authority.cloned(),
        }
    }

    /// The fields in the order of the general way.
    fn block(self, endpoint: &Endpoint) -> Prepared {
        let target = endpoint.target.as_ref().ok();
        let origin_authority = self.origin.and_then(Uri::authority);
        let scheme = match (origin_authority, target) {
            (Some(_), _) | (None, None) => self.origin.and_then(Uri::scheme_str).unwrap_or("http").to_owned(),
            (None, Some(target)) => target.scheme().to_string(),
        };
        let authority = self.authority.or(origin_authority).or(target.map(|target| &target.authority));
        let prefix = self.origin.map_or("", |origin| origin.path().trim_end_matches('/'));
        let path = format!("{prefix}{}", self.path);
        let content_type = content_type(self.content_subtype);
        let accept = self.compression.accept_header();
        let encoding = self.encoding.map(|encoding| HeaderValue::from_static(encoding.name()));
        let mut fields = vec![
            HeaderField::new(b":method", b"POST"),
            HeaderField::new(b":scheme", scheme.as_bytes()),
            HeaderField::new(b":authority", authority.map_or("", Authority::as_str).as_bytes()),
            HeaderField::new(b":path", path.as_bytes()),
            HeaderField::new(b"te", b"trailers"),
            HeaderField::new(b"content-type", content_type.as_bytes()),
            HeaderField::new(b"grpc-accept-encoding", accept.as_bytes()),
            HeaderField::new(b"user-agent", endpoint.user_agent.as_bytes()),
        ];
        fields.extend(encoding.iter().map(|name| HeaderField::new(b"grpc-encoding", name.as_bytes())));
        Prepared::new(fields)
    }
}
