//! A connection: the rules of RFC 9113 for both roles.

mod close;
mod header_block;
mod peer;
mod receive;
mod receive_control;
mod receive_data;
mod receive_headers;
mod send;
mod send_headers;
mod send_queue;
mod timers;

use crate::bucket::Bucket;
use crate::config::Config;
use crate::connection::close::Closing;
use crate::connection::header_block::HeaderBlock;
use crate::connection::peer::PeerSettings;
use crate::connection::receive_data::DataFrame;
use crate::connection::timers::Timers;
use crate::error::Reason;
use crate::event::Event;
use crate::fields::FieldList;
use crate::flow::{ReceiveWindow, SendWindow, Updates, WINDOW_DEFAULT, WINDOW_MAX};
use crate::frame::{self, CLIENT_PREFACE, FRAME_BYTES_LIMIT, FRAME_BYTES_MIN, settings, window_update};
use crate::hpack::{self, Decoder, Encoder, Memo};
use crate::limits::Limits;
use crate::output::Output;
use crate::reset_memory::ResetMemory;
use crate::stream::Stream;
use crate::stream_id::StreamId;
use crate::stream_table::StreamTable;
use bytes::BytesMut;
use std::collections::VecDeque;
use std::io::IoSlice;
use std::time::Instant;

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Client,
    Server,
}

/// How far the connection has come in receiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Server: so many bytes of the client's preface came, section 3.4.
    Preface(usize),
    /// The first frame must be SETTINGS, section 3.4.
    FirstSettings,
    /// Frames.
    Frames,
    /// It is over: whatever comes is swallowed.
    Closed,
}

/// One HTTP/2 connection, without its socket and without a clock.
///
/// Bytes that were read go into [`next_event`](Self::next_event), answers go in by the `send` functions, and what
/// must be written is in [`output`](Self::output).
///
/// ```
/// use seltzer_h2::{Config, Connection, Event, HeaderField};
/// use std::time::Instant;
///
/// let now = Instant::now();
/// let mut client = Connection::client(&Config::client(), now);
/// let stream = client.open_stream()?;
/// let request = [(":method", "GET"), (":scheme", "http"), (":authority", "localhost"), (":path", "/")];
/// let fields = request.map(|(name, value)| HeaderField::new(name.as_bytes(), value.as_bytes()));
/// client.send_headers(stream, fields, true)?;
/// let written = client.take_output(now);
///
/// let mut server = Connection::server(&Config::server(), now);
/// let mut input = &written[..];
/// let mut requests = 0;
/// while let Some(event) = server.next_event(&mut input, now) {
///     if let Event::Headers { stream, end_stream: true, .. } = event {
///         let path = server.fields().iter().find(|field| field.name == b":path").map(|field| field.value.to_vec());
///         assert_eq!(path.as_deref(), Some(&b"/"[..]));
///         server.send_headers(stream, [HeaderField::new(b":status", b"204")], true)?;
///         server.finish(stream);
///         requests += 1;
///     }
/// }
/// assert_eq!(requests, 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    role: Role,
    phase: Phase,
    limits: Limits,
    /// The latest instant that anybody told.
    now: Instant,
    output: Output,
    encoder: Encoder,
    decoder: Decoder,
    header_limits: hpack::Limits,

    streams: StreamTable<Stream>,
    resets: ResetMemory,
    /// The highest stream that the peer opened.
    last_peer_stream: StreamId,
    /// How many more streams the peer may open before the connection closes gracefully.
    requests_left: u64,
    /// The next stream that this side opens.
    next_stream: u32,

    /// The DATA frame whose payload is coming.
    data: Option<DataFrame>,
    /// Bytes of a frame that nobody needs.
    skip: usize,
    /// The header block whose end did not come yet.
    block: Option<Box<HeaderBlock>>,
    receive_window: ReceiveWindow,
    /// The window that a stream of the peer begins with, as far as the peer knows it.
    stream_window: u32,
    /// Our SETTINGS were acknowledged.
    is_settled: bool,
    /// New streams of the peer are refused.
    refuses_streams: bool,

    peer: PeerSettings,
    send_window: SendWindow,
    updates: Updates,
    /// Streams with something to send and a window for it, by turns.
    ready: VecDeque<StreamId>,
    /// Streams that may be given more to send.
    writable: VecDeque<StreamId>,
    /// Streams with a queue.
    queueing: usize,

    pending: VecDeque<Event<'static>>,
    closing: Closing,
    timers: Timers,
    early_resets: Bucket,
    glitches: Bucket,
    idle_frames: Bucket,
}

impl Connection {
    /// The server's end of a new connection. Its SETTINGS are in the output.
    #[must_use]
    pub fn server(config: &Config, now: Instant) -> Self {
        let mut connection = Connection::new(config, Role::Server, now);
        connection.send_first_settings();
        connection
    }

    /// The client's end of a new connection. The preface and its SETTINGS are in the output.
    #[must_use]
    pub fn client(config: &Config, now: Instant) -> Self {
        let mut connection = Connection::new(config, Role::Client, now);
        connection.output.buffer().extend_from_slice(CLIENT_PREFACE);
        connection.send_first_settings();
        connection
    }

    fn new(config: &Config, role: Role, now: Instant) -> Self {
        let mut limits = config.limits;
        limits.frame_bytes_max = limits.frame_bytes_max.clamp(FRAME_BYTES_MIN, FRAME_BYTES_LIMIT);
        limits.stream_window_bytes = limits.stream_window_bytes.min(WINDOW_MAX);
        limits.connection_window_bytes = limits.connection_window_bytes.clamp(WINDOW_DEFAULT, WINDOW_MAX);
        Connection {
            role,
            phase: if role == Role::Server { Phase::Preface(0) } else { Phase::FirstSettings },
            now,
            output: Output::default(),
            encoder: Encoder::default(),
            // Until the peer knows a smaller table it may use the default.
            decoder: Decoder::new(limits.header_table_bytes.max(hpack::TABLE_BYTES_DEFAULT)),
            header_limits: hpack::Limits {
                list_bytes_max: limits.header_list_bytes_max,
                field_count_max: limits.header_fields_max,
            },
            streams: StreamTable::new(),
            resets: ResetMemory::default(),
            last_peer_stream: StreamId::ZERO,
            requests_left: limits.requests_max.unwrap_or(u64::MAX).max(1),
            next_stream: if role == Role::Client { 1 } else { 2 },
            data: None,
            skip: 0,
            block: None,
            receive_window: ReceiveWindow::new(limits.connection_window_bytes),
            // Until the peer knows a smaller window it may use the default.
            stream_window: limits.stream_window_bytes.max(WINDOW_DEFAULT),
            is_settled: false,
            refuses_streams: false,
            peer: PeerSettings::default(),
            send_window: SendWindow::new(WINDOW_DEFAULT),
            updates: Updates::default(),
            ready: VecDeque::new(),
            writable: VecDeque::new(),
            queueing: 0,
            pending: VecDeque::new(),
            closing: Closing::default(),
            timers: Timers::new(&limits, now),
            early_resets: Bucket::new(limits.early_resets, now),
            glitches: Bucket::new(limits.glitches, now),
            idle_frames: Bucket::new(limits.idle_frames, now),
            limits,
        }
    }

    fn send_first_settings(&mut self) {
        let list_bytes = u32::try_from(self.limits.header_list_bytes_max).unwrap_or(u32::MAX);
        let mut entries = [(0, 0); 6];
        let mut count = 0;
        let mut put = |number, value| {
            entries[count] = (number, value);
            count += 1;
        };
        if self.role == Role::Client {
            put(settings::ENABLE_PUSH, 0);
        } else {
            put(settings::MAX_CONCURRENT_STREAMS, self.limits.concurrent_streams_max);
        }
        put(settings::INITIAL_WINDOW_SIZE, self.limits.stream_window_bytes);
        put(settings::MAX_HEADER_LIST_SIZE, list_bytes);
        if self.limits.frame_bytes_max != FRAME_BYTES_MIN {
            put(settings::MAX_FRAME_SIZE, self.limits.frame_bytes_max);
        }
        if self.limits.header_table_bytes != hpack::TABLE_BYTES_DEFAULT {
            let table_bytes = u32::try_from(self.limits.header_table_bytes).unwrap_or(u32::MAX);
            put(settings::HEADER_TABLE_SIZE, table_bytes);
        }
        let increment = self.limits.connection_window_bytes - WINDOW_DEFAULT;
        let buffer = self.output.buffer();
        settings::put(buffer, &entries[..count]);
        if increment > 0 {
            window_update::put(buffer, StreamId::ZERO, increment);
        }
    }

    /// The fields of the last [`Event::Headers`].
    #[inline]
    #[must_use]
    pub fn fields(&self) -> &FieldList {
        self.decoder.fields()
    }

    /// What [`set_memo_tag`](Self::set_memo_tag) said last of this header block; 0 if nobody did.
    #[inline]
    #[must_use]
    pub fn memo_tag(&self, memo: Memo) -> u32 {
        self.decoder.memo_tag(memo)
    }

    /// Keeps a word beside a header block that is remembered, for example where it is routed to.
    #[inline]
    pub fn set_memo_tag(&mut self, memo: Memo, tag: u32) {
        self.decoder.set_memo_tag(memo, tag);
    }

    /// What the peer is held to.
    #[inline]
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Refuses new streams of the peer until told otherwise: it may try again, and nothing is held against it.
    #[inline]
    pub fn refuse_streams(&mut self, refuses: bool) {
        self.refuses_streams = refuses;
    }

    /// The number of streams that are not over.
    #[inline]
    #[must_use]
    pub fn active_streams(&self) -> usize {
        self.streams.len()
    }

    /// Whether more may be read: `false` while answers to the peer's own frames wait to be written.
    #[inline]
    #[must_use]
    pub fn reading_allowed(&self) -> bool {
        self.output.control_frames() < self.limits.control_frames_max
    }

    /// Whether there is anything to write.
    #[inline]
    #[must_use]
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// How many bytes there are to write.
    #[inline]
    #[must_use]
    pub fn output_bytes(&self) -> usize {
        self.output.len()
    }

    /// Fills slices with what there is to write, in order, and returns how many it filled.
    #[inline]
    pub fn output<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        self.output.slices(slices)
    }

    /// So many bytes of the output were written.
    #[inline]
    pub fn advance_output(&mut self, bytes: usize, now: Instant) {
        self.now = self.now.max(now);
        self.output.advance(bytes);
        self.timers.wrote(bytes, self.output.is_empty(), self.now);
        self.look_at_clock();
        if !self.ready.is_empty() {
            self.send_ready();
        }
    }

    /// Takes the whole output as one piece: for tests and tools, which have no socket.
    #[must_use]
    pub fn take_output(&mut self, now: Instant) -> Vec<u8> {
        let mut taken = Vec::with_capacity(self.output.len());
        while self.has_output() {
            let before = taken.len();
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.output(&mut slices);
            for slice in &slices[..filled] {
                taken.extend_from_slice(slice);
            }
            self.advance_output(taken.len() - before, now);
        }
        taken
    }

    /// Exchanges the buffer of small output with another, so that idle connections can do without one. Only while
    /// there is nothing to write; otherwise nothing happens.
    #[inline]
    pub fn swap_output_buffer(&mut self, buffer: &mut BytesMut) {
        self.output.swap_buffer(buffer);
    }

    /// Gives back memory that an idle connection does not need.
    pub fn shrink(&mut self) {
        self.output.shrink();
        if self.streams.is_empty() {
            self.streams.shrink();
            self.resets.shrink();
            self.ready = VecDeque::new();
            self.writable = VecDeque::new();
        }
        self.pending.shrink_to_fit();
        self.decoder.shrink();
        self.encoder.shrink();
    }

    /// Appends WINDOW_UPDATE.
    #[inline]
    fn send_window_update(&mut self, stream: StreamId, increment: u32) {
        window_update::put(self.output.buffer(), stream, increment);
    }

    /// So many flow-controlled bytes were read from the socket, wherever they belong.
    #[inline]
    fn credit_connection(&mut self, bytes: usize) {
        if let Some(increment) = self.receive_window.release(bytes, self.limits.connection_window_bytes) {
            self.send_window_update(StreamId::ZERO, increment);
        }
    }

    /// Appends RST_STREAM and remembers it. The stream's record is not touched.
    fn send_reset(&mut self, stream: StreamId, reason: Reason) {
        frame::rst_stream::put(self.output.buffer(), stream, reason);
        self.resets.remember(stream, false);
    }

    /// For tests: the receive windows and the send window, as they are once everything taken is announced.
    #[doc(hidden)]
    #[must_use]
    pub fn windows_at_rest(&self) -> (i64, usize) {
        (self.receive_window.at_rest(), self.send_window.available())
    }
}
