//! What `serve` prints when it listens.

use std::fmt::Write as _;
use std::net::SocketAddr;

use crate::arguments::ServeArguments;
use crate::catalogue;
use crate::error::Failure;

/// The first line of each address, which scripts wait for.
pub(crate) fn listening(addresses: &[String]) -> String {
    addresses.iter().map(|address| format!("listening on {address}\n")).collect()
}

/// What is served, and what to try.
///
/// # Errors
/// None, unless this program was built from broken schemas.
pub(crate) fn usage(addresses: &[String], arguments: &ServeArguments) -> Result<String, Failure> {
    let mut text = String::from("\nserving\n");
    let schemas = catalogue::demo_services()?;
    let is_served = |name: &str| catalogue::is_served(name, arguments.channelz);
    let services: Vec<_> = schemas.services().filter(|service| is_served(service.full_name())).collect();
    let width = services.iter().map(|service| service.full_name().len()).max().unwrap_or_default();
    for service in &services {
        let methods: Vec<_> = service.methods().map(|method| method.name().to_owned()).collect();
        let _ = writeln!(text, "  {:width$}  {}", service.full_name(), methods.join(" "));
    }
    text.push_str("\ntry in another terminal\n");
    let call = call(addresses, arguments);
    for (method, data) in [
        ("Calculator/Divide", r#"{"a": 1, "b": 4}"#),
        ("helloworld.Greeter/SayHelloStreamReply", r#"{"name": "world"}"#),
        ("Calculator/SumNumbers", r#"{"value": 1} {"value": 2} {"value": 3}"#),
    ] {
        let _ = writeln!(text, "  {} {method} -d '{data}'{}", call.0, call.1);
    }
    text.push_str(&pages(addresses, arguments));
    text.push_str("\nCtrl-C stops the server\n");
    Ok(text)
}

/// Where the pages for people are, on the first address that a browser can open.
fn pages(addresses: &[String], arguments: &ServeArguments) -> String {
    let Some(address) = addresses.iter().find(|address| !address.starts_with("unix:")) else { return String::new() };
    let tls = &arguments.tls;
    let has_tls = tls.cert.is_some() || tls.self_signed || !tls.named.is_empty();
    let root = format!("{}://{}", if has_tls { "https" } else { "http" }, reachable(address));
    let mut text = format!("\nopen in a browser\n  {root}/\n");
    if arguments.protocols.has_docs() {
        let _ = writeln!(text, "  {root}/swagger-ui/\n  {root}/openapi.json");
    }
    text
}

/// What stands before and behind the method in a call that this server accepts.
fn call(addresses: &[String], arguments: &ServeArguments) -> (String, String) {
    let address = addresses.first().map(String::as_str).unwrap_or_default();
    let mut options = String::new();
    let tls = &arguments.tls;
    if let Some(path) = tls.self_signed_out.as_ref().or(tls.cert.as_ref()) {
        let _ = write!(options, " --tls-ca {}", quoted(&path.to_string_lossy()));
    } else if tls.self_signed {
        options.push_str(" --tls-insecure");
    }
    if let (None, false, Some(named)) = (&tls.cert, tls.self_signed, tls.named.first()) {
        let name = quoted(&named.name.replacen('*', "HOST", 1));
        let _ = write!(options, " --tls-ca {} --tls-domain {name}", quoted(&named.cert.to_string_lossy()));
    }
    if tls.client_ca.is_some() {
        options.push_str(" --tls-cert CERTIFICATE --tls-key KEY");
    }
    if arguments.token.is_some() {
        options.push_str(" -H 'authorization: Bearer TOKEN'");
    }
    (format!("{} call {}", program(), quoted(&reachable(address))), options)
}

/// This program as it was started, so that the commands work where they are shown.
fn program() -> String {
    let program = std::env::args_os().next();
    program.map_or_else(|| "seltzer".to_owned(), |program| quoted(&program.to_string_lossy()))
}

/// An address to connect to: that of all interfaces is none.
fn reachable(address: &str) -> String {
    match address.parse::<SocketAddr>() {
        Ok(address) if address.ip().is_unspecified() => {
            let host = if address.is_ipv4() { "127.0.0.1" } else { "[::1]" };
            format!("{host}:{}", address.port())
        }
        _ => address.to_owned(),
    }
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=@%+,".contains(c);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_to_connect_to() {
        let table = [
            ("0.0.0.0:5", "127.0.0.1:5"),
            ("[::]:5", "[::1]:5"),
            ("10.0.0.1:5", "10.0.0.1:5"),
            ("unix:/tmp/a", "unix:/tmp/a"),
        ];
        for (listened, connected) in table {
            assert_eq!(reachable(listened), connected);
        }
    }

    #[test]
    fn words_for_a_shell() {
        let table = [("target/seltzer", "target/seltzer"), ("a b", "'a b'"), ("it's", r"'it'\''s'"), ("", "''")];
        for (word, expected) in table {
            assert_eq!(quoted(word), expected);
        }
        assert_eq!(listening(&["a:1".to_owned(), "unix:/b".to_owned()]), "listening on a:1\nlistening on unix:/b\n");
    }
}
