//! The page at `/`: what is served here, for a person with a browser or curl. Without the feature `http1` they reach it
//! by HTTP/2: over TLS, or with `curl --http2-prior-knowledge`.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, EXPECT, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;

use crate::meter::{CallCount, ServerMeter};
use crate::server::dispatch::plain;
use crate::server::protocol::PageLink;
use crate::service::{MethodKind, Router, ServiceDescriptor};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// How much of a request's body is read before it is answered, although nobody needs it: what is wrong with a request
/// shows at its end, and an answer before that would hide it.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long that is waited for.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The page's own files stand behind question marks: every other path is somebody else's.
const SCRIPT_QUERY: &str = "script";
const NEWS_QUERY: &str = "news";

/// What the page loads: its script. Its few styles are its own, and its icon is none, so that nobody asks for one.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEAD: &str = "\
<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>gRPC server</title>
<link rel=\"icon\" href=\"data:,\">
<style>
:root { color-scheme: light dark }
body { font-family: system-ui, sans-serif; line-height: 1.5; margin: 2rem auto; max-width: 56rem; padding: 0 1rem }
h2 { font-size: 1.1rem; margin: 1.5rem 0 .25rem }
table { border-collapse: collapse; width: 100% }
th { text-align: left }
td, th { border-bottom: 1px solid #8884; padding: .15rem .5rem .15rem 0; vertical-align: top }
.number { text-align: right; font-variant-numeric: tabular-nums; width: 6rem }
.health { font-size: .8rem; font-weight: normal; margin-left: .5rem }
</style>
";

/// Keeps the numbers on the page as they are now.
const SCRIPT: &str = "\
const put = (name, values, otherwise) => {
  for (const place of document.querySelectorAll(`[data-${name}]`)) {
    place.textContent = values[place.dataset[name]] ?? otherwise;
  }
};
const look = async () => {
  try {
    const news = await (await fetch(\"?news\", { cache: \"no-store\" })).json();
    put(\"calls\", news.calls, \"0\");
    put(\"failed\", news.failed, \"0\");
    put(\"health\", news.health, \"\");
  } catch {
    put(\"health\", {}, \"unreachable\");
  }
};
setInterval(look, 2000);
";

/// Tells how a service is doing, in gRPC's words; `None`: nobody has said.
pub(crate) type Health = Arc<dyn Fn(&str) -> Option<&'static str> + Send + Sync>;

/// What the page shows beside the services.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    /// The pages of protocols.
    pub(crate) links: Vec<PageLink>,
    /// How services are doing, if somebody knows.
    pub(crate) health: Option<Health>,
}

/// What the page is made of.
pub(crate) struct Facts {
    pub(crate) router: Arc<Router>,
    pub(crate) shown: Arc<Shown>,
    pub(crate) meter: ServerMeter,
}

/// Answers a request that is neither gRPC nor the user's own fallback's.
pub(crate) async fn answer(request: http::Request<IncomingBody>, facts: Facts) -> http::Response<ResponseBody> {
    let (head, body) = request.into_parts();
    let body = pin!(http_body_util::Limited::new(body, BODY_BYTES_MAX).collect());
    // Who waits to be invited is told before that.
    if !head.headers.contains_key(EXPECT) {
        // Too long, too slow or broken: the answer is the same.
        let _ = tokio::time::timeout(BODY_TIMEOUT, body).await;
    }
    respond(&http::Request::from_parts(head, ()), &facts)
}

fn respond(request: &http::Request<()>, facts: &Facts) -> http::Response<ResponseBody> {
    if request.uri().path() != "/" {
        return plain(StatusCode::NOT_FOUND, "there is nothing here; GET / lists what is served\n");
    }
    match *request.method() {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return allowing(http::Response::new(ResponseBody::empty()), StatusCode::NO_CONTENT),
        _ => return allowing(plain(StatusCode::OK, "this is a page: GET it\n"), StatusCode::METHOD_NOT_ALLOWED),
    }
    let (text, content_type) = match request.uri().query() {
        Some(SCRIPT_QUERY) => (SCRIPT.to_owned(), "text/javascript; charset=utf-8"),
        Some(NEWS_QUERY) => (facts.news(), "application/json"),
        _ => (facts.page(), "text/html; charset=utf-8"),
    };
    let text = if request.method() == Method::HEAD { String::new() } else { text };
    let mut response = plain(StatusCode::OK, text);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// An answer that says what the page can be asked by.
fn allowing(mut response: http::Response<ResponseBody>, status: StatusCode) -> http::Response<ResponseBody> {
    *response.status_mut() = status;
    response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
    response
}

impl Facts {
    fn page(&self) -> String {
        let calls = self.meter.counts();
        let mut page = String::from(HEAD);
        if calls.is_some() || self.shown.health.is_some() {
            let _ = writeln!(page, "<script src=\"?{SCRIPT_QUERY}\" defer></script>");
        }
        page.push_str("</head>\n<body>\n<h1>This is a gRPC server");
        self.write_health(&mut page, "");
        page.push_str("</h1>\n");
        if !self.shown.links.is_empty() {
            let links = self.shown.links.iter().map(|link| {
                let (path, title) = (escaped(link.path.trim_start_matches('/')), escaped(&link.title));
                format!("<a href=\"{path}\">{title}</a>")
            });
            let _ = writeln!(page, "<p>{}</p>", links.collect::<Vec<_>>().join(" · "));
        }
        page.push_str("<p>It serves:</p>\n");
        for name in self.router.names() {
            let _ = write!(page, "<h2>{}", escaped(name));
            self.write_health(&mut page, name);
            page.push_str("</h2>\n");
            if let Some(service) = self.router.descriptors().find(|descriptor| descriptor.name == *name) {
                write_methods(&mut page, service, calls.as_deref());
            }
        }
        page.push_str("</body>\n</html>\n");
        page
    }

    /// How a service is doing; the empty name is the server as a whole.
    fn write_health(&self, page: &mut String, service: &str) {
        if let Some(health) = &self.shown.health {
            let (said, service) = (health(service).unwrap_or_default(), escaped(service));
            let _ = write!(page, "<span class=\"health\" data-health=\"{service}\">{said}</span>");
        }
    }

    /// What changes on the page, as JSON.
    fn news(&self) -> String {
        let counts = self.meter.counts().unwrap_or_default();
        let calls = counts.iter().map(|count| (count.method.as_str(), count.started.to_string()));
        let failed = counts.iter().map(|count| (count.method.as_str(), count.failed.to_string()));
        let services = std::iter::once("").chain(self.router.names().iter().copied());
        let health = services.filter_map(|service| {
            let said = self.shown.health.as_ref()?(service)?;
            Some((service, format!("\"{said}\"")))
        });
        let (calls, failed, health) = (json_object(calls), json_object(failed), json_object(health));
        format!("{{\"calls\":{calls},\"failed\":{failed},\"health\":{health}}}\n")
    }
}

fn write_methods(page: &mut String, service: &ServiceDescriptor, calls: Option<&[CallCount]>) {
    page.push_str("<table>\n");
    if calls.is_some() {
        page.push_str("<tr><th></th><th class=\"number\">calls</th><th class=\"number\">failed</th></tr>\n");
    }
    for method in service.methods {
        let (takes, gives) = match method.kind {
            MethodKind::Unary => ("", ""),
            MethodKind::ClientStreaming => ("stream ", ""),
            MethodKind::ServerStreaming => ("", "stream "),
            MethodKind::BidiStreaming => ("stream ", "stream "),
        };
        let (name, input, output) = (escaped(method.name()), escaped(method.input), escaped(method.output));
        let _ = write!(page, "<tr><td><b>{name}</b> ({takes}{input}) returns ({gives}{output})</td>");
        if let Some(calls) = calls {
            let path = method.path.trim_start_matches('/');
            let count = calls.iter().find(|count| count.method == path);
            let (started, failed) = count.map_or((0, 0), |count| (count.started, count.failed));
            let path = escaped(path);
            let _ = write!(page, "<td class=\"number\" data-calls=\"{path}\">{started}</td>");
            let _ = write!(page, "<td class=\"number\" data-failed=\"{path}\">{failed}</td>");
        }
        page.push_str("</tr>\n");
    }
    page.push_str("</table>\n");
}

/// An object of values that are JSON already.
fn json_object<'a>(members: impl Iterator<Item = (&'a str, String)>) -> String {
    let mut json = String::from("{");
    for (index, (name, value)) in members.enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(json, "{comma}\"");
        for c in name.chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                c if c.is_control() => {
                    let _ = write!(json, "\\u{:04x}", u32::from(c));
                }
                c => json.push(c),
            }
        }
        let _ = write!(json, "\":{value}");
    }
    json.push('}');
    json
}

/// Text within HTML: what generated code names is harmless, but a name may come from elsewhere.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(shown: Shown) -> Facts {
        Facts { router: Arc::default(), shown: Arc::new(shown), meter: ServerMeter::default() }
    }

    #[test]
    fn what_is_shown_cannot_be_markup() {
        let links = vec![PageLink::new("/a\"b", "<Docs> & more")];
        let health: Health = Arc::new(|service| service.is_empty().then_some("SERVING"));
        let facts = facts(Shown { links, health: Some(health) });
        let page = facts.page();
        assert!(page.contains("<a href=\"a&quot;b\">&lt;Docs&gt; &amp; more</a>"), "{page}");
        assert!(page.contains("data-health=\"\">SERVING</span>"), "{page}");
        assert_eq!(facts.news(), "{\"calls\":{},\"failed\":{},\"health\":{\"\":\"SERVING\"}}\n");
    }

    #[test]
    fn nothing_is_looked_up_where_nothing_changes() {
        assert!(!facts(Shown::default()).page().contains("<script"));
    }

    #[test]
    fn names_are_quoted_for_json() {
        let members = [("a\"b\\c\n", "1".to_owned()), ("d", "2".to_owned())];
        assert_eq!(json_object(members.into_iter()), r#"{"a\"b\\c\u000a":1,"d":2}"#);
    }
}
