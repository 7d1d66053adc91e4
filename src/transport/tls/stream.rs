//! A connection after its handshake.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use rustls::pki_types::CertificateDer;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::transport::tls::ALPN_HTTP2;
use crate::transport::tls::failure::{self, Peer};

pin_project! {
    /// An encrypted connection over `IO`. Its errors say what TLS objected to.
    #[derive(Debug)]
    pub(crate) struct TlsStream<IO> {
        #[pin]
        inner: tokio_rustls::TlsStream<IO>,
        peer: Peer,
        peer_certificates: Option<Arc<Vec<CertificateDer<'static>>>>,
        has_received: bool,
    }
}

impl<IO> TlsStream<IO> {
    pub(super) fn new(inner: impl Into<tokio_rustls::TlsStream<IO>>, peer: Peer) -> Self {
        let inner = inner.into();
        let peer_certificates = inner.get_ref().1.peer_certificates().map(|chain| {
            let chain = chain.iter().map(|certificate| certificate.clone().into_owned());
            Arc::new(chain.collect::<Vec<_>>())
        });
        TlsStream { inner, peer, peer_certificates, has_received: false }
    }

    /// What the peer has shown and we have verified, its own certificate first.
    pub(crate) fn peer_certificates(&self) -> Option<Arc<Vec<CertificateDer<'static>>>> {
        self.peer_certificates.clone()
    }

    /// The protocol that both sides agreed on in the handshake (ALPN), if the client offered any.
    pub(crate) fn negotiated_protocol(&self) -> Option<&[u8]> {
        self.inner.get_ref().1.alpn_protocol()
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
        let this = self.project();
        let peer = *this.peer;
        this.inner.poll_write(context, bytes).map_err(|error| failure::later(error, peer))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let peer = *this.peer;
        this.inner.poll_write_vectored(context, slices).map_err(|error| failure::later(error, peer))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().inner.poll_shutdown(context)
    }
}
