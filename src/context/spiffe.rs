//! SPIFFE ids: names of workloads, as certificates carry them (the standard "SPIFFE-ID").

use std::error::Error;
use std::fmt;
use std::str::FromStr;

/// The name of a workload: `spiffe://trust-domain/path`.
///
/// ```
/// use seltzer::context::SpiffeId;
///
/// # fn main() -> Result<(), seltzer::context::InvalidSpiffeId> {
/// let id: SpiffeId = "spiffe://example.org/shop/checkout".parse()?;
/// assert_eq!(id.trust_domain(), "example.org");
/// assert_eq!(id.path(), "/shop/checkout");
/// assert!("https://example.org/shop".parse::<SpiffeId>().is_err());
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpiffeId {
    id: String,
    /// Where the path begins in it.
    path: usize,
}

/// Why a text is no SPIFFE id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidSpiffeId {
    reason: &'static str,
}

const SCHEME: &str = "spiffe://";

/// The longest id, in bytes: so much every implementation must take, and more none may make.
const BYTES_MAX: usize = 2048;

/// The longest trust domain, in bytes: as long as a host name.
const TRUST_DOMAIN_BYTES_MAX: usize = 255;

impl SpiffeId {
    /// Who vouches for the workload: `example.org` of `spiffe://example.org/shop/checkout`.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        self.id.get(SCHEME.len()..self.path).unwrap_or_default()
    }

    /// Which workload it is within its trust domain: `/shop/checkout` of `spiffe://example.org/shop/checkout`. Empty
    /// for the id of a trust domain itself.
    #[must_use]
    pub fn path(&self) -> &str {
        self.id.get(self.path..).unwrap_or_default()
    }

    /// The whole id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.id
    }
}

impl FromStr for SpiffeId {
    type Err = InvalidSpiffeId;

    fn from_str(text: &str) -> Result<Self, InvalidSpiffeId> {
        let refuse = |reason| Err(InvalidSpiffeId { reason });
        if text.len() > BYTES_MAX {
            return refuse("it has more than 2048 bytes");
        }
        let Some(rest) = text.strip_prefix(SCHEME) else {
            return refuse("it does not start with spiffe://");
        };
        let (trust_domain, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        if trust_domain.is_empty() {
            return refuse("it names no trust domain");
        }
        if trust_domain.len() > TRUST_DOMAIN_BYTES_MAX {
            return refuse("its trust domain has more than 255 bytes");
        }
        if !trust_domain.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_')) {
            return refuse("its trust domain has other characters than lower-case letters, digits, dots, dashes and _");
        }
        for segment in path.split('/').skip(1) {
            match segment {
                "" => return refuse("its path has an empty segment, or ends in /"),
                "." | ".." => return refuse("its path has a segment . or .."),
                _ => {}
            }
            if !segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_".contains(&byte)) {
                return refuse("its path has other characters than letters, digits, dots, dashes and _");
            }
        }
        Ok(SpiffeId { id: text.to_owned(), path: text.len() - path.len() })
    }
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)
    }
}

impl AsRef<str> for SpiffeId {
    fn as_ref(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for InvalidSpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this is no SPIFFE id: {}", self.reason)
    }
}

impl Error for InvalidSpiffeId {}

#[cfg(test)]
mod tests {
    use super::SpiffeId;

    /// Its trust domain and path, or a part of why it is refused.
    fn check(text: &str, expected: Result<(&str, &str), &str>) {
        match (text.parse::<SpiffeId>(), expected) {
            (Ok(id), Ok(parts)) => {
                assert_eq!((id.trust_domain(), id.path()), parts, "{text}");
                assert_eq!((id.as_str(), id.to_string().as_str()), (text, text));
            }
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{text}: {error}"),
            (found, expected) => panic!("{text}: {found:?} instead of {expected:?}"),
        }
    }

    #[test]
    fn what_is_a_spiffe_id() {
        check("spiffe://example.org/shop/checkout", Ok(("example.org", "/shop/checkout")));
        check("spiffe://example.org", Ok(("example.org", "")));
        check("spiffe://a_b-c.1/A.b-c_9", Ok(("a_b-c.1", "/A.b-c_9")));
        check("spiffe://a/...", Ok(("a", "/...")));
        let longest = format!("spiffe://{}/{}", "d".repeat(255), "p".repeat(2048 - 9 - 256));
        check(&longest, Ok((&longest[9..264], &longest[264..])));
    }

    #[test]
    fn what_is_none() {
        check("", Err("does not start"));
        check("https://example.org/a", Err("does not start"));
        check("SPIFFE://example.org/a", Err("does not start"));
        check("spiffe:/example.org/a", Err("does not start"));
        check("spiffe://", Err("no trust domain"));
        check("spiffe:///a", Err("no trust domain"));
        for domain in
            ["Example.org", "user@example.org", "example.org:80", "exa%6dple", "ex\u{e4}mple", "a b", "a?b", "a#b"]
        {
            check(&format!("spiffe://{domain}/a"), Err("its trust domain has other characters"));
        }
        check("spiffe://a/", Err("empty segment"));
        check("spiffe://a//b", Err("empty segment"));
        check("spiffe://a/b/", Err("empty segment"));
        check("spiffe://a/./b", Err("segment . or .."));
        check("spiffe://a/b/..", Err("segment . or .."));
        for path in ["a%2fb", "a b", "a?b", "a#b", "\u{fc}", "a\0"] {
            check(&format!("spiffe://a/{path}"), Err("its path has other characters"));
        }
        check(&format!("spiffe://{}", "a".repeat(256)), Err("more than 255"));
        check(&format!("spiffe://a/{}", "b".repeat(2048)), Err("more than 2048"));
    }
}
