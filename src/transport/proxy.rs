//! HTTP proxies: connections through them by CONNECT (gRFC A1).

use std::fmt;
use std::net::IpAddr;

use http::{StatusCode, Uri};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::transport::address::Address;
use crate::transport::connect::connect;
use crate::transport::error::{Error, Step};
use crate::transport::io::Io;
use crate::transport::no_proxy::NoProxy;
use crate::transport::tcp::TcpSettings;

/// The port of a proxy whose URL names none.
const PORT_DEFAULT: u16 = 80;

/// A proxy's answer may be so long at most: a few headers, and perhaps the beginning of what follows.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// Environment variables that name a proxy, the first that is set and not empty counts.
const PROXY_VARIABLES: &[&str] = &["grpc_proxy", "https_proxy", "HTTPS_PROXY"];

/// The same for what is connected to without it.
const NO_PROXY_VARIABLES: &[&str] = &["no_grpc_proxy", "no_proxy", "NO_PROXY"];

/// Whether connections go through a proxy.
#[derive(Debug, Clone, Default)]
pub(crate) enum ProxyChoice {
    /// As the environment says.
    #[default]
    Environment,
    /// Through this one, wherever they go.
    Always(Result<Proxy, Error>),
    /// Never.
    Never,
}

/// An HTTP proxy.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Proxy {
    host: String,
    port: u16,
    /// The value of `proxy-authorization`.
    authorization: Option<String>,
}

impl ProxyChoice {
    /// An address of a target as its connections name it: one to which the environment has a proxy is left to the proxy
    /// to look up.
    ///
    /// # Errors
    /// The proxy's own URL cannot be used.
    pub(crate) fn route(
        &self,
        address: &Address,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Address, Error> {
        Ok(match (self.proxy_to(address, environment)?, host_and_port(address)) {
            (Some(_), Some((host, port))) => Address::Host { host, port },
            _ => address.clone(),
        })
    }

    /// The proxy of a connection, given the environment. What a name was looked up to needs none: otherwise it would
    /// not have been looked up here.
    ///
    /// # Errors
    /// The proxy's own URL cannot be used.
    pub(crate) fn proxy_of(
        &self,
        address: &Address,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Proxy>, Error> {
        match (self, address) {
            (ProxyChoice::Environment, Address::Tcp(_)) => Ok(None),
            _ => self.proxy_to(address, environment),
        }
    }

    fn proxy_to(
        &self,
        address: &Address,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Proxy>, Error> {
        let Some((host, port)) = host_and_port(address) else { return Ok(None) };
        match self {
            ProxyChoice::Never => Ok(None),
            ProxyChoice::Always(proxy) => proxy.clone().map(Some),
            // Go's rule: whoever wants the loopback through a proxy says so in the program.
            ProxyChoice::Environment if is_loopback(&host) => Ok(None),
            ProxyChoice::Environment => from_environment(&host, port, environment),
        }
    }
}

fn from_environment(
    host: &str,
    port: u16,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Option<Proxy>, Error> {
    let first = |names: &[&'static str]| {
        names.iter().find_map(|name| Some((*name, environment(name).filter(|value| !value.is_empty())?)))
    };
    let Some((variable, url)) = first(PROXY_VARIABLES) else { return Ok(None) };
    if first(NO_PROXY_VARIABLES).is_some_and(|(_, list)| NoProxy::new(&list).has(host, port)) {
        return Ok(None);
    }
    Proxy::parse(&url).map(Some).map_err(|why| {
        Error::new(Step::Connect, format!("the environment variable {variable} is no proxy's URL: {why}"))
            .with_hint("write http://host:port, or turn proxies off by `Endpoint::no_proxy`")
    })
}

/// Of addresses to which a proxy can connect.
fn host_and_port(address: &Address) -> Option<(String, u16)> {
    match address {
        Address::Tcp(address) => Some((address.ip().to_string(), address.port())),
        Address::Host { host, port } => Some((host.clone(), *port)),
        Address::Unix(_) | Address::UnixAbstract(_) | Address::InProcess => None,
    }
}

/// This process's environment.
pub(crate) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn is_loopback(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost") || host.to_ascii_lowercase().ends_with(".localhost"),
    }
}

impl Proxy {
    /// Reads `http://user:password@host:port`, of which all but the host may be left out.
    ///
    /// # Errors
    /// What is wrong, without the password.
    pub(crate) fn parse(url: &str) -> Result<Self, String> {
        let rest = match url.split_once("://") {
            Some(("http", rest)) => rest,
            Some((scheme, _)) => return Err(format!("proxies of the kind {scheme:?} are not supported, only http://")),
            None => url,
        };
        let rest = rest.trim_end_matches('/');
        let (user, place) = match rest.rsplit_once('@') {
            Some((user, place)) => (Some(user), place),
            None => (None, rest),
        };
        let uri: Uri = format!("http://{place}").parse().map_err(|error| format!("{place:?}: {error}"))?;
        let Some(authority) = uri.authority().filter(|authority| !authority.host().is_empty()) else {
            return Err("it names no host".to_owned());
        };
        if uri.path() != "/" {
            return Err("a path means nothing here".to_owned());
        }
        let port = match authority.port() {
            Some(port) => port.as_u16(),
            None if authority.as_str() == authority.host() => PORT_DEFAULT,
            None => return Err("the port is not a number from 0 to 65535".to_owned()),
        };
        let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
        Ok(Proxy { host, port, authorization: user.map(basic) })
    }

    /// Opens a connection to an address through the proxy, which looks the name up.
    ///
    /// # Errors
    /// The proxy cannot be reached, or does not connect.
    pub(crate) async fn connect(&self, address: &Address, settings: TcpSettings) -> Result<Io, Error> {
        let own = Address::Host { host: self.host.clone(), port: self.port };
        let mut io = connect(&own, settings).await.map_err(|error| {
            Error::new(Step::Connect, format!("{self} cannot be reached: {error}"))
                .with_hint("is the proxy right? `Endpoint::no_proxy` does without")
                .with_source(error)
        })?;
        let broken = |error: std::io::Error| {
            Error::new(Step::Connect, format!("{self} broke off: {error}"))
                .with_hint("does an HTTP proxy listen there?")
                .with_source(error)
        };
        io.write_all(self.request(address).as_bytes()).await.map_err(broken)?;
        io.flush().await.map_err(broken)?;
        let mut answer = Vec::new();
        let head_bytes = loop {
            if let Some(end) = head_end(&answer) {
                break end;
            }
            if answer.len() >= ANSWER_BYTES_MAX {
                return Err(self.nonsense());
            }
            if io.read_buf(&mut answer).await.map_err(broken)? == 0 {
                return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
            }
        };
        let rest = answer.split_off(head_bytes);
        let (status, reason) = status_line(&answer).ok_or_else(|| self.nonsense())?;
        if status.is_success() { Ok(io.with_head(rest)) } else { Err(self.refused(status, &reason)) }
    }

    fn request(&self, address: &Address) -> String {
        let authorization = match &self.authorization {
            Some(value) => format!("proxy-authorization: {value}\r\n"),
            None => String::new(),
        };
        format!("CONNECT {address} HTTP/1.1\r\nhost: {address}\r\n{authorization}\r\n")
    }

    fn refused(&self, status: StatusCode, reason: &str) -> Error {
        let hint = match status {
            StatusCode::PROXY_AUTHENTICATION_REQUIRED if self.authorization.is_some() => {
                "the proxy does not take the user and password of its URL"
            }
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                "name a user in the proxy's URL: http://user:password@host:port"
            }
            StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => "does the proxy permit CONNECT to this port?",
            _ => "can the proxy reach the server, and look its name up?",
        };
        let message = format!("{self} answered HTTP {} {reason}", status.as_u16());
        Error::new(Step::Connect, message.trim_end()).with_hint(hint)
    }

    fn nonsense(&self) -> Error {
        Error::new(Step::Connect, format!("{self} gave no HTTP answer")).with_hint("does an HTTP proxy listen there?")
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = Address::Host { host: self.host.clone(), port: self.port };
        write!(f, "the proxy http://{place}")
    }
}

/// Without its credentials.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where the head of an HTTP answer ends, if it is complete.
fn head_end(bytes: &[u8]) -> Option<usize> {
    const END: &[u8] = b"\r\n\r\n";
    bytes.windows(END.len()).position(|window| window == END).map(|at| at + END.len())
}

/// The status of an HTTP/1 answer, and its words.
fn status_line(head: &[u8]) -> Option<(StatusCode, String)> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let line = std::str::from_utf8(line).ok()?;
    let mut parts = line.splitn(3, ' ');
    parts.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = StatusCode::from_bytes(parts.next()?.as_bytes()).ok()?;
    Some((status, parts.next().unwrap_or_default().escape_debug().to_string()))
}

/// Basic credentials (RFC 7617) of the user and password in a URL, where they are escaped.
fn basic(user: &str) -> String {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let plain = |text| percent_encoding::percent_decode_str(text).collect::<Vec<u8>>();
    format!("Basic {}", base64(&[plain(name), plain(password)].join(&b':')))
}

/// RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let number = (0..3).fold(0, |number, at| number << 8 | u32::from(group.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[(number >> (18 - 6 * at) & 63) as usize];
            text.push(if at <= group.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read() {
        let table = [
            ("http://proxy:3128", "proxy", 3128, None),
            ("http://proxy", "proxy", 80, None),
            ("proxy:3128/", "proxy", 3128, None),
            ("http://[::1]:8080", "::1", 8080, None),
            ("http://Aladdin:open%20sesame@proxy:1", "proxy", 1, Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
            ("http://a@proxy:1", "proxy", 1, Some("Basic YTo=")),
            ("http://ab:c@proxy:1", "proxy", 1, Some("Basic YWI6Yw==")),
            ("http://ab:@proxy:1", "proxy", 1, Some("Basic YWI6")),
        ];
        for (url, host, port, authorization) in table {
            let expected = Proxy { host: host.to_owned(), port, authorization: authorization.map(str::to_owned) };
            let proxy = Proxy::parse(url).expect(url);
            assert!(proxy == expected, "{url}: {proxy:?} {:?}", proxy.authorization);
            assert!(!format!("{proxy} {proxy:?}").contains("sesame"));
        }
        for url in ["https://proxy:1", "socks5://proxy:1", "", "http://", "proxy:port", "http://proxy/path"] {
            assert!(Proxy::parse(url).is_err(), "{url}");
        }
    }

    #[test]
    fn the_environment_decides_where_the_program_does_not() {
        let host = |host: &str| Address::Host { host: host.to_owned(), port: 50051 };
        let tcp = |text: &str| Address::Tcp(text.parse().expect(text));
        let table = [
            (&[][..], host("greeter"), None),
            (&[("https_proxy", "one:1")], host("greeter"), Some("one")),
            (&[("HTTPS_PROXY", "one:1")], host("greeter"), Some("one")),
            (&[("https_proxy", ""), ("HTTPS_PROXY", "one:1")], host("greeter"), Some("one")),
            (&[("grpc_proxy", "one:1"), ("https_proxy", "two:2")], host("greeter"), Some("one")),
            (&[("http_proxy", "one:1")], host("greeter"), None),
            (&[("https_proxy", "one:1")], host("localhost"), None),
            (&[("https_proxy", "one:1")], tcp("127.0.0.9:1"), None),
            (&[("https_proxy", "one:1")], tcp("[::1]:1"), None),
            (&[("https_proxy", "one:1")], tcp("10.0.0.1:1"), Some("one")),
            (&[("https_proxy", "one:1")], Address::InProcess, None),
            (&[("https_proxy", "one:1")], Address::Unix("a".into()), None),
            (&[("https_proxy", "one:1"), ("no_proxy", "greeter")], host("greeter"), None),
            (&[("https_proxy", "one:1"), ("NO_PROXY", "other")], host("greeter"), Some("one")),
        ];
        for (variables, address, expected) in table {
            let environment = |name: &str| {
                variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
            };
            let proxy = ProxyChoice::Environment.proxy_to(&address, environment).expect("it is a URL");
            assert_eq!(proxy.map(|proxy| proxy.host).as_deref(), expected, "{variables:?} {address}");
            let never = ProxyChoice::Never.proxy_to(&address, environment).expect("there is none");
            assert!(never.is_none());
        }
        let always = ProxyChoice::Always(Ok(Proxy::parse("one:1").expect("it is a URL")));
        let environment = |name: &str| (name == "https_proxy").then(|| "one:1".to_owned());
        for (address, is_left_to_it) in [(host("a"), true), (tcp("10.0.0.1:1"), true), (tcp("127.0.0.1:1"), false)] {
            let routed = ProxyChoice::Environment.route(&address, environment).expect("it is a URL");
            assert_eq!(routed.to_string(), address.to_string());
            assert_eq!(matches!(routed, Address::Host { .. }), is_left_to_it, "{address}");
            let proxy = ProxyChoice::Environment.proxy_of(&routed, environment).expect("it is a URL");
            assert_eq!(proxy.is_some(), is_left_to_it, "{address}");
        }
        // `no_proxy` may have the name that this address was looked up for.
        let found = ProxyChoice::Environment.proxy_of(&tcp("10.0.0.1:1"), environment).expect("it is a URL");
        assert!(found.is_none());
        assert!(always.proxy_of(&tcp("10.0.0.1:1"), environment).expect("it is a URL").is_some());
        assert!(always.proxy_to(&tcp("127.0.0.1:1"), |_| None).expect("it is there").is_some());
        let broken = |_: &str| Some("socks5://u:secret@one:1".to_owned());
        let error = ProxyChoice::Environment.proxy_to(&host("a"), broken).expect_err("a kind unknown").to_string();
        assert!(error.contains("grpc_proxy") && error.contains("socks5") && !error.contains("secret"), "{error}");
    }

    #[test]
    fn answers_are_read() {
        let table = [
            ("HTTP/1.1 200 Connection established\r\n", Some((200, "Connection established"))),
            ("HTTP/1.0 407 Who are you?\r\nx: y\r\n", Some((407, "Who are you?"))),
            ("HTTP/1.1 502\r\n", Some((502, ""))),
            ("HTTP/2 200\r\n", None),
            ("220 smtp ready\r\n", None),
            ("HTTP/1.1 abc\r\n", None),
            ("", None),
        ];
        for (head, expected) in table {
            let read = status_line(head.as_bytes());
            assert_eq!(read.as_ref().map(|(status, words)| (status.as_u16(), words.as_str())), expected, "{head:?}");
        }
    }
}
