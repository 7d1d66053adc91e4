//! Field names that HTTP/2 and gRPC know, as one byte each.

/// A field name that is known by heart, or [`Token::Other`].
///
/// A name is recognised once, when it enters a table; from then on it is compared as one byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Token {
    /// `:method`
    Method,
    /// `:scheme`
    Scheme,
    /// `:authority`
    Authority,
    /// `:path`
    Path,
    /// `:status`
    Status,
    /// `:protocol`, of extended CONNECT (RFC 8441)
    Protocol,
    /// `connection`, which HTTP/2 forbids (RFC 9113 section 8.2.2)
    Connection,
    /// `keep-alive`, forbidden as well
    KeepAlive,
    /// `proxy-connection`, forbidden as well
    ProxyConnection,
    /// `transfer-encoding`, forbidden as well
    TransferEncoding,
    /// `upgrade`, forbidden as well
    Upgrade,
    /// `te`, of which only `trailers` is allowed
    Te,
    /// `host`
    Host,
    /// `content-type`
    ContentType,
    /// `content-length`
    ContentLength,
    /// `content-encoding`
    ContentEncoding,
    /// `cookie`
    Cookie,
    /// `set-cookie`
    SetCookie,
    /// `authorization`
    Authorization,
    /// `proxy-authorization`
    ProxyAuthorization,
    /// `user-agent`
    UserAgent,
    /// `accept`
    Accept,
    /// `accept-encoding`
    AcceptEncoding,
    /// `date`
    Date,
    /// `server`
    Server,
    /// `expect`
    Expect,
    /// `trailer`
    Trailer,
    /// `origin`
    Origin,
    /// `location`
    Location,
    /// `cache-control`
    CacheControl,
    /// `grpc-timeout`
    GrpcTimeout,
    /// `grpc-encoding`
    GrpcEncoding,
    /// `grpc-accept-encoding`
    GrpcAcceptEncoding,
    /// `grpc-status`
    GrpcStatus,
    /// `grpc-message`
    GrpcMessage,
    /// `grpc-status-details-bin`
    GrpcStatusDetailsBin,
    /// `grpc-previous-rpc-attempts`
    GrpcPreviousRpcAttempts,
    /// `grpc-retry-pushback-ms`
    GrpcRetryPushbackMs,
    /// `grpc-trace-bin`
    GrpcTraceBin,
    /// `x-grpc-web`
    XGrpcWeb,
    /// `x-user-agent`, what gRPC-Web clients send instead of `user-agent`
    XUserAgent,
    /// `connect-protocol-version`
    ConnectProtocolVersion,
    /// `connect-timeout-ms`
    ConnectTimeoutMs,
    /// `connect-content-encoding`
    ConnectContentEncoding,
    /// `connect-accept-encoding`
    ConnectAcceptEncoding,
    /// `traceparent`
    Traceparent,
    /// `tracestate`
    Tracestate,
    /// `x-request-id`
    XRequestId,
    /// `x-forwarded-for`
    XForwardedFor,
    /// Any other name.
    Other,
}

/// The tokens in the order of their numbers, each with its name. [`Token::Other`] has none.
const NAMES: [(Token, &[u8]); TOKEN_COUNT] = [
    (Token::Method, b":method"),
    (Token::Scheme, b":scheme"),
    (Token::Authority, b":authority"),
    (Token::Path, b":path"),
    (Token::Status, b":status"),
    (Token::Protocol, b":protocol"),
    (Token::Connection, b"connection"),
    (Token::KeepAlive, b"keep-alive"),
    (Token::ProxyConnection, b"proxy-connection"),
    (Token::TransferEncoding, b"transfer-encoding"),
    (Token::Upgrade, b"upgrade"),
    (Token::Te, b"te"),
    (Token::Host, b"host"),
    (Token::ContentType, b"content-type"),
    (Token::ContentLength, b"content-length"),
    (Token::ContentEncoding, b"content-encoding"),
    (Token::Cookie, b"cookie"),
    (Token::SetCookie, b"set-cookie"),
    (Token::Authorization, b"authorization"),
    (Token::ProxyAuthorization, b"proxy-authorization"),
    (Token::UserAgent, b"user-agent"),
    (Token::Accept, b"accept"),
    (Token::AcceptEncoding, b"accept-encoding"),
    (Token::Date, b"date"),
    (Token::Server, b"server"),
    (Token::Expect, b"expect"),
    (Token::Trailer, b"trailer"),
    (Token::Origin, b"origin"),
    (Token::Location, b"location"),
    (Token::CacheControl, b"cache-control"),
    (Token::GrpcTimeout, b"grpc-timeout"),
    (Token::GrpcEncoding, b"grpc-encoding"),
    (Token::GrpcAcceptEncoding, b"grpc-accept-encoding"),
    (Token::GrpcStatus, b"grpc-status"),
    (Token::GrpcMessage, b"grpc-message"),
    (Token::GrpcStatusDetailsBin, b"grpc-status-details-bin"),
    (Token::GrpcPreviousRpcAttempts, b"grpc-previous-rpc-attempts"),
    (Token::GrpcRetryPushbackMs, b"grpc-retry-pushback-ms"),
    (Token::GrpcTraceBin, b"grpc-trace-bin"),
    (Token::XGrpcWeb, b"x-grpc-web"),
    (Token::XUserAgent, b"x-user-agent"),
    (Token::ConnectProtocolVersion, b"connect-protocol-version"),
    (Token::ConnectTimeoutMs, b"connect-timeout-ms"),
    (Token::ConnectContentEncoding, b"connect-content-encoding"),
    (Token::ConnectAcceptEncoding, b"connect-accept-encoding"),
    (Token::Traceparent, b"traceparent"),
    (Token::Tracestate, b"tracestate"),
    (Token::XRequestId, b"x-request-id"),
    (Token::XForwardedFor, b"x-forwarded-for"),
];

pub(crate) const TOKEN_COUNT: usize = Token::Other as usize;

// A set of tokens is one 64-bit word, and the table above is in the enum's order.
const _: () = {
    assert!(TOKEN_COUNT <= 64);
    let mut number = 0;
    while number < TOKEN_COUNT {
        assert!(NAMES[number].0 as usize == number);
        number += 1;
    }
};

impl Token {
    /// The token of a name, [`Token::Other`] for one that is not known.
    #[must_use]
    #[inline]
    pub fn from_name(name: &[u8]) -> Token {
        crate::hpack::known_token(name)
    }

    /// The name; empty for [`Token::Other`], which has many.
    #[must_use]
    #[inline]
    pub const fn name(self) -> &'static [u8] {
        let number = self as usize;
        if number < TOKEN_COUNT { NAMES[number].1 } else { b"" }
    }

    /// Whether it is one of the fields that begin with a colon.
    #[must_use]
    #[inline]
    pub const fn is_pseudo(self) -> bool {
        self as u8 <= Token::Protocol as u8
    }

    /// The token of a number below [`TOKEN_COUNT`].
    pub(crate) const fn from_number(number: usize) -> Token {
        NAMES[number].0
    }
}

/// A set of known names, as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct TokenSet(u64);

impl TokenSet {
    /// The set without any.
    pub const EMPTY: TokenSet = TokenSet(0);

    /// A set of these; [`Token::Other`] is never in one.
    #[must_use]
    pub const fn of(tokens: &[Token]) -> TokenSet {
        let mut set = TokenSet(0);
        let mut position = 0;
        while position < tokens.len() {
            set.0 |= bit(tokens[position]);
            position += 1;
        }
        set
    }

    /// Whether the token is in the set.
    #[must_use]
    #[inline]
    pub const fn contains(self, token: Token) -> bool {
        self.0 & bit(token) != 0
    }

    /// Whether any token is in both.
    #[must_use]
    #[inline]
    pub const fn intersects(self, other: TokenSet) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether every token of the other set is in this one.
    #[must_use]
    #[inline]
    pub const fn contains_all(self, other: TokenSet) -> bool {
        self.0 & other.0 == other.0
    }

    /// The tokens of either set.
    #[must_use]
    #[inline]
    pub const fn union(self, other: TokenSet) -> TokenSet {
        TokenSet(self.0 | other.0)
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds a token.
    #[inline]
    pub const fn insert(&mut self, token: Token) {
        self.0 |= bit(token);
    }
}

#[inline]
const fn bit(token: Token) -> u64 {
    if (token as usize) < TOKEN_COUNT { 1 << (token as u8) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_recognised_and_nothing_else() {
        for (token, name) in NAMES {
            assert_eq!(Token::from_name(name), token);
            assert_eq!(token.name(), name);
            assert_eq!(token.is_pseudo(), name[0] == b':');
            let longer = [name, b"x"].concat();
            assert_eq!(Token::from_name(&longer), Token::Other);
            assert_eq!(Token::from_name(&name[1..]), Token::Other);
        }
        for name in [&b""[..], b":", b"TE", b"x", b"accept-charset", b":methof"] {
            assert_eq!(Token::from_name(name), Token::Other);
        }
        assert_eq!(Token::Other.name(), b"");
    }

    #[test]
    fn a_set_holds_what_was_put_in() {
        let mut set = TokenSet::of(&[Token::Path, Token::XForwardedFor, Token::Other]);
        assert!(set.contains(Token::Path) && set.contains(Token::XForwardedFor));
        assert!(!set.contains(Token::Method) && !set.contains(Token::Other));
        set.insert(Token::Other);
        assert_eq!(set, TokenSet::of(&[Token::Path]).union(TokenSet::of(&[Token::XForwardedFor])));
        set.insert(Token::Te);
        assert!(set.contains_all(TokenSet::of(&[Token::Te, Token::Path])));
        assert!(!set.contains_all(TokenSet::of(&[Token::Te, Token::Host])));
        assert!(set.intersects(TokenSet::of(&[Token::Te])) && !set.intersects(TokenSet::EMPTY));
    }
}
