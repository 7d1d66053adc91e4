//! The options of `seltzer serve` that bound what a peer may do. Their defaults are the library's.

use clap::Args;
use seltzer::codec::DECODING_BYTES_MAX_DEFAULT;
use seltzer::transport::{Http2Limits, TLS_HANDSHAKE_TIMEOUT, TLS_HANDSHAKES_MAX};

use crate::arguments::quantities::{Bytes, Count, Frequency, Limit, Seconds, bytes_within, seconds_or_zero};

/// What a server has unless told otherwise.
const DEFAULT: Http2Limits = Http2Limits::server();

/// What HTTP/2 itself permits (RFC 9113, sections 6.5.2 and 6.9.2).
const FRAME_BYTES_SMALLEST: u64 = 1 << 14;
const FRAME_BYTES_LARGEST: u64 = (1 << 24) - 1;
const WINDOW_BYTES_LARGEST: u64 = (1 << 31) - 1;
/// The window that every connection begins with; it cannot be made smaller.
const CONNECTION_WINDOW_BYTES_SMALLEST: u64 = (1 << 16) - 1;
/// Requests of gRPC have a dozen headers by themselves.
const HEADER_FIELDS_SMALLEST: i64 = 16;
const HEADER_LIST_BYTES_SMALLEST: u64 = 1 << 10;
/// A window of no byte could never be used, and tables above this help nobody.
const STREAM_WINDOW_BYTES_SMALLEST: u64 = 1;
const HEADER_TABLE_BYTES_LARGEST: u64 = 1 << 20;
/// A message of a size that does not fit into its prefix.
const MESSAGE_BYTES_LARGEST: u64 = (1 << 32) - 1;
/// Fewer would have no room for the smallest message that waits.
const MEMORY_BYTES_SMALLEST: u64 = 1 << 16;
const MEMORY_BYTES_LARGEST: u64 = u64::MAX;

/// Everything of the library's `Limits`, but for how long connections last.
#[derive(Debug, Args)]
pub(crate) struct LimitArguments {
    #[command(flatten)]
    pub(crate) http2: Http2Arguments,

    #[command(flatten)]
    pub(crate) patience: PatienceArguments,

    #[command(flatten)]
    pub(crate) memory: MemoryArguments,
}

/// What one connection may have and do.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits of a connection")]
pub(crate) struct Http2Arguments {
    /// Calls at once on one connection; more are refused, and clients make those again
    #[arg(long, value_name = "N", default_value_t = DEFAULT.concurrent_streams_max, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_concurrent_streams: u32,

    /// The headers of a request together, each with 32 bytes more than it has
    #[arg(long, value_name = "BYTES", default_value_t = Bytes::of(DEFAULT.header_list_bytes_max), value_parser = bytes_within::<HEADER_LIST_BYTES_SMALLEST, WINDOW_BYTES_LARGEST>)]
    pub(crate) max_header_list_bytes: Bytes,

    /// How many headers a request may have, each part of a cookie counted
    #[arg(long, value_name = "N", default_value_t = fields(DEFAULT.header_fields_max), value_parser = clap::value_parser!(u32).range(HEADER_FIELDS_SMALLEST..))]
    pub(crate) max_header_fields: u32,

    /// In how many frames headers may come, beside the first; empty ones count
    #[arg(long, value_name = "N", default_value_t = DEFAULT.continuation_frames_max)]
    pub(crate) max_continuation_frames: u32,

    /// What the client's header compression may remember
    #[arg(long, value_name = "BYTES", default_value_t = Bytes::of(DEFAULT.header_table_bytes), value_parser = bytes_within::<0, HEADER_TABLE_BYTES_LARGEST>)]
    pub(crate) header_table_bytes: Bytes,

    /// The largest frame that is received; from 64KiB on, large messages of streams are read without a copy
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(u64::from(DEFAULT.frame_bytes_max)), value_parser = bytes_within::<FRAME_BYTES_SMALLEST, FRAME_BYTES_LARGEST>)]
    pub(crate) max_frame_bytes: Bytes,

    /// What a client may send on one stream before its handler takes it
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(u64::from(DEFAULT.stream_window_bytes)), value_parser = bytes_within::<STREAM_WINDOW_BYTES_SMALLEST, WINDOW_BYTES_LARGEST>)]
    pub(crate) stream_window_bytes: Bytes,

    /// What a client may send on all streams before it is read from the socket
    #[arg(long, value_name = "BYTES", default_value_t = Bytes(u64::from(DEFAULT.connection_window_bytes)), value_parser = bytes_within::<CONNECTION_WINDOW_BYTES_SMALLEST, WINDOW_BYTES_LARGEST>)]
    pub(crate) connection_window_bytes: Bytes,

    /// Answers to pings and settings that may wait for the socket before nothing more is read
    #[arg(long, value_name = "N", default_value_t = DEFAULT.control_frames_max, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_control_frames: u32,

    /// How often a client may take calls back before they were answered; beyond, the connection ends
    #[arg(long, value_name = "BURST:PER_SECOND", default_value_t = Frequency(DEFAULT.early_resets))]
    pub(crate) early_resets: Frequency,

    /// How often a client may do what is wrong and can be survived; beyond, the connection ends
    #[arg(long, value_name = "BURST:PER_SECOND", default_value_t = Frequency(DEFAULT.glitches))]
    pub(crate) glitches: Frequency,

    /// How often a client may send frames that are allowed and achieve nothing; beyond, the connection ends
    #[arg(long, value_name = "BURST:PER_SECOND", default_value_t = Frequency(DEFAULT.idle_frames))]
    pub(crate) idle_frames: Frequency,
}

/// How long a peer may take.
#[derive(Debug, Args)]
#[command(next_help_heading = "How long a client may take")]
pub(crate) struct PatienceArguments {
    /// Until a new connection has said that it speaks HTTP/2, and its settings
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(DEFAULT.preface_timeout))]
    pub(crate) preface_timeout: Seconds,

    /// From the first byte of a request's headers to the last
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(DEFAULT.header_block_timeout))]
    pub(crate) header_block_timeout: Seconds,

    /// Until it has acknowledged the server's settings
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(DEFAULT.settings_ack_timeout))]
    pub(crate) settings_ack_timeout: Seconds,

    /// Without taking a byte: of the socket, or of an answer that is complete
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(DEFAULT.stall_timeout))]
    pub(crate) stall_timeout: Seconds,

    /// Without taking a byte of a stream that goes on; it is the call that ends
    #[arg(long, value_name = "SECONDS", default_value_t = Limit(DEFAULT.stream_stall_timeout.map(Seconds)))]
    pub(crate) stream_stall_timeout: Limit<Seconds>,

    /// For a TLS handshake, the wait for its turn included
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(TLS_HANDSHAKE_TIMEOUT))]
    pub(crate) tls_handshake_timeout: Seconds,

    /// How many TLS handshakes go on at a time; others wait for their turn
    #[arg(long, value_name = "N", default_value_t = Count(handshakes(TLS_HANDSHAKES_MAX)))]
    pub(crate) max_tls_handshakes: Count,
}

/// What a peer may have the server keep.
#[derive(Debug, Args)]
#[command(next_help_heading = "Messages and memory")]
pub(crate) struct MemoryArguments {
    /// The largest request message, as it comes and decompressed
    #[arg(long, value_name = "BYTES", default_value_t = Bytes::of(DECODING_BYTES_MAX_DEFAULT), value_parser = bytes_within::<0, MESSAGE_BYTES_LARGEST>)]
    pub(crate) max_message_bytes: Bytes,

    /// The largest reply message
    #[arg(long, value_name = "BYTES", default_value_t = Limit::NONE)]
    pub(crate) max_reply_bytes: Limit<Bytes>,

    /// What may wait on one connection: messages that are not complete, bytes that no handler has taken. Beyond, new calls are refused, then the largest ends [default: 64MiB, or as much as its streams may send unasked]
    #[arg(long, value_name = "BYTES", value_parser = bytes_within::<MEMORY_BYTES_SMALLEST, MEMORY_BYTES_LARGEST>)]
    pub(crate) connection_memory_bytes: Option<Bytes>,

    /// The same for all connections together
    #[arg(long, value_name = "BYTES", default_value_t = Limit::NONE)]
    pub(crate) memory_bytes: Limit<Bytes>,
}

/// How long connections last.
#[derive(Debug, Args)]
#[command(next_help_heading = "Lifetime of connections")]
pub(crate) struct LifetimeArguments {
    /// Closes connections of this age, give or take a tenth, so that clients look anew where to connect to; calls go on
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) max_connection_age: Limit<Seconds>,

    /// How long calls may go on when their connection is too old
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) max_connection_age_grace: Limit<Seconds>,

    /// Closes connections that have had no call for so long
    #[arg(long, value_name = "SECONDS", default_value_t = Limit::NONE)]
    pub(crate) max_connection_idle: Limit<Seconds>,

    /// Closes connections after so many calls, when these are over
    #[arg(long, value_name = "N", default_value_t = Limit::NONE)]
    pub(crate) max_connection_requests: Limit<Count>,
}

/// Who asks whether the other side still lives, and how often.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keepalive")]
pub(crate) struct KeepaliveArguments {
    /// Pings clients that were silent for so long
    #[arg(long, value_name = "SECONDS", default_value_t = Limit(DEFAULT.keepalive_interval.map(Seconds)))]
    pub(crate) keepalive_interval: Limit<Seconds>,

    /// Closes connections that do not answer such a ping in time
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(DEFAULT.keepalive_timeout))]
    pub(crate) keepalive_timeout: Seconds,

    /// Pings only while a call is open
    #[arg(long)]
    pub(crate) keepalive_only_during_calls: bool,

    /// How close the pings of a client may come while nothing is sent to it
    #[arg(long, value_name = "SECONDS", default_value_t = Seconds(DEFAULT.client_ping_interval_min), value_parser = seconds_or_zero)]
    pub(crate) min_client_ping_interval: Seconds,

    /// How many may come closer; the next one ends the connection with `too_many_pings`
    #[arg(long, value_name = "N", default_value_t = DEFAULT.ping_strikes_max)]
    pub(crate) max_ping_strikes: u32,
}

const fn fields(count: usize) -> u32 {
    count as u32
}

const fn handshakes(count: usize) -> u32 {
    count as u32
}
