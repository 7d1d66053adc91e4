//! A connection's bytes, whatever carries them.

#[cfg(feature = "server")]
use std::any::Any;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
#[cfg(feature = "server")]
use std::task::ready;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "server")]
use tokio::net::TcpStream;

trait ReadWrite: AsyncRead + AsyncWrite + Send {
    /// Itself, if one read of it can fill several places.
    #[cfg(feature = "server")]
    fn as_scattering(&self) -> Option<&TcpStream>;
}

impl<T: AsyncRead + AsyncWrite + Send + 'static> ReadWrite for T {
    #[cfg(feature = "server")]
    fn as_scattering(&self) -> Option<&TcpStream> {
        (self as &dyn Any).downcast_ref()
    }
}

/// A connected stream of bytes: TCP, a unix socket, TLS on either, or a pipe within the process.
pub(crate) struct Io {
    stream: Pin<Box<dyn ReadWrite>>,
    /// Bytes that were read to see what the peer speaks, and are read again.
    head: Bytes,
    /// Counts the bytes of this one, for those who watch.
    moved: Option<Arc<Moved>>,
    /// What moves below a layer that has buffers of its own.
    #[cfg(feature = "server")]
    below: Option<Arc<Moved>>,
}

/// How many bytes have moved.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    read: AtomicU64,
    written: AtomicU64,
}

#[cfg(feature = "server")]
impl Moved {
    /// Either way.
    #[cfg(feature = "http1")]
    pub(crate) fn bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed) + self.written.load(Ordering::Relaxed)
    }

    pub(crate) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(crate) fn write(&self, bytes: u64) {
        self.written.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Io {
    pub(crate) fn new(stream: impl AsyncRead + AsyncWrite + Send + 'static) -> Self {
        Io {
            stream: Box::pin(stream),
            head: Bytes::new(),
            moved: None,
            #[cfg(feature = "server")]
            below: None,
        }
    }

    /// Says what is counted below a layer with buffers, such as TLS.
    #[cfg(all(feature = "server", any(test, feature = "_tls")))]
    pub(crate) fn above(mut self, below: Arc<Moved>) -> Self {
        self.below = Some(below);
        self
    }

    /// How many bytes have left the buffers of the layers below, if anybody counts them.
    #[cfg(feature = "server")]
    pub(crate) fn written_below(&self) -> u64 {
        self.below.as_ref().map_or(0, |below| below.written())
    }

    /// Puts bytes that were read back in front of those that come.
    #[cfg(any(feature = "client", feature = "http1"))]
    pub(crate) fn with_head(mut self, head: Vec<u8>) -> Self {
        self.head = head.into();
        self
    }

    /// Counts the bytes that move.
    #[cfg(any(feature = "http1", all(feature = "server", feature = "_tls")))]
    pub(crate) fn counting(mut self, moved: &Arc<Moved>) -> Self {
        self.moved = Some(Arc::clone(moved));
        self
    }

    /// Whether one read can fill several places: over TCP as it is.
    #[cfg(feature = "server")]
    pub(crate) fn scatters(&self) -> bool {
        self.head.is_empty() && self.stream.as_ref().get_ref().as_scattering().is_some()
    }

    /// One read into several places, in their order.
    #[cfg(feature = "server")]
    pub(crate) fn poll_scatter(
        &self,
        cx: &mut Context<'_>,
        places: &mut [io::IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let Some(stream) = self.stream.as_ref().get_ref().as_scattering() else { return Poll::Ready(Ok(0)) };
        loop {
            ready!(stream.poll_read_ready(cx))?;
            let read = read_scattered(stream, places);
            match &read {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Ok(bytes) => {
                    if let Some(moved) = &self.moved {
                        count(&moved.read, *bytes);
                    }
                }
                Err(_) => {}
            }
            return Poll::Ready(read);
        }
    }

    fn count_written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let (Poll::Ready(Ok(bytes)), Some(moved)) = (&written, &self.moved) {
            count(&moved.written, *bytes);
        }
        written
    }
}

/// One read of what is there into several places. As after tokio's own reads, a socket that had less than there was room
/// for is taken to be empty until the system says otherwise, where that says it for each arrival.
#[cfg(feature = "server")]
fn read_scattered(stream: &TcpStream, places: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
    let room: usize = places.iter().map(|place| place.len()).sum();
    let mut drained = None;
    let read = stream.try_io(tokio::io::Interest::READABLE, || {
        let count = stream.try_read_vectored(places)?;
        if cfg!(target_os = "linux") && count > 0 && count < room {
            drained = Some(count);
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(count)
    });
    drained.map_or(read, Ok)
}

impl AsyncRead for Io {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if !self.head.is_empty() {
            let count = self.head.len().min(buffer.remaining());
            buffer.put_slice(&self.head.split_to(count));
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = self.stream.as_mut().poll_read(cx, buffer);
        if let Some(moved) = &self.moved {
            count(&moved.read, buffer.filled().len() - before);
        }
        read
    }
}

fn count(counter: &AtomicU64, bytes: usize) {
    counter.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write(cx, bytes);
        self.count_written(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.stream.as_mut().poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.stream.as_mut().poll_write_vectored(cx, slices);
        self.count_written(written)
    }
}

impl fmt::Debug for Io {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Io")
    }
}
