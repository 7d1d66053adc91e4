//! Requests from pages of other origins (CORS), for all protocols of a server.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderMap, HeaderName, HeaderValue, ORIGIN, VARY,
};
use http::{Method, StatusCode};

use crate::metadata::{GRPC_ENCODING, GRPC_MESSAGE, GRPC_STATUS, GRPC_STATUS_DETAILS};
use crate::server::Server;
use crate::server::dispatch::plain;
use crate::transport::error::{Error, Step};
use crate::transport::response_body::ResponseBody;

/// What clients of gRPC-Web, of Connect and of REST send, besides what any page may.
const HEADERS_DEFAULT: [HeaderName; 16] = [
    http::header::ACCEPT,
    http::header::AUTHORIZATION,
    http::header::CONTENT_ENCODING,
    http::header::CONTENT_TYPE,
    http::header::IF_MATCH,
    http::header::IF_NONE_MATCH,
    HeaderName::from_static("connect-accept-encoding"),
    HeaderName::from_static("connect-content-encoding"),
    HeaderName::from_static("connect-protocol-version"),
    HeaderName::from_static("connect-timeout-ms"),
    HeaderName::from_static("grpc-accept-encoding"),
    HeaderName::from_static("grpc-encoding"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-request-id"),
    HeaderName::from_static("x-user-agent"),
];

/// What a call may be made with.
const METHODS: HeaderValue = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");

/// How long a browser remembers what it was told: Chromium keeps nothing for longer.
const MAX_AGE_DEFAULT: Duration = Duration::from_secs(2 * 60 * 60);

/// How many headers a preflight may ask for: those of a whole header block, a few bytes each.
const REQUESTED_HEADERS_MAX: usize = 256;

/// Which pages of other origins may call a server, and how: for [`Server::cors`].
///
/// Browsers let a page call servers of its own origin only, unless they say otherwise. This says so for all protocols
/// of a server at once; what clients of gRPC-Web, of Connect and of REST send and read is allowed from the start.
///
/// ```
/// use std::time::Duration;
/// use seltzer::Server;
/// use seltzer::server::Cors;
///
/// let cors = Cors::origins(["https://app.example", "http://localhost:5173"])
///     .allow_headers(["x-tenant"])
///     .allow_credentials()
///     .max_age(Duration::from_secs(600));
/// let server = Server::builder().cors(cors);
/// # drop(server);
/// ```
#[derive(Clone)]
#[must_use = "it does nothing until a server has it"]
pub struct Cors {
    origins: Origins,
    headers: Vec<HeaderName>,
    any_header: bool,
    exposed: Vec<HeaderName>,
    credentials: bool,
    max_age: Duration,
    /// What was said that cannot be meant.
    wrong: Option<String>,
}

#[derive(Clone)]
enum Origins {
    Any,
    List(Vec<HeaderValue>),
    Such(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

impl Cors {
    fn of(origins: Origins) -> Self {
        Cors {
            origins,
            headers: HEADERS_DEFAULT.to_vec(),
            any_header: false,
            exposed: Vec::new(),
            credentials: false,
            max_age: MAX_AGE_DEFAULT,
            wrong: None,
        }
    }

    /// Pages of all origins may call.
    pub fn any_origin() -> Self {
        Cors::of(Origins::Any)
    }

    /// Pages of these origins may call, as browsers write them: `https://app.example`, with a port if it is not the
    /// scheme's own, without a path. A server with one that is none does not start.
    pub fn origins<'a>(origins: impl IntoIterator<Item = &'a str>) -> Self {
        let mut cors = Cors::of(Origins::Any);
        let mut list = Vec::new();
        for origin in origins {
            match origin_value(origin) {
                Some(value) => list.push(value),
                None => cors.is_wrong(format!(
                    "{origin:?} is no origin: it must be like https://app.example or http://localhost:5173, or null"
                )),
            }
        }
        cors.origins = Origins::List(list);
        cors
    }

    /// Pages of those origins may call for which this is true.
    ///
    /// ```
    /// use seltzer::server::Cors;
    ///
    /// let cors = Cors::origins_such_that(|origin| origin.starts_with("https://") && origin.ends_with(".app.example"));
    /// # let _ = cors;
    /// ```
    pub fn origins_such_that(predicate: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Cors::of(Origins::Such(Arc::new(predicate)))
    }

    /// Allows more headers in requests, metadata of your own for example. Those of the protocols are allowed already.
    pub fn allow_headers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = self.header_names(names);
        self.headers.extend(names);
        self
    }

    /// Allows whatever headers a page wants to send.
    pub fn allow_any_header(mut self) -> Self {
        self.any_header = true;
        self
    }

    /// Lets pages read more headers of answers. Those that an answer has are named already; this is for those that a
    /// proxy adds.
    pub fn expose_headers<'a>(mut self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let names = self.header_names(names);
        self.exposed.extend(names);
        self
    }

    /// Lets browsers send cookies and certificates along. Off unless called.
    ///
    /// Together with [`any_origin`](Self::any_origin) every page that a user visits could act as that user: a server that
    /// is told both does not start.
    pub fn allow_credentials(mut self) -> Self {
        self.credentials = true;
        self
    }

    /// How long browsers may remember what they were told. Two hours unless set.
    pub fn max_age(mut self, max_age: Duration) -> Self {
        self.max_age = max_age;
        self
    }

    fn header_names<'a>(&mut self, names: impl IntoIterator<Item = &'a str>) -> Vec<HeaderName> {
        let mut read = Vec::new();
        for name in names {
            match name.parse() {
                Ok(name) => read.push(name),
                Err(_) => self.is_wrong(format!("{name:?} is no name that a header can have")),
            }
        }
        read
    }

    fn is_wrong(&mut self, why: String) {
        self.wrong.get_or_insert(why);
    }

    /// Whether all that was said can be meant.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let is_open = self.credentials && matches!(self.origins, Origins::Any);
        let open = is_open.then_some(
            "any_origin() with allow_credentials() lets every page act as the user who visits it: name the pages with \
             Cors::origins([...]), or judge them with Cors::origins_such_that(...)",
        );
        match self.wrong.as_deref().or(open) {
            Some(wrong) => Err(Error::new(Step::Serve, format!("CORS: {wrong}"))),
            None => Ok(()),
        }
    }

    /// What `access-control-allow-origin` says to a request; `None` if its page may not call.
    fn admit(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let is_admitted = match &self.origins {
            Origins::Any => true,
            Origins::List(list) => list.contains(origin),
            Origins::Such(predicate) => origin.to_str().is_ok_and(|origin| predicate(origin)),
        };
        let names_any = matches!(self.origins, Origins::Any);
        is_admitted.then(|| if names_any { HeaderValue::from_static("*") } else { origin.clone() })
    }

    /// The answer to a preflight; `None` for any other request.
    pub(crate) fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<http::Response<ResponseBody>> {
        let origin = headers.get(ORIGIN)?;
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let Some(admitted) = self.admit(origin) else {
            let origin = String::from_utf8_lossy(origin.as_bytes());
            let mut refused = plain(StatusCode::FORBIDDEN, format!("pages of {origin} may not call this server\n"));
            self.vary(refused.headers_mut());
            return Some(refused);
        };
        let mut response = http::Response::new(ResponseBody::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let answer = response.headers_mut();
        self.name_origin(answer, admitted);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        if let Some(allowed) = self.allowed(headers) {
            answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        }
        answer.insert(ACCESS_CONTROL_MAX_AGE, self.max_age.as_secs().into());
        if self.any_header {
            answer.append(VARY, HeaderValue::from_name(ACCESS_CONTROL_REQUEST_HEADERS));
        }
        Some(response)
    }

    /// The headers that a preflight is told it may send.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if !self.any_header {
            return joined(self.headers.iter());
        }
        let asked = headers.get_all(ACCESS_CONTROL_REQUEST_HEADERS).iter().filter_map(|value| value.to_str().ok());
        let names = asked.flat_map(|list| list.split(',')).take(REQUESTED_HEADERS_MAX);
        // What is no name is left out, so that nothing is repeated that was made up.
        let names: Vec<HeaderName> = names.filter_map(|name| name.trim().parse().ok()).collect();
        joined(names.iter())
    }

    /// Who asked, if it was a page that may: for [`adorn`](Self::adorn), once the request is gone.
    pub(crate) fn admitted(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.admit(headers.get(ORIGIN)?)
    }

    /// Lets the page read an answer.
    pub(crate) fn adorn(&self, response: &mut http::Response<ResponseBody>, admitted: Option<HeaderValue>) {
        let headers = response.headers_mut();
        // What a fallback says of itself stays.
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        let Some(admitted) = admitted else { return self.vary(headers) };
        let of_protocols = [GRPC_STATUS, GRPC_MESSAGE, GRPC_STATUS_DETAILS, GRPC_ENCODING];
        let own = headers.keys().filter(|name| !is_readable_anyway(name) && !of_protocols.contains(name)).cloned();
        let names: Vec<HeaderName> =
            own.chain(of_protocols.iter().cloned()).chain(self.exposed.iter().cloned()).collect();
        if let Some(names) = joined(names.iter()) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, names);
        }
        self.name_origin(headers, admitted);
    }

    fn name_origin(&self, headers: &mut HeaderMap, admitted: HeaderValue) {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, admitted);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
        }
        self.vary(headers);
    }

    /// Caches must not give one origin's answer to another.
    fn vary(&self, headers: &mut HeaderMap) {
        if !matches!(self.origins, Origins::Any) {
            headers.append(VARY, HeaderValue::from_name(ORIGIN));
        }
    }
}

impl fmt::Debug for Cors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Cors");
        match &self.origins {
            Origins::Any => debug.field("origins", &"any"),
            Origins::List(list) => debug.field("origins", list),
            Origins::Such(_) => debug.field("origins", &"a predicate"),
        };
        debug.field("credentials", &self.credentials).field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

impl Server {
    /// Lets pages of other origins call this server, in whatever protocol. Off unless set.
    ///
    /// Preflights are answered before anything else sees them, tower layers included; answers to such pages get the
    /// headers that let them be read, but for those that have `access-control-allow-origin` already.
    pub fn cors(mut self, cors: Cors) -> Self {
        self.cors = Some(Arc::new(cors));
        self
    }
}

/// An origin as browsers send it; `None` for what is none.
fn origin_value(origin: &str) -> Option<HeaderValue> {
    let origin = origin.strip_suffix('/').unwrap_or(origin);
    let (scheme, host) = origin.split_once("://").unwrap_or_default();
    let is_origin = !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ', '*']);
    if origin != "null" && !is_origin {
        return None;
    }
    // Browsers write schemes and hosts in lower case.
    HeaderValue::from_str(&origin.to_ascii_lowercase()).ok()
}

/// Headers that pages may read without being told, and those that mean nothing to them.
fn is_readable_anyway(name: &HeaderName) -> bool {
    let name = name.as_str();
    name.starts_with("access-control-")
        || matches!(
            name,
            "cache-control"
                | "content-language"
                | "content-length"
                | "content-type"
                | "expires"
                | "last-modified"
                | "pragma"
                | "vary"
                | "set-cookie"
                | "connection"
                | "transfer-encoding"
        )
}

fn joined<'a>(names: impl Iterator<Item = &'a HeaderName>) -> Option<HeaderValue> {
    let names: Vec<&str> = names.map(HeaderName::as_str).collect();
    if names.is_empty() { None } else { HeaderValue::from_str(&names.join(", ")).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://app.example";

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), value.parse().expect("a valid value")))
            .collect()
    }

    fn preflight(cors: &Cors, origin: &str, asked: &str) -> http::Response<ResponseBody> {
        let request = headers(&[
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", asked),
        ]);
        cors.preflight(&Method::OPTIONS, &request).expect("it is a preflight")
    }

    fn value<'a>(response: &'a http::Response<ResponseBody>, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().expect("text"))
    }

    #[test]
    fn origins_are_admitted_as_told() {
        let such = |origin: &str| origin.ends_with(".example");
        let table: [(Cors, &str, Option<&str>, bool); 11] = [
            (Cors::any_origin(), PAGE, Some("*"), false),
            (Cors::any_origin(), "null", Some("*"), false),
            (Cors::origins([PAGE]).allow_credentials(), PAGE, Some(PAGE), true),
            (Cors::origins([PAGE]), PAGE, Some(PAGE), true),
            (Cors::origins(["https://app.example/"]), PAGE, Some(PAGE), true),
            (Cors::origins([PAGE]), "https://app.example:8443", None, true),
            (Cors::origins([PAGE]), "http://app.example", None, true),
            (Cors::origins([PAGE]), "https://app.example.evil", None, true),
            (Cors::origins([]), PAGE, None, true),
            (Cors::origins_such_that(such), PAGE, Some(PAGE), true),
            (Cors::origins_such_that(such), "https://app.evil", None, true),
        ];
        for (cors, origin, expected, varies) in table {
            let answer = preflight(&cors, origin, "content-type");
            let status = if expected.is_some() { 204 } else { 403 };
            assert_eq!(answer.status().as_u16(), status, "{cors:?} {origin}");
            assert_eq!(value(&answer, "access-control-allow-origin"), expected, "{cors:?} {origin}");
            assert_eq!(value(&answer, "vary"), varies.then_some("origin"), "{cors:?} {origin}");

            let request = headers(&[("origin", origin)]);
            let mut answer = http::Response::new(ResponseBody::empty());
            cors.adorn(&mut answer, cors.admitted(&request));
            assert_eq!(value(&answer, "access-control-allow-origin"), expected, "{cors:?} {origin}");
            assert_eq!(value(&answer, "vary"), varies.then_some("origin"), "{cors:?} {origin}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        let table = [
            (Cors::origins(["https://a.example", "HTTP://Localhost:80/", "null"]), None),
            (Cors::origins(["a.example"]), Some("a.example")),
            (Cors::origins(["https://a.example/path"]), Some("a.example/path")),
            (Cors::origins(["https://*.example"]), Some("*.example")),
            (Cors::origins(["*"]), Some("\"*\"")),
            (Cors::origins([""]), Some("\"\"")),
            (Cors::any_origin().allow_headers(["x-ok", "not ok"]), Some("not ok")),
            (Cors::any_origin().expose_headers([""]), Some("\"\"")),
            (Cors::any_origin().allow_credentials(), Some("Cors::origins")),
            (Cors::origins_such_that(|_| true).allow_credentials(), None),
        ];
        for (cors, wrong) in table {
            let checked = cors.check().map_err(|error| error.to_string());
            match wrong {
                Some(wrong) => assert!(checked.is_err_and(|error| error.contains(wrong)), "{wrong}"),
                None => assert!(checked.is_ok(), "{cors:?}"),
            }
        }
    }

    #[test]
    fn preflights_are_told_what_may_be_sent() {
        let answer = preflight(&Cors::any_origin().allow_headers(["X-Tenant"]), PAGE, "x-tenant");
        let allowed = value(&answer, "access-control-allow-headers").expect("some").split(", ").collect::<Vec<_>>();
        for name in ["content-type", "x-grpc-web", "connect-protocol-version", "grpc-timeout", "x-tenant"] {
            assert!(allowed.contains(&name), "{name}");
        }
        assert!(!allowed.contains(&"x-other"));
        assert!(value(&answer, "access-control-allow-methods").is_some_and(|methods| methods.contains("POST")));
        assert_eq!(value(&answer, "access-control-max-age"), Some("7200"));
        assert_eq!(value(&answer, "access-control-allow-credentials"), None);

        let any = Cors::origins([PAGE]).allow_any_header().allow_credentials().max_age(Duration::from_secs(5));
        let answer = preflight(&any, PAGE, "X-One, x-two,bad name,,x-three");
        assert_eq!(value(&answer, "access-control-allow-headers"), Some("x-one, x-two, x-three"));
        assert_eq!(value(&answer, "access-control-max-age"), Some("5"));
        assert_eq!(value(&answer, "access-control-allow-credentials"), Some("true"));
    }

    #[test]
    fn other_requests_are_no_preflights() {
        let cors = Cors::any_origin();
        let (origin, asks) = (("origin", PAGE), ("access-control-request-method", "POST"));
        let table = [
            (Method::OPTIONS, headers(&[origin])),
            (Method::OPTIONS, headers(&[asks])),
            (Method::POST, headers(&[origin, asks])),
            (Method::OPTIONS, HeaderMap::new()),
        ];
        for (method, request) in table {
            assert!(cors.preflight(&method, &request).is_none(), "{method} {request:?}");
        }
    }

    #[test]
    fn answers_expose_the_headers_that_they_have() {
        let mut answer = http::Response::new(ResponseBody::empty());
        *answer.headers_mut() = headers(&[
            ("content-type", "application/json"),
            ("trailer-x-cost", "1"),
            ("x-request-id", "2"),
            ("grpc-status", "0"),
        ]);
        let cors = Cors::any_origin().expose_headers(["x-from-proxy"]);
        cors.adorn(&mut answer, Some(HeaderValue::from_static("*")));
        let mut exposed: Vec<_> = value(&answer, "access-control-expose-headers").expect("some").split(", ").collect();
        exposed.sort_unstable();
        let expected = [
            "grpc-encoding",
            "grpc-message",
            "grpc-status",
            "grpc-status-details-bin",
            "trailer-x-cost",
            "x-from-proxy",
            "x-request-id",
        ];
        assert_eq!(exposed, expected);

        let mut own = http::Response::new(ResponseBody::empty());
        *own.headers_mut() = headers(&[("access-control-allow-origin", "https://its.own")]);
        cors.adorn(&mut own, Some(HeaderValue::from_static("*")));
        assert_eq!(value(&own, "access-control-allow-origin"), Some("https://its.own"));
        assert_eq!(value(&own, "access-control-expose-headers"), None);
    }
}
