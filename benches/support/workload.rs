//! What is measured: how messages travel, how large they are, how many callers send them at once.

use crate::size::Size;

/// How messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A call for each message, which the response carries.
    UnaryDown,
    /// One call whose responses are the messages.
    ServerStreaming,
    /// A call for each message, which the request carries.
    UnaryUp,
    /// One call whose requests are the messages.
    ClientStreaming,
    /// A call for each message, which the response brings back.
    UnaryBoth,
    /// One call: all messages are sent without waiting, while each comes back.
    Bidirectional,
    /// One call: the next message is sent when the one before has come back.
    PingPong,
}

impl Kind {
    /// Each way to stream stands behind the unary calls that do the same work, so that both meet the same weather.
    pub(crate) const ALL: [Kind; 7] = [
        Kind::UnaryDown,
        Kind::ServerStreaming,
        Kind::UnaryUp,
        Kind::ClientStreaming,
        Kind::UnaryBoth,
        Kind::Bidirectional,
        Kind::PingPong,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::UnaryDown => "unary-down",
            Kind::ServerStreaming => "server-streaming",
            Kind::UnaryUp => "unary-up",
            Kind::ClientStreaming => "client-streaming",
            Kind::UnaryBoth => "unary-both",
            Kind::Bidirectional => "bidirectional",
            Kind::PingPong => "ping-pong",
        }
    }

    /// Whether each message's payload crosses the network twice, up and down.
    fn comes_back(self) -> bool {
        matches!(self, Kind::UnaryBoth | Kind::Bidirectional | Kind::PingPong)
    }

    /// Whether nobody sends a message before the one before was answered.
    fn waits_for_answers(self) -> bool {
        matches!(self, Kind::UnaryDown | Kind::UnaryUp | Kind::UnaryBoth | Kind::PingPong)
    }
}

/// One measured case.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Workload {
    pub(crate) kind: Kind,
    pub(crate) size: Size,
    /// Callers that run at once over one connection, each with one call or stream at a time.
    pub(crate) in_flight: usize,
}

/// One caller, and as many as a busy client has.
pub(crate) const IN_FLIGHT: [usize; 2] = [1, 100];

impl Workload {
    /// Messages of one caller in one iteration.
    pub(crate) fn messages_per_caller(&self) -> usize {
        let per_lane = if self.kind.waits_for_answers() { self.size.calls } else { self.size.streamed };
        if self.in_flight == 1 { per_lane.alone } else { per_lane.together }
    }

    /// Messages of all callers in one iteration.
    pub(crate) fn messages(&self) -> u64 {
        (self.messages_per_caller() * self.in_flight) as u64
    }

    /// Bytes of payload that the network carries for one message.
    pub(crate) fn bytes_per_message(&self) -> usize {
        if self.kind.comes_back() { 2 * self.size.bytes } else { self.size.bytes }
    }

    /// The group of the case in criterion's words: `throughput/unary-down/16B`.
    pub(crate) fn group(&self) -> String {
        format!("throughput/{}/{}", self.kind.name(), self.size.name)
    }

    /// The last part of its name: `1-in-flight`.
    pub(crate) fn lanes(&self) -> String {
        format!("{}-in-flight", self.in_flight)
    }
}
