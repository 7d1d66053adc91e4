//! A body whose messages are told of as they pass by.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;

use crate::codec::FrameScanner;
use crate::observe::{MessageSize, MessageWatch};
use crate::status::Status;

/// More sizes than anybody records.
const SIZES_MAX: usize = 256;

/// How long the compressed messages of a call were before that, in order.
#[derive(Debug, Clone, Default)]
pub(crate) struct PlainSizes(Arc<Mutex<Vec<usize>>>);

impl PlainSizes {
    fn get(&self, number: usize) -> Option<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(number).copied()
    }
}

/// An encoder tells it of what it makes.
impl MessageWatch for PlainSizes {
    fn received(&self, _: MessageSize) {}

    fn sent(&self, size: MessageSize) {
        if let MessageSize { bytes: Some(bytes), compressed_bytes: Some(_) } = size {
            let mut sizes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if sizes.len() < SIZES_MAX {
                sizes.push(bytes);
            }
        }
    }
}

/// Which way messages go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Received,
    Sent,
}

/// A body whose messages are told of.
pub(crate) struct ScannedBody<B = Body> {
    body: B,
    scanner: FrameScanner,
    watch: Arc<dyn MessageWatch>,
    direction: Direction,
    /// Of those that were compressed, if anybody knows.
    sizes: Option<PlainSizes>,
    compressed: usize,
    /// Somebody who knows more tells of the messages.
    is_told: Arc<AtomicBool>,
}

impl<B> ScannedBody<B> {
    pub(crate) fn new(body: B, watch: Arc<dyn MessageWatch>, direction: Direction) -> Self {
        ScannedBody {
            body,
            scanner: FrameScanner::default(),
            watch,
            direction,
            sizes: None,
            compressed: 0,
            is_told: Arc::default(),
        }
    }

    /// Looks up there how long compressed messages were.
    pub(crate) fn with_sizes(mut self, sizes: Option<&PlainSizes>) -> Self {
        self.sizes = sizes.cloned();
        self
    }

    /// Keeps quiet when that is set.
    pub(crate) fn unless(mut self, is_told: &Arc<AtomicBool>) -> Self {
        self.is_told = Arc::clone(is_told);
        self
    }

    fn scan(&mut self, bytes: &[u8]) {
        if self.is_told.load(Ordering::Relaxed) {
            return;
        }
        let (watch, direction, sizes, compressed) = (&self.watch, self.direction, &self.sizes, &mut self.compressed);
        self.scanner.scan(bytes, |is_compressed, length| {
            let size = if is_compressed {
                let bytes = sizes.as_ref().and_then(|sizes| sizes.get(*compressed));
                *compressed += 1;
                MessageSize { bytes, compressed_bytes: Some(length) }
            } else {
                MessageSize { bytes: Some(length), compressed_bytes: None }
            };
            match direction {
                Direction::Received => watch.received(size),
                Direction::Sent => watch.sent(size),
            }
        });
    }
}

impl<B> http_body::Body for ScannedBody<B>
where
    B: http_body::Body<Data = Bytes, Error = Status> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if let Some(Ok(frame)) = &frame
            && let Some(bytes) = frame.data_ref()
        {
            self.scan(bytes);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
