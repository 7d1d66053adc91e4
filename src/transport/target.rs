//! What a channel connects to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::transport::address::Address;
use crate::transport::error::{Error, Step};

/// The ports of URIs that name none. Other targets must name one: gRPC has no port of its own.
const PORT_HTTP: u16 = 80;
const PORT_HTTPS: u16 = 443;

/// A server's address as a user writes it, read.
///
/// | written | means |
/// |---|---|
/// | `http://host:port`, `http://host` | without TLS; the port is 80 unless named |
/// | `https://host:port`, `https://host` | with TLS (needs one of the TLS features); the port is 443 unless named |
/// | `host:port`, `dns:host:port`, `dns:///host:port` | without TLS; the port must be named |
/// | `unix:PATH`, `unix:///PATH` | a unix socket |
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: TargetAddress,
    pub(crate) encrypted: bool,
    /// What requests name as their `:authority`.
    pub(crate) authority: Authority,
    /// As the user wrote it, for messages.
    pub(crate) written: String,
}

/// Where the connections go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TargetAddress {
    /// A name that must be looked up.
    Name { host: String, port: u16 },
    /// Addresses that are known.
    Fixed(Vec<Address>),
}

impl Target {
    pub(crate) fn parse(written: &str) -> Result<Self, Error> {
        if let Some(path) = written.strip_prefix("unix:") {
            return unix(written, path.strip_prefix("//").unwrap_or(path));
        }
        let text = match written.strip_prefix("dns:") {
            Some(rest) => rest.strip_prefix("///").unwrap_or(rest),
            None => written,
        };
        let uri: Uri = text.parse().map_err(|error| bad(written, format!("it is not an address: {error}")))?;
        let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
        let port_default = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => Some(PORT_HTTPS),
            Some(scheme) if *scheme == Scheme::HTTP => Some(PORT_HTTP),
            Some(scheme) => return Err(bad(written, format!("the scheme {:?} is not known", scheme.as_str()))),
            None => None,
        };
        let Some(authority) = uri.authority().cloned() else {
            return Err(bad(written, "it names no host"));
        };
        if authority.host().is_empty() || authority.as_str().contains('@') {
            return Err(bad(written, "it names no host, or a user besides"));
        }
        if uri.path_and_query().map_or("/", PathAndQuery::as_str) != "/" {
            return Err(bad(written, "a path means nothing here: a channel leads to a server, not to a page"));
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = match authority.port_u16() {
            Some(port) => port,
            None if authority.as_str() != authority.host() => {
                return Err(bad(written, "the port is not a number from 0 to 65535"));
            }
            None => port_default.ok_or_else(|| without_port(written, authority.host()))?,
        };
        let address = match host.parse::<IpAddr>() {
            Ok(ip) => TargetAddress::Fixed(vec![Address::Tcp(SocketAddr::new(ip, port))]),
            Err(_) => TargetAddress::Name { host, port },
        };
        Ok(Target { address, encrypted, authority, written: written.to_owned() })
    }

    /// A target without an address: the server lives in this process.
    pub(crate) fn in_process() -> Self {
        Target {
            address: TargetAddress::Fixed(vec![Address::InProcess]),
            encrypted: false,
            authority: Authority::from_static("in-process"),
            written: "the server in this process".to_owned(),
        }
    }

    /// Whether nobody else can read what goes there: it is encrypted, or it never leaves this process.
    pub(crate) fn is_private(&self) -> bool {
        let is_in_process = || match &self.address {
            TargetAddress::Fixed(addresses) => addresses.iter().all(|address| *address == Address::InProcess),
            TargetAddress::Name { .. } => false,
        };
        self.encrypted || is_in_process()
    }

    /// The scheme that requests name.
    pub(crate) fn scheme(&self) -> Scheme {
        if self.encrypted { Scheme::HTTPS } else { Scheme::HTTP }
    }

    /// The name that the server's certificate must show.
    #[cfg_attr(not(feature = "_tls"), allow(dead_code, reason = "only certificates are compared with it"))]
    pub(crate) fn host(&self) -> &str {
        self.authority.host().trim_start_matches('[').trim_end_matches(']')
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

fn unix(written: &str, path: &str) -> Result<Target, Error> {
    if path.is_empty() {
        return Err(bad(written, "no path follows `unix:`"));
    }
    Ok(Target {
        address: TargetAddress::Fixed(vec![Address::Unix(PathBuf::from(path))]),
        encrypted: false,
        authority: Authority::from_static("localhost"),
        written: written.to_owned(),
    })
}

fn bad(written: &str, why: impl Into<String>) -> Error {
    Error::new(Step::Target, why)
        .with_target(format!("{written:?}"))
        .with_hint("write http://host:port, https://host:port, dns:///host:port or unix:PATH")
}

/// For half an address: a host alone, or a port alone.
fn without_port(written: &str, host: &str) -> Error {
    if host.bytes().all(|byte| byte.is_ascii_digit()) {
        return bad(written, "it names no host").with_hint(format!("write 127.0.0.1:{host}"));
    }
    bad(written, "it names no port")
        .with_hint(format!("write {host}:50051; only `http://` and `https://` have ports by themselves"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> TargetAddress {
        match host.parse() {
            Ok(ip) => TargetAddress::Fixed(vec![Address::Tcp(SocketAddr::new(ip, port))]),
            Err(_) => TargetAddress::Name { host: host.to_owned(), port },
        }
    }

    fn unix(path: &str) -> TargetAddress {
        TargetAddress::Fixed(vec![Address::Unix(path.into())])
    }

    #[test]
    fn targets_are_read() {
        let table = [
            ("http://127.0.0.1:50051", tcp("127.0.0.1", 50051), false),
            ("https://example.com", tcp("example.com", 443), true),
            ("https://example.com:50051", tcp("example.com", 50051), true),
            ("http://example.com/", tcp("example.com", 80), false),
            ("http://[::1]:50051", tcp("::1", 50051), false),
            ("localhost:50051", tcp("localhost", 50051), false),
            ("dns:///localhost:50051", tcp("localhost", 50051), false),
            ("dns:localhost:50051", tcp("localhost", 50051), false),
            ("unix:/run/a.sock", unix("/run/a.sock"), false),
            ("unix:///run/a.sock", unix("/run/a.sock"), false),
            ("unix:a.sock", unix("a.sock"), false),
        ];
        for (written, address, encrypted) in table {
            let target = Target::parse(written).expect(written);
            assert_eq!((target.address, target.encrypted), (address, encrypted), "{written}");
        }
    }

    #[test]
    fn what_is_no_target_says_why() {
        let table = [
            ("", "it is not an address"),
            ("gopher://host:70", "the scheme \"gopher\" is not known"),
            ("http://host:port", "the port is not a number"),
            ("http://host:99999", "the port is not a number"),
            ("http://host/path", "a path means nothing here"),
            ("http://user@host", "it names no host"),
            ("/just/a/path", "it names no host"),
            ("unix:", "no path follows"),
            ("localhost", "it names no port (write localhost:50051; "),
            ("localhost/", "it is not an address"),
            ("[::1]", "it names no port (write [::1]:50051; "),
            ("dns:greeter", "it names no port (write greeter:50051; "),
            ("dns:///greeter", "it names no port (write greeter:50051; "),
            ("greeter:", "the port is not a number"),
            ("50051", "it names no host (write 127.0.0.1:50051)"),
        ];
        for (written, why) in table {
            let error = Target::parse(written).expect_err(written).to_string();
            assert!(error.contains(why), "{written:?}: {error}");
            assert!(error.contains(&format!("{written:?}")), "{error}");
        }
    }
}
