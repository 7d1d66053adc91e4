//! Every limit, in one place: a named constant with its unit and its reason, and a field to change it.

use crate::bucket::Rate;
use std::time::Duration;

/// Streams at once. Enough for any client that reuses connections, and what a hostile one can pin stays small.
pub const CONCURRENT_STREAMS_MAX: u32 = 256;
/// A header list, counted as SETTINGS_MAX_HEADER_LIST_SIZE does. The largest that common servers accept.
pub const HEADER_LIST_BYTES_MAX: usize = 16 * 1024;
/// Fields of a header list: a field may cost one byte to send and far more to keep.
pub const HEADER_FIELDS_MAX: usize = 128;
/// Encoded bytes of a header block before the connection is closed, as a multiple of the list's limit. Up to there a
/// too large list costs only its stream.
pub const HEADER_BLOCK_FACTOR: usize = 2;
/// CONTINUATION frames of one header block, empty ones included.
pub const CONTINUATION_FRAMES_MAX: u32 = 8;
/// The peer's part of header compression, RFC 7541's own default.
pub const HEADER_TABLE_BYTES: usize = 4096;
/// The frame size that is announced to the peer: RFC 9113's smallest. Larger DATA frames can be read straight into
/// large messages; but then header blocks above the limit arrive whole, which are refused at their second frame now.
pub const FRAME_BYTES_MAX: u32 = 16_384;
/// How much a peer may send on one stream before the application takes it.
pub const STREAM_WINDOW_BYTES: u32 = 1024 * 1024;
/// How much a peer may send on all streams before it is read from the socket.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;
/// Client preface and first SETTINGS: a silent connection holds memory.
pub const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);
/// From the first to the last frame of a header block.
pub const HEADER_BLOCK_TIMEOUT: Duration = Duration::from_secs(10);
/// Until our SETTINGS are acknowledged. Generous: the acknowledgement waits behind what the peer sends.
pub const SETTINGS_ACK_TIMEOUT: Duration = Duration::from_secs(60);
/// A socket that takes no byte, or a finished message that waits for a window.
pub const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// Silence before a server asks whether the peer still lives.
pub const SERVER_KEEPALIVE_INTERVAL: Duration = Duration::from_secs(2 * 60 * 60);
/// How long the answer may take.
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(20);
/// How close the PING frames of a client may come while nothing is sent to it.
pub const CLIENT_PING_INTERVAL_MIN: Duration = Duration::from_secs(5 * 60);
/// How many may come closer before the connection ends with `too_many_pings`.
pub const PING_STRIKES_MAX: u32 = 2;
/// Until the peer answers the PING of a graceful shutdown.
pub const DRAIN_PING_TIMEOUT: Duration = Duration::from_secs(5);
/// Streams that are reset before their response's headers.
pub const EARLY_RESETS: Rate = Rate::new(1000, 100);
/// Whatever a peer does wrong without breaking the connection.
pub const GLITCHES: Rate = Rate::new(1000, 100);
/// Frames that are allowed and achieve nothing: PRIORITY, unknown types, repeated empty DATA, SETTINGS, WINDOW_UPDATE for
/// nothing that was sent.
pub const IDLE_FRAMES: Rate = Rate::new(10_000, 1000);
/// Answers to control frames that may wait in the output before reading stops.
pub const CONTROL_FRAMES_MAX: u32 = 1000;
/// Streams whose reset is remembered, so that what was on its way is not taken for an error.
pub const REMEMBERED_RESETS: usize = 1024;
/// Queued bytes of a stream above which it should not produce more.
pub const SEND_HIGH_WATER: usize = 64 * 1024;
/// Queued bytes below which it may go on.
pub const SEND_LOW_WATER: usize = 32 * 1024;
/// Bytes that wait for the socket before streams keep theirs: enough for one large write.
pub const OUTPUT_BYTES_TARGET: usize = 512 * 1024;
/// Payload of one DATA frame that is sent, also if the peer takes larger ones: streams take turns by frames.
pub const SENT_FRAME_BYTES_MAX: usize = 64 * 1024;
/// Up to this size data is copied into the output instead of being queued by reference.
pub const COPY_BYTES_MAX: usize = 4 * 1024;

/// What a peer may do, and how long it may take. All fields start from the constants of [`limits`](crate::limits).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Streams that the peer may have at once; more are refused. See [`CONCURRENT_STREAMS_MAX`].
    pub concurrent_streams_max: u32,
    /// See [`HEADER_LIST_BYTES_MAX`].
    pub header_list_bytes_max: usize,
    /// See [`HEADER_FIELDS_MAX`].
    pub header_fields_max: usize,
    /// See [`CONTINUATION_FRAMES_MAX`].
    pub continuation_frames_max: u32,
    /// See [`HEADER_TABLE_BYTES`].
    pub header_table_bytes: usize,
    /// See [`FRAME_BYTES_MAX`]; 16,384 to 16,777,215.
    pub frame_bytes_max: u32,
    /// See [`STREAM_WINDOW_BYTES`]; up to 2,147,483,647.
    pub stream_window_bytes: u32,
    /// See [`CONNECTION_WINDOW_BYTES`]; 65,535 to 2,147,483,647.
    pub connection_window_bytes: u32,
    /// See [`PREFACE_TIMEOUT`].
    pub preface_timeout: Duration,
    /// See [`HEADER_BLOCK_TIMEOUT`].
    pub header_block_timeout: Duration,
    /// See [`SETTINGS_ACK_TIMEOUT`].
    pub settings_ack_timeout: Duration,
    /// See [`STALL_TIMEOUT`].
    pub stall_timeout: Duration,
    /// How long data of a stream that is not finished may wait for a window that the peer does not open; `None`: as long
    /// as the peer likes, because a stream whose reader pauses is nobody's fault.
    pub stream_stall_timeout: Option<Duration>,
    /// Silence before a PING asks whether the peer lives; `None`: never. A server's default is
    /// [`SERVER_KEEPALIVE_INTERVAL`]; a client does it only if told to.
    pub keepalive_interval: Option<Duration>,
    /// See [`KEEPALIVE_TIMEOUT`].
    pub keepalive_timeout: Duration,
    /// Whether PING frames ask also while no stream is open.
    pub keepalive_while_idle: bool,
    /// See [`CLIENT_PING_INTERVAL_MIN`].
    pub client_ping_interval_min: Duration,
    /// See [`PING_STRIKES_MAX`].
    pub ping_strikes_max: u32,
    /// Time without a stream after which the connection closes gracefully; `None`: never.
    pub idle_timeout: Option<Duration>,
    /// Age at which the connection closes gracefully; `None`: never. Whoever wants jitter adds it here.
    pub age_max: Option<Duration>,
    /// How long streams may go on once that age is reached; `None`: as long as they like.
    pub age_grace: Option<Duration>,
    /// Streams that a client may open before the connection closes gracefully, at least 1; `None`: any number.
    pub requests_max: Option<u64>,
    /// See [`EARLY_RESETS`].
    pub early_resets: Rate,
    /// See [`GLITCHES`].
    pub glitches: Rate,
    /// See [`IDLE_FRAMES`].
    pub idle_frames: Rate,
    /// See [`CONTROL_FRAMES_MAX`].
    pub control_frames_max: u32,
}

impl Limits {
    /// What a server ships with.
    #[must_use]
    pub const fn server() -> Self {
        Limits {
            concurrent_streams_max: CONCURRENT_STREAMS_MAX,
            header_list_bytes_max: HEADER_LIST_BYTES_MAX,
            header_fields_max: HEADER_FIELDS_MAX,
            continuation_frames_max: CONTINUATION_FRAMES_MAX,
            header_table_bytes: HEADER_TABLE_BYTES,
            frame_bytes_max: FRAME_BYTES_MAX,
            stream_window_bytes: STREAM_WINDOW_BYTES,
            connection_window_bytes: CONNECTION_WINDOW_BYTES,
            preface_timeout: PREFACE_TIMEOUT,
            header_block_timeout: HEADER_BLOCK_TIMEOUT,
            settings_ack_timeout: SETTINGS_ACK_TIMEOUT,
            stall_timeout: STALL_TIMEOUT,
            stream_stall_timeout: None,
            keepalive_interval: Some(SERVER_KEEPALIVE_INTERVAL),
            keepalive_timeout: KEEPALIVE_TIMEOUT,
            keepalive_while_idle: true,
            client_ping_interval_min: CLIENT_PING_INTERVAL_MIN,
            ping_strikes_max: PING_STRIKES_MAX,
            idle_timeout: None,
            age_max: None,
            age_grace: None,
            requests_max: None,
            early_resets: EARLY_RESETS,
            glitches: GLITCHES,
            idle_frames: IDLE_FRAMES,
            control_frames_max: CONTROL_FRAMES_MAX,
        }
    }

    /// What a client ships with: the same, but it sends no PING of its own.
    #[must_use]
    pub const fn client() -> Self {
        Limits { keepalive_interval: None, keepalive_while_idle: false, ..Limits::server() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Limits::server()
    }
}
