//! Errors as HTTP answers: `google.rpc.Status` in JSON, with the HTTP status that its code stands for.

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, ALLOW, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use serde_json::{Map, Value};
use tonic::body::Body;

use crate::json::{base64, details};
use crate::status::{Status, http_status_for_code};

/// Why a request gets no answer from a handler, or what the handler said.
#[derive(Debug)]
pub(crate) struct Failure {
    http: StatusCode,
    status: Status,
    /// What the answer says beside that: what would be right.
    header: Option<(HeaderName, HeaderValue)>,
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Failure { http: http_status_for_code(status.code()), status, header: None }
    }
}

impl Failure {
    /// The request is wrong.
    pub(crate) fn bad_request(what: impl Into<String>) -> Self {
        Status::invalid_argument(what).into()
    }

    /// The request is wrong in a way that HTTP has a status for.
    pub(crate) fn with_http(http: StatusCode, status: Status) -> Self {
        Failure { http, status, header: None }
    }

    /// The path is right, the method is not.
    pub(crate) fn other_methods(method: &http::Method, methods: &[&str]) -> Self {
        let allowed = methods.join(", ");
        let status = Status::unimplemented(format!("there is no {method} here: this path has {allowed}"));
        let header = HeaderValue::from_str(&allowed).ok().map(|allowed| (ALLOW, allowed));
        Failure { http: StatusCode::METHOD_NOT_ALLOWED, status, header }
    }

    /// The body is compressed in a way that is unknown here.
    pub(crate) fn unknown_coding(what: impl Into<String>, known: &'static str) -> Self {
        let header = Some((ACCEPT_ENCODING, HeaderValue::from_static(known)));
        Failure { http: StatusCode::UNSUPPORTED_MEDIA_TYPE, status: Status::invalid_argument(what), header }
    }

    /// Which headers the answer takes from the status.
    pub(crate) fn status(&self) -> &Status {
        &self.status
    }

    /// The answer. Details are looked up among the types of the method's schema, and those of `google.rpc`.
    pub(crate) fn response(&self, pool: Option<&DescriptorPool>) -> Response<Body> {
        let body = status_json(&self.status, pool).to_string();
        let mut response = Response::new(Body::new(Full::new(Bytes::from(body))));
        *response.status_mut() = self.http;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), value.clone());
        }
        response
    }
}

/// `google.rpc.Status` in JSON.
pub(crate) fn status_json(status: &Status, pool: Option<&DescriptorPool>) -> Value {
    let details = details::details(status).iter().map(|detail| detail_json(detail, pool)).collect();
    let mut object = Map::new();
    object.insert("code".to_owned(), Value::from(status.code() as i32));
    object.insert("message".to_owned(), Value::from(status.message()));
    object.insert("details".to_owned(), Value::Array(details));
    Value::Object(object)
}

/// One detail, with its type; what has no schema here comes as base64.
fn detail_json(detail: &prost_types::Any, pool: Option<&DescriptorPool>) -> Value {
    let mut object = Map::new();
    match details::tell(detail, pool) {
        Some(Value::Object(fields)) if !details::type_name(detail).starts_with("google.protobuf.") => object = fields,
        Some(value) => drop(object.insert("value".to_owned(), value)),
        None => drop(object.insert("value".to_owned(), Value::from(base64::encode(&detail.value)))),
    }
    object.insert("@type".to_owned(), Value::from(detail.type_url.as_str()));
    Value::Object(object)
}
