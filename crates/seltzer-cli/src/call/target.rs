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
    check(address)?;
    let usage = |error: seltzer::transport::Error| Failure::from(error).into_usage();
    let endpoint = Endpoint::from_shared(address).map_err(usage)?.user_agent(USER_AGENT).map_err(usage)?;
    let Some(config) = tls::client(tls)? else { return Ok(endpoint) };
    if address.starts_with("http://") {
        return Err(Failure::usage(format!("{address} is without TLS, and there are options for TLS"))
            .with_hint("write https://, or leave the options out"));
    }
    endpoint.tls_config(config).map_err(usage)
}

/// Refuses what would be an address, but surely is not the one that was meant.
fn check(address: &str) -> Result<(), Failure> {
    if address.contains("://") || address.starts_with("unix:") || address.starts_with("dns:") {
        return Ok(());
    }
    if address.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Failure::usage(format!("the address {address:?} names no host"))
            .with_hint(format!("write 127.0.0.1:{address}")));
    }
    let after_host = address.rsplit_once(']').map_or(address, |(_, rest)| rest);
    if !after_host.contains(':') {
        return Err(Failure::usage(format!("the address {address:?} names no port"))
            .with_hint(format!("write {address}:50051; `http://` and `https://` have ports by themselves")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn addresses_that_were_not_meant() {
        let table = [
            ("localhost:50051", None),
            ("[::1]:50051", None),
            ("https://example.com", None),
            ("unix:/tmp/a", None),
            ("50051", Some("write 127.0.0.1:50051")),
            ("localhost", Some("write localhost:50051")),
            ("[::1]", Some("write [::1]:50051")),
        ];
        for (address, hint) in table {
            let found = check(address).err().map(|failure| failure.to_string());
            match (found, hint) {
                (None, None) => {}
                (Some(text), Some(hint)) => assert!(text.contains(hint), "{text}"),
                (found, _) => panic!("{address}: {found:?}"),
            }
        }
    }
}
