//! The sizes of messages that are measured.

/// A size of message, and how many of them one iteration moves.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) name: &'static str,
    /// Bytes of payload. The message around it is some four to eight bytes larger, and gRPC adds five.
    pub(crate) bytes: usize,
    /// How many messages one caller sends, one call each, in one iteration: few, because calls are slow.
    pub(crate) calls: PerLane,
    /// How many messages one stream carries: many, so that opening it hardly counts.
    pub(crate) streamed: PerLane,
}

/// A number for a caller that is alone, and one for each of the callers that are in flight together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PerLane {
    pub(crate) alone: usize,
    pub(crate) together: usize,
}

const fn per_lane(alone: usize, together: usize) -> PerLane {
    PerLane { alone, together }
}

/// Small enough that an iteration with 100 streams of a mebibyte ends within half a second.
pub(crate) const SIZES: [Size; 4] = [
    Size { name: "16B", bytes: 16, calls: per_lane(200, 20), streamed: per_lane(10_000, 1_000) },
    Size { name: "1KiB", bytes: 1024, calls: per_lane(200, 20), streamed: per_lane(10_000, 500) },
    Size { name: "64KiB", bytes: 64 * 1024, calls: per_lane(50, 5), streamed: per_lane(500, 10) },
    Size { name: "1MiB", bytes: 1024 * 1024, calls: per_lane(10, 2), streamed: per_lane(50, 2) },
];
