//! An HTTP response as the answer to a call.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderMap};
use http_body::Body as _;
use tonic::body::Body;

use crate::codec::{ByteSource, Codec, Compression, MessageLimits, MessageReader, Part};
use crate::metadata::{self, MetadataMap};
use crate::status::{Status, code_for_http_status, mark_sent_by_peer};

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
        codec: D,
        compression: &Compression,
        limits: MessageLimits,
    ) -> Result<Self, Status> {
        let (parts, body) = response.into_parts();
        let mut end = None;
        if let Some(status) = Status::from_header_map(&parts.headers) {
            end = Some(Ok(outcome(status, &parts.headers)?));
        } else {
            check_head(parts.status, &parts.headers)?;
        }
        let encoding = compression.accepted(parts.headers.get(metadata::GRPC_ENCODING)).map_err(|status| {
            // A server must only use what we accept, so this is its mistake rather than something we lack.
            Status::internal(format!("the server's answer cannot be read: {}", status.message()))
        })?;
        let source = ResponseSource { body, end };
        Ok(CallResponse {
            metadata: metadata::user_metadata(parts.headers),
            extensions: parts.extensions,
            reader: MessageReader::new(Box::pin(source), codec, encoding, limits.decoding_bytes_max),
        })
    }
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
        Some(content_type) if content_type.as_bytes().starts_with(b"application/grpc") => Ok(()),
        other => Err(Status::unknown(format!(
            "the server answered with content-type {:?}, which is not gRPC",
            other.map_or("none".into(), |value| String::from_utf8_lossy(value.as_bytes()))
        ))),
    }
}

/// What a status among headers or trailers means: trailing metadata, or an error with the metadata beside it.
fn outcome(mut status: Status, block: &HeaderMap) -> Result<MetadataMap, Status> {
    if status.code() == crate::status::Code::Ok {
        return Ok(MetadataMap::new());
    }
    mark_sent_by_peer(&mut status);
    *status.metadata_mut() = metadata::user_metadata(block.clone());
    Err(status)
}

/// A response's body as bytes, with the status of its trailers at the end.
struct ResponseSource {
    body: Body,
    /// Known already when the headers were the trailers too.
    end: Option<Result<MetadataMap, Status>>,
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
                    Ok(trailers) => ended(trailers),
                    Err(_) => Err(Status::internal("a frame is neither data nor trailers")),
                }),
            },
            Some(Err(status)) => Part::End(Err(status)),
            None => Part::End(Err(without_status())),
        })
    }
}

fn ended(trailers: HeaderMap) -> Result<MetadataMap, Status> {
    let status = Status::from_header_map(&trailers).ok_or_else(without_status)?;
    outcome(status, &trailers)?;
    Ok(metadata::user_metadata(trailers))
}

fn without_status() -> Status {
    Status::unknown("the server ended the call without a status: something between may have cut it off")
}
