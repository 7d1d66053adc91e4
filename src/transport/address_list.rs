//! Lists of addresses as targets write them: `1.2.3.4:50051,5.6.7.8:50051`.

use std::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Reads IPv4 addresses, each with its port.
///
/// # Errors
/// What is wrong with which of them.
pub(crate) fn ipv4(list: &str) -> Result<Vec<SocketAddr>, String> {
    each(list, |text| {
        let read = text.parse::<SocketAddrV4>();
        read.map(SocketAddr::V4).map_err(|_| match text.parse::<std::net::Ipv4Addr>() {
            Ok(_) => without_port(text),
            Err(_) => format!("{text:?} is no IPv4 address with a port"),
        })
    })
}

/// Reads IPv6 addresses in brackets, each with its port, perhaps with a scope: `[fe80::1%25eth0]:50051`.
///
/// # Errors
/// What is wrong with which of them.
pub(crate) fn ipv6(list: &str) -> Result<Vec<SocketAddr>, String> {
    each(list, |text| {
        let (address, port) = text.rsplit_once(':').filter(|(address, _)| address.ends_with(']')).ok_or_else(|| {
            if text.ends_with(']') { without_port(text) } else { format!("{text:?} is no IPv6 address with a port") }
        })?;
        let wrong = |_| format!("{text:?} is no IPv6 address with a port");
        let inside = address.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(address);
        let (ip, scope) = match inside.split_once('%') {
            Some((ip, scope)) => (ip, scope_id(unescaped(scope))?),
            None => (inside, 0),
        };
        let ip = ip.parse::<Ipv6Addr>().map_err(|_| wrong(()))?;
        let port = port.parse::<u16>().map_err(|_| wrong(()))?;
        Ok(SocketAddr::V6(SocketAddrV6::new(ip, port, 0, scope)))
    })
}

fn each(list: &str, read: impl Fn(&str) -> Result<SocketAddr, String>) -> Result<Vec<SocketAddr>, String> {
    if list.trim_start_matches('/').is_empty() {
        return Err("it names no address".to_owned());
    }
    // Both `ipv4:1.2.3.4:1` and `ipv4:///1.2.3.4:1` are in use.
    list.trim_start_matches('/').split(',').map(|text| read(text.trim())).collect()
}

fn without_port(text: &str) -> String {
    format!("{text:?} names no port")
}

/// RFC 6874 has the `%` before a scope escaped; many people leave it.
fn unescaped(scope: &str) -> &str {
    scope.strip_prefix("25").filter(|rest| !rest.is_empty()).unwrap_or(scope)
}

/// The number of a scope: the number itself, or the name of a network interface.
fn scope_id(scope: &str) -> Result<u32, String> {
    match scope.parse() {
        Ok(number) => Ok(number),
        Err(_) => interface_index(scope).ok_or_else(|| format!("no network interface is called {scope:?}")),
    }
}

#[cfg(target_os = "linux")]
fn interface_index(name: &str) -> Option<u32> {
    if name.is_empty() || name.starts_with('.') || name.contains('/') {
        return None;
    }
    std::fs::read_to_string(format!("/sys/class/net/{name}/ifindex")).ok()?.trim().parse().ok()
}

/// Elsewhere the system tells the number of an interface only to code that is not safe.
#[cfg(not(target_os = "linux"))]
fn interface_index(_: &str) -> Option<u32> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_scope_may_be_the_name_of_an_interface() {
        let number = interface_index("lo").expect("there is a loopback");
        for text in ["[fe80::1%25lo]:1", "[fe80::1%lo]:1"] {
            let address = SocketAddrV6::new("fe80::1".parse().expect("an address"), 1, 0, number);
            assert_eq!(ipv6(text), Ok(vec![SocketAddr::V6(address)]), "{text}");
        }
        assert!(ipv6("[fe80::1%25../lo]:1").is_err());
    }
}
