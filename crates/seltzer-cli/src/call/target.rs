//! Whom to call.

use seltzer::Endpoint;

use crate::arguments::ClientTls;
use crate::error::Failure;
use crate::tls;

/// What this program calls itself, in front of the library's own name.
const USER_AGENT: &str = concat!("seltzer-cli/", env!("CARGO_PKG_VERSION"));

/// The server at an address, with TLS if the address or an option asks for it.
///
/// # Errors
/// The address cannot be read, or a certificate cannot be.
pub(crate) fn endpoint(address: &str, tls: &ClientTls) -> Result<Endpoint, Failure> {
    let usage = |error: seltzer::transport::Error| Failure::from(error).into_usage();
    let endpoint = Endpoint::from_shared(address).map_err(usage)?.user_agent(USER_AGENT).map_err(usage)?;
    let Some(config) = tls::client(tls)? else { return Ok(endpoint) };
    if address.starts_with("http://") {
        return Err(Failure::usage(format!("{address} is without TLS, and there are options for TLS"))
            .with_hint("write https://, or leave the options out"));
    }
    endpoint.tls_config(config).map_err(usage)
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
    use super::check_order;

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
