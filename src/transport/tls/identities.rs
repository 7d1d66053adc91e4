//! Which identity a server shows: by the name that the client asks for in its first message (SNI, RFC 6066).

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::AlertDescription;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::DnsName;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use crate::transport::error::{Error, Step};
use crate::transport::tls::identity::Identity;

/// The identities of a server, ready to be shown.
#[derive(Debug, Default)]
pub(super) struct Identities {
    /// For clients that ask for another name, or for none.
    default: Option<Arc<CertifiedKey>>,
    /// By name, in lower case.
    exact: HashMap<String, Arc<CertifiedKey>>,
    /// By what follows the `*.`, in lower case.
    wildcard: HashMap<String, Arc<CertifiedKey>>,
}

/// There is no identity for what a client asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unknown {
    name: Option<String>,
}

impl Identities {
    /// Reads and checks all of them.
    ///
    /// # Errors
    /// One is damaged or unsupported, its name is none that clients can ask for or is given twice, or there is none at
    /// all.
    pub(super) fn load(
        default: Option<&Identity>,
        named: &[(String, Identity)],
        provider: &CryptoProvider,
    ) -> Result<Self, Error> {
        if default.is_none() && named.is_empty() {
            return Err(Error::new(Step::Tls, "TLS needs an identity of the server")
                .with_hint("set one with `ServerTlsConfig::identity(Identity::from_pem(certificate, key))`"));
        }
        let default = default.map(|identity| identity.load(provider, "the server's identity")).transpose()?;
        let mut identities = Identities { default, ..Identities::default() };
        for (name, identity) in named {
            let (map, key) = match name.strip_prefix("*.") {
                Some(parent) => (&mut identities.wildcard, host_name(parent, name)?),
                None => (&mut identities.exact, host_name(name, name)?),
            };
            let identity = identity.load(provider, &format!("the server's identity for `{name}`"))?;
            if map.insert(key, identity).is_some() {
                return Err(Error::new(Step::Tls, format!("the server has two identities for `{name}`"))
                    .with_hint("one of them could never be shown; upper and lower case make no difference"));
            }
        }
        Ok(identities)
    }

    /// What is shown to a client that asks for this name.
    ///
    /// # Errors
    /// There is nothing to show.
    pub(super) fn find(&self, name: Option<&str>) -> Result<&Arc<CertifiedKey>, Unknown> {
        let key = name.map(canonical);
        let by_name = key.as_deref().and_then(|key| {
            let by_parent = || self.wildcard.get(key.split_once('.')?.1);
            self.exact.get(key).or_else(by_parent)
        });
        by_name.or(self.default.as_ref()).ok_or_else(|| Unknown { name: name.map(str::to_owned) })
    }
}

impl ResolvesServerCert for Identities {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.find(hello.server_name()).ok().cloned()
    }
}

impl Unknown {
    /// What TLS has to say to such a client (RFC 6066, section 3, and RFC 8446, section 9.2).
    pub(super) fn alert(&self) -> AlertDescription {
        match self.name {
            Some(_) => AlertDescription::UnrecognisedName,
            None => AlertDescription::MissingExtension,
        }
    }

    pub(super) fn into_error(self) -> Error {
        let message = match self.name {
            Some(name) => format!("the client asks for `{name}`, for which this server has no identity"),
            None => "the client asks for no name, and this server has identities for names alone".to_owned(),
        };
        Error::new(Step::Tls, message)
            .with_hint("`ServerTlsConfig::identity_for` adds a name, `ServerTlsConfig::identity` serves all others")
    }
}

/// A name as it is compared.
fn canonical(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

/// The host in `name`, if it is one.
fn host_name(host: &str, name: &str) -> Result<String, Error> {
    if host.parse::<IpAddr>().is_ok() {
        return Err(Error::new(Step::Tls, format!("`{name}` is an address, and clients ask for names alone (SNI)"))
            .with_hint("give its identity to `ServerTlsConfig::identity`, which serves clients that ask for no name"));
    }
    match DnsName::try_from(host) {
        Ok(host) => Ok(canonical(host.as_ref())),
        Err(error) => Err(Error::new(Step::Tls, format!("`{name}` is no name that clients can ask for"))
            .with_hint(
                "write a host as in `api.example.com`, or `*.example.com` for all that are one label below \
                 `example.com`",
            )
            .with_source(error)),
    }
}
