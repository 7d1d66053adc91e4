//! Which hosts are connected to without a proxy: the list of `NO_PROXY`.

use std::net::IpAddr;

/// A list of hosts, domains, addresses and networks, separated by commas.
///
/// | entry | stands for |
/// |---|---|
/// | `*` | everything |
/// | `example.com` | this host and all hosts below it |
/// | `.example.com`, `*.example.com` | the hosts below it |
/// | `10.0.0.1`, `::1`, `[::1]` | this address |
/// | `10.0.0.0/8`, `2001:db8::/32` | all addresses of this network |
/// | any of these but networks with `:443` behind | the same at this port alone |
pub(crate) struct NoProxy<'a>(&'a str);

impl<'a> NoProxy<'a> {
    pub(crate) fn new(list: &'a str) -> Self {
        NoProxy(list)
    }

    /// Whether the list has this host.
    pub(crate) fn has(&self, host: &str, port: u16) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        let address = host.parse::<IpAddr>().ok().map(|address| address.to_canonical());
        self.0.split(',').map(str::trim).filter(|entry| !entry.is_empty()).any(|entry| {
            if entry == "*" {
                return true;
            }
            if let Some((network, length)) = entry.split_once('/') {
                return address.is_some_and(|address| is_within(address, network, length));
            }
            let (name, only_port) = split_port(entry);
            if only_port.is_some_and(|only| only != port) {
                return false;
            }
            match (address, name.parse::<IpAddr>()) {
                (Some(address), Ok(entry)) => entry.to_canonical() == address,
                (None, Err(_)) => is_domain_of(&name.to_ascii_lowercase(), &host),
                _ => false,
            }
        })
    }
}

/// An entry without its port.
fn split_port(entry: &str) -> (&str, Option<u16>) {
    if let Some(rest) = entry.strip_prefix('[')
        && let Some((address, port)) = rest.split_once(']')
    {
        return (address, port.strip_prefix(':').and_then(|port| port.parse().ok()));
    }
    match entry.split_once(':') {
        // An address of IPv6 has more colons.
        Some((name, port)) if !port.contains(':') => (name, port.parse().ok()),
        _ => (entry, None),
    }
}

fn is_domain_of(entry: &str, host: &str) -> bool {
    let below = |domain: &str| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1);
    match entry.strip_prefix("*.").or_else(|| entry.strip_prefix('.')) {
        Some(domain) => below(domain),
        None => host == entry || below(entry),
    }
}

fn is_within(address: IpAddr, network: &str, length: &str) -> bool {
    let Ok(length) = length.parse::<u32>() else { return false };
    match (address, network.parse::<IpAddr>()) {
        (IpAddr::V4(address), Ok(IpAddr::V4(network))) => {
            length <= u32::BITS && same_prefix(address.to_bits().into(), network.to_bits().into(), u32::BITS - length)
        }
        (IpAddr::V6(address), Ok(IpAddr::V6(network))) => {
            length <= u128::BITS && same_prefix(address.to_bits(), network.to_bits(), u128::BITS - length)
        }
        _ => false,
    }
}

/// Whether two numbers are the same but for so many bits at their ends.
fn same_prefix(one: u128, other: u128, ignored: u32) -> bool {
    (one ^ other).checked_shr(ignored).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_stand_for_hosts() {
        let table = [
            ("*", "anything", 1, true),
            ("", "anything", 1, false),
            (" , ", "anything", 1, false),
            ("example.com", "example.com", 1, true),
            ("example.com", "EXAMPLE.com.", 1, true),
            ("example.com", "a.b.example.com", 1, true),
            ("example.com", "badexample.com", 1, false),
            (".example.com", "a.example.com", 1, true),
            (".example.com", "example.com", 1, false),
            ("*.example.com", "a.example.com", 1, true),
            ("other, Example.com", "example.com", 1, true),
            ("example.com:443", "example.com", 443, true),
            ("example.com:443", "example.com", 80, false),
            ("10.0.0.1", "10.0.0.1", 1, true),
            ("10.0.0.1:5", "10.0.0.1", 1, false),
            ("10.0.0.1", "10.0.0.2", 1, false),
            ("10.0.0.0/8", "10.1.2.3", 1, true),
            ("10.0.0.0/8", "11.1.2.3", 1, false),
            ("0.0.0.0/0", "11.1.2.3", 1, true),
            ("10.0.0.0/33", "10.0.0.0", 1, false),
            ("10.0.0.0/x", "10.0.0.0", 1, false),
            ("10.0.0.0/8", "10.example.com", 1, false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", 1, true),
            ("2001:db8::/32", "2001:db8::1", 1, true),
            ("2001:db8::/32", "2001:db9::1", 1, false),
            ("::/0", "2001:db9::1", 1, true),
            ("::1", "::1", 1, true),
            ("[::1]:5", "::1", 5, true),
            ("[::1]:5", "::1", 6, false),
        ];
        for (list, host, port, expected) in table {
            assert_eq!(NoProxy::new(list).has(host, port), expected, "{list:?} has {host}:{port}");
        }
    }
}
