//! What messages are written in.

#[cfg(feature = "connect")]
use http::HeaderValue;

/// What messages are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    Protobuf,
    Json,
}

#[cfg(feature = "connect")]
impl Form {
    pub(crate) fn unary_content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Form::Protobuf => "application/proto",
            Form::Json => "application/json",
        })
    }

    pub(crate) fn stream_content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Form::Protobuf => "application/connect+proto",
            Form::Json => "application/connect+json",
        })
    }
}
