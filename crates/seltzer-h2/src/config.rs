//! How a connection is set up.

use crate::limits::Limits;

/// How a connection is set up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// What the peer may do.
    pub limits: Limits,
}

impl Config {
    /// What a server ships with.
    #[must_use]
    pub const fn server() -> Self {
        Config { limits: Limits::server() }
    }

    /// What a client ships with.
    #[must_use]
    pub const fn client() -> Self {
        Config { limits: Limits::client() }
    }

    /// The same with other limits.
    #[must_use]
    pub const fn with_limits(limits: Limits) -> Self {
        Config { limits }
    }
}
