//! Messages in JSON: requests on their way out, answers on their way in.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use http::header::{HeaderMap, HeaderValue};
use http_body::{Body as _, Frame};
use tonic::body::Body;

use crate::client::translated::decompressed;
use crate::codec::{ByteSource, Compression, CompressionEncoding, MessageReader, PREFIX_BYTES, Part};
use crate::json::{JsonError, JsonMethod};
use crate::metadata::{GRPC_ENCODING, MetadataMap};
use crate::service::interceptor::RawCodec;
use crate::status::Status;

/// A request in JSON, compressed as it was in protobuf.
///
/// # Errors
/// It has no form in JSON.
pub(super) fn request_in_json(
    message: &[u8],
    json: &JsonMethod,
    encoding: Option<&HeaderValue>,
) -> Result<Bytes, Status> {
    let Some(encoding) = known(encoding)? else { return written(json, message) };
    compressed(&written(json, &encoding.decompress(message, usize::MAX)?)?, encoding)
}

/// A reply in protobuf, which came in JSON.
///
/// # Errors
/// It is no JSON of the method's message.
pub(super) fn reply_in_protobuf(
    text: &Bytes,
    json: &JsonMethod,
    encoding: Option<&HeaderValue>,
    bytes_max: usize,
) -> Result<Bytes, Status> {
    match encoding {
        Some(_) => read(json, &decompressed(text, encoding, bytes_max)?),
        None => read(json, text),
    }
}

/// A stream of requests in JSON, each compressed as it was in protobuf.
///
/// # Errors
/// They are compressed in a way that cannot be undone here.
pub(super) fn sent(body: Body, json: &JsonMethod, encoding: Option<&HeaderValue>) -> Result<Body, Status> {
    let (encoding, json) = (known(encoding)?, json.clone());
    let convert = move |message: Bytes| written(&json, &message);
    Ok(Body::new(Recoded::new(body, encoding, usize::MAX, encoding, convert)))
}

/// An answer with messages in protobuf, which came in JSON.
///
/// # Errors
/// They are compressed in a way that nobody asked for.
pub(super) fn received(
    mut response: http::Response<Body>,
    json: JsonMethod,
    bytes_max: usize,
) -> Result<http::Response<Body>, Status> {
    if response.body().is_end_stream() {
        return Ok(response);
    }
    let encoding = known(response.headers_mut().remove(GRPC_ENCODING).as_ref())?;
    let convert = move |text: Bytes| read(&json, &text);
    Ok(response.map(|body| Body::new(Recoded::new(body, encoding, bytes_max, None, convert))))
}

fn written(json: &JsonMethod, message: &[u8]) -> Result<Bytes, Status> {
    json.encode_request(message).map(Bytes::from).map_err(|error| unfit(&error))
}

fn read(json: &JsonMethod, text: &[u8]) -> Result<Bytes, Status> {
    json.read_reply(text).map_err(|error| unfit(&error))
}

fn unfit(error: &JsonError) -> Status {
    Status::internal(error.to_string())
}

/// The encoding of a name. Those that a program brings along are not known here.
fn known(encoding: Option<&HeaderValue>) -> Result<Option<CompressionEncoding>, Status> {
    let name = encoding.and_then(|name| name.to_str().ok()).filter(|name| *name != "identity");
    name.map(|name| {
        CompressionEncoding::from_name(name)
            .ok_or_else(|| Status::internal(format!("messages in JSON cannot be compressed with {name:?} here")))
    })
    .transpose()
}

fn compressed(text: &[u8], encoding: CompressionEncoding) -> Result<Bytes, Status> {
    let mut output = Vec::new();
    encoding.compressor().compress(text, Compression::default().level, &mut output).map_err(|error| {
        Status::internal(format!("a message cannot be compressed with {}: {error}", encoding.name()))
    })?;
    Ok(output.into())
}

/// Framed messages in another form, with the trailers that they had.
struct Recoded<F> {
    reader: MessageReader<RawCodec>,
    /// What those are compressed with that were compressed.
    encoding: Option<CompressionEncoding>,
    convert: F,
    trailers: Trailers,
    is_over: bool,
}

type Trailers = Arc<Mutex<Option<HeaderMap>>>;

impl<F> Recoded<F> {
    fn new(
        body: Body,
        received: Option<CompressionEncoding>,
        bytes_max: usize,
        encoding: Option<CompressionEncoding>,
        convert: F,
    ) -> Self {
        let trailers = Trailers::default();
        let source = Source { body, trailers: Arc::clone(&trailers) };
        let reader = MessageReader::new(Box::pin(source), RawCodec, received, bytes_max);
        Recoded { reader, encoding, convert, trailers, is_over: false }
    }
}

impl<F: FnMut(Bytes) -> Result<Bytes, Status> + Unpin> http_body::Body for Recoded<F> {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.is_over {
            return Poll::Ready(None);
        }
        let Some(message) = ready!(this.reader.poll_next_message(cx)) else {
            this.is_over = true;
            let trailers = this.trailers.lock().unwrap_or_else(PoisonError::into_inner).take();
            return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
        };
        let encoding = this.encoding.filter(|_| this.reader.last_was_compressed());
        let framed = message.and_then(&mut this.convert).and_then(|message| match encoding {
            Some(encoding) => Ok(framed(1, &compressed(&message, encoding)?)?),
            None => framed(0, &message),
        });
        this.is_over = framed.is_err();
        Poll::Ready(Some(framed.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.is_over
    }
}

fn framed(flag: u8, message: &[u8]) -> Result<Bytes, Status> {
    let length = u32::try_from(message.len())
        .map_err(|_| Status::resource_exhausted("a message in JSON is larger than 4 GiB, which cannot be said"))?;
    let mut framed = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    framed.put_u8(flag);
    framed.put_u32(length);
    framed.put_slice(message);
    Ok(framed.freeze())
}

/// A body as bytes. Its trailers are left where they are found.
struct Source {
    body: Body,
    trailers: Trailers,
}

impl ByteSource for Source {
    fn poll_part(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Part> {
        Poll::Ready(match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => Part::Data(bytes),
                Err(frame) => {
                    let trailers = frame.into_trailers().ok();
                    *self.trailers.lock().unwrap_or_else(PoisonError::into_inner) = trailers;
                    Part::End(Ok(MetadataMap::new()))
                }
            },
            Some(Err(status)) => Part::End(Err(status)),
            None => Part::End(Ok(MetadataMap::new())),
        })
    }
}
