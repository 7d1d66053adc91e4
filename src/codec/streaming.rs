//! A stream of messages as they arrive.

use std::fmt;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;

use crate::codec::frame::Deframer;
use crate::codec::{ByteSource, Codec, CompressionEncoding, Part};
use crate::context::Counter;
use crate::metadata::MetadataMap;
use crate::status::Status;

/// The messages of a call as they arrive: what a client-streaming handler receives, and what a
/// server-streaming call answers with.
///
/// Take them with [`message`](Self::message), or as a [`Stream`]. The first error is the last item. Dropping a
/// `Streaming` on the calling side before its end cancels the call.
///
/// ```
/// use seltzer::{Request, Response, Status, Streaming};
///
/// async fn sum(request: Request<Streaming<i64>>) -> Result<Response<i64>, Status> {
///     let mut numbers = request.into_inner();
///     let mut sum = 0;
///     while let Some(number) = numbers.message().await? {
///         sum += number;
///     }
///     Ok(Response::new(sum))
/// }
/// ```
pub struct Streaming<T> {
    /// The lock is never waited for; it only makes the type `Sync`, so that a request that holds one may be borrowed
    /// across an `await`.
    reader: Mutex<Pin<Box<dyn ReadMessages<T>>>>,
}

impl<T> Streaming<T> {
    pub(crate) fn new<C: Codec<Decode = T>>(reader: MessageReader<C>) -> Self {
        Streaming { reader: Mutex::new(Box::pin(reader)) }
    }

    /// A stream of messages that were made on this side: for tests, and for what stands in for a client. It ends with
    /// the first error, and has no trailers.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), seltzer::Status> {
    /// use seltzer::{Status, Streaming};
    ///
    /// let mut messages = Streaming::from_stream(tokio_stream::iter([Ok("one"), Err(Status::aborted("told to"))]));
    /// assert_eq!(messages.message().await?, Some("one"));
    /// assert!(messages.message().await.is_err());
    /// assert_eq!(messages.message().await?, None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn from_stream(messages: impl Stream<Item = Result<T, Status>> + Send + 'static) -> Self
    where
        T: 'static,
    {
        Self::read_by(Made(Some(Box::pin(messages))))
    }

    /// Messages that somebody else reads.
    pub(crate) fn read_by(reader: impl ReadMessages<T> + 'static) -> Self {
        Streaming { reader: Mutex::new(Box::pin(reader)) }
    }

    fn reader(&mut self) -> Pin<&mut dyn ReadMessages<T>> {
        self.reader.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    /// The next message, `None` after the last.
    ///
    /// Cancel safe: a message that was not returned is returned by the next call.
    ///
    /// # Errors
    /// The call's status if it failed, or the status that says what was wrong with the bytes. After an error the
    /// stream is at its end.
    pub async fn message(&mut self) -> Result<Option<T>, Status> {
        std::future::poll_fn(|cx| self.reader().poll_message(cx)).await.transpose()
    }

    /// Whether the message that was taken last had travelled compressed.
    #[must_use]
    pub fn last_was_compressed(&self) -> bool {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).last_was_compressed()
    }

    /// The call's trailing metadata: reads to the end first, dropping messages that were not taken.
    ///
    /// `None` when the call failed earlier (its status has the metadata then) or the trailers were taken before.
    ///
    /// # Errors
    /// The call's status if it failed.
    pub async fn trailers(&mut self) -> Result<Option<MetadataMap>, Status> {
        while self.message().await?.is_some() {}
        Ok(self.reader().take_trailers())
    }
}

impl<T> Stream for Streaming<T> {
    type Item = Result<T, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.reader().poll_message(cx)
    }
}

impl<T> fmt::Debug for Streaming<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming").finish_non_exhaustive()
    }
}

/// A reader with its codec's type forgotten.
pub(crate) trait ReadMessages<T>: Send {
    fn poll_message(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>>;
    fn take_trailers(self: Pin<&mut Self>) -> Option<MetadataMap>;
    fn last_was_compressed(&self) -> bool;
}

/// Messages that were made on this side, until their end.
struct Made<T>(Option<BoxMessages<T>>);

type BoxMessages<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

impl<T> ReadMessages<T> for Made<T> {
    fn poll_message(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<T, Status>>> {
        let Some(messages) = &mut self.0 else { return Poll::Ready(None) };
        let message = ready!(messages.as_mut().poll_next(cx));
        if !matches!(message, Some(Ok(_))) {
            self.0 = None;
        }
        Poll::Ready(message)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Option<MetadataMap> {
        None
    }

    fn last_was_compressed(&self) -> bool {
        false
    }
}

/// Reads messages from a source of bytes: deframes, decompresses, decodes.
pub(crate) struct MessageReader<C> {
    source: Pin<Box<dyn ByteSource>>,
    deframer: Deframer,
    /// The source has the buffer of the message that is not complete.
    is_lent: bool,
    codec: C,
    encoding: Option<CompressionEncoding>,
    bytes_max: usize,
    end: Option<Result<MetadataMap, Status>>,
    is_over: bool,
    last_was_compressed: bool,
    counter: Counter,
    #[cfg(feature = "channelz")]
    tally: Option<std::sync::Arc<crate::tally::Tallied>>,
    #[cfg(feature = "telemetry")]
    watch: Option<std::sync::Arc<dyn crate::observe::MessageWatch>>,
}

/// A reader owns no self-references; the source is pinned in a box of its own.
impl<C> Unpin for MessageReader<C> {}

impl<C: Codec> MessageReader<C> {
    pub(crate) fn new(
        source: Pin<Box<dyn ByteSource>>,
        codec: C,
        encoding: Option<CompressionEncoding>,
        bytes_max: usize,
    ) -> Self {
        MessageReader {
            source,
            deframer: Deframer::default(),
            is_lent: false,
            codec,
            encoding,
            bytes_max,
            end: None,
            is_over: false,
            last_was_compressed: false,
            counter: Counter::default(),
            #[cfg(feature = "channelz")]
            tally: None,
            #[cfg(feature = "telemetry")]
            watch: None,
        }
    }

    /// Whether the message that was read last had travelled compressed.
    pub(crate) fn last_was_compressed(&self) -> bool {
        self.last_was_compressed
    }

    /// The next message; `None` after the last, an error once.
    pub(crate) fn poll_next_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<C::Decode, Status>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        loop {
            if !self.is_lent {
                match self.next_buffered() {
                    Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                    Ok(None) => {}
                    Err(status) => return Poll::Ready(Some(Err(self.fail(status)))),
                }
            }
            if self.end.is_none()
                && let Some((buffer, length)) = self.deframer.incomplete()
            {
                self.is_lent = true;
                let is_whole = ready!(self.source.as_mut().poll_collect(cx, buffer, length));
                self.is_lent = false;
                if is_whole {
                    self.deframer.take_back();
                    continue;
                }
            }
            match self.end.take() {
                None => match ready!(self.source.as_mut().poll_part(cx)) {
                    Part::Data(bytes) => self.deframer.push(bytes),
                    Part::End(end) => self.end = Some(end),
                },
                Some(Ok(trailers)) if self.deframer.is_empty() => {
                    self.is_over = true;
                    self.end = Some(Ok(trailers));
                    return Poll::Ready(None);
                }
                Some(Ok(_)) => {
                    let status = Status::internal("the stream ended in the middle of a message");
                    return Poll::Ready(Some(Err(self.fail(status))));
                }
                Some(Err(status)) => return Poll::Ready(Some(Err(self.fail(status)))),
            }
        }
    }

    pub(crate) async fn next_message(&mut self) -> Option<Result<C::Decode, Status>> {
        std::future::poll_fn(|cx| self.poll_next_message(cx)).await
    }

    /// Tells the sizes of the messages.
    pub(crate) fn measured(mut self, counter: Counter) -> Self {
        self.counter = counter;
        self
    }

    /// Counts the messages.
    #[cfg(feature = "channelz")]
    pub(crate) fn count(&mut self, tally: Option<&std::sync::Arc<crate::tally::Tallied>>) {
        self.tally = tally.cloned();
    }

    /// Tells of the messages.
    #[cfg(feature = "telemetry")]
    pub(crate) fn tell(&mut self, watch: Option<std::sync::Arc<dyn crate::observe::MessageWatch>>) {
        self.watch = watch;
    }

    /// The trailing metadata, once the end was reached in good order.
    pub(crate) fn take_trailers(&mut self) -> Option<MetadataMap> {
        if self.is_over { self.end.take().and_then(Result::ok) } else { None }
    }

    fn next_buffered(&mut self) -> Result<Option<C::Decode>, Status> {
        let Some(frame) = self.deframer.next(self.bytes_max)? else { return Ok(None) };
        self.last_was_compressed = frame.compressed;
        let length = frame.length;
        #[cfg(feature = "telemetry")]
        let compressed_bytes = frame.compressed.then_some(frame.length);
        #[cfg(feature = "telemetry")]
        let mut bytes = frame.length;
        let message = if frame.compressed {
            let payload = plain(true, frame.payload(), self.encoding, self.bytes_max)?;
            #[cfg(feature = "telemetry")]
            {
                bytes = payload.len();
            }
            self.codec.decode(payload)
        } else {
            self.codec.decode_front(frame.bytes, length)
        };
        self.deframer.forget_read();
        self.counter.received(length);
        #[cfg(feature = "channelz")]
        if let Some(tally) = &self.tally {
            tally.received();
        }
        #[cfg(feature = "telemetry")]
        if let Some(watch) = &self.watch {
            watch.received(crate::observe::MessageSize { bytes: Some(bytes), compressed_bytes });
        }
        message.map(Some)
    }

    fn fail(&mut self, status: Status) -> Status {
        self.is_over = true;
        self.end = None;
        self.deframer = Deframer::default();
        self.is_lent = false;
        // Letting go of the bytes lets the carrier end the stream.
        self.source = Box::pin(Nothing);
        status
    }
}

/// What is left of a source after a failure.
struct Nothing;

impl ByteSource for Nothing {
    fn poll_part(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Part> {
        Poll::Ready(Part::End(Ok(MetadataMap::new())))
    }
}

/// A message as it was before it was compressed.
pub(crate) fn plain(
    is_compressed: bool,
    payload: Bytes,
    encoding: Option<CompressionEncoding>,
    bytes_max: usize,
) -> Result<Bytes, Status> {
    match (is_compressed, encoding) {
        (false, _) => Ok(payload),
        (true, Some(encoding)) => encoding.decompress(&payload, bytes_max).map(Bytes::from),
        (true, None) => {
            Err(Status::internal("a message is flagged as compressed, but grpc-encoding names no encoding"))
        }
    }
}

impl<C: Codec> ReadMessages<C::Decode> for MessageReader<C> {
    fn poll_message(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<C::Decode, Status>>> {
        self.get_mut().poll_next_message(cx)
    }

    fn take_trailers(self: Pin<&mut Self>) -> Option<MetadataMap> {
        MessageReader::take_trailers(self.get_mut())
    }

    fn last_was_compressed(&self) -> bool {
        MessageReader::last_was_compressed(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::ProstCodec;

    struct Script(std::vec::IntoIter<Part>);

    impl ByteSource for Script {
        fn poll_part(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Part> {
            Poll::Ready(self.0.next().expect("nothing is asked for after the end"))
        }
    }

    fn streaming(parts: Vec<Part>) -> Streaming<String> {
        let codec = ProstCodec::<String, String>::default();
        Streaming::new(MessageReader::new(Box::pin(Script(parts.into_iter())), codec, None, 100))
    }

    fn data(bytes: &'static [u8]) -> Part {
        Part::Data(Bytes::from_static(bytes))
    }

    #[test]
    fn a_stream_can_be_sent_and_shared() {
        fn is_send_and_sync<T: Send + Sync>() {}
        is_send_and_sync::<Streaming<std::cell::Cell<u8>>>();
    }

    #[tokio::test]
    async fn messages_then_trailers() {
        let mut trailers = MetadataMap::new();
        trailers.insert("x", "y".parse().expect("ascii"));
        let mut stream =
            streaming(vec![data(b"\0\0\0\0\x03\x0a\x01a\0\0\0"), data(b"\0\x03\x0a\x01b"), Part::End(Ok(trailers))]);
        assert_eq!(stream.message().await.expect("ok").as_deref(), Some("a"));
        assert_eq!(stream.message().await.expect("ok").as_deref(), Some("b"));
        assert_eq!(stream.message().await.expect("ok"), None);
        assert_eq!(stream.trailers().await.expect("ok").expect("there are some").len(), 1);
        assert!(stream.trailers().await.expect("ok").is_none());
    }

    #[tokio::test]
    async fn an_error_comes_once_and_ends_the_stream() {
        let table = [
            (vec![data(b"\0\0\0\0\x03\x0a"), Part::End(Ok(MetadataMap::new()))], crate::Code::Internal),
            (vec![data(b"\0\0\0\0\x01\x0a"), Part::End(Ok(MetadataMap::new()))], crate::Code::Internal),
            (vec![data(b"\x01\0\0\0\0")], crate::Code::Internal),
            (vec![data(b"\0\0\0\0\x65")], crate::Code::ResourceExhausted),
            (vec![Part::End(Err(Status::aborted("no")))], crate::Code::Aborted),
        ];
        for (parts, code) in table {
            let name = format!("{parts:?}");
            let mut stream = streaming(parts);
            assert_eq!(stream.message().await.expect_err("it fails").code(), code, "{name}");
            assert_eq!(stream.message().await.expect("over"), None, "{name}");
            assert!(stream.trailers().await.expect("over").is_none(), "{name}");
        }
    }
}
