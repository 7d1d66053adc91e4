//! The text form: bodies in base64, in pieces that may each be padded.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http_body::Frame;
use tonic::body::Body;

use crate::status::Status;

/// So many letters make three bytes.
const GROUP: usize = 4;

/// Reads base64 as it arrives, cut anywhere; padding may end any group, not only the last.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    /// Letters of a group that is not complete.
    held: Vec<u8>,
}

impl Decoder {
    /// The bytes that are known with this piece.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: it is not base64.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, Status> {
        let mut bytes = Vec::with_capacity((self.held.len() + piece.len()) / GROUP * 3);
        let mut rest = piece;
        if !self.held.is_empty() {
            let missing = (GROUP - self.held.len()).min(rest.len());
            let (first, others) = rest.split_at(missing);
            self.held.extend_from_slice(first);
            rest = others;
            if self.held.len() < GROUP {
                return Ok(bytes);
            }
            decode(&self.held, &mut bytes)?;
            self.held.clear();
        }
        let (mut whole, left) = rest.split_at(rest.len() / GROUP * GROUP);
        self.held.extend_from_slice(left);
        while let Some(padding) = whole.iter().position(|letter| *letter == b'=') {
            let (padded, others) = whole.split_at((padding / GROUP + 1) * GROUP);
            decode(padded, &mut bytes)?;
            whole = others;
        }
        decode(whole, &mut bytes)?;
        Ok(bytes)
    }

    /// Nothing more comes.
    ///
    /// # Errors
    /// INVALID_ARGUMENT: it ended within a group.
    pub(crate) fn finish(&self) -> Result<(), Status> {
        if self.held.is_empty() {
            return Ok(());
        }
        Err(Status::invalid_argument("the request's base64 ends in the middle of a group of four letters"))
    }
}

fn decode(text: &[u8], bytes: &mut Vec<u8>) -> Result<(), Status> {
    STANDARD
        .decode_vec(text, bytes)
        .map_err(|error| Status::invalid_argument(format!("the request's body is not base64: {error}")))
}

/// A request's body in base64, as the bytes that it means.
pub(crate) struct TextRequest {
    body: Body,
    decoder: Decoder,
    is_over: bool,
}

impl TextRequest {
    pub(crate) fn new(body: Body) -> Self {
        TextRequest { body, decoder: Decoder::default(), is_over: false }
    }
}

impl http_body::Body for TextRequest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        while !self.is_over {
            let decoded = match ready!(Pin::new(&mut self.body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(piece) => self.decoder.push(&piece),
                    Err(_trailers) => continue,
                },
                Some(Err(status)) => Err(status),
                None => {
                    self.is_over = true;
                    return Poll::Ready(self.decoder.finish().err().map(Err));
                }
            };
            match decoded {
                Ok(bytes) if bytes.is_empty() => {}
                Ok(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                Err(status) => {
                    self.is_over = true;
                    return Poll::Ready(Some(Err(status)));
                }
            }
        }
        Poll::Ready(None)
    }
}

/// An answer's body in base64. Each piece is padded, so that its reader has all of it at once.
pub(crate) struct TextAnswer<B>(pub(crate) B);

impl<B> http_body::Body for TextAnswer<B>
where
    B: http_body::Body<Data = Bytes, Error = Status> + Unpin,
{
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = ready!(Pin::new(&mut self.0).poll_frame(cx));
        Poll::Ready(frame.map(|frame| frame.map(|frame| frame.map_data(|bytes| Bytes::from(STANDARD.encode(bytes))))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<u8>, Status> {
        let (mut decoder, mut bytes) = (Decoder::default(), Vec::new());
        for piece in pieces {
            bytes.extend(decoder.push(piece)?);
        }
        decoder.finish().map(|()| bytes)
    }

    #[test]
    fn base64_is_read_however_it_is_cut() {
        let table: [(&str, &[u8]); 7] = [
            ("", b""),
            ("AAAA", &[0, 0, 0]),
            ("aGVsbG8=", b"hello"),
            ("aGVsbG8gd29ybGQ=", b"hello world"),
            ("YQ==Yg==Yw==", b"abc"),
            ("YWI=Y2Q=YWJj", b"abcdabc"),
            ("+/+/", &[0xfb, 0xff, 0xbf]),
        ];
        for (text, expected) in table {
            for size in 1..=text.len().max(1) {
                let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
                assert_eq!(read(&pieces).expect("valid"), expected, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn what_is_no_base64_is_refused_however_it_is_cut() {
        let table = [
            "AAA",
            "A",
            "====",
            "A===",
            "AA=A",
            "AAAA=",
            "AAAA====",
            "AA\n=",
            "AAAA AAAA",
            "-_-_",
            "A!AA",
            "\0\0\0\0",
            "AB==",
            "AAB=",
        ];
        for text in table {
            for size in 1..=text.len() {
                let pieces: Vec<_> = text.as_bytes().chunks(size).collect();
                let status = read(&pieces).expect_err("not base64");
                assert_eq!(status.code(), crate::Code::InvalidArgument, "{text:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn how_text_is_cut_changes_nothing() {
        let mut random = fastrand::Rng::with_seed(7);
        for round in 0..20_000 {
            let letters = b"AAAAQg+/zZ90====!\n";
            let text: Vec<u8> = (0..random.usize(..24)).map(|_| letters[random.usize(..letters.len())]).collect();
            let mut pieces = Vec::new();
            let mut rest = &text[..];
            while !rest.is_empty() {
                let (piece, others) = rest.split_at(random.usize(1..=rest.len()));
                pieces.push(piece);
                rest = others;
            }
            let (cut, whole) = (read(&pieces), read(&[&text]));
            assert_eq!(cut.ok(), whole.ok(), "round {round}: {:?}", String::from_utf8_lossy(&text));
        }
    }
}
