//! The page at `/`: what is served here, for a person with a browser or curl. Without the feature `http1` they reach it
//! by HTTP/2: over TLS, or with `curl --http2-prior-knowledge`.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use http_body_util::BodyExt as _;

use crate::server::dispatch::plain;
use crate::service::{MethodKind, Router};
use crate::transport::incoming_body::IncomingBody;
use crate::transport::response_body::ResponseBody;

/// How much of a request's body is read before it is answered, although nobody needs it: what is wrong with a request
/// shows at its end, and an answer before that would hide it.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// How long that is waited for.
const BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// Answers a request that is neither gRPC nor the user's own fallback's.
pub(crate) async fn answer(request: http::Request<IncomingBody>, router: Arc<Router>) -> http::Response<ResponseBody> {
    let (head, body) = request.into_parts();
    let body = pin!(http_body_util::Limited::new(body, BODY_BYTES_MAX).collect());
    // Too long, too slow or broken: the answer is the same.
    let _ = tokio::time::timeout(BODY_TIMEOUT, body).await;
    respond(&http::Request::from_parts(head, ()), &router)
}

fn respond(request: &http::Request<()>, router: &Router) -> http::Response<ResponseBody> {
    if request.uri().path() != "/" {
        return plain(StatusCode::NOT_FOUND, "there is nothing here; GET / lists what is served\n");
    }
    let page = page(router);
    let body = if request.method() == Method::HEAD { String::new() } else { page };
    let mut response = plain(StatusCode::OK, body);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

fn page(router: &Router) -> String {
    let mut page = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>gRPC server</title>\n\
         <h1>This is a gRPC server</h1>\n<p>It serves:</p>\n<ul>\n",
    );
    for name in router.names() {
        let _ = writeln!(page, "<li><b>{name}</b>");
        if let Some(service) = router.descriptors().find(|descriptor| descriptor.name == *name) {
            page.push_str("<ul>\n");
            for method in service.methods {
                let (takes, gives) = match method.kind {
                    MethodKind::Unary => ("", ""),
                    MethodKind::ClientStreaming => ("stream ", ""),
                    MethodKind::ServerStreaming => ("", "stream "),
                    MethodKind::BidiStreaming => ("stream ", "stream "),
                };
                let (input, output) = (method.input, method.output);
                let _ = writeln!(page, "<li>{} ({takes}{input}) returns ({gives}{output})", method.name());
            }
            page.push_str("</ul>\n");
        }
    }
    page.push_str("</ul>\n</html>\n");
    page
}
