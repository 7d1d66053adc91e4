//! TLS settings from files that the command line names.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use seltzer::transport::{Certificate, ClientTlsConfig, Identity, ListenAddress, ServerTlsConfig, ServerTlsReload};

use crate::arguments::{ClientTls, NamedIdentity, ServerTls};
use crate::error::Failure;
use crate::pem::{self, Wanted};
use crate::self_signed::SelfSigned;

/// Where a server's certificates and keys come from, again and again.
pub(crate) struct ServerIdentities<'a> {
    arguments: &'a ServerTls,
    /// Made at start; the same for as long as the server runs.
    self_signed: Option<Identity>,
}

impl<'a> ServerIdentities<'a> {
    /// `None` without TLS.
    ///
    /// # Errors
    /// No certificate can be made, or its file cannot be written.
    pub(crate) fn new(arguments: &'a ServerTls, listen: &[ListenAddress]) -> Result<Option<Self>, Failure> {
        let ServerTls { cert, self_signed, named, .. } = arguments;
        if cert.is_none() && !self_signed && named.is_empty() {
            return Ok(None);
        }
        let self_signed = self_signed.then(|| make_identity(arguments, listen)).transpose()?;
        Ok(Some(ServerIdentities { arguments, self_signed }))
    }

    /// Whether anything of it is in files that may change.
    pub(crate) fn has_files(&self) -> bool {
        let ServerTls { cert, client_ca, named, .. } = self.arguments;
        cert.is_some() || client_ca.is_some() || !named.is_empty()
    }

    /// The server's settings, from the files as they are now.
    ///
    /// # Errors
    /// A file cannot be read, or has not what is looked for.
    pub(crate) fn config(&self) -> Result<ServerTlsConfig, Failure> {
        let ServerTls { cert, key, named, client_ca, .. } = self.arguments;
        let mut config = ServerTlsConfig::new();
        if let (Some(cert), Some(key)) = (cert, key) {
            config = config.identity(read_identity(cert, key, "try `--tls-self-signed` for a start")?);
        } else if let Some(identity) = &self.self_signed {
            config = config.identity(identity.clone());
        }
        for NamedIdentity { name, cert, key } in named {
            let hint = "`--tls-sni` takes the name, the certificate's file and the key's, as NAME=CERT:KEY";
            config = config.identity_for(name, read_identity(cert, key, hint)?);
        }
        if let Some(path) = client_ca {
            let hint = "it holds the certificate of the clients' CA, or the clients' own";
            config = config.client_ca_root(read_certificate(path, hint)?);
        }
        Ok(config)
    }

    /// Has the server use the files as they are now.
    ///
    /// # Errors
    /// They cannot be used, and those from before still are.
    pub(crate) fn reload(&self, server: &ServerTlsReload) -> Result<(), Failure> {
        Ok(server.reload(&self.config()?)?)
    }
}

/// The client's settings; `None` if nothing but perhaps the address asks for TLS.
///
/// # Errors
/// A file cannot be read, or has not what is looked for.
pub(crate) fn client(arguments: &ClientTls) -> Result<Option<ClientTlsConfig>, Failure> {
    let ClientTls { ca, cert, key, domain, insecure } = arguments;
    if ca.is_none() && cert.is_none() && domain.is_none() && !insecure {
        return Ok(None);
    }
    let mut config = ClientTlsConfig::new().danger_accept_invalid_certificates(*insecure);
    config = match ca {
        Some(path) => {
            let hint = "it holds the certificate of the server's CA, or the server's own";
            config.ca_certificate(read_certificate(path, hint).map_err(Failure::into_usage)?)
        }
        None => config.with_enabled_roots(),
    };
    if let (Some(cert), Some(key)) = (cert, key) {
        let hint = "it is what this client shows of itself; leave it out if the server does not ask for it";
        config = config.identity(read_identity(cert, key, hint).map_err(Failure::into_usage)?);
    }
    if let Some(domain) = domain {
        config = config.domain_name(domain);
    }
    Ok(Some(config))
}

fn read_identity(cert: &Path, key: &Path, hint: &str) -> Result<Identity, Failure> {
    let cert_pem = read(cert, Wanted::Certificate, hint)?;
    let key_pem = read(key, Wanted::PrivateKey, hint)?;
    pem::check(&cert_pem, Wanted::Certificate, cert)?;
    pem::check(&key_pem, Wanted::PrivateKey, key)?;
    Ok(Identity::from_pem(cert_pem, key_pem))
}

fn read_certificate(path: &Path, hint: &str) -> Result<Certificate, Failure> {
    let text = read(path, Wanted::Certificate, hint)?;
    pem::check(&text, Wanted::Certificate, path)?;
    Ok(Certificate::from_pem(text))
}

fn read(path: &Path, wanted: Wanted, hint: &str) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        let hint = match error.kind() {
            ErrorKind::PermissionDenied => "this user may not read it",
            ErrorKind::IsADirectory => "name a file in it",
            _ => hint,
        };
        Failure::new(format!("cannot read the {} {}: {error}", wanted.noun(), path.display())).with_hint(hint)
    })
}

fn make_identity(arguments: &ServerTls, listen: &[ListenAddress]) -> Result<Identity, Failure> {
    let made = SelfSigned::generate(&names(listen))?;
    if let Some(path) = &arguments.self_signed_out {
        fs::write(path, &made.certificate_pem)
            .map_err(|error| Failure::new(format!("cannot write the certificate to {}: {error}", path.display())))?;
    }
    Ok(Identity::from_pem(made.certificate_pem, made.key_pem))
}

/// The names that clients may use: this machine's own, and those that it listens on.
fn names(listen: &[ListenAddress]) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    for address in listen {
        let name = match address {
            ListenAddress::Socket(address) if address.ip().is_unspecified() => continue,
            ListenAddress::Socket(address) => address.ip().to_string(),
            ListenAddress::Host(host) => host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name).to_owned(),
            _ => continue,
        };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_for_the_names_that_are_listened_on() {
        let listen = ["0.0.0.0:1", "10.0.0.7:1", "box.example:1", "localhost:1", "unix:/tmp/x"];
        let listen: Vec<ListenAddress> = listen.iter().map(|text| text.parse().expect("an address")).collect();
        assert_eq!(names(&listen), ["localhost", "127.0.0.1", "::1", "10.0.0.7", "box.example"]);
    }
}
