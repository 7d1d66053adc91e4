//! What carries HTTP/2 on a server's connections.

/// What carries HTTP/2 on a server's connections. HTTP/1.1 is always hyper's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Carrier {
    /// Our own engine.
    #[default]
    Engine,
    /// hyper, for comparison: the same calls get the same answers, at a higher price and with fewer limits.
    Hyper,
}
