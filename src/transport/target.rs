//! What a channel connects to.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::transport::address::Address;
use crate::transport::address_list;
use crate::transport::error::{Error, Step};

/// The ports of URIs that name none. Other targets must name one: gRPC has no port of its own.
const PORT_HTTP: u16 = 80;
const PORT_HTTPS: u16 = 443;

/// How many addresses of a list a message names.
const WRITTEN_ADDRESSES_MAX: usize = 3;

/// What stays as it is in an authority that is made of a name (RFC 3986, section 3.2).
const AUTHORITY_ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b':');

/// A server's address as a user writes it, read.
///
/// | written | means | `:authority` |
/// |---|---|---|
/// | `http://host:port`, `http://host` | without TLS; the port is 80 unless named | as written |
/// | `https://host:port`, `https://host` | with TLS (needs one of the TLS features); the port is 443 unless named | as written |
/// | `host:port`, `dns:host:port`, `dns:///host:port` | the port must be named | `host:port` |
/// | `ipv4:1.2.3.4:50051,5.6.7.8:50051` | several servers by their addresses | the first address |
/// | `ipv6:[::1]:50051,[fe80::1%25eth0]:50051` | the same | the first address |
/// | `unix:PATH`, `unix:///PATH` | a unix socket | `localhost` |
/// | `unix-abstract:NAME` | a unix socket in Linux's abstract namespace | `localhost` |
///
/// A list of addresses as a whole is no authority that servers would take, so it is the first of them.
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
    /// Whatever a resolver of the user's makes of this name.
    Custom(String),
}

impl Target {
    pub(crate) fn parse(written: &str) -> Result<Self, Error> {
        match written.split_once(':') {
            Some(("unix", path)) => unix(written, path.strip_prefix("//").unwrap_or(path)),
            Some(("unix-abstract", name)) => unix_abstract(written, name),
            Some(("ipv4", list)) => literal(written, list, address_list::ipv4),
            Some(("ipv6", list)) => literal(written, list, address_list::ipv6),
            Some(("dns", name)) => dns(written, name),
            _ => host_and_port(written, written),
        }
    }

    /// A target that only its resolver understands: `scheme:///name`, `scheme:name` or anything else.
    ///
    /// # Errors
    /// The name can be no authority, and none is given.
    pub(crate) fn custom(written: &str, origin: Option<&Authority>, encrypted: bool) -> Result<Self, Error> {
        let name = name_of(written);
        let authority = match origin {
            Some(origin) => origin.clone(),
            None => utf8_percent_encode(name, AUTHORITY_ESCAPED).to_string().parse().map_err(|_| {
                bad(written, format!("its name {name:?} cannot be an `:authority`"))
                    .with_hint("name one by `Endpoint::origin`")
            })?,
        };
        Ok(Target {
            address: TargetAddress::Custom(name.to_owned()),
            encrypted,
            authority,
            written: written.to_owned(),
        })
    }

    /// A list of addresses instead of a name.
    ///
    /// # Errors
    /// It is empty.
    pub(crate) fn of_addresses(addresses: Vec<Address>) -> Result<Self, Error> {
        let written = written_list(&addresses);
        let Some(first) = addresses.first() else {
            return Err(Error::new(Step::Target, "the list of addresses is empty")
                .with_hint("name one address at least; one that comes later is for a resolver to find"));
        };
        let authority = authority_of(first);
        Ok(Target { address: TargetAddress::Fixed(addresses), encrypted: false, authority, written })
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
            TargetAddress::Name { .. } | TargetAddress::Custom(_) => false,
        };
        self.encrypted || is_in_process()
    }

    /// As gRPC names it in all languages, a URI with the scheme of who resolves it: `dns:///host:port`.
    pub(crate) fn canonical(&self) -> String {
        let port = if self.encrypted { PORT_HTTPS } else { PORT_HTTP };
        match (self.written.split_once(':'), &self.address) {
            (_, TargetAddress::Fixed(addresses)) if addresses.contains(&Address::InProcess) => "in-process".to_owned(),
            (Some(("unix" | "unix-abstract" | "ipv4" | "ipv6", _)), _) | (_, TargetAddress::Custom(_)) => {
                self.written.clone()
            }
            (_, TargetAddress::Fixed(addresses)) if addresses.len() > 1 => self.written.clone(),
            _ if self.authority.port().is_some() => format!("dns:///{}", self.authority),
            _ => format!("dns:///{}:{port}", self.authority),
        }
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

/// `http://`, `https://`, and a bare host with its port.
fn host_and_port(written: &str, text: &str) -> Result<Target, Error> {
    let uri: Uri = text.parse().map_err(|error| bad(written, format!("it is not an address: {error}")))?;
    let encrypted = uri.scheme() == Some(&Scheme::HTTPS);
    let port_default = match uri.scheme() {
        Some(scheme) if *scheme == Scheme::HTTPS => Some(PORT_HTTPS),
        Some(scheme) if *scheme == Scheme::HTTP => Some(PORT_HTTP),
        Some(scheme) => {
            let why = format!("the scheme {:?} is not known, unless to a resolver of your own", scheme.as_str());
            return Err(bad(written, why));
        }
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

fn dns(written: &str, name: &str) -> Result<Target, Error> {
    let Some(rest) = name.strip_prefix("//") else {
        return host_and_port(written, name.strip_prefix('/').unwrap_or(name));
    };
    match rest.split_once('/') {
        Some(("", name)) => host_and_port(written, name),
        Some((server, name)) => Err(bad(written, format!("the name server {server:?} cannot be asked"))
            .with_hint(format!("write dns:///{name}; names are looked up as this system does it"))),
        None => Err(bad(written, format!("{rest:?} stands where a name server would be named"))
            .with_hint(format!("write dns:///{rest}, with three slashes"))),
    }
}

/// Reads a list of addresses, each of one family.
type ReadList = fn(&str) -> Result<Vec<SocketAddr>, String>;

fn literal(written: &str, list: &str, read: ReadList) -> Result<Target, Error> {
    let addresses = read(list).map_err(|why| {
        bad(written, why).with_hint("write ipv4:10.0.0.1:50051,10.0.0.2:50051 or ipv6:[2001:db8::1]:50051")
    })?;
    let target = Target::of_addresses(addresses.into_iter().map(Address::Tcp).collect())?;
    Ok(Target { written: written.to_owned(), ..target })
}

fn unix(written: &str, path: &str) -> Result<Target, Error> {
    if path.is_empty() {
        return Err(bad(written, "no path follows `unix:`"));
    }
    let target = Target::of_addresses(vec![Address::Unix(PathBuf::from(path))])?;
    Ok(Target { written: written.to_owned(), ..target })
}

fn unix_abstract(written: &str, name: &str) -> Result<Target, Error> {
    if name.is_empty() {
        return Err(bad(written, "no name follows `unix-abstract:`"));
    }
    if cfg!(not(target_os = "linux")) {
        return Err(bad(written, "unix sockets without a file exist on Linux alone").with_hint("write unix:PATH"));
    }
    let target = Target::of_addresses(vec![Address::UnixAbstract(name.as_bytes().to_vec())])?;
    Ok(Target { written: written.to_owned(), ..target })
}

/// What requests to a server name as their `:authority` that is known by its address alone.
fn authority_of(address: &Address) -> Authority {
    let text = match address {
        // A scope means something on this machine only, and is no part of an authority.
        Address::Tcp(address) => SocketAddr::new(address.ip(), address.port()).to_string(),
        Address::Host { host, port } if host.contains(':') => format!("[{host}]:{port}"),
        Address::Host { host, port } => format!("{host}:{port}"),
        Address::Unix(_) | Address::UnixAbstract(_) | Address::InProcess => "localhost".to_owned(),
    };
    text.parse().unwrap_or_else(|_| Authority::from_static("localhost"))
}

/// What follows the scheme of a target that only its resolver understands.
fn name_of(written: &str) -> &str {
    if let Some((_, rest)) = written.split_once("://") {
        return match rest.split_once('/') {
            Some((_, path)) if !path.is_empty() => path,
            Some((authority, _)) => authority,
            None => rest,
        };
    }
    match written.split_once(':') {
        // A host and its port have no scheme.
        Some((_, rest)) if rest.parse::<u16>().is_err() => rest.trim_start_matches('/'),
        _ => written,
    }
}

/// A list as messages name it.
fn written_list(addresses: &[Address]) -> String {
    let told: Vec<_> = addresses.iter().take(WRITTEN_ADDRESSES_MAX).map(ToString::to_string).collect();
    match addresses.len().saturating_sub(told.len()) {
        0 => told.join(","),
        more => format!("{} and {more} more", told.join(",")),
    }
}

fn bad(written: &str, why: impl Into<String>) -> Error {
    Error::new(Step::Target, why)
        .with_target(written)
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

    fn list(addresses: &[&str]) -> TargetAddress {
        TargetAddress::Fixed(addresses.iter().map(|text| Address::Tcp(text.parse().expect(text))).collect())
    }

    #[test]
    fn authorities_are_those_of_the_naming_document() {
        let table = [
            ("http://example.com", "example.com"),
            ("https://example.com:50051", "example.com:50051"),
            ("dns:///example.com:50051", "example.com:50051"),
            ("dns:[::1]:50051", "[::1]:50051"),
            ("ipv4:1.2.3.4:1,5.6.7.8:2", "1.2.3.4:1"),
            ("ipv6:[fe80::1%253]:2", "[fe80::1]:2"),
            ("unix:/run/a.sock", "localhost"),
            #[cfg(target_os = "linux")]
            ("unix-abstract:greeter", "localhost"),
        ];
        for (written, authority) in table {
            assert_eq!(Target::parse(written).expect(written).authority, authority, "{written}");
        }
    }

    #[test]
    fn a_resolver_gets_the_name_and_the_authority_follows_from_it() {
        let table = [
            ("registry:///greeter", "greeter", "greeter"),
            ("registry://region/greeter", "greeter", "greeter"),
            ("registry://region", "region", "region"),
            ("registry:greeter", "greeter", "greeter"),
            ("greeter", "greeter", "greeter"),
            ("greeter:50051", "greeter:50051", "greeter:50051"),
            ("http://greeter:50051", "greeter:50051", "greeter:50051"),
        ];
        for (written, name, authority) in table {
            let target = Target::custom(written, None, false).expect(written);
            assert_eq!(target.address, TargetAddress::Custom(name.to_owned()), "{written}");
            assert_eq!(target.authority, authority, "{written}");
        }
        let error = Target::custom("registry:///a/b", None, false).expect_err("a/b is no authority");
        assert!(error.to_string().contains("Endpoint::origin"), "{error}");
        let named = Target::custom("registry:///a/b", Some(&Authority::from_static("b.a")), true);
        assert_eq!(named.expect("it has an origin").authority, "b.a");
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
            ("dns:/localhost:50051", tcp("localhost", 50051), false),
            ("ipv4:1.2.3.4:50051", tcp("1.2.3.4", 50051), false),
            ("ipv6:[::1]:50051", tcp("::1", 50051), false),
            ("ipv4:1.2.3.4:1,5.6.7.8:2", list(&["1.2.3.4:1", "5.6.7.8:2"]), false),
            ("ipv6:[::1]:1,[fe80::1%253]:2", list(&["[::1]:1", "[fe80::1%3]:2"]), false),
            #[cfg(target_os = "linux")]
            ("unix-abstract:greeter", TargetAddress::Fixed(vec![Address::UnixAbstract(b"greeter".to_vec())]), false),
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
            ("dns://8.8.8.8/greeter:1", "the name server \"8.8.8.8\" cannot be asked (write dns:///greeter:1; "),
            ("dns://greeter:1", "(write dns:///greeter:1, with three slashes)"),
            ("ipv4:", "it names no address"),
            ("ipv4:1.2.3.4", "\"1.2.3.4\" names no port"),
            ("ipv4:[::1]:1", "\"[::1]:1\" is no IPv4 address"),
            ("ipv4:localhost:1", "\"localhost:1\" is no IPv4 address"),
            ("ipv6:1.2.3.4:1", "\"1.2.3.4:1\" is no IPv6 address"),
            ("ipv6:[::1]", "\"[::1]\" names no port"),
            ("ipv6:[fe80::1%25no-such-interface]:1", "no network interface is called \"no-such-interface\""),
            ("unix-abstract:", "no name follows"),
            #[cfg(not(target_os = "linux"))]
            ("unix-abstract:greeter", "Linux alone"),
        ];
        for (written, why) in table {
            let error = Target::parse(written).expect_err(written).to_string();
            assert!(error.contains(why), "{written:?}: {error}");
            assert!(error.contains(&format!("{written:?}")), "{error}");
        }
    }
}
