//! From an HTTP request to the messages of a call.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap};
use http_body::Body as _;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value};

use crate::gateway::error::Failure;
use crate::gateway::mask;
use crate::gateway::query::Parameters;
use crate::gateway::rule::{Binding, BoundBody};
use crate::gateway::text::{holder, value_from_text};
use crate::json::{JsonError, read_field, read_message};
use crate::status::{Code, Status};
use crate::transport::retained::RetainedBody;

/// The message that is bytes of any kind.
const HTTP_BODY: &str = "google.api.HttpBody";

/// What most requests say that they are.
const JSON: &str = "application/json";

/// What of a request says which message it is, besides its body.
#[derive(Debug)]
pub(crate) struct Bound {
    pub(crate) binding: Arc<Binding>,
    /// The texts of the path's variables.
    pub(crate) variables: Vec<String>,
    pub(crate) query: Option<String>,
    pub(crate) ignore_unknown_query: bool,
    /// The request's own, for `google.api.HttpBody`.
    pub(crate) content_type: Option<String>,
    /// What path and query mean: read once, however many messages they fill.
    pub(crate) known: OnceLock<Result<Known, String>>,
}

/// What stands in path and query.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// The values of the path's variables.
    variables: Vec<Value>,
    query: Parameters,
}

impl Bound {
    /// The field of the body that takes bytes as they are; `Some(None)` if all of the message does.
    pub(crate) fn raw_body(&self) -> Option<Option<&FieldDescriptor>> {
        match &self.binding.body {
            BoundBody::Whole if is_http_body(self.binding.call.input()) => Some(None),
            BoundBody::Field(field) if is_http_body_field(field) => Some(Some(field)),
            _ => None,
        }
    }

    /// The message whose body is this.
    ///
    /// # Errors
    /// What is wrong with the request.
    pub(crate) fn message(&self, body: &[u8]) -> Result<Bytes, Failure> {
        if self.is_body_alone() && !body.is_empty() {
            return self.binding.call.decode_request(body).map_err(|error| wrong_body(&error));
        }
        self.fill(body).map(|message| message.encode_to_vec().into())
    }

    /// Whether the body is the message: nothing else says anything of it.
    fn is_body_alone(&self) -> bool {
        self.binding.body == BoundBody::Whole
            && self.variables.is_empty()
            && self.query.is_none()
            && self.raw_body().is_none()
    }

    fn fill(&self, body: &[u8]) -> Result<DynamicMessage, Failure> {
        let binding = &*self.binding;
        let (input, options) = (binding.call.input(), binding.call.options());
        let mut message = match (self.raw_body(), &binding.body) {
            (Some(field), _) => self.raw(field, self.content_type.as_deref(), body)?,
            (None, BoundBody::Whole) if !body.is_empty() => {
                read_message(input, body, options).map_err(|error| wrong_body(&error))?
            }
            _ => DynamicMessage::new(input.clone()),
        };
        match &binding.body {
            BoundBody::Field(field) if !body.is_empty() && !is_http_body_field(field) => {
                read_field(&mut message, field, body, options).map_err(|error| wrong_body(&error))?;
            }
            BoundBody::None if !is_blank(body) => {
                return Err(Failure::bad_request("this method takes no body: what it takes stands in path and query"));
            }
            _ => {}
        }
        let known = self.known.get_or_init(|| self.read()).as_ref();
        let known = known.map_err(|what| Failure::bad_request(what.as_str()))?;
        for (fields, value) in binding.variables.iter().zip(&known.variables) {
            set_variable(&mut message, fields, value.clone()).map_err(Failure::bad_request)?;
        }
        known.query.fill(&mut message).map_err(Failure::bad_request)?;
        if !body.is_empty() {
            mask::fill(&mut message, binding, body);
        }
        Ok(message)
    }

    /// Reads path and query.
    fn read(&self) -> Result<Known, String> {
        let variables = self.binding.variables.iter().zip(&self.variables);
        let variables = variables.filter_map(|(fields, text)| {
            let field = fields.last()?;
            Some(value_from_text(&field.kind(), text).map_err(|what| in_path(fields, &what)))
        });
        let variables = variables.collect::<Result<_, _>>()?;
        let query = match &self.query {
            Some(query) => Parameters::read(query, &self.binding, self.ignore_unknown_query)?,
            None => Parameters::default(),
        };
        Ok(Known { variables, query })
    }

    /// A message with bytes as they are.
    fn raw(
        &self,
        field: Option<&FieldDescriptor>,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<DynamicMessage, Failure> {
        let mut message = DynamicMessage::new(self.binding.call.input().clone());
        let target = match field {
            Some(field) => match message.get_field_mut(field) {
                Value::Message(inner) => inner,
                _ => return Ok(message),
            },
            None => &mut message,
        };
        fill_http_body(target, content_type, body).map_err(Failure::from)?;
        Ok(message)
    }

    /// A message that goes on with the bytes of the one before.
    pub(crate) fn continued(&self, body: &[u8]) -> Result<Bytes, Failure> {
        let field = self.raw_body().flatten();
        self.raw(field, None, body).map(|message| message.encode_to_vec().into())
    }
}

fn wrong_body(error: &JsonError) -> Failure {
    Failure::bad_request(format!("the body: {error}"))
}

/// Whether a message is `google.api.HttpBody`.
pub(crate) fn is_http_body(message: &MessageDescriptor) -> bool {
    message.full_name() == HTTP_BODY
}

/// The same of a field.
pub(crate) fn is_http_body_field(field: &FieldDescriptor) -> bool {
    matches!(field.kind(), Kind::Message(message) if is_http_body(&message)) && !field.is_list() && !field.is_map()
}

fn fill_http_body(message: &mut DynamicMessage, content_type: Option<&str>, body: &[u8]) -> Result<(), Status> {
    let known = |error: &dyn std::fmt::Display| Status::internal(format!("{HTTP_BODY} is not the one known: {error}"));
    if let Some(content_type) = content_type {
        let value = Value::String(content_type.to_owned());
        message.try_set_field_by_name("content_type", value).map_err(|error| known(&error))?;
    }
    let data = Value::Bytes(Bytes::copy_from_slice(body));
    message.try_set_field_by_name("data", data).map_err(|error| known(&error))
}

/// Nothing, or nothing said: clients send these with methods that usually have a body.
fn is_blank(body: &[u8]) -> bool {
    matches!(body.trim_ascii(), b"" | b"{}" | b"null")
}

fn set_variable(message: &mut DynamicMessage, fields: &[FieldDescriptor], value: Value) -> Result<(), String> {
    let Some(field) = fields.last() else { return Ok(()) };
    holder(message, fields)?.try_set_field(field, value).map_err(|error| in_path(fields, &error.to_string()))
}

fn in_path(fields: &[FieldDescriptor], what: &str) -> String {
    let path: Vec<_> = fields.iter().map(FieldDescriptor::name).collect();
    format!("{} in the path: {what}", path.join("."))
}

/// All of a body.
///
/// # Errors
/// It is too long, takes too long to come, or breaks off.
pub(crate) async fn collect(body: RetainedBody, bytes_max: usize, patience: Patience) -> Result<Bytes, Failure> {
    // Known beforehand: then nobody is invited to send it.
    if usize::try_from(body.size_hint().lower()).map_or(true, |bytes| bytes > bytes_max) {
        return Err(too_long(bytes_max));
    }
    match tokio::time::timeout(patience.timeout(), Limited::new(body, bytes_max).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long(bytes_max)),
        Ok(Err(error)) => Err(broken_off(&*error).into()),
        Err(_) => Err(patience.failure()),
    }
}

/// How long a body is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Patience {
    /// As long as any client's.
    Ours(Duration),
    /// As long as the caller wants to wait for the whole call.
    Theirs(Duration),
}

impl Patience {
    /// The shorter one of the two.
    pub(crate) fn new(ours: Duration, theirs: Option<Duration>) -> Self {
        match theirs {
            Some(theirs) if theirs <= ours => Patience::Theirs(theirs),
            _ => Patience::Ours(ours),
        }
    }

    fn timeout(self) -> Duration {
        match self {
            Patience::Ours(timeout) | Patience::Theirs(timeout) => timeout,
        }
    }

    /// What it means that it has run out.
    fn failure(self) -> Failure {
        let status = Status::deadline_exceeded(format!("the body did not come within {:?}", self.timeout()));
        match self {
            Patience::Ours(_) => Failure::with_http(StatusCode::REQUEST_TIMEOUT, status),
            // The call's own deadline, wherever the time went.
            Patience::Theirs(_) => status.into(),
        }
    }
}

/// What it means that a body ends before its end: what we say of it ourselves, or that the client went away.
pub(crate) fn broken_off(error: &(dyn std::error::Error + 'static)) -> Status {
    match error.downcast_ref::<Status>() {
        Some(status) if status.code() == Code::ResourceExhausted => status.clone(),
        _ => Status::invalid_argument(format!("the body broke off: {error}")),
    }
}

fn too_long(bytes_max: usize) -> Failure {
    let status = Status::resource_exhausted(format!("the body is longer than {bytes_max} bytes"));
    Failure::with_http(StatusCode::PAYLOAD_TOO_LARGE, status)
}

/// Whether a body can be read as JSON by what its headers say. Whatever clients say by default is taken for JSON: curl
/// says that it is a form.
///
/// # Errors
/// It surely is not JSON, or not in UTF-8.
pub(crate) fn check_content_type(headers: &HeaderMap) -> Result<(), Failure> {
    let Some(value) = headers.get(CONTENT_TYPE).filter(|value| *value != JSON) else { return Ok(()) };
    let refuse =
        |what: String| Err(Failure::with_http(StatusCode::UNSUPPORTED_MEDIA_TYPE, Status::invalid_argument(what)));
    let Ok(value) = value.to_str().map(str::to_ascii_lowercase) else {
        return refuse("the header Content-Type is not ASCII".to_owned());
    };
    let (kind, parameters) = value.split_once(';').unwrap_or((&value, ""));
    let kind = kind.trim();
    let is_other = kind.starts_with("multipart/") || kind.ends_with("/xml") || kind.ends_with("+xml");
    if is_other || matches!(kind, "application/proto" | "application/protobuf" | "application/x-protobuf") {
        return refuse(format!("the body is {kind}: JSON is understood here (application/json)"));
    }
    let charset = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("charset="));
    match charset.map(|charset| charset.trim_matches('"')) {
        None | Some("utf-8" | "utf8" | "us-ascii") => Ok(()),
        Some(charset) => refuse(format!("the body is in {charset}: JSON is UTF-8")),
    }
}

/// Keeps pages of other origins from calls that browsers let them make without asking: their requests look like those of
/// forms. Whoever is no page sends neither header.
///
/// # Errors
/// It is such a request.
pub(crate) fn check_page(head: &http::request::Parts) -> Result<(), Failure> {
    let is_json = || head.headers.get(CONTENT_TYPE).is_some_and(|value| value == JSON);
    if matches!(head.method, http::Method::GET | http::Method::HEAD) || is_json() {
        return Ok(());
    }
    let text = |name: &str| head.headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()));
    let kind = text("content-type").unwrap_or_default().to_ascii_lowercase();
    let is_of_forms = matches!(
        kind.split(';').next().unwrap_or_default().trim(),
        "" | "text/plain" | "application/x-www-form-urlencoded" | "multipart/form-data"
    );
    let is_foreign = match text("sec-fetch-site") {
        Some(site) => !matches!(&*site, "same-origin" | "none"),
        None => text("origin").is_some_and(|origin| {
            let host = head.uri.authority().map(|host| host.as_str().into()).or_else(|| text("host"));
            origin.split_once("://").map(|(_, place)| place) != host.as_deref()
        }),
    };
    if is_of_forms && is_foreign {
        let status = Status::invalid_argument("a page of another origin must say Content-Type: application/json");
        return Err(Failure::with_http(StatusCode::UNSUPPORTED_MEDIA_TYPE, status));
    }
    Ok(())
}

/// Undoes the compression of a body.
///
/// # Errors
/// It is compressed in a way that is unknown here, or damaged, or too long.
pub(crate) fn decompress(headers: &HeaderMap, body: Bytes, bytes_max: usize) -> Result<Bytes, Failure> {
    let encoding = headers.get(CONTENT_ENCODING).map(|value| value.as_bytes().to_ascii_lowercase());
    match encoding.as_deref() {
        None | Some(b"" | b"identity") => Ok(body),
        #[cfg(feature = "gzip")]
        Some(b"gzip" | b"x-gzip") => {
            use std::io::Read as _;
            let mut plain = Vec::new();
            let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
            flate2::read::MultiGzDecoder::new(&*body)
                .take(limit)
                .read_to_end(&mut plain)
                .map_err(|error| Failure::bad_request(format!("the body is no good gzip: {error}")))?;
            if plain.len() > bytes_max { Err(too_long(bytes_max)) } else { Ok(plain.into()) }
        }
        Some(other) => {
            let _ = bytes_max;
            let what = format!("the body's Content-Encoding {:?} is unknown here", String::from_utf8_lossy(other));
            Err(Failure::unknown_coding(what, if cfg!(feature = "gzip") { "gzip, identity" } else { "identity" }))
        }
    }
}
