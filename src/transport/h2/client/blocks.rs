//! Header blocks of requests that go the general way: those that repeat are made once a connection.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue};
use seltzer_h2::{HeaderField, Prepared};

use crate::transport::connection::Origin;
use crate::transport::h2::fields::{allowed_field, field_of};

/// How many blocks a connection keeps: as many as the engine keeps the bytes of. A program calls so many methods.
const BLOCKS_MAX: usize = 32;

/// How many headers of a request are set apart at most: all of them, each once.
const REPEATING_MAX: usize = 5;

/// The blocks of requests that came twice; the oldest gives way to the next.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    kept: Vec<Kept>,
    next: usize,
    /// The one that was used last.
    recent: usize,
    /// Hashes of what came once.
    candidates: Vec<u64>,
    next_candidate: usize,
}

/// What is behind a block.
#[derive(Debug)]
struct Kept {
    path: String,
    authority: String,
    scheme: String,
    method: String,
    repeating: Vec<(HeaderName, HeaderValue)>,
    user_agent: Option<HeaderValue>,
    block: Prepared,
}

/// What the head of a request says; what is likely to repeat from one to the next is set apart.
pub(super) struct RequestHead<'a> {
    path: &'a str,
    authority: &'a str,
    scheme: &'a str,
    method: &'a str,
    repeating: [Option<(&'a HeaderName, &'a HeaderValue)>; REPEATING_MAX],
    count: usize,
    /// The channel's, where the request has none.
    user_agent: Option<&'a HeaderValue>,
    headers: &'a HeaderMap,
}

impl Blocks {
    /// The block of what is set apart of a request, if the same came before.
    #[inline]
    pub(super) fn get(&mut self, head: &RequestHead<'_>) -> Option<&Prepared> {
        if self.kept.get(self.recent).is_none_or(|kept| !kept.is_of(head)) {
            self.recent = self.find(head)?;
        }
        self.kept.get(self.recent).map(|kept| &kept.block)
    }

    /// A block is made when it comes a second time: what never comes again is not worth it.
    fn find(&mut self, head: &RequestHead<'_>) -> Option<usize> {
        if let Some(at) = self.kept.iter().position(|kept| kept.is_of(head)) {
            return Some(at);
        }
        let hash = head.hash();
        if !self.candidates.contains(&hash) {
            put_round(&mut self.candidates, &mut self.next_candidate, hash);
            return None;
        }
        Some(put_round(&mut self.kept, &mut self.next, head.keep()))
    }
}

/// Puts a value into the place of the oldest of [`BLOCKS_MAX`], and tells where that is.
fn put_round<T>(values: &mut Vec<T>, next: &mut usize, value: T) -> usize {
    let at = *next;
    *next = (at + 1) % BLOCKS_MAX;
    match values.get_mut(at) {
        Some(oldest) => *oldest = value,
        None => values.push(value),
    }
    at
}

impl Kept {
    #[inline]
    fn is_of(&self, head: &RequestHead<'_>) -> bool {
        self.path == head.path
            && self.authority == head.authority
            && self.scheme == head.scheme
            && self.method == head.method
            && self.user_agent.as_ref() == head.user_agent
            && self.repeating.len() == head.count
            && self.repeating.iter().zip(head.repeating()).all(|(one, (name, value))| one.0 == *name && one.1 == *value)
    }
}

impl<'a> RequestHead<'a> {
    pub(super) fn new(parts: &'a Parts, origin: Origin<'a>) -> Self {
        let Parts { method, uri, headers, .. } = parts;
        // A client made `with_origin` names an authority of its own.
        let (scheme, authority) = match uri.authority() {
            Some(own) => (uri.scheme_str().unwrap_or("http"), own.as_str()),
            None => (origin.scheme, origin.authority),
        };
        let mut head = RequestHead {
            path: uri.path_and_query().map_or("/", PathAndQuery::as_str),
            authority,
            scheme,
            method: method.as_str(),
            repeating: [None; REPEATING_MAX],
            count: 0,
            user_agent: Some(origin.user_agent),
            headers,
        };
        for (name, value) in headers {
            if name == USER_AGENT {
                head.user_agent = None;
            }
            if repeats(name)
                && !value.is_sensitive()
                && let Some(free) = head.repeating.get_mut(head.count)
            {
                *free = Some((name, value));
                head.count += 1;
            }
        }
        head
    }

    /// Whether there are headers that are not set apart.
    #[inline]
    pub(super) fn has_more(&self) -> bool {
        self.headers.len() > self.count
    }

    /// What is set apart, as fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = HeaderField<'a>> + use<'a> {
        let pseudo = [
            HeaderField::new(b":method", self.method.as_bytes()),
            HeaderField::new(b":scheme", self.scheme.as_bytes()),
            HeaderField::new(b":authority", self.authority.as_bytes()),
            HeaderField::new(b":path", self.path.as_bytes()),
        ];
        let user_agent = self.user_agent.map(|name| HeaderField::new(b"user-agent", name.as_bytes()));
        let repeating = self.repeating.into_iter().flatten().map(|(name, value)| field_of(name, value));
        pseudo.into_iter().chain(repeating).chain(user_agent)
    }

    /// The rest.
    pub(super) fn more(&self) -> impl Iterator<Item = HeaderField<'a>> + use<'a> {
        let apart = self.repeating;
        let is_apart = move |value| apart.iter().flatten().any(|(_, one)| std::ptr::eq(*one, value));
        self.headers.iter().filter(move |(_, value)| !is_apart(*value)).filter_map(allowed_field)
    }

    fn repeating(&self) -> impl Iterator<Item = (&'a HeaderName, &'a HeaderValue)> {
        self.repeating.into_iter().flatten()
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.path, self.authority, self.scheme, self.method, self.user_agent).hash(&mut hasher);
        self.repeating.hash(&mut hasher);
        hasher.finish()
    }

    fn keep(&self) -> Kept {
        Kept {
            path: self.path.to_owned(),
            authority: self.authority.to_owned(),
            scheme: self.scheme.to_owned(),
            method: self.method.to_owned(),
            repeating: self.repeating().map(|(name, value)| (name.clone(), value.clone())).collect(),
            user_agent: self.user_agent.cloned(),
            block: Prepared::new(self.fields()),
        }
    }
}

/// Whether a header says the same in most calls of a method.
#[inline]
fn repeats(name: &HeaderName) -> bool {
    name == TE
        || name == CONTENT_TYPE
        || name == USER_AGENT
        || matches!(name.as_str(), "grpc-encoding" | "grpc-accept-encoding")
}
