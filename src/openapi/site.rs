//! Pages that are made once and answered to whoever asks.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hasher as _};
#[cfg(feature = "swagger-ui")]
use std::sync::OnceLock;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Response, StatusCode};
use http_body_util::Full;
use tonic::body::Body;

#[cfg(feature = "swagger-ui")]
use crate::server::accepted::takes_coding;

/// A page as it is sent.
pub(crate) struct Page {
    content_type: &'static str,
    /// What tells it from its other versions.
    tag: String,
    content: Content,
    policy: Option<HeaderValue>,
}

enum Content {
    Plain(Bytes),
    #[cfg(feature = "swagger-ui")]
    Archived {
        file: crate::openapi::archive::ArchivedFile,
        /// `None`: it is not compressed.
        gzip: OnceLock<Option<Bytes>>,
        /// For the few that do not take gzip. `None`: the file is damaged.
        inflated: OnceLock<Option<Bytes>>,
    },
}

/// Pages by their paths.
#[derive(Default)]
pub(crate) struct Site {
    pages: HashMap<String, Page>,
    redirects: HashMap<&'static str, &'static str>,
}

impl Page {
    /// A page of text.
    pub(crate) fn new(content_type: &'static str, text: String) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        let tag = format!("{:016x}", hasher.finish());
        Page { content_type, tag, content: Content::Plain(text.into()), policy: None }
    }

    /// A file of an archive.
    #[cfg(feature = "swagger-ui")]
    pub(crate) fn archived(content_type: &'static str, file: crate::openapi::archive::ArchivedFile) -> Self {
        let tag = format!("{:08x}-{:x}", file.checksum, file.size);
        let content = Content::Archived { file, gzip: OnceLock::new(), inflated: OnceLock::new() };
        Page { content_type, tag, content, policy: None }
    }

    /// Says what the page may load and call.
    #[cfg(feature = "swagger-ui")]
    pub(crate) fn with_policy(self, policy: &str) -> Self {
        Page { policy: HeaderValue::from_str(policy).ok(), ..self }
    }

    fn answer(&self, headers: &HeaderMap) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        let answer = response.headers_mut();
        // Whoever keeps it asks whether it is still the same.
        answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        if !matches!(self.content, Content::Plain(_)) {
            answer.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
        }
        let gzip = self.gzip(headers);
        // Each coding is a representation of its own (RFC 9110, section 8.8.3.3).
        let tag = format!("\"{}{}\"", self.tag, if gzip.is_some() { "-gzip" } else { "" });
        if let Ok(tag) = HeaderValue::from_str(&tag) {
            answer.insert(header::ETAG, tag);
        }
        if is_known(headers, &tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return response;
        }
        answer.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        answer.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if let Some(policy) = &self.policy {
            answer.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
            answer.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
        }
        let bytes = match &self.content {
            Content::Plain(bytes) => bytes.clone(),
            #[cfg(feature = "swagger-ui")]
            Content::Archived { file, inflated, .. } => {
                if gzip.is_some() {
                    answer.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
                }
                match gzip.or_else(|| inflated.get_or_init(|| file.inflated()).clone()) {
                    Some(bytes) => bytes,
                    None => {
                        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                        return response;
                    }
                }
            }
        };
        answer.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
        *response.body_mut() = Body::new(Full::new(bytes));
        response
    }

    /// The page as gzip, if it is kept as such and the client takes that.
    fn gzip(&self, headers: &HeaderMap) -> Option<Bytes> {
        match &self.content {
            Content::Plain(_) => {
                let _ = headers;
                None
            }
            #[cfg(feature = "swagger-ui")]
            Content::Archived { file, gzip, .. } => {
                takes_coding(headers, "gzip").then(|| gzip.get_or_init(|| file.gzip()).clone()).flatten()
            }
        }
    }
}

impl Site {
    pub(crate) fn add(&mut self, path: impl Into<String>, page: Page) {
        self.pages.insert(path.into(), page);
    }

    /// Sends whoever asks for one path to another, which is relative to it.
    #[cfg(feature = "swagger-ui")]
    pub(crate) fn redirect(&mut self, path: &'static str, location: &'static str) {
        self.redirects.insert(path, location);
    }

    /// Whether there is something at a path.
    pub(crate) fn has(&self, path: &str) -> bool {
        self.pages.contains_key(path) || self.redirects.contains_key(path)
    }

    /// Answers a request for a path that is there.
    pub(crate) fn answer<B>(&self, request: &http::Request<B>) -> Response<Body> {
        let path = request.uri().path();
        let is_head = request.method() == Method::HEAD;
        if !is_head && request.method() != Method::GET {
            let mut response = status(StatusCode::METHOD_NOT_ALLOWED, "this is a page: GET it\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let mut response = match (self.pages.get(path), self.redirects.get(path)) {
            (Some(page), _) => page.answer(request.headers()),
            (None, Some(location)) => {
                let mut response = status(StatusCode::PERMANENT_REDIRECT, "");
                response.headers_mut().insert(header::LOCATION, HeaderValue::from_static(location));
                response
            }
            (None, None) => status(StatusCode::NOT_FOUND, "there is no such page\n"),
        };
        if is_head {
            *response.body_mut() = Body::empty();
        }
        response
    }
}

fn status(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::new(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Whether the client has the page as it would be sent now (RFC 9110, section 13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

/// Text within HTML.
#[cfg(feature = "swagger-ui")]
pub(crate) fn escape_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let mut site = Site::default();
        site.add("/a", Page::new("text/plain", "hello".to_owned()));
        site
    }

    fn ask(method: Method, path: &str, known: Option<&str>) -> Response<Body> {
        let mut request = http::Request::builder().method(method).uri(path);
        if let Some(known) = known {
            request = request.header(header::IF_NONE_MATCH, known);
        }
        site().answer(&request.body(()).expect("a request"))
    }

    #[test]
    fn pages_are_answered_once() {
        let tag = ask(Method::GET, "/a", None).headers()[header::ETAG].to_str().expect("ASCII").to_owned();
        let table = [
            (Method::GET, "/a", None, 200),
            (Method::HEAD, "/a", None, 200),
            (Method::POST, "/a", None, 405),
            (Method::GET, "/b", None, 404),
            (Method::GET, "/a", Some(tag.clone()), 304),
            (Method::GET, "/a", Some(format!("\"x\", W/{tag}")), 304),
            (Method::GET, "/a", Some("*".to_owned()), 304),
            (Method::GET, "/a", Some("\"x\"".to_owned()), 200),
        ];
        for (method, path, known, status) in table {
            let answer = ask(method.clone(), path, known.as_deref());
            assert_eq!(answer.status(), status, "{method} {path} {known:?}");
        }
        assert!(site().has("/a") && !site().has("/b"));
    }
}
