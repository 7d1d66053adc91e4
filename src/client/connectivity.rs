//! Whether a channel, or one backend of it, is connected.

/// How a channel or a backend stands, in the words of gRPC's connectivity semantics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectivityState {
    /// Not connected, and not trying to: the next call connects it.
    Idle,
    /// Connecting: calls wait.
    Connecting,
    /// Connected: calls go out.
    Ready,
    /// The last attempt failed, and another follows after a while. Calls fail, unless they wait for it.
    TransientFailure,
    /// Dropped: it connects never again.
    Shutdown,
}
