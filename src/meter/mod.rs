//! What telemetry counts of calls: cells for each method and status, which servers and channels write and exporters
//! read. Without the feature `telemetry` all of it is nothing at all (`off.rs`).

mod cells;
mod client;
mod histogram;
mod server;
mod shards;
mod sizes;

pub(crate) use self::cells::{Ends, Outcome};
pub(crate) use self::client::{
    ChannelMeter, ClientAttempt, ClientCall, ClientMeter, ClientMethodMeter, ClientReading, UnaryAttempt,
};
pub(crate) use self::histogram::{DURATION_BOUNDS, Distribution, RETRY_BOUNDS, SIZE_BOUNDS, TRANSPARENT_BOUNDS, Took};
pub(crate) use self::server::{CallCount, MethodMeter, ServerMeter, ServerReading};
pub(crate) use self::sizes::MessageSizes;
