//! Which header lists are messages, RFC 9113 section 8. A list that is not is a stream error, PROTOCOL_ERROR.

use crate::fields::FieldList;
use crate::stream::LENGTH_UNKNOWN;
use crate::token::{Token, TokenSet};

/// A list that is not a message's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// What a final response's headers say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Response {
    /// Status 100 to 199: another block of headers follows.
    pub(crate) is_interim: bool,
    /// The value of `content-length`, or [`LENGTH_UNKNOWN`]; zero bytes follow a 204 or 304 whatever it says.
    pub(crate) content_length: u64,
}

/// Fields of HTTP/1.1 connections, section 8.2.2.
const CONNECTION_SPECIFIC: TokenSet = TokenSet::of(&[
    Token::Connection,
    Token::KeepAlive,
    Token::ProxyConnection,
    Token::TransferEncoding,
    Token::Upgrade,
]);
/// All pseudo-fields, section 8.3.
const PSEUDO: TokenSet =
    TokenSet::of(&[Token::Method, Token::Scheme, Token::Authority, Token::Path, Token::Status, Token::Protocol]);
/// Fields that may occur once only: the pseudo-fields, and a length that cannot be two.
const ONCE: TokenSet = PSEUDO.union(TokenSet::of(&[Token::ContentLength]));
/// What a response must not have; `:protocol` is of extended CONNECT (RFC 8441), which is not offered.
const NOT_IN_REQUESTS: TokenSet = CONNECTION_SPECIFIC.union(TokenSet::of(&[Token::Status, Token::Protocol]));
/// What every request but CONNECT has, section 8.3.1.
const REQUIRED: TokenSet = TokenSet::of(&[Token::Method, Token::Scheme, Token::Path]);
/// What a CONNECT request has, and what it must not have, section 8.5.
const REQUIRED_OF_CONNECT: TokenSet = TokenSet::of(&[Token::Method, Token::Authority]);
const NOT_IN_CONNECT: TokenSet = TokenSet::of(&[Token::Scheme, Token::Path]);
/// Pseudo-fields that responses do not have, section 8.3.2.
const REQUEST_PSEUDO: TokenSet =
    TokenSet::of(&[Token::Method, Token::Scheme, Token::Authority, Token::Path, Token::Protocol]);

/// Checks a request; returns its content-length, or [`LENGTH_UNKNOWN`].
#[inline]
pub(crate) fn check_request(fields: &FieldList) -> Result<u64, Malformed> {
    let tokens = check_fields(fields)?;
    if tokens.intersects(NOT_IN_REQUESTS) {
        return Err(Malformed);
    }
    if !tokens.contains_all(REQUIRED) || fields.get(Token::Method) == Some(b"CONNECT") {
        let is_connect = fields.get(Token::Method) == Some(b"CONNECT");
        if !is_connect || !tokens.contains_all(REQUIRED_OF_CONNECT) || tokens.intersects(NOT_IN_CONNECT) {
            return Err(Malformed);
        }
    } else if fields.get(Token::Path).is_none_or(<[u8]>::is_empty) {
        return Err(Malformed);
    }
    if fields.get(Token::Method).is_none_or(<[u8]>::is_empty) {
        return Err(Malformed);
    }
    content_length(fields)
}

/// Checks a response.
pub(crate) fn check_response(fields: &FieldList, end_stream: bool) -> Result<Response, Malformed> {
    let tokens = check_fields(fields)?;
    if tokens.intersects(CONNECTION_SPECIFIC) || tokens.intersects(REQUEST_PSEUDO) {
        return Err(Malformed);
    }
    let Some([hundreds @ b'1'..=b'9', tens @ b'0'..=b'9', ones @ b'0'..=b'9']) = fields.get(Token::Status) else {
        return Err(Malformed);
    };
    let is_interim = *hundreds == b'1';
    // 101 is of HTTP/1.1's Upgrade, section 8.6.
    if is_interim && (end_stream || (*tens, *ones) == (b'0', b'1')) {
        return Err(Malformed);
    }
    let has_no_body = matches!((hundreds, tens, ones), (b'2', b'0', b'4') | (b'3', b'0', b'4'));
    let content_length = content_length(fields)?;
    Ok(Response { is_interim, content_length: if has_no_body { LENGTH_UNKNOWN } else { content_length } })
}

/// Checks trailers.
#[inline]
pub(crate) fn check_trailers(fields: &FieldList) -> Result<(), Malformed> {
    let tokens = check_fields(fields)?;
    if tokens.intersects(PSEUDO) || tokens.intersects(CONNECTION_SPECIFIC) { Err(Malformed) } else { Ok(()) }
}

/// What holds for every list. Spaces around values pass, as gRPC's specification wants it.
#[inline]
fn check_fields(fields: &FieldList) -> Result<TokenSet, Malformed> {
    let tokens = fields.tokens();
    if fields.has_malformed() || fields.has_pseudo_after_regular() || fields.repeated().intersects(ONCE) {
        return Err(Malformed);
    }
    if tokens.contains(Token::Te)
        && fields.iter().any(|field| field.token == Token::Te && !field.value.eq_ignore_ascii_case(b"trailers"))
    {
        return Err(Malformed);
    }
    Ok(tokens)
}

fn content_length(fields: &FieldList) -> Result<u64, Malformed> {
    let Some(value) = fields.get(Token::ContentLength) else {
        return Ok(LENGTH_UNKNOWN);
    };
    if value.is_empty() {
        return Err(Malformed);
    }
    let mut length: u64 = 0;
    for digit in value {
        if !digit.is_ascii_digit() {
            return Err(Malformed);
        }
        let more = length.checked_mul(10).and_then(|length| length.checked_add(u64::from(digit - b'0')));
        length = more.filter(|length| *length != LENGTH_UNKNOWN).ok_or(Malformed)?;
    }
    Ok(length)
}
