//! The body of a unary call: one message with its prefix, in one piece or in many.

use bytes::{Bytes, BytesMut};

use crate::codec::{GROWTH, PREFIX_BYTES, read_prefix};
use crate::status::Status;

/// The only message of a call, as it arrived.
pub(crate) struct Message<'a> {
    pub(crate) is_compressed: bool,
    pub(crate) payload: Payload<'a>,
}

/// Bytes that lie in the read buffer, or that were collected.
pub(crate) enum Payload<'a> {
    Slice(&'a [u8]),
    Shared(Bytes),
}

/// Why a body is not exactly one good message.
#[derive(Debug)]
pub(crate) enum Refused {
    Status(Status),
    Cardinality(&'static str),
}

/// The one message that a body consists of.
pub(crate) fn only_message(body: Payload<'_>, bytes_max: usize) -> Result<Message<'_>, Refused> {
    let bytes = match &body {
        Payload::Slice(bytes) => bytes,
        Payload::Shared(bytes) => &bytes[..],
    };
    if bytes.is_empty() {
        return Err(Refused::Cardinality("none came"));
    }
    let Some(prefix) = bytes.first_chunk::<PREFIX_BYTES>() else { return Err(cut_short()) };
    let (is_compressed, length) = read_prefix(*prefix, bytes_max).map_err(Refused::Status)?;
    match bytes.len() - PREFIX_BYTES {
        arrived if arrived < length => Err(cut_short()),
        arrived if arrived > length => Err(MORE_THAN_ONE),
        _ => Ok(Message {
            is_compressed,
            payload: match body {
                Payload::Slice(bytes) => Payload::Slice(&bytes[PREFIX_BYTES..]),
                Payload::Shared(bytes) => Payload::Shared(bytes.slice(PREFIX_BYTES..)),
            },
        }),
    }
}

const MORE_THAN_ONE: Refused = Refused::Cardinality("more than one came");

fn cut_short() -> Refused {
    Refused::Status(Status::internal("the stream ended in the middle of a message"))
}

/// Looks at the first piece of a body, which is not empty: whether it can be the beginning of one message.
#[cfg(feature = "client")]
pub(super) fn check(bytes: &[u8], bytes_max: usize) -> Result<(), Refused> {
    match declared(&[], bytes, bytes_max).map_err(Refused::Status)? {
        Some(length) if bytes.len() > PREFIX_BYTES + length => Err(MORE_THAN_ONE),
        _ => Ok(()),
    }
}

/// Adds a piece of a body, as long as the body can still be one message.
pub(crate) fn collect(collected: &mut BytesMut, bytes: &[u8], bytes_max: usize) -> Result<(), Refused> {
    let arrived = collected.len() + bytes.len();
    if let Some(length) = declared(collected, bytes, bytes_max).map_err(Refused::Status)? {
        let whole = PREFIX_BYTES + length;
        if arrived > whole {
            return Err(MORE_THAN_ONE);
        }
        if collected.capacity() < arrived {
            collected.reserve(whole.min(arrived * GROWTH).max(arrived) - collected.len());
        }
    }
    collected.extend_from_slice(bytes);
    Ok(())
}

/// The length that the prefix claims, once it is there.
fn declared(collected: &[u8], bytes: &[u8], bytes_max: usize) -> Result<Option<usize>, Status> {
    let mut prefix = [0; PREFIX_BYTES];
    let first = collected.len().min(PREFIX_BYTES);
    let second = bytes.len().min(PREFIX_BYTES - first);
    if first + second < PREFIX_BYTES {
        return Ok(None);
    }
    prefix[..first].copy_from_slice(&collected[..first]);
    prefix[first..].copy_from_slice(&bytes[..second]);
    read_prefix(prefix, bytes_max).map(|(_, length)| Some(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: usize = 10;

    fn whole(body: &[u8]) -> String {
        match only_message(Payload::Slice(body), LIMIT) {
            Ok(Message { payload: Payload::Slice(payload), is_compressed }) => format!("{payload:?} {is_compressed}"),
            Ok(_) => "shared".to_owned(),
            Err(refused) => words(refused),
        }
    }

    fn words(refused: Refused) -> String {
        match refused {
            Refused::Cardinality(came) => came.to_owned(),
            Refused::Status(status) => format!("{:?}", status.code()),
        }
    }

    #[test]
    fn a_body_is_exactly_one_message() {
        let table: [(&[u8], &str); 9] = [
            (b"\0\0\0\0\x02ab", "[97, 98] false"),
            (b"\x01\0\0\0\x01a", "[97] true"),
            (b"\0\0\0\0\0", "[] false"),
            (b"", "none came"),
            (b"\0\0\0", "Internal"),
            (b"\0\0\0\0\x03ab", "Internal"),
            (b"\0\0\0\0\x01ab", "more than one came"),
            (b"\x02\0\0\0\0", "Internal"),
            (b"\0\0\0\0\x0b", "ResourceExhausted"),
        ];
        for (body, expected) in table {
            assert_eq!(whole(body), expected, "{body:?}");
            for cut in 0..=body.len() {
                let mut collected = BytesMut::new();
                let pieces = [&body[..cut], &body[cut..]];
                let refused = pieces.iter().find_map(|piece| collect(&mut collected, piece, LIMIT).err());
                let got = refused.map_or_else(|| whole(&collected), words);
                assert_eq!(got, expected, "{body:?} cut at {cut}");
            }
        }
    }

    #[test]
    fn what_comes_after_a_message_is_refused_at_its_first_byte() {
        let mut collected = BytesMut::new();
        assert!(collect(&mut collected, b"\0\0\0\0\x01a", LIMIT).is_ok());
        assert_eq!(collect(&mut collected, b"\0", LIMIT).map_err(words), Err("more than one came".to_owned()));
    }
}
