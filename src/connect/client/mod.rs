//! Connect, as channels speak it.

mod end;
mod json;
mod query;
mod stream;
mod unary;

use std::fmt;
use std::sync::Arc;

use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue, TE};
use http::request::Parts;
use prost_reflect::DescriptorPool;
use tonic::body::Body;

use crate::client::protocol::{BoxFuture, CallTraits, Outgoing, Translate};
use crate::client::{ClientProtocol, MethodTraits};
use crate::codec::DECODING_BYTES_MAX_DEFAULT;
use crate::connect::form::Form;
use crate::connect::{PROTOCOL_VERSION, TIMEOUT_MS, VERSION};
use crate::deadline::parse_timeout;
use crate::json::{JsonMethod, JsonOptions, Messages};
use crate::metadata::{GRPC_ACCEPT_ENCODING, GRPC_ENCODING, GRPC_TIMEOUT};
use crate::service::MethodKind;
use crate::status::Status;

/// The longest timeout that can be said, ten digits.
const TIMEOUT_MS_MAX: u128 = 9_999_999_999;

/// Connect, for [`Endpoint::speak`](crate::Endpoint::speak).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use seltzer::Channel;
/// use seltzer::connect::ConnectClient;
///
/// // Methods without side effects are called by GET, which caches understand.
/// let connect = ConnectClient::new().use_get(true);
/// let channel = Channel::builder("http://127.0.0.1:8080").speak(connect).connect_lazy();
/// # drop(channel);
/// # }
/// ```
///
/// A unary call looks different from one with streams, so that a channel must know which it is: clients that Seltzer
/// generated tell, as do those without generated code. For clients that tonic generated it needs
/// [`schemas`](Self::schemas).
#[derive(Clone)]
#[must_use = "it does nothing until a channel speaks it"]
pub struct ConnectClient {
    form: Form,
    uses_get: bool,
    decoding_bytes_max: usize,
    schemas: Messages,
}

impl ConnectClient {
    /// Connect, with messages in protobuf, and all calls by POST.
    pub fn new() -> Self {
        // A server whose schema is newer than the client's is understood, as it is in protobuf.
        let options = JsonOptions::new().ignore_unknown(true);
        ConnectClient {
            form: Form::Protobuf,
            uses_get: false,
            decoding_bytes_max: DECODING_BYTES_MAX_DEFAULT,
            schemas: Messages::new(options),
        }
    }

    /// Whether unary calls of methods without side effects (`idempotency_level = NO_SIDE_EFFECTS`) are GET requests, so
    /// that caches may answer them. Off unless set. Those whose messages are too long for a URL are POST requests still.
    pub fn use_get(mut self, uses_get: bool) -> Self {
        self.uses_get = uses_get;
        self
    }

    /// Whether messages travel as JSON. Off unless set. It needs [`schemas`](Self::schemas) of all services that are
    /// called.
    pub fn json(mut self, json: bool) -> Self {
        self.form = if json { Form::Json } else { Form::Protobuf };
        self
    }

    /// Knows the services of these schemas, an encoded `google.protobuf.FileDescriptorSet`: generated code has it as
    /// `greeter_descriptor::SERVICE.file_descriptor_set`.
    ///
    /// # Errors
    /// The set is damaged.
    pub fn schemas(mut self, file_descriptor_set: &[u8]) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let pool = DescriptorPool::decode(file_descriptor_set)?;
        for service in pool.services() {
            self.schemas.add_descriptor(service);
        }
        Ok(self)
    }

    /// The largest answer to a unary call of a client that tonic generated, in bytes, because such a client does not say
    /// what its own limit is. 4 MiB unless set.
    pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
        self.decoding_bytes_max = limit;
        self
    }
}

impl Default for ConnectClient {
    fn default() -> Self {
        ConnectClient::new()
    }
}

impl fmt::Debug for ConnectClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ConnectClient { form, uses_get, schemas, .. } = self;
        f.debug_struct("ConnectClient")
            .field("form", form)
            .field("use_get", uses_get)
            .field("schemas", schemas)
            .finish_non_exhaustive()
    }
}

impl From<ConnectClient> for ClientProtocol {
    fn from(client: ConnectClient) -> Self {
        ClientProtocol::new(Speaker(Arc::new(client)))
    }
}

/// The same, shared by all calls.
#[derive(Debug)]
struct Speaker(Arc<ConnectClient>);

impl Translate for Speaker {
    fn translate(&self, head: Parts, body: Body) -> BoxFuture<Outgoing> {
        let call = match Call::new(&self.0, head) {
            Ok(call) => call,
            Err(status) => return Box::pin(std::future::ready(Err(status))),
        };
        match call.traits.method.kind {
            MethodKind::Unary => Box::pin(unary::translate(call, body)),
            _ => Box::pin(std::future::ready(stream::translate(call, body))),
        }
    }
}

/// A call, as the head of its request says it.
struct Call {
    original: Parts,
    traits: CallTraits,
    uses_get: bool,
    /// What messages are written in, as content types name it.
    codec: String,
    /// Where that is not what the caller has written them in.
    json: Option<JsonMethod>,
    /// How the caller has compressed messages.
    encoding: Option<HeaderValue>,
}

impl Call {
    /// What is known of a call.
    fn new(client: &ConnectClient, head: Parts) -> Result<Self, Status> {
        let path = head.uri.path();
        let schema = client.schemas.method(path);
        let traits = match (head.extensions.get::<CallTraits>(), schema) {
            (Some(traits), _) => *traits,
            (None, Some(schema)) => CallTraits {
                method: MethodTraits::of_schema(schema.descriptor()),
                decoding_bytes_max: client.decoding_bytes_max,
            },
            (None, None) => {
                return Err(Status::internal(format!(
                    "whether {path} is unary is not known, which Connect must know: give its schemas to \
                     `ConnectClient::schemas`"
                )));
            }
        };
        let json = match (client.form, schema) {
            (Form::Protobuf, _) => None,
            (Form::Json, Some(schema)) => Some(schema.clone()),
            (Form::Json, None) => {
                return Err(Status::internal(format!(
                    "{path} cannot be called in JSON without its schemas: give them to `ConnectClient::schemas`"
                )));
            }
        };
        let subtype = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let subtype = subtype.and_then(|value| value.strip_prefix("application/grpc+"));
        let codec = if json.is_some() { "json" } else { subtype.unwrap_or("proto") }.to_owned();
        let encoding = head.headers.get(GRPC_ENCODING).cloned();
        Ok(Call { traits, uses_get: client.uses_get, codec, json, encoding, original: head })
    }

    /// The request's headers without those that only gRPC has.
    fn headers(&self) -> HeaderMap {
        let mut headers = self.original.headers.clone();
        for name in [TE, CONTENT_TYPE, GRPC_ENCODING, GRPC_ACCEPT_ENCODING] {
            headers.remove(name);
        }
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(VERSION));
        let timeout = headers.remove(GRPC_TIMEOUT);
        if let Some(timeout) = timeout.as_ref().and_then(parse_timeout) {
            let millis = timeout.as_millis().min(TIMEOUT_MS_MAX);
            headers
                .insert(TIMEOUT_MS, HeaderValue::try_from(millis.to_string()).expect("digits are valid in a header"));
        }
        headers
    }

    /// The content type of what is sent: that of a unary call, or that of frames.
    fn content_type(&self, prefix: &str) -> Result<HeaderValue, Status> {
        HeaderValue::try_from(format!("{prefix}{}", self.codec))
            .map_err(|_| Status::internal(format!("the codec {:?} has no content type", self.codec)))
    }

    fn accepted(&self) -> Option<HeaderValue> {
        self.original.headers.get(GRPC_ACCEPT_ENCODING).cloned()
    }
}

/// Refuses an answer of another content type than is expected: `prefix` and the name of a codec.
fn check_content_type(headers: &HeaderMap, prefix: &str, codec: &str) -> Result<(), Status> {
    let content_type = headers.get(CONTENT_TYPE);
    let text = content_type.map_or("none".into(), |value| String::from_utf8_lossy(value.as_bytes()));
    let name = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match name.strip_prefix(prefix) {
        Some(own) if own == codec => Ok(()),
        Some(_) => Err(Status::internal(format!(
            "the server answered with content-type {text:?} where {prefix}{codec} was asked for"
        ))),
        None => Err(Status::unknown(format!("the server answered with content-type {text:?}, which is not Connect"))),
    }
}
