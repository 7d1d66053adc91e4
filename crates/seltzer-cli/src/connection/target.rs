//! Whom to call.

use std::net::IpAddr;
use std::time::Duration;

use seltzer::Endpoint;
use seltzer::connect::ConnectClient;
use seltzer::web::GrpcWebClient;

use crate::arguments::{ConnectionArguments, SpokenProtocol};
use crate::error::Failure;
use crate::tls;

/// What this program calls itself, in front of the library's own name.
const USER_AGENT: &str = concat!("seltzer-cli/", env!("CARGO_PKG_VERSION"));

/// How long a connection may take to open: the library's own limit.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// The server at an address, with TLS if the address or an option asks for it.
///
/// # Errors
/// The address cannot be read, or a certificate cannot be.
pub(crate) fn endpoint(address: &str, arguments: &ConnectionArguments) -> Result<Endpoint, Failure> {
    let endpoint = settings(Endpoint::from_shared(address).map_err(usage)?, arguments)?;
    if arguments.plaintext && address.starts_with("https://") {
        return Err(Failure::usage(format!("{address} is with TLS, and --plaintext is without"))
            .with_hint("leave one of the two out"));
    }
    let Some(config) = tls::client(&arguments.tls)? else { return Ok(endpoint) };
    if address.starts_with("http://") {
        return Err(Failure::usage(format!("{address} is without TLS, and there are options for TLS"))
            .with_hint("write https://, or leave the options out"));
    }
    endpoint.tls_config(config).map_err(usage)
}

/// The server at a HOST:PORT that was found to speak TLS.
///
/// # Errors
/// As [`endpoint`].
pub(crate) fn encrypted(address: &str, arguments: &ConnectionArguments) -> Result<Endpoint, Failure> {
    endpoint(&format!("https://{address}"), arguments)
}

/// The HOST:PORT of an address that leaves open whether there is TLS.
pub(crate) fn open_question<'a>(address: &'a str, arguments: &ConnectionArguments) -> Option<&'a str> {
    let is_open = !arguments.plaintext && !arguments.tls.is_set() && !address.contains("//");
    let names_scheme = ["unix:", "unix-abstract:", "dns:", "ipv4:", "ipv6:"].iter().any(|it| address.starts_with(it));
    (is_open && !names_scheme).then_some(address)
}

pub(crate) fn connect_timeout(arguments: &ConnectionArguments) -> Duration {
    arguments.connect_timeout.unwrap_or(CONNECT_TIMEOUT)
}

/// Whether nothing that is sent there leaves this machine.
pub(crate) fn is_on_this_machine(address: &str) -> bool {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

fn settings(endpoint: Endpoint, arguments: &ConnectionArguments) -> Result<Endpoint, Failure> {
    let named = match &arguments.user_agent {
        Some(name) => format!("{name} {USER_AGENT}"),
        None => USER_AGENT.to_owned(),
    };
    let mut endpoint = speaking(endpoint.user_agent(named).map_err(usage)?, arguments)?;
    if let Some(authority) = &arguments.authority {
        endpoint = endpoint.origin(authority).map_err(usage)?;
    }
    if let Some(timeout) = arguments.connect_timeout {
        endpoint = endpoint.connect_timeout(timeout);
    }
    if let Some(interval) = arguments.keepalive_time {
        endpoint = endpoint.http2_keep_alive_interval(interval);
    }
    Ok(endpoint)
}

/// The same in the protocol that is asked for.
fn speaking(endpoint: Endpoint, arguments: &ConnectionArguments) -> Result<Endpoint, Failure> {
    let endpoint = match arguments.protocol {
        SpokenProtocol::Grpc if arguments.http1 => {
            return Err(Failure::usage("gRPC needs HTTP/2, and --http1 asks for HTTP/1.1")
                .with_hint("add --protocol connect or --protocol grpc-web, or leave --http1 out"));
        }
        SpokenProtocol::Grpc => endpoint,
        SpokenProtocol::GrpcWeb => endpoint.speak(GrpcWebClient::new()),
        SpokenProtocol::Connect => endpoint.speak(ConnectClient::new().use_get(true)),
    };
    Ok(if arguments.http1 { endpoint.http1_only() } else { endpoint })
}

fn usage(error: seltzer::transport::Error) -> Failure {
    Failure::from(error).into_usage()
}

/// Refuses SERVICE/METHOD in front of ADDR.
///
/// # Errors
/// The first is no address and the second no method, but each could be the other.
pub(crate) fn check_order(address: &str, method: &str) -> Result<(), Failure> {
    // A method's name has no colon. An address has one, or lacks its port; then only the slash tells.
    let is_swapped = !address.contains(':') && (method.contains(':') || address.contains('/') && !method.contains('/'));
    if !is_swapped {
        return Ok(());
    }
    Err(Failure::usage(format!("{address:?} is no address, and {method:?} is no method"))
        .with_hint(format!("the address comes first: seltzer call {method} {address}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_its_names() {
        let table = [
            ("localhost:1", true),
            ("127.0.0.1:1", true),
            ("127.8.9.1:1", true),
            ("[::1]:1", true),
            ("10.0.0.7:1", false),
            ("localhost.example:1", false),
            ("example.com:443", false),
        ];
        for (address, expected) in table {
            assert_eq!(is_on_this_machine(address), expected, "{address}");
        }
    }

    #[test]
    fn swapped_arguments_are_told_from_mistaken_ones() {
        let table = [
            ("127.0.0.1:50051", "Calculator/Add", false),
            ("localhost", "Calculator/Add", false),
            ("50051", "Calculator/Add", false),
            ("unix:/tmp/a", "whatever", false),
            ("whatever", "whatever", false),
            ("Calculator/Add", "127.0.0.1:50051", true),
            ("Calculator/Add", "localhost", true),
            ("/Calculator/Add", "unix:/tmp/a", true),
            ("user.User.GetUser", "https://example.com", true),
        ];
        for (address, method, is_swapped) in table {
            let found = check_order(address, method).err().map(|failure| failure.to_string());
            let hint = format!("the address comes first: seltzer call {method} {address}");
            let expected = format!("error: {address:?} is no address, and {method:?} is no method\n  hint: {hint}");
            assert_eq!(found, is_swapped.then_some(expected));
        }
    }
}
