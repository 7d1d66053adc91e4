//! What goes wrong, who is guilty, and the code that says so on the wire.

use std::borrow::Cow;
use std::fmt;

/// An error code of HTTP/2, RFC 9113 section 7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reason {
    /// No error: an orderly end.
    NoError,
    /// A rule of the protocol was broken, and no other code says it better.
    ProtocolError,
    /// The sender of the code failed by itself.
    InternalError,
    /// More was sent than the window allowed.
    FlowControlError,
    /// SETTINGS were not acknowledged in time.
    SettingsTimeout,
    /// A frame came on a stream whose sender had ended it.
    StreamClosed,
    /// A frame of a size that is not allowed.
    FrameSizeError,
    /// The stream was not processed at all: it is safe to try again.
    RefusedStream,
    /// The stream is not needed any more.
    Cancel,
    /// The header compression states differ.
    CompressionError,
    /// The connection of a CONNECT request failed.
    ConnectError,
    /// The peer causes too much work.
    EnhanceYourCalm,
    /// The transport is not secure enough.
    InadequateSecurity,
    /// HTTP/1.1 is needed.
    Http11Required,
    /// A code that RFC 9113 does not know.
    Unknown(u32),
}

impl Reason {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        match self {
            Reason::NoError => 0x0,
            Reason::ProtocolError => 0x1,
            Reason::InternalError => 0x2,
            Reason::FlowControlError => 0x3,
            Reason::SettingsTimeout => 0x4,
            Reason::StreamClosed => 0x5,
            Reason::FrameSizeError => 0x6,
            Reason::RefusedStream => 0x7,
            Reason::Cancel => 0x8,
            Reason::CompressionError => 0x9,
            Reason::ConnectError => 0xa,
            Reason::EnhanceYourCalm => 0xb,
            Reason::InadequateSecurity => 0xc,
            Reason::Http11Required => 0xd,
            Reason::Unknown(code) => code,
        }
    }

    /// The reason of a number on the wire.
    #[must_use]
    pub const fn from_code(code: u32) -> Self {
        match code {
            0x0 => Reason::NoError,
            0x1 => Reason::ProtocolError,
            0x2 => Reason::InternalError,
            0x3 => Reason::FlowControlError,
            0x4 => Reason::SettingsTimeout,
            0x5 => Reason::StreamClosed,
            0x6 => Reason::FrameSizeError,
            0x7 => Reason::RefusedStream,
            0x8 => Reason::Cancel,
            0x9 => Reason::CompressionError,
            0xa => Reason::ConnectError,
            0xb => Reason::EnhanceYourCalm,
            0xc => Reason::InadequateSecurity,
            0xd => Reason::Http11Required,
            other => Reason::Unknown(other),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Reason::NoError => "NO_ERROR",
            Reason::ProtocolError => "PROTOCOL_ERROR",
            Reason::InternalError => "INTERNAL_ERROR",
            Reason::FlowControlError => "FLOW_CONTROL_ERROR",
            Reason::SettingsTimeout => "SETTINGS_TIMEOUT",
            Reason::StreamClosed => "STREAM_CLOSED",
            Reason::FrameSizeError => "FRAME_SIZE_ERROR",
            Reason::RefusedStream => "REFUSED_STREAM",
            Reason::Cancel => "CANCEL",
            Reason::CompressionError => "COMPRESSION_ERROR",
            Reason::ConnectError => "CONNECT_ERROR",
            Reason::EnhanceYourCalm => "ENHANCE_YOUR_CALM",
            Reason::InadequateSecurity => "INADEQUATE_SECURITY",
            Reason::Http11Required => "HTTP_1_1_REQUIRED",
            Reason::Unknown(code) => return write!(f, "error code {code:#x}"),
        })
    }
}

/// Who caused an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Guilty {
    /// The other end of the connection.
    Peer,
    /// The program that uses this library.
    User,
    /// This library: please report it.
    Library,
}

impl fmt::Display for Guilty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Guilty::Peer => "the peer",
            Guilty::User => "the program",
            Guilty::Library => "the library",
        })
    }
}

/// Why a connection ended. One pointer, because it travels through everything that is hot and is made once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(Box<Cause>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Cause {
    reason: Reason,
    guilty: Guilty,
    text: Cow<'static, str>,
}

impl Error {
    /// An error with its reason on the wire, its cause, and one sentence for people.
    #[must_use]
    pub fn new(reason: Reason, guilty: Guilty, text: impl Into<Cow<'static, str>>) -> Self {
        Error(Box::new(Cause { reason, guilty, text: text.into() }))
    }

    #[cold]
    pub(crate) fn peer(reason: Reason, text: &'static str) -> Self {
        Error::new(reason, Guilty::Peer, text)
    }

    /// The code of the GOAWAY frame that was sent.
    #[must_use]
    pub fn reason(&self) -> Reason {
        self.0.reason
    }

    /// Who caused it.
    #[must_use]
    pub fn guilty(&self) -> Guilty {
        self.0.guilty
    }

    /// What happened, in words.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0.text
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP/2 connection ended by {} ({}): {}", self.guilty(), self.reason(), self.text())
    }
}

impl std::error::Error for Error {}

/// Why no stream can be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpenError {
    /// As many are open as the peer permits: wait until one ends.
    TooMany,
    /// The connection is being closed by either side: use another.
    GoingAway,
    /// All stream numbers are used up: use another connection.
    Exhausted,
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OpenError::TooMany => "the peer permits no more streams at once; wait until one ends",
            OpenError::GoingAway => "the connection is being closed; open another",
            OpenError::Exhausted => "the connection has used all its stream numbers; open another",
        })
    }
}

impl std::error::Error for OpenError {}

/// Why something cannot be sent on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SendError {
    /// The stream is over: it was reset, or the connection has ended.
    Gone,
    /// The stream's end was sent already.
    Ended,
    /// Data or trailers before the headers, or headers where they cannot be.
    OutOfOrder,
    /// The header list is larger than what the peer's SETTINGS_MAX_HEADER_LIST_SIZE permits.
    HeadersTooLarge,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            SendError::Gone => "the stream is over: it was reset, or its connection has ended",
            SendError::Ended => "the stream's end was sent already",
            SendError::OutOfOrder => "headers come first on a stream, then data, then at most one block of trailers",
            SendError::HeadersTooLarge => "the headers are larger than the peer accepts; send less metadata",
        })
    }
}

impl std::error::Error for SendError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_go_both_ways() {
        for code in 0..=0x20 {
            assert_eq!(Reason::from_code(code).code(), code);
        }
        assert_eq!(Reason::from_code(0xd), Reason::Http11Required);
        assert_eq!(Reason::from_code(0xe), Reason::Unknown(0xe));
    }

    #[test]
    fn an_error_names_the_guilty() {
        let error = Error::peer(Reason::FrameSizeError, "a PING frame of 7 bytes");
        assert_eq!(
            error.to_string(),
            "HTTP/2 connection ended by the peer (FRAME_SIZE_ERROR): a PING frame of 7 bytes"
        );
    }
}
