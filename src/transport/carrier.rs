//! What carries HTTP/2 on connections.

/// What carries HTTP/2 on connections. HTTP/1.1, which servers have with the feature `http1`, is always hyper's.
///
/// Calls get the same answers over both. Chosen with `Server::carrier` and `Endpoint::carrier`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Carrier {
    /// Our own engine, `seltzer-h2`.
    #[default]
    Engine,
    /// hyper, to compare with. It knows fewer limits on what a peer may do.
    #[cfg(feature = "carrier-hyper")]
    Hyper,
}
