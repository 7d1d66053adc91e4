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
        #[cfg(feature = "client")]
        let limits = match parts.extensions.remove::<crate::client::retry::AnswerLimit>() {
            Some(limit) => limit.lower(limits),
            None => limits,
        };
        #[cfg(feature = "telemetry")]
        let span = crate::client::trace::AnswerTrace::take(&mut parts.extensions);
        let is_whole = body.is_end_stream();
        let (end, encoding) = read_head(parts.status, &parts.headers, compression, is_whole)?;
        let end = end.map(Ok);
        // A body that says only when it is read that it is empty makes trailers of the head in the end.
        let last_resort = status::from_peer(&parts.headers).filter(|_| !is_whole);
        let source = ResponseSource { body, end, last_resort, failure };
        #[cfg_attr(not(feature = "telemetry"), allow(unused_mut, reason = "nobody is told"))]
        let mut reader = MessageReader::new(Box::pin(source), codec, encoding, limits.decoding_bytes_max);
        #[cfg(feature = "telemetry")]
        reader.tell(span.map(|span| span as _));
        Ok(CallResponse { metadata: metadata::user_metadata(parts.headers), extensions: parts.extensions, reader })
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
        let (message, was_compressed) = match only_message_of(&mut reader, path).await {
            Ok(answer) => answer,
            Err(status) => return Err(with_initial(status, metadata)),
        };
        if was_compressed {
            extensions.insert(ReceivedCompressed);
        }
        Ok(Single { metadata, message, trailers: reader.take_trailers().unwrap_or_default(), extensions })
    }
}

/// The one message of an answer, and whether it was compressed.
async fn only_message_of<D: Codec>(reader: &mut MessageReader<D>, path: &str) -> Result<(D::Decode, bool), Status> {
    let Some(message) = reader.next_message().await else {
        return Err(cardinality(path, "none came"));
    };
    let message = message?;
    let was_compressed = reader.last_was_compressed();
    match reader.next_message().await {
        None => Ok((message, was_compressed)),
        Some(Ok(_)) => Err(cardinality(path, "more than one came")),
        Some(Err(status)) => Err(status),
    }
}

/// Reads a response's head: the trailing metadata, if it is all there is, and how messages are compressed.
///
/// Only the last block of a response has the call's status; what looks like one before a message means nothing. An
/// answer that is not gRPC's own may say in it why.
pub(crate) fn read_head(
    status: StatusCode,
    headers: &HeaderMap,
    compression: &Compression,
    is_whole: bool,
) -> Result<(Option<MetadataMap>, Option<CompressionEncoding>), Status> {
    let end = match status::from_peer(headers).filter(|_| is_whole || status != StatusCode::OK) {
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
    /// What the head says about the status, in case that nothing comes after it.
    last_resort: Option<Status>,
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
                Ok(bytes) => {
                    if !bytes.is_empty() {
                        self.last_resort = None;
                    }
                    Part::Data(bytes)
                }
                Err(frame) => Part::End(match frame.into_trailers() {
                    Ok(trailers) => ended(&trailers),
                    Err(_) => Err(Status::internal("a frame is neither data nor trailers")),
                }),
            },
            Some(Err(status)) => self.own_failure_or(cx, status),
            None => match self.last_resort.take() {
                Some(status) => Part::End(outcome(status)),
                None => self.own_failure_or(cx, without_status()),
            },
        })
    }
}

/// What trailers mean: trailing metadata, or the status that they carry.
pub(crate) fn ended(trailers: &HeaderMap) -> Result<MetadataMap, Status> {
    outcome(status::from_peer(trailers).ok_or_else(without_status)?)
}

/// Adds to a failure the metadata that came before it: a call with one answer has one place for metadata.
pub(crate) fn with_initial(mut status: Status, mut initial: MetadataMap) -> Status {
    metadata::merge(&mut initial, std::mem::take(status.metadata_mut()));
    *status.metadata_mut() = initial;
    status
}

pub(crate) fn without_status() -> Status {
    Status::unknown("the server ended the call without a status: something between may have cut it off")
}
