//! What is told of calls to whoever traces them. Nobody is told anything unless a server or a channel has telemetry.

use std::sync::Arc;

use http::HeaderMap;

use crate::status::Code;
use crate::trace::TraceContext;

/// How large a message was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MessageSize {
    /// Before it was compressed, or after it was decompressed; `None`: it passed by compressed.
    pub(crate) bytes: Option<usize>,
    /// As it travelled, without its prefix; `None`: not compressed.
    pub(crate) compressed_bytes: Option<usize>,
}

/// Hears of messages.
pub(crate) trait MessageWatch: Send + Sync {
    /// One came.
    fn received(&self, size: MessageSize);
    /// One goes out.
    fn sent(&self, size: MessageSize);
}

/// A call, or one attempt of it, that is recorded. Dropped without an end, it was given up.
pub(crate) trait CallSpan: MessageWatch {
    /// Something happened to it.
    fn happened(&self, event: &'static str);
    /// It is over; what comes after that is not recorded.
    fn end(&self, code: Code, message: &str);
    /// Says something about it.
    fn describe(&self, key: &str, value: AttributeValue);
    /// A moment that its handler wants to see.
    fn note(&self, event: &str);
}

/// What is said of a span.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum AttributeValue {
    /// Words.
    Text(String),
    /// A number.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// A number that need not be whole.
    Double(f64),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        AttributeValue::Text(text.to_owned())
    }
}

impl From<String> for AttributeValue {
    fn from(text: String) -> Self {
        AttributeValue::Text(text)
    }
}

impl From<i64> for AttributeValue {
    fn from(number: i64) -> Self {
        AttributeValue::Int(number)
    }
}

impl From<bool> for AttributeValue {
    fn from(is: bool) -> Self {
        AttributeValue::Bool(is)
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        AttributeValue::Double(number)
    }
}

/// A call in its trace.
#[derive(Clone)]
pub(crate) struct Traced {
    pub(crate) context: TraceContext,
    /// `None`: it is not sampled.
    pub(crate) span: Option<Arc<dyn CallSpan>>,
}

/// Decides which calls are recorded.
pub(crate) trait Tracer: Send + Sync {
    /// What a request says of its caller's trace.
    fn extract(&self, headers: &HeaderMap) -> Option<TraceContext>;
    /// Says it to whoever is called.
    fn inject(&self, context: &TraceContext, headers: &mut HeaderMap);
    /// A call came in. `path` is `/package.Service/Method`, and known here.
    fn server_call(&self, path: &str, caller: Option<&TraceContext>) -> Traced;
    /// A call is made.
    fn client_call(&self, path: &str, parent: Option<&TraceContext>) -> Traced;
    /// One attempt of it.
    fn client_attempt(&self, path: &str, call: &Traced, attempt: Attempt) -> Traced;
}

/// Which attempt of a call one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// How many went before it.
    pub(crate) before: u32,
    /// Whether it is made because the server has surely done nothing for the one before.
    pub(crate) is_transparent: bool,
}

/// An attempt had to wait for its balancer to choose a connection.
pub(crate) const DELAYED_PICK: &str = "Delayed LB pick complete";

/// A call had to wait until its target's name was resolved.
pub(crate) const DELAYED_RESOLUTION: &str = "Delayed name resolution complete";
