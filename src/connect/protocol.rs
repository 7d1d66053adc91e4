//! Connect, as servers speak it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http_body_util::Full;
use prost_reflect::DescriptorPool;
use tonic::body::Body;

use crate::connect::form::Form;
use crate::connect::request::{Meaning, meaning, takes_get};
use crate::connect::{error, stream, unary};
use crate::json::JsonOptions;
use crate::server::json;
use crate::server::translated::Recode;
use crate::server::{BeginError, Calls, Protocol, ProtocolHandler, Served};
use crate::service::{CallSettings, MethodDescriptor, MethodKind};
use crate::status::Status;

/// Connect, for [`Server::speak`](crate::Server::speak).
#[must_use = "it does nothing until a server speaks it"]
pub struct Connect {
    options: JsonOptions,
    services: HashSet<&'static str>,
    methods: HashMap<&'static str, Method>,
}

/// A method that can be called.
#[derive(Clone)]
pub(crate) struct Method {
    pub(super) descriptor: &'static MethodDescriptor,
    /// Its messages in JSON, where its schema is known.
    pub(super) json: Option<Arc<dyn Recode>>,
    /// The types of its service, which the details of its errors may have.
    pub(super) types: Option<DescriptorPool>,
}

impl Connect {
    /// Connect, for all methods of services that Seltzer generated.
    pub fn new() -> Self {
        // A client whose schema is newer than the server's is understood, as it is in protobuf.
        let options = JsonOptions::new().ignore_unknown(true);
        Connect { options, services: HashSet::new(), methods: HashMap::new() }
    }

    /// How messages look as JSON. Unless set, this is protobuf's own mapping, and fields that a schema does not have
    /// are passed over.
    pub fn json_options(mut self, options: JsonOptions) -> Self {
        self.options = options;
        self
    }
}

impl Default for Connect {
    fn default() -> Self {
        Connect::new()
    }
}

impl std::fmt::Debug for Connect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Connect").field("services", &self.services).finish_non_exhaustive()
    }
}

impl Protocol for Connect {
    fn begin(&mut self, served: &Served<'_>) -> Result<(), BeginError> {
        let json = json::methods(served, self.options.clone())?;
        for service in served.services() {
            self.services.insert(service.name);
            for descriptor in service.methods {
                let known = json.get(descriptor.path);
                let types = known.map(|known| known.descriptor().parent_pool().clone());
                let json = known.map(|known| Arc::clone(known) as Arc<dyn Recode>);
                let method = Method { descriptor, json, types };
                self.methods.insert(descriptor.path, method);
            }
        }
        Ok(())
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["application/proto", "application/json", "application/connect+proto", "application/connect+json"]
    }

    fn handler(&self, request: &http::Request<Body>) -> Option<ProtocolHandler> {
        let path = request.uri().path();
        let Some(method) = self.methods.get(path) else {
            let is_ours = path.split('/').nth(1).is_some_and(|service| self.services.contains(service));
            let means = if is_ours { meaning(request, None) } else { None };
            return means.map(|_| at_once(no_method(path)));
        };
        let means = meaning(request, Some(method.descriptor))?;
        let method = method.clone();
        Some(match means {
            Meaning::Unary(Form::Json) | Meaning::Stream(Form::Json) if method.json.is_none() => {
                at_once(wrong_type(&method))
            }
            Meaning::Unary(form) => Box::new(move |request, calls| Box::pin(unary::post(request, form, method, calls))),
            Meaning::Get => Box::new(move |request, calls| Box::pin(unary::get(request, method, calls))),
            Meaning::Stream(form) => {
                Box::new(move |request, calls| Box::pin(stream::answer(request, form, method, calls)))
            }
            Meaning::NoMethod => at_once(no_method(path)),
            Meaning::WrongType => at_once(wrong_type(&method)),
            Meaning::WrongVerb => at_once(wrong_verb(&method)),
        })
    }
}

impl Method {
    /// The settings of the method's service.
    pub(super) fn settings(&self, calls: &Calls) -> Arc<CallSettings> {
        calls.settings(self.descriptor.path).unwrap_or_default()
    }

    /// A request in protobuf.
    pub(super) fn decode(&self, form: Form, message: Bytes) -> Result<Bytes, Status> {
        match (form, &self.json) {
            (Form::Protobuf, _) => Ok(message),
            (Form::Json, Some(json)) => json.request(&message),
            (Form::Json, None) => Err(self.no_json()),
        }
    }

    /// A reply in its form.
    pub(super) fn encode(&self, form: Form, message: Bytes, settings: &CallSettings) -> Result<Bytes, Status> {
        let message = match (form, &self.json) {
            (Form::Protobuf, _) => return Ok(message),
            (Form::Json, Some(json)) => json.reply(message)?,
            (Form::Json, None) => return Err(self.no_json()),
        };
        let (bytes, bytes_max) = (message.len(), settings.limits.encoding_bytes_max);
        if bytes > bytes_max {
            return Err(Status::resource_exhausted(format!(
                "a message of {bytes} bytes in JSON is larger than {bytes_max} bytes, the limit for sending"
            )));
        }
        Ok(message)
    }

    fn no_json(&self) -> Status {
        let path = self.descriptor.path;
        Status::unimplemented(format!("{path} has no schema here, so that its messages cannot be JSON"))
    }

    fn accept_post(&self) -> &'static str {
        match (self.descriptor.kind, &self.json) {
            (MethodKind::Unary, Some(_)) => "application/proto, application/json",
            (MethodKind::Unary, None) => "application/proto",
            (_, Some(_)) => "application/connect+proto, application/connect+json",
            (_, None) => "application/connect+proto",
        }
    }
}

fn at_once(response: http::Response<Body>) -> ProtocolHandler {
    Box::new(|_, _| Box::pin(std::future::ready(response)))
}

fn no_method(path: &str) -> http::Response<Body> {
    let status = Status::unimplemented(format!("there is no method {path}"));
    let text = error::error(&status, None).to_string();
    response(StatusCode::NOT_FOUND, "application/json", text)
}

fn wrong_type(method: &Method) -> http::Response<Body> {
    let accepted = method.accept_post();
    let text = format!("{} takes requests of these content types: {accepted}\n", method.descriptor.path);
    let mut response = response(StatusCode::UNSUPPORTED_MEDIA_TYPE, "text/plain; charset=utf-8", text);
    response.headers_mut().insert("accept-post", HeaderValue::from_static(accepted));
    response
}

fn wrong_verb(method: &Method) -> http::Response<Body> {
    let verbs = if takes_get(method.descriptor) { "GET, POST" } else { "POST" };
    let text = format!("{} is called by {verbs}\n", method.descriptor.path);
    let mut response = response(StatusCode::METHOD_NOT_ALLOWED, "text/plain; charset=utf-8", text);
    response.headers_mut().insert(ALLOW, HeaderValue::from_static(verbs));
    response
}

fn response(status: StatusCode, content_type: &'static str, text: String) -> http::Response<Body> {
    let mut response = http::Response::new(Body::new(Full::new(Bytes::from(text))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
