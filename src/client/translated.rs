//! What protocols share that are gRPC in other clothes: trailers within the body.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http::request::Parts;
use http_body::{Body as _, Frame};
use tonic::body::Body;

use crate::client::protocol::{AwaitsFirstWord, CallTraits};
use crate::codec::{CompressionEncoding, PREFIX_BYTES};
use crate::metadata::{self, GRPC_MESSAGE, GRPC_STATUS, GRPC_STATUS_DETAILS};
use crate::service::MethodKind;
use crate::status::Status;

/// How large the last frame of an answer may be: sixteen times what trailers usually may be, because errors with large
/// details have their place there.
pub(crate) const END_BYTES_MAX: usize = 256 * 1024;

/// The first bit of a frame's flag: it is compressed.
const COMPRESSED: u8 = 0x01;

/// Makes trailers of the last frame of an answer.
pub(crate) type ReadEnd = Box<dyn FnOnce(Bytes) -> Result<HeaderMap, Status> + Send>;

/// How the last frame of an answer is told from messages, and what it says.
pub(crate) struct Ending {
    /// The bit of its flag that no message has.
    pub(crate) flag: u8,
    /// How it is compressed, if its flag says that it is.
    pub(crate) encoding: Option<HeaderValue>,
    pub(crate) read: ReadEnd,
    /// The head has said how the call ended, should nothing follow.
    pub(crate) may_be_missing: bool,
}

/// An answer's body with its last frame as trailers.
pub(crate) struct TrailersOutside {
    body: Body,
    /// Read and not looked at.
    chunk: Bytes,
    place: Place,
    ending: Option<Ending>,
    /// Looked at, and put back.
    first: Option<Frame<Bytes>>,
    is_over: bool,
}

/// Where in the body the next byte lies.
enum Place {
    /// In the prefix of a frame, of which this is known.
    Prefix { held: [u8; PREFIX_BYTES], known: usize },
    /// In a message, of which so much is to come.
    Message(usize),
    /// In the last frame.
    End { is_compressed: bool, length: usize, held: BytesMut },
    /// Behind it.
    Over(HeaderMap),
}

const PREFIX: Place = Place::Prefix { held: [0; PREFIX_BYTES], known: 0 };

impl TrailersOutside {
    pub(crate) fn new(body: Body, ending: Ending) -> Self {
        TrailersOutside { body, chunk: Bytes::new(), place: PREFIX, ending: Some(ending), first: None, is_over: false }
    }

    /// The next piece of what was read: bytes of messages. `None`: there is nothing left of it.
    fn next_piece(&mut self) -> Result<Option<Bytes>, Status> {
        let mut at = 0;
        loop {
            let left = self.chunk.len() - at;
            match &mut self.place {
                Place::Message(missing) => {
                    let taken = left.min(*missing);
                    *missing -= taken;
                    at += taken;
                    if *missing > 0 {
                        break;
                    }
                    self.place = PREFIX;
                }
                // Whole prefixes stay where they are.
                Place::Prefix { known: 0, .. } if left >= PREFIX_BYTES => {
                    let mut prefix = [0; PREFIX_BYTES];
                    prefix.copy_from_slice(&self.chunk[at..at + PREFIX_BYTES]);
                    match self.opens(prefix)? {
                        end @ Place::End { .. } => {
                            let messages = self.chunk.split_to(at);
                            self.chunk.advance(PREFIX_BYTES);
                            self.place = end;
                            if messages.is_empty() {
                                at = 0;
                                continue;
                            }
                            return Ok(Some(messages));
                        }
                        message => self.place = message,
                    }
                    at += PREFIX_BYTES;
                }
                _ if at > 0 => break,
                Place::Prefix { .. } | Place::End { .. } if left == 0 => return self.nothing_left(),
                Place::Prefix { held, known } => {
                    let taken = left.min(PREFIX_BYTES - *known);
                    self.chunk.copy_to_slice(&mut held[*known..*known + taken]);
                    *known += taken;
                    if *known == PREFIX_BYTES {
                        let prefix = *held;
                        self.place = self.opens(prefix)?;
                        if let Place::Message(_) = self.place {
                            return Ok(Some(Bytes::copy_from_slice(&prefix)));
                        }
                    }
                }
                Place::End { length, held, .. } => {
                    let taken = left.min(*length - held.len());
                    held.extend_from_slice(&self.chunk.split_to(taken));
                    self.end_if_whole()?;
                }
                Place::Over(_) if left == 0 => return Ok(None),
                Place::Over(_) => return Err(Status::internal("the server's answer goes on behind its end")),
            }
        }
        Ok((at > 0).then(|| self.chunk.split_to(at)))
    }

    /// The last frame may have no bytes at all.
    fn nothing_left(&mut self) -> Result<Option<Bytes>, Status> {
        self.end_if_whole().map(|()| None)
    }

    /// What a prefix opens.
    fn opens(&self, prefix: [u8; PREFIX_BYTES]) -> Result<Place, Status> {
        let [flag, length @ ..] = prefix;
        // What is too long for this machine is too long for every limit.
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if self.ending.as_ref().is_none_or(|ending| flag & ending.flag == 0) {
            return Ok(Place::Message(length));
        }
        if length > END_BYTES_MAX {
            return Err(Status::resource_exhausted(format!(
                "the end of the server's answer has {length} bytes, which is more than {END_BYTES_MAX}"
            )));
        }
        Ok(Place::End { is_compressed: flag & COMPRESSED != 0, length, held: BytesMut::new() })
    }

    /// Reads the last frame, if it is all there.
    fn end_if_whole(&mut self) -> Result<(), Status> {
        let Place::End { is_compressed, length, held } = &mut self.place else { return Ok(()) };
        if held.len() < *length {
            return Ok(());
        }
        let (is_compressed, held) = (*is_compressed, std::mem::take(held).freeze());
        let Some(Ending { encoding, read, .. }) = self.ending.take() else { return Ok(()) };
        let text = if is_compressed { decompressed(&held, encoding.as_ref(), END_BYTES_MAX)? } else { held };
        self.place = Place::Over(read(text)?);
        Ok(())
    }

    /// What a body means that ends here.
    fn finish(&mut self) -> Option<Result<Frame<Bytes>, Status>> {
        self.is_over = true;
        match std::mem::replace(&mut self.place, PREFIX) {
            Place::Over(trailers) => Some(Ok(Frame::trailers(trailers))),
            Place::Prefix { known: 0, .. } if self.ending.as_ref().is_some_and(|ending| ending.may_be_missing) => None,
            Place::Prefix { known: 0, .. } => Some(Err(Status::internal(
                "the server's answer ended without saying how the call did: something between may have cut it off",
            ))),
            _ => Some(Err(Status::internal("the server's answer ended in the middle of a message"))),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        while !self.is_over {
            match self.next_piece() {
                Ok(Some(piece)) => return Poll::Ready(Some(Ok(Frame::data(piece)))),
                Ok(None) => {}
                Err(status) => {
                    self.is_over = true;
                    self.body = Body::empty();
                    return Poll::Ready(Some(Err(status)));
                }
            }
            match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                // HTTP's own trailers say nothing in such a protocol.
                Some(Ok(frame)) => self.chunk = frame.into_data().unwrap_or_default(),
                Some(Err(status)) => {
                    self.is_over = true;
                    return Poll::Ready(Some(Err(status)));
                }
                None => return Poll::Ready(self.finish()),
            }
        }
        Poll::Ready(None)
    }
}

impl http_body::Body for TrailersOutside {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.first.take() {
            Some(frame) => Poll::Ready(Some(Ok(frame))),
            None => self.poll_next(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over && self.first.is_none()
    }
}

/// The answer to a call. Where the beginning of its body is awaited, one that is nothing but a failure says so in its
/// head, as gRPC has it: then it can be made again.
///
/// # Errors
/// The body cannot be read.
pub(crate) async fn answer(
    mut head: http::response::Parts,
    mut body: TrailersOutside,
    waits: bool,
) -> Result<http::Response<Body>, Status> {
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if !waits {
        return Ok(http::Response::from_parts(head, Body::new(body)));
    }
    if let Some(frame) = poll_fn(|cx| body.poll_next(cx)).await.transpose()? {
        // What the head says of the end counts only if nothing follows.
        for name in [GRPC_STATUS, GRPC_MESSAGE, GRPC_STATUS_DETAILS] {
            head.headers.remove(name);
        }
        if let Some(trailers) = frame.trailers_ref()
            && trailers.get(GRPC_STATUS) != Some(&ok())
        {
            metadata::append(&mut head.headers, trailers);
            return Ok(http::Response::from_parts(head, Body::empty()));
        }
        body.first = Some(frame);
    }
    Ok(http::Response::from_parts(head, Body::new(body)))
}

fn ok() -> HeaderValue {
    HeaderValue::from_static("0")
}

/// Whether the head of an answer is of use only with the beginning of its body: where there is one message for the
/// caller, and where it decides whether the call is made again.
pub(crate) fn waits(head: &Parts) -> bool {
    let traits = head.extensions.get::<CallTraits>();
    let is_single =
        traits.is_some_and(|traits| matches!(traits.method.kind, MethodKind::Unary | MethodKind::ClientStreaming));
    is_single || head.extensions.get::<AwaitsFirstWord>().is_some()
}

/// The original of what has arrived compressed.
///
/// # Errors
/// It is not, or its encoding is not known.
pub(crate) fn decompressed(bytes: &[u8], encoding: Option<&HeaderValue>, bytes_max: usize) -> Result<Bytes, Status> {
    let name = encoding.and_then(|name| name.to_str().ok()).unwrap_or("identity");
    let Some(encoding) = CompressionEncoding::from_name(name) else {
        return Err(Status::internal(format!("a part of the server's answer is compressed with {name:?}, unasked")));
    };
    encoding.decompress(bytes, bytes_max).map(Bytes::from)
}

/// gRPC's trailers.
#[cfg(feature = "connect-client")]
pub(crate) fn trailers(status: &Status, metadata: crate::metadata::MetadataMap) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    metadata::append_user_metadata(&mut trailers, metadata);
    let mut block = HeaderMap::new();
    // One that cannot be written is one that cannot be read.
    if status.add_header(&mut block).is_err() {
        block.insert(GRPC_STATUS, HeaderValue::from(i32::from(status.code())));
    }
    metadata::append(&mut trailers, &block);
    trailers
}
