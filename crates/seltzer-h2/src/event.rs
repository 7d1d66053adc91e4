//! What a connection reports.

use crate::error::{Error, Reason};
use crate::hpack::Memo;
use crate::stream_id::StreamId;

/// Which header block of a message came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadersKind {
    /// A request's headers; the stream is new.
    Request,
    /// A response's final headers.
    Response,
    /// Headers of an interim response, status 100 to 199.
    Interim,
    /// Trailers; they end the stream.
    Trailers,
}

/// What happened on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<'i> {
    /// A header block came. Its fields are in [`Connection::fields`](crate::Connection::fields) until the next event.
    Headers {
        /// The stream.
        stream: StreamId,
        /// Which block it is.
        kind: HeadersKind,
        /// Whether the peer sends nothing more on this stream.
        end_stream: bool,
        /// Names the whole block if it is remembered.
        memo: Memo,
    },
    /// A header block came whose list is beyond the limits. The stream is open: answer, or reset it.
    HeadersTooLarge {
        /// The stream.
        stream: StreamId,
        /// Whether the peer sends nothing more on this stream.
        end_stream: bool,
    },
    /// Part of a message's body came, perhaps part of a frame.
    Data {
        /// The stream.
        stream: StreamId,
        /// The part.
        bytes: &'i [u8],
        /// Whether the peer sends nothing more on this stream.
        end_stream: bool,
    },
    /// A stream is over early.
    Reset {
        /// The stream.
        stream: StreamId,
        /// Why.
        reason: Reason,
        /// Whether the peer reset it or the connection ended; otherwise this side did, for what the peer did wrong.
        by_peer: bool,
    },
    /// The peer accepts no more streams.
    GoAway {
        /// The last stream that it may have processed. Those above were reset with [`Reason::RefusedStream`] before.
        last_stream: StreamId,
        /// Why.
        reason: Reason,
    },
    /// The peer answered a PING frame of [`Connection::ping`](crate::Connection::ping).
    Pong {
        /// What was sent.
        payload: [u8; 8],
    },
    /// The peer's SETTINGS came: more streams may be allowed now.
    SettingsChanged,
    /// The connection is over. Flush the output, which ends with a GOAWAY frame, and close the socket.
    Closed(Error),
}
