//! A connection after its handshake.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::context::PeerCertificates;
use crate::transport::tls::failure::{self, Peer};
use crate::transport::tls::{ALPN_HTTP2, peer_identity};

pin_project! {
    /// An encrypted connection over `IO`. Its errors say what TLS objected to.
    #[derive(Debug)]
    pub(crate) struct TlsStream<IO> {
        #[pin]
        inner: tokio_rustls::TlsStream<IO>,
        peer: Peer,
        peer_certificates: Option<Arc<PeerCertificates>>,
        has_received: bool,
    }
}

impl<IO> TlsStream<IO> {
    pub(super) fn new(inner: impl Into<tokio_rustls::TlsStream<IO>>, peer: Peer) -> Self {
        let inner = inner.into();
        let peer_certificates = inner.get_ref().1.peer_certificates().map(|chain| {
            let chain = chain.iter().map(|certificate| certificate.clone().into_owned());
            Arc::new(PeerCertificates::new(chain.collect(), peer_identity::read))
        });
        TlsStream { inner, peer, peer_certificates, has_received: false }
    }

    /// What the peer has shown and we have verified, its own certificate first.
    pub(crate) fn peer_certificates(&self) -> Option<Arc<PeerCertificates>> {
        self.peer_certificates.clone()
    }

    /// The protocol that both sides agreed on in the handshake (ALPN), if the client offered any.
    pub(crate) fn negotiated_protocol(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.alpn_protocol()
    }

    /// Whether the handshake was short, because both sides remembered an earlier one.
    #[cfg(test)]
    pub(super) fn is_resumed(&self) -> bool {
        self.inner.get_ref().1.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    /// Whether both sides agreed on HTTP/2.
    pub(crate) fn is_http2(&self) -> bool {
        self.negotiated_protocol() == Some(ALPN_HTTP2)
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncRead for TlsStream<IO> {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let before = buffer.filled().len();
        match this.inner.poll_read(context, buffer) {
            Poll::Ready(Err(error)) if *this.has_received => Poll::Ready(Err(failure::later(error, *this.peer))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(failure::at_first_read(error, *this.peer))),
            other => {
                *this.has_received |= buffer.filled().len() > before;
                other
            }
        }
    }
}

impl<IO: AsyncRead + AsyncWrite + Unpin> AsyncWrite for TlsStream<IO> {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        let peer = *this.peer;
        match this.inner.as_mut().poll_write(context, bytes) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(last_words(this.inner, context, error, peer))),
            other => other,
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut this = self.project();
        let peer = *this.peer;
        match this.inner.as_mut().poll_write_vectored(context, slices) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(last_words(this.inner, context, error, peer))),
            other => other,
        }
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        let peer = *this.peer;
        match this.inner.as_mut().poll_flush(context) {
            Poll::Ready(Err(error)) => Poll::Ready(Err(last_words(this.inner, context, error, peer))),
            other => other,
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(context)
    }
}

/// Why a connection that broke under a write really ended: the peer's alert, if one is waiting to be read.
fn last_words<IO: AsyncRead + AsyncWrite + Unpin>(
    stream: Pin<&mut tokio_rustls::TlsStream<IO>>,
    context: &mut Context<'_>,
    error: io::Error,
    peer: Peer,
) -> io::Error {
    let is_broken = matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset);
    let mut byte = [0];
    if is_broken && let Poll::Ready(Err(alert)) = stream.poll_read(context, &mut ReadBuf::new(&mut byte)) {
        return failure::at_first_read(alert, peer);
    }
    failure::later(error, peer)
}
