//! Header blocks of requests that go the general way: those that repeat are made once a connection.

use std::hash::{DefaultHasher, Hash, Hasher};

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
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
    path: Option<PathAndQuery>,
    authority: String,
    scheme: String,
    method: Method,
    repeating: Vec<(HeaderName, HeaderValue)>,
    user_agent: Option<HeaderValue>,
    block: Prepared,
}

/// What the head of a request says; what is likely to repeat from one to the next is set apart.
pub(super) struct RequestHead<'a> {
    path: Option<&'a PathAndQuery>,
    authority: &'a str,
    scheme: &'a str,
    method: &'a Method,
    repeating: [Option<(&'a HeaderName, &'a HeaderValue)>; REPEATING_MAX],
    count: usize,
    /// The channel's, where the request has none.
    user_agent: Option<&'a HeaderValue>,
    headers: &'a HeaderMap,
}

impl Blocks {
    /// The block of a request that says what the last one said, and no more than that.
    #[inline]
    pub(super) fn again(&self, parts: &Parts, origin: Origin<'_>) -> Option<&Prepared> {
        let kept = self.kept.get(self.recent)?;
        kept.is_all_of(parts, origin).then_some(&kept.block)
    }

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
    /// Whether a request consists of nothing else, in the same order.
    #[inline]
    fn is_all_of(&self, parts: &Parts, origin: Origin<'_>) -> bool {
        let Parts { method, uri, headers, .. } = parts;
        let (scheme, authority) = destination(uri, origin);
        headers.len() == self.repeating.len()
            && headers.iter().zip(&self.repeating).all(|((said_name, said), (name, value))| {
                are_same(said.as_bytes(), value.as_bytes()) && said_name == name && !said.is_sensitive()
            })
            && are_same(path_text(self.path.as_ref()).as_bytes(), path_text(uri.path_and_query()).as_bytes())
            && self.authority == authority
            && self.scheme == scheme
            && self.method == *method
            // Where a request names its caller, this is among its headers.
            && self.user_agent.as_ref().is_none_or(|kept| are_same(kept.as_bytes(), origin.user_agent.as_bytes()))
    }

    #[inline]
    fn is_of(&self, head: &RequestHead<'_>) -> bool {
        are_same(path_text(self.path.as_ref()).as_bytes(), path_text(head.path).as_bytes())
            && self.authority == head.authority
            && self.scheme == head.scheme
            && self.method == *head.method
            && self.repeating.len() == head.count
            && match (&self.user_agent, head.user_agent) {
                (Some(kept), Some(said)) => are_same(kept.as_bytes(), said.as_bytes()),
                (kept, said) => kept.is_none() && said.is_none(),
            }
            && self.repeating.iter().zip(&head.repeating).all(|((name, value), said)| match said {
                Some((said_name, said)) => name == *said_name && are_same(value.as_bytes(), said.as_bytes()),
                None => false,
            })
    }
}

/// Mostly they lie in the same place: a copy of what the `http` crate holds is kept, which shares its bytes.
#[inline]
fn are_same(one: &[u8], other: &[u8]) -> bool {
    std::ptr::eq(one, other) || one == other
}

#[inline]
fn path_text(path: Option<&PathAndQuery>) -> &str {
    path.map_or("/", PathAndQuery::as_str)
}

/// The scheme and the authority of a request: a client made `with_origin` names its own.
#[inline]
fn destination<'a>(uri: &'a Uri, origin: Origin<'a>) -> (&'a str, &'a str) {
    match uri.authority() {
        Some(own) => (uri.scheme_str().unwrap_or("http"), own.as_str()),
        None => (origin.scheme, origin.authority),
    }
}

impl<'a> RequestHead<'a> {
    pub(super) fn new(parts: &'a Parts, origin: Origin<'a>) -> Self {
        let Parts { method, uri, headers, .. } = parts;
        let (scheme, authority) = destination(uri, origin);
        let mut head = RequestHead {
            path: uri.path_and_query(),
            authority,
            scheme,
            method,
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
            HeaderField::new(b":method", self.method.as_str().as_bytes()),
            HeaderField::new(b":scheme", self.scheme.as_bytes()),
            HeaderField::new(b":authority", self.authority.as_bytes()),
            HeaderField::new(b":path", path_text(self.path).as_bytes()),
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

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (path_text(self.path), self.authority, self.scheme, self.method, self.user_agent).hash(&mut hasher);
        self.repeating.hash(&mut hasher);
        hasher.finish()
    }

    fn keep(&self) -> Kept {
        Kept {
            path: self.path.cloned(),
            authority: self.authority.to_owned(),
            scheme: self.scheme.to_owned(),
            method: self.method.clone(),
            repeating: self
                .repeating
                .iter()
                .flatten()
                .map(|(name, value)| ((*name).clone(), (*value).clone()))
                .collect(),
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

    use http::Request;

    use super::*;

    type Headers<'a> = &'a [(&'a str, &'a str)];

    const GRPC: (&str, &str) = ("content-type", "application/grpc");

    fn parts(path: &str, headers: Headers<'_>) -> Parts {
        let request = Request::post(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    fn with_head<T>(parts: &Parts, authority: &str, look: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let user_agent = HeaderValue::from_static("ours");
        let origin = Origin { scheme: "http", authority, user_agent: &user_agent, replay: None };
        look(&RequestHead::new(parts, origin))
    }

    fn words<'a>(fields: impl Iterator<Item = HeaderField<'a>>) -> String {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let words: Vec<_> = fields.map(|field| format!("{}={}", text(field.name), text(field.value))).collect();
        words.join(" ")
    }

    #[test]
    fn what_repeats_is_set_apart() {
        let table: [(&str, Headers<'_>, &str, &str); 5] = [
            ("/a/B", &[GRPC], "a.example content-type=application/grpc user-agent=ours", ""),
            (
                "/a/B",
                &[("x-one", "1"), ("te", "trailers"), ("user-agent", "theirs"), ("grpc-timeout", "1S"), GRPC],
                "a.example te=trailers user-agent=theirs content-type=application/grpc",
                "x-one=1 grpc-timeout=1S",
            ),
            // Forbidden ones go nowhere.
            ("/a/B", &[("connection", "close"), ("x-one", "1")], "a.example user-agent=ours", "x-one=1"),
            // More of them than there are: the rest goes the way of all others.
            (
                "/a/B",
                &[("te", "1"), ("te", "2"), ("te", "3"), ("te", "4"), ("te", "5"), ("te", "6")],
                "a.example te=1 te=2 te=3 te=4 te=5 user-agent=ours",
                "te=6",
            ),
            ("https://b.example/a/B", &[], "b.example user-agent=ours", ""),
        ];
        for (path, headers, apart, more) in table {
            let parts = parts(path, headers);
            let (got, got_more) = with_head(&parts, "a.example", |head| (words(head.fields()), words(head.more())));
            let scheme = if path.starts_with("https") { "https" } else { "http" };
            let expected =
                format!(":method=POST :scheme={scheme} :authority={}", apart.replacen(' ', " :path=/a/B ", 1));
            assert_eq!((got, got_more.as_str()), (expected, more), "{path} {headers:?}");
            let is_all = with_head(&parts, "a.example", |head| !head.has_more());
            assert!(!is_all || more.is_empty(), "{path} {headers:?}");
        }
    }

    #[test]
    fn credentials_are_never_set_apart() {
        let mut parts = parts("/a/B", &[GRPC]);
        for value in parts.headers.values_mut() {
            value.set_sensitive(true);
        }
        let more = with_head(&parts, "a", |head| head.more().map(|field| field.is_sensitive).collect::<Vec<_>>());
        assert_eq!(more, [true]);
    }

    #[test]
    fn a_block_is_kept_when_it_comes_again() {
        let mut blocks = Blocks::default();
        let mut get = |parts: &Parts, authority: &str| {
            with_head(parts, authority, |head| {
                let block = blocks.get(head).map(|block| words(block.fields()));
                assert!(block.as_ref().is_none_or(|block| *block == words(head.fields())), "{block:?}");
                block.is_some()
            })
        };
        let one = parts("/a/B", &[GRPC]);
        assert!(!get(&one, "a"));
        assert!(get(&one, "a") && get(&one, "a"));
        // The same in other memory, and with something else beside it.
        assert!(get(&parts("/a/B", &[GRPC]), "a") && get(&parts("/a/B", &[("x-one", "1"), GRPC]), "a"));
        // Whatever differs is another.
        assert!(!get(&one, "b"));
        let differing: [(&str, Headers<'_>); 5] = [
            ("/a/C", &[GRPC]),
            ("/a/B", &[]),
            ("/a/B", &[GRPC, ("user-agent", "theirs")]),
            ("/a/B", &[("content-type", "application/grpc+json")]),
            ("https://a/a/B", &[GRPC]),
        ];
        for (path, headers) in differing {
            let other = parts(path, headers);
            assert!(!get(&other, "a"), "{path} {headers:?}");
            assert!(get(&other, "a") && get(&one, "a"), "{path} {headers:?}");
        }
    }

    #[test]
    fn what_says_no_more_than_the_last_one_is_known_at_once() {
        const TE: (&str, &str) = ("te", "trailers");
        let (ours, theirs) = (HeaderValue::from_static("ours"), HeaderValue::from_static("theirs"));
        let origin = |authority, user_agent| Origin { scheme: "http", authority, user_agent, replay: None };
        let one = parts("/a/B", &[TE, GRPC]);
        let mut blocks = Blocks::default();
        assert!(blocks.again(&one, origin("a", &ours)).is_none());
        for is_kept in [false, true] {
            assert_eq!(blocks.get(&RequestHead::new(&one, origin("a", &ours))).is_some(), is_kept);
        }
        let mut sensitive = one.clone();
        sensitive.headers.values_mut().for_each(|value| value.set_sensitive(true));
        let table = [
            (one.clone(), "a", &ours, true),
            // In other memory.
            (parts("/a/B", &[TE, GRPC]), "a", &HeaderValue::from_bytes(b"ours").unwrap(), true),
            (parts("http://a/a/B", &[TE, GRPC]), "b", &ours, true),
            (one.clone(), "b", &ours, false),
            (one.clone(), "a", &theirs, false),
            (parts("/a/C", &[TE, GRPC]), "a", &ours, false),
            (parts("https://a/a/B", &[TE, GRPC]), "a", &ours, false),
            (parts("/a/B", &[TE]), "a", &ours, false),
            (parts("/a/B", &[GRPC, TE]), "a", &ours, false),
            (parts("/a/B", &[TE, ("content-type", "application/grpc+json")]), "a", &ours, false),
            (parts("/a/B", &[TE, GRPC, ("x-one", "1")]), "a", &ours, false),
            (parts("/a/B", &[TE, GRPC, ("user-agent", "ours")]), "a", &ours, false),
            (sensitive, "a", &ours, false),
        ];
        for (parts, authority, user_agent, is_known) in table {
            let origin = origin(authority, user_agent);
            let block = blocks.again(&parts, origin).map(|block| words(block.fields()));
            assert_eq!(block.is_some(), is_known, "{parts:?} {authority} {user_agent:?}");
            assert!(block.is_none_or(|block| block == words(RequestHead::new(&parts, origin).fields())));
        }
    }

    #[test]
    fn there_are_so_many_blocks_and_no_more() {
        let mut blocks = Blocks::default();
        let paths: Vec<_> = (0..BLOCKS_MAX * 3).map(|number| parts(&format!("/a/{number}"), &[])).collect();
        for parts in &paths {
            for is_kept in [false, true] {
                assert_eq!(with_head(parts, "a", |head| blocks.get(head).is_some()), is_kept);
            }
        }
        assert_eq!((blocks.kept.len(), blocks.candidates.len()), (BLOCKS_MAX, BLOCKS_MAX));
        // The newest are there, and of the others none.
        let kept = |blocks: &mut Blocks, parts| with_head(parts, "a", |head| blocks.get(head).is_some());
        assert!(kept(&mut blocks, &paths[BLOCKS_MAX * 2]));
        assert!(!kept(&mut blocks, &paths[0]));
    }
}
