//! An HTTP response as the answer to a call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body::Body as _;
use tonic::body::Body;

use crate::codec::{
    ByteSource, Codec, Compression, CompressionEncoding, MessageLimits, MessageReader, Part, ReceivedCompressed,
};
use crate::metadata::{self, MetadataMap};
use crate::status::{self, Code, Status, code_for_http_status};

/// The answer to a call: initial metadata, then messages.
pub(crate) struct CallResponse<D> {
    pub(crate) metadata: MetadataMap,
    pub(crate) extensions: http::Extensions,
    pub(crate) reader: MessageReader<D>,
}

impl<D: Codec> CallResponse<D> {
    /// Reads a response's head.
    ///
    /// # Errors
    /// The status that it carries, or the one that its HTTP status means.
    pub(crate) fn read(
        response: http::Response<Body>,
        failure: Failure,
        codec: D,
        compression: &Compression,
        limits: MessageLimits,
    ) -> Result<Self, Status> {
        let (mut parts, body) = response.into_parts();
        // An interceptor on this side answers with a status of its own, which no peer can put here.
        if let Some(status) = parts.extensions.remove::<Status>() {
            return Err(status);
        }
        let (end, encoding) = read_head(parts.status, &parts.headers, compression)?;
        let end = end.map(Ok);
        let source = ResponseSource { body, end, failure };
        Ok(CallResponse {
            metadata: metadata::user_metadata(parts.headers),
            extensions: parts.extensions,
            reader: MessageReader::new(Box::pin(source), codec, encoding, limits.decoding_bytes_max),
        })
    }
}

/// An answer of one message.
pub(crate) struct Single<T> {
    pub(crate) metadata: MetadataMap,
    pub(crate) message: T,
    pub(crate) trailers: MetadataMap,
    pub(crate) extensions: http::Extensions,
}

impl<D: Codec> CallResponse<D> {
    /// Reads an answer of one message to its end.
    pub(crate) async fn single(self, path: &str) -> Result<Single<D::Decode>, Status> {
        let CallResponse { metadata, mut extensions, mut reader } = self;
        let message = match reader.next_message().await {
            Some(message) => message?,
            None => return Err(cardinality(path, "none came")),
        };
        if reader.last_was_compressed() {
            extensions.insert(ReceivedCompressed);
        }
        match reader.next_message().await {
            None => {}
            Some(Ok(_)) => return Err(cardinality(path, "more than one came")),
            Some(Err(status)) => return Err(status),
        }
        Ok(Single { metadata, message, trailers: reader.take_trailers().unwrap_or_default(), extensions })
    }
}

/// Reads a response's head: the trailing metadata, if it is all there is, and how messages are compressed.
pub(crate) fn read_head(
    status: StatusCode,
    headers: &HeaderMap,
    compression: &Compression,
) -> Result<(Option<MetadataMap>, Option<CompressionEncoding>), Status> {
    let end = match status::from_peer(headers) {
        Some(status) => Some(outcome(status)?),
        None => {
            check_head(status, headers)?;
            None
        }
    };
    let encoding = compression.accepted(headers.get(metadata::GRPC_ENCODING)).map_err(|status| {
        // A server must only use what we accept, so this is its mistake rather than something we lack.
        Status::internal(format!("the server's answer cannot be read: {}", status.message()))
    })?;
    Ok((end, encoding))
}

/// What a call ends with whose answer is not exactly one message.
pub(crate) fn cardinality(path: &str, came: &str) -> Status {
    Status::unimplemented(format!("{path} answers with exactly one message, and {came}"))
}

/// Refuses what is no gRPC answer.
fn check_head(status: StatusCode, headers: &HeaderMap) -> Result<(), Status> {
    if status != StatusCode::OK {
        return Err(Status::new(
            code_for_http_status(status),
            format!("the server answered with HTTP status {status} and no gRPC status"),
        ));
    }
    match headers.get(CONTENT_TYPE) {
        Some(content_type) if metadata::is_grpc(content_type) => Ok(()),
        other => Err(Status::unknown(format!(
            "the server answered with content-type {:?}, which is not gRPC",
            other.map_or("none".into(), |value| String::from_utf8_lossy(value.as_bytes()))
        ))),
    }
}

/// What a status that the peer sent means: trailing metadata, or an error with the metadata beside it.
fn outcome(status: Status) -> Result<MetadataMap, Status> {
    if status.code() == Code::Ok { Ok(status.metadata().clone()) } else { Err(status) }
}

/// A response's body as bytes, with the status of its trailers at the end.
struct ResponseSource {
    body: Body,
    /// Known already when the headers were the trailers too.
    end: Option<Result<MetadataMap, Status>>,
    /// The status of a request message that could not be sent: it explains the reset that it caused.
    failure: Failure,
}

/// The status with which sending the request failed; never ready where it did not.
pub(crate) type Failure = Pin<Box<dyn Future<Output = Status> + Send>>;

impl ResponseSource {
    fn own_failure_or(&mut self, cx: &mut Context<'_>, status: Status) -> Part {
        match self.failure.as_mut().poll(cx) {
            Poll::Ready(own) => Part::End(Err(own)),
            Poll::Pending => Part::End(Err(status)),
        }
    }
}

impl ByteSource for ResponseSource {
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        if let Some(end) = self.end.take() {
            return Poll::Ready(Part::End(end));
        }
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Part::Data(bytes),
                Err(frame) => Part::End(match frame.into_trailers() {
                    Ok(trailers) => ended(&trailers),
                    Err(_) => Err(Status::internal("a frame is neither data nor trailers")),
                }),
            },
            Some(Err(status)) => self.own_failure_or(cx, status),
            None => self.own_failure_or(cx, without_status()),
        })
    }
}

/// What trailers mean: trailing metadata, or the status that they carry.
pub(crate) fn ended(trailers: &HeaderMap) -> Result<MetadataMap, Status> {
    outcome(status::from_peer(trailers).ok_or_else(without_status)?)
}

pub(crate) fn without_status() -> Status {
    Status::unknown("the server ended the call without a status: something between may have cut it off")
}
