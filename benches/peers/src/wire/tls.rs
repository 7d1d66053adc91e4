//! TLS of our own clients, by rustls alone: the library's is what is tried.

#[cfg(feature = "tls")]
use std::io::ErrorKind;
use std::io::{self, Read, Write};
#[cfg(feature = "tls")]
use std::sync::Arc;

#[cfg(feature = "tls")]
use rustls::pki_types::pem::PemObject as _;
#[cfg(feature = "tls")]
use rustls::pki_types::{CertificateDer, ServerName};
#[cfg(feature = "tls")]
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// The name in the certificates of servers that are tried.
#[cfg(feature = "tls")]
const NAME: &str = "localhost";

/// HTTP/2 in the handshake's negotiation.
#[cfg(feature = "tls")]
const PROTOCOL: &[u8] = b"h2";

/// As much as a record of TLS holds.
#[cfg(feature = "tls")]
const RECORD_BYTES: usize = 16 * 1024;

/// How connections are protected: not at all unless told.
#[derive(Debug, Clone, Default)]
pub struct Security {
    #[cfg(feature = "tls")]
    config: Option<Arc<ClientConfig>>,
}

impl Security {
    /// TLS with servers whose certificates this authority has signed: a file in PEM. No session is resumed, so that
    /// each handshake is a whole one.
    ///
    /// # Errors
    /// The file cannot be read, or TLS is not compiled in.
    #[cfg(feature = "tls")]
    pub fn trusting(path: &str) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        let wrong = |error: &dyn std::fmt::Display| format!("the certificate {path} cannot be used: {error}");
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| wrong(&error))? {
            roots.add(certificate.map_err(|error| wrong(&error))?).map_err(|error| wrong(&error))?;
        }
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls_graviola::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| wrong(&error))?;
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![PROTOCOL.to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Security { config: Some(Arc::new(config)) })
    }

    /// Says that it cannot be done.
    ///
    /// # Errors
    /// TLS is not compiled in.
    #[cfg(not(feature = "tls"))]
    pub fn trusting(_: &str) -> Result<Self, String> {
        Err("TLS is not compiled in: build with `--features tls`".to_owned())
    }

    /// Whether connections are encrypted.
    #[must_use]
    pub fn is_on(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.config.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }

    /// Protects a socket, which may be one that never blocks. The handshake happens as bytes are read and written.
    ///
    /// # Errors
    /// TLS cannot begin.
    pub fn around<S: Read + Write>(&self, socket: S) -> io::Result<Secured<S>> {
        #[cfg(feature = "tls")]
        if let Some(config) = &self.config {
            let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
            let tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
            return Ok(Secured { socket, tls: Some(Box::new(tls)) });
        }
        Ok(Secured {
            socket,
            #[cfg(feature = "tls")]
            tls: None,
        })
    }
}

/// A socket, with TLS or without.
#[derive(Debug)]
pub struct Secured<S> {
    socket: S,
    #[cfg(feature = "tls")]
    tls: Option<Box<ClientConnection>>,
}

impl<S> Secured<S> {
    /// The socket itself.
    pub fn get_ref(&self) -> &S {
        &self.socket
    }

    /// Whether its bytes are encrypted: then a read may bring less than there is.
    pub fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        return false;
    }
}

#[cfg(feature = "tls")]
impl<S: Read + Write> Secured<S> {
    /// The certificates that the server has shown, its own first; none before the handshake.
    pub fn certificates(&self) -> &[CertificateDer<'static>] {
        self.tls.as_ref().and_then(|tls| tls.peer_certificates()).unwrap_or_default()
    }
}

impl<S: Read + Write> Secured<S> {
    /// Performs the handshake, if there is one to perform, on a socket that blocks.
    ///
    /// # Errors
    /// It fails, or the socket does.
    pub fn shake_hands(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            while tls.is_handshaking() {
                tls.complete_io(&mut self.socket)?;
            }
        }
        Ok(())
    }
}

/// Writes what TLS has made, as far as the socket takes it.
#[cfg(feature = "tls")]
fn write_records<S: Write>(tls: &mut ClientConnection, socket: &mut S) -> io::Result<()> {
    while tls.wants_write() {
        if tls.write_tls(socket)? == 0 {
            return Err(ErrorKind::WriteZero.into());
        }
    }
    Ok(())
}

impl<S: Read + Write> Read for Secured<S> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            loop {
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                    // Also the end that the peer has announced, or has not.
                    read => return read,
                }
                if let Err(error) = write_records(tls, &mut self.socket)
                    && error.kind() != ErrorKind::WouldBlock
                {
                    return Err(error);
                }
                let is_over = tls.read_tls(&mut self.socket)? == 0;
                tls.process_new_packets().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
                if is_over {
                    return Ok(0);
                }
            }
        }
        self.socket.read(buffer)
    }
}

impl<S: Read + Write> Write for Secured<S> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            // One record at a time, and none while one waits: what TLS keeps is bounded.
            write_records(tls, &mut self.socket)?;
            if tls.is_handshaking() {
                return Err(ErrorKind::WouldBlock.into());
            }
            let count = tls.writer().write(&bytes[..bytes.len().min(RECORD_BYTES)])?;
            return match write_records(tls, &mut self.socket) {
                Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
                _ => Ok(count),
            };
        }
        self.socket.write(bytes)
    }

    /// Writes what was taken and not written yet.
    fn flush(&mut self) -> io::Result<()> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            write_records(tls, &mut self.socket)?;
        }
        self.socket.flush()
    }
}
