//! What protocols share that are gRPC in other clothes: trailers within the body, messages in another form than
//! protobuf's.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{BufMut as _, Bytes, BytesMut};
use futures_core::Stream;
use http::header::HeaderMap;
use http_body::Frame;
use tonic::body::Body;

use crate::codec::{Codec, CompressionEncoding, MessageEncoder, MessageReader, Rope};
use crate::metadata::{self, MetadataMap};
use crate::server::native::add_status;
use crate::server::protocol::ReplyMessages;
use crate::service::CallSettings;
use crate::status::Status;
use crate::transport::incoming_body::IncomingBody;

/// The messages of one method in another form than protobuf's own.
pub(crate) trait Recode: Send + Sync {
    /// A request in protobuf.
    ///
    /// # Errors
    /// INVALID_ARGUMENT that says what is wrong with it.
    fn request(&self, message: &[u8]) -> Result<Bytes, Status>;

    /// A reply in the other form.
    ///
    /// # Errors
    /// INTERNAL: it has none.
    fn reply(&self, message: Bytes) -> Result<Bytes, Status>;
}

/// The same as a codec, for which the messages on this side are protobuf's bytes.
#[derive(Clone)]
struct Recoded(Arc<dyn Recode>);

impl Codec for Recoded {
    type Encode = Bytes;
    type Decode = Bytes;

    fn encode(&mut self, message: &Bytes, buffer: &mut BytesMut) -> Result<(), Status> {
        buffer.put(self.0.reply(message.clone())?);
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<Bytes, Status> {
        self.0.request(&message)
    }
}

/// The messages of a request that are framed as gRPC frames them, in protobuf.
pub(crate) struct RecodedRequests(MessageReader<Recoded>);

impl RecodedRequests {
    pub(crate) fn new(
        body: Body,
        recode: Arc<dyn Recode>,
        encoding: Option<CompressionEncoding>,
        settings: &CallSettings,
    ) -> Self {
        let source = Box::pin(IncomingBody::Http(body));
        let bytes_max = settings.limits.decoding_bytes_max;
        RecodedRequests(MessageReader::new(source, Recoded(recode), encoding, bytes_max))
    }
}

impl Stream for RecodedRequests {
    type Item = Result<Bytes, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_message(cx)
    }
}

/// The messages of a reply in their other form, framed as gRPC frames them, with gRPC's trailers behind them.
pub(crate) struct RecodedReply {
    messages: ReplyMessages,
    encoder: MessageEncoder<Recoded>,
    made: Rope,
    trailers: Option<HeaderMap>,
    is_over: bool,
}

impl RecodedReply {
    pub(crate) fn new(
        messages: ReplyMessages,
        recode: Arc<dyn Recode>,
        encoding: Option<CompressionEncoding>,
        settings: &CallSettings,
    ) -> Self {
        let bytes_max = settings.limits.encoding_bytes_max;
        let encoder = MessageEncoder::new(Recoded(recode), &settings.compression, encoding, bytes_max);
        RecodedReply { messages, encoder, made: Rope::default(), trailers: None, is_over: false }
    }
}

impl http_body::Body for RecodedReply {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        loop {
            if let Some(bytes) = this.made.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            if let Some(trailers) = this.trailers.take() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            let message = ready!(this.messages.poll_next(cx)).transpose();
            let encoded = message.and_then(|message| match message {
                Some(message) => this.encoder.encode(&message, &mut this.made).map(|()| true),
                None => Ok(false),
            });
            this.is_over = !matches!(encoded, Ok(true));
            this.trailers = match encoded {
                Ok(true) => None,
                Ok(false) => Some(trailers(Ok(this.messages.take_trailers()))),
                Err(status) => Some(trailers(Err(&status))),
            };
        }
    }
}

/// gRPC's trailers.
pub(crate) fn trailers(end: Result<MetadataMap, &Status>) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    match end {
        Ok(trailing) => {
            metadata::append_user_metadata(&mut trailers, trailing);
            add_status(&Status::ok(""), &mut trailers);
        }
        Err(status) => add_status(status, &mut trailers),
    }
    trailers
}

/// Trailers that say how the call ended, whatever its service left out.
fn with_status(mut trailers: HeaderMap) -> HeaderMap {
    if !trailers.contains_key(metadata::GRPC_STATUS) {
        add_status(&Status::unknown("the service ended its answer without a status"), &mut trailers);
    }
    trailers
}

/// Turns trailers into the last piece of a body.
pub(crate) type WriteTrailers = Box<dyn FnOnce(HeaderMap) -> Bytes + Send>;

/// The body of a gRPC answer, with its trailers as the last piece of it.
pub(crate) struct TrailersWithin {
    body: Body,
    write: Option<WriteTrailers>,
}

impl TrailersWithin {
    pub(crate) fn new(body: Body, write: WriteTrailers) -> Self {
        TrailersWithin { body, write: Some(write) }
    }
}

impl http_body::Body for TrailersWithin {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.write.is_none() {
            return Poll::Ready(None);
        }
        let trailers = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Err(frame) => with_status(frame.into_trailers().unwrap_or_default()),
            },
            Some(Err(status)) => trailers(Err(&status)),
            None => trailers(Err(&Status::unknown("the service ended its answer without a status"))),
        };
        // The call is over, whatever its service still holds.
        self.body = Body::empty();
        let last = self.write.take().map(|write| write(trailers));
        Poll::Ready(last.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.write.is_none()
    }
}

/// One frame of gRPC's: a flag, a length, and what has that length.
pub(crate) fn frame(flag: u8, payload: &[u8]) -> Bytes {
    let length = u32::try_from(payload.len()).expect("what ends a call is as short as its headers may be");
    let mut frame = BytesMut::with_capacity(crate::codec::PREFIX_BYTES + payload.len());
    frame.put_u8(flag);
    frame.put_u32(length);
    frame.put_slice(payload);
    frame.freeze()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    /// A body of the pieces that are given.
    struct Pieces(Vec<Result<Frame<Bytes>, Status>>);

    impl http_body::Body for Pieces {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            if self.0.is_empty() { Poll::Ready(None) } else { Poll::Ready(Some(self.0.remove(0))) }
        }
    }

    #[tokio::test]
    async fn trailers_become_the_last_piece_however_a_body_ends() {
        let ok = || trailers(Ok(MetadataMap::new()));
        let data = || Ok(Frame::data(Bytes::from_static(b"data ")));
        type Row = (Vec<Result<Frame<Bytes>, Status>>, &'static str);
        let table: Vec<Row> = vec![
            (vec![data(), Ok(Frame::trailers(ok()))], "data 0"),
            (vec![Ok(Frame::trailers(ok())), data()], "0"),
            (vec![data(), Err(Status::aborted("no")), data()], "data 10"),
            (vec![data()], "data 2"),
            (vec![], "2"),
        ];
        for (pieces, expected) in table {
            let write: WriteTrailers =
                Box::new(|trailers| Bytes::copy_from_slice(trailers[&metadata::GRPC_STATUS].as_bytes()));
            let body = TrailersWithin::new(Body::new(Pieces(pieces)), write);
            let bytes = body.collect().await.expect("errors are trailers").to_bytes();
            assert_eq!(bytes, expected);
        }
    }
}
