//! `--diagnose`: the way to a server step by step, each timed, up to the one that fails.

mod handshake;
mod settings;

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use seltzer::dynamic::MethodDescriptor;
use seltzer::transport::Uri;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::arguments::CallArguments;
use crate::call::preparation;
use crate::catalogue::{Known, Unknown};
use crate::connection;
use crate::error::Failure;
use crate::output::tell;
use crate::text::{one_line, printable};

/// How long a step may take, if nothing else is said.
const STEP_TIMEOUT: Duration = Duration::from_secs(20);

/// How many addresses of a name are shown.
const ADDRESSES_SHOWN_MAX: usize = 8;

/// Where the names of steps end, so that what came of them stands in a column.
const NAME_COLUMNS: usize = 11;

/// A step that failed: what was told already, and the exit status.
pub(crate) struct Failed;

/// Goes the way up to the schemas; the call itself comes after it.
///
/// # Errors
/// A step failed, and the user has been told which, why, and what to try.
pub(crate) async fn walk(arguments: &CallArguments) -> Result<(), Failed> {
    let timeout = arguments.connection.connect_timeout.unwrap_or(STEP_TIMEOUT);
    if let Some(place) = Place::of(arguments) {
        let addresses = step("resolve", timeout, "is the name right, and does DNS work here?", resolve(&place)).await?;
        let hint = "is the server running, on this port, and does a firewall let you through?";
        let stream = step("connect", timeout, hint, connect(&addresses)).await?;
        let speaks_tls = match place.tls {
            Some(tls) => tls,
            None => step("ask", timeout, "say it yourself: https:// or --plaintext", ask(&place, timeout)).await?,
        };
        if speaks_tls {
            let hint = "does the server speak TLS on this port? --plaintext is without";
            let name = arguments.connection.tls.domain.as_deref().unwrap_or(&place.host);
            let stream = step("TLS", timeout, hint, handshake::shake_hands(stream, name)).await?;
            greet(stream, timeout).await?;
        } else {
            greet(stream, timeout).await?;
        }
    }
    trust_and_ask(arguments, timeout).await
}

/// What the library does with all of the user's settings: this is where certificates are checked.
async fn trust_and_ask(arguments: &CallArguments, timeout: Duration) -> Result<(), Failed> {
    let open = async {
        let connection = preparation::connect(arguments).await?;
        connection.ready().await?;
        Ok(("as the call will: certificates and all".to_owned(), connection))
    };
    let connection = step("channel", timeout, "", open).await?;
    if !arguments.schemas.asks_server() {
        return Ok(());
    }
    let asked = Some((&connection, arguments.address.as_str()));
    let list = async {
        let mut known = Known::open(&arguments.schemas, asked, Some(timeout))?;
        match known.services().await {
            Ok(services) => Ok((format!("{} services", services.len()), ())),
            Err(Unknown::Failure(failure)) => Err(failure),
            Err(Unknown::Status(status)) => Err(Failure::new(status.message())),
        }
    };
    // A server without it may well answer calls.
    let _ = step("reflection", timeout, "calls need --proto or --descriptor-set then", list).await;
    Ok(())
}

/// Tells what is called, before it is.
pub(crate) fn tell_method(method: &MethodDescriptor) {
    tell_step("method", None, &format!("{}/{}", method.parent_service().full_name(), method.name()));
}

/// A host and a port; other targets have no such steps.
struct Place {
    host: String,
    port: u16,
    /// Whether there is TLS; `None` if the user left it open.
    tls: Option<bool>,
}

impl Place {
    fn of(arguments: &CallArguments) -> Option<Self> {
        let address = arguments.address.as_str();
        let is_open = connection::open_question(address, &arguments.connection).is_some();
        let text = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let uri: Uri = text.parse().ok()?;
        let is_https = uri.scheme_str() == Some("https") || arguments.connection.tls.is_set();
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return None;
        }
        let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
        let host = uri.host()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some(Place { host, port, tls: (!is_open).then_some(is_https) })
    }
}

async fn resolve(place: &Place) -> Result<(String, Vec<SocketAddr>), Failure> {
    let found = tokio::net::lookup_host((place.host.as_str(), place.port)).await;
    let addresses: Vec<SocketAddr> =
        found.map_err(|error| Failure::new(format!("cannot resolve {}: {error}", place.host)))?.collect();
    if addresses.is_empty() {
        return Err(Failure::new(format!("{} has no address", place.host)));
    }
    let mut shown: Vec<String> =
        addresses.iter().take(ADDRESSES_SHOWN_MAX).map(|address| address.ip().to_string()).collect();
    if addresses.len() > ADDRESSES_SHOWN_MAX {
        shown.push(format!("{} more", addresses.len() - ADDRESSES_SHOWN_MAX));
    }
    Ok((format!("{} is {}", place.host, shown.join(", ")), addresses))
}

async fn connect(addresses: &[SocketAddr]) -> Result<(String, TcpStream), Failure> {
    let mut refused = Vec::new();
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                let before = if refused.is_empty() { String::new() } else { format!(", after {}", refused.join("; ")) };
                return Ok((format!("{address}{before}"), stream));
            }
            Err(error) => refused.push(format!("{address}: {error}")),
        }
    }
    Err(Failure::new(format!("no address can be connected to: {}", refused.join("; "))))
}

async fn ask(place: &Place, timeout: Duration) -> Result<(String, bool), Failure> {
    let address = match place.host.contains(':') {
        true => format!("[{}]:{}", place.host, place.port),
        false => format!("{}:{}", place.host, place.port),
    };
    match connection::speaks_tls(&address, timeout).await {
        Some(true) => Ok(("the server speaks TLS".to_owned(), true)),
        Some(false) => Ok(("the server speaks without TLS".to_owned(), false)),
        None => Err(Failure::new("the server answers neither HTTP/2 nor TLS")),
    }
}

async fn greet(stream: impl AsyncRead + AsyncWrite + Unpin, timeout: Duration) -> Result<(), Failed> {
    let hint = "does gRPC listen on this port, or a server of HTTP/1.1 alone?";
    step("HTTP/2", timeout, hint, settings::exchange(stream)).await
}

/// Takes a step and tells what came of it.
async fn step<T>(
    name: &str,
    timeout: Duration,
    hint: &str,
    task: impl Future<Output = Result<(String, T), Failure>>,
) -> Result<T, Failed> {
    let started = Instant::now();
    let ended = tokio::time::timeout(timeout, task).await;
    let elapsed = started.elapsed();
    let failure = match ended {
        Ok(Ok((what, value))) => {
            tell_step(name, Some(elapsed), &what);
            return Ok(value);
        }
        Ok(Err(failure)) => failure,
        Err(_) => Failure::new(format!("nothing came of it within {} s", timeout.as_secs_f64())),
    };
    tell_step(name, Some(elapsed), &format!("FAILED: {}", one_line(failure.message())));
    let hint = failure.hint().unwrap_or(hint);
    if !hint.is_empty() {
        tell(format_args!("  hint: {}", printable(hint)));
    }
    Err(Failed)
}

/// A line for a step: its name, how long it took, what came of it.
fn tell_step(name: &str, elapsed: Option<Duration>, what: &dyn Display) {
    let elapsed = elapsed.map_or_else(String::new, |elapsed| format!("{:.1} ms", elapsed.as_secs_f64() * 1e3));
    tell(printable(&format!("{name:<NAME_COLUMNS$}{elapsed:>10}  {what}")));
}
