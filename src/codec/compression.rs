//! Which messages are compressed, how, and who decides.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::HeaderValue;

use crate::codec::compressor::{Compressor, DecompressError};
use crate::status::Status;

/// A message encoding that can be offered to a peer.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum CompressionEncoding {
    /// gzip, which every gRPC implementation speaks.
    #[cfg(feature = "gzip")]
    Gzip,
    /// deflate (the zlib format).
    #[cfg(feature = "gzip")]
    Deflate,
    /// zstd.
    #[cfg(feature = "zstd")]
    Zstd,
    /// An algorithm of your own; see [`Compressor`].
    Custom(&'static dyn Compressor),
}

impl CompressionEncoding {
    /// All encodings that are compiled in, the preferred one first.
    pub const BUILT_IN: &'static [CompressionEncoding] = &[
        #[cfg(feature = "gzip")]
        CompressionEncoding::Gzip,
        #[cfg(feature = "gzip")]
        CompressionEncoding::Deflate,
        #[cfg(feature = "zstd")]
        CompressionEncoding::Zstd,
    ];

    /// The name on the wire, as in `grpc-encoding`.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.compressor().name()
    }

    /// The built-in encoding of a name, for command lines and configuration files.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::BUILT_IN.iter().copied().find(|encoding| encoding.name() == name)
    }

    /// Whether a peer's `grpc-accept-encoding` names it.
    pub(crate) fn is_among(self, peer_accepts: Option<&HeaderValue>) -> bool {
        let accepts = peer_accepts.and_then(|accepts| accepts.to_str().ok()).unwrap_or_default();
        accepts.split(',').any(|name| name.trim() == self.name())
    }

    pub(crate) fn compressor(self) -> &'static dyn Compressor {
        match self {
            #[cfg(feature = "gzip")]
            CompressionEncoding::Gzip => &crate::codec::compressor::GZIP,
            #[cfg(feature = "gzip")]
            CompressionEncoding::Deflate => &crate::codec::compressor::DEFLATE,
            #[cfg(feature = "zstd")]
            CompressionEncoding::Zstd => &crate::codec::compressor::ZSTD,
            CompressionEncoding::Custom(compressor) => compressor,
        }
    }

    /// The original of a compressed message that arrived.
    pub(crate) fn decompress(self, message: &[u8], bytes_max: usize) -> Result<Vec<u8>, Status> {
        let mut output = Vec::new();
        match self.compressor().decompress(message, bytes_max, &mut output) {
            Ok(()) => Ok(output),
            Err(DecompressError::TooLarge) => Err(Status::resource_exhausted(format!(
                "a message is larger than {bytes_max} bytes when decompressed, the limit for receiving"
            ))),
            Err(DecompressError::Corrupt(error)) => {
                Err(Status::internal(format!("a message is not valid {}: {error}", self.name())))
            }
        }
    }
}

impl PartialEq for CompressionEncoding {
    fn eq(&self, other: &Self) -> bool {
        // The built-in ones need not be asked for their names.
        let is_same = std::mem::discriminant(self) == std::mem::discriminant(other);
        (is_same && !matches!(self, CompressionEncoding::Custom(_))) || self.name() == other.name()
    }
}

impl Eq for CompressionEncoding {}

impl fmt::Debug for CompressionEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The compression settings of a server, a service or a client.
///
/// Unless told otherwise everything compiled in is accepted and nothing is sent compressed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Compression {
    /// What the peer may send.
    pub accept: Vec<CompressionEncoding>,
    /// What we send with, to a peer that accepts it.
    pub send: Option<CompressionEncoding>,
    /// From 0 (fast) to 9 (small).
    pub level: u32,
    /// Messages shorter than this are sent as they are: below, the format's own bytes and the time spent
    /// outweigh the gain.
    pub minimum_bytes: usize,
}

/// The hardest that zlib tries.
pub(crate) const COMPRESSION_LEVEL_MAX: u32 = 9;

/// zlib's own middle: level 6 costs about twice level 1 and saves about a tenth.
const LEVEL_DEFAULT: u32 = 6;

impl Default for Compression {
    fn default() -> Self {
        Compression {
            accept: CompressionEncoding::BUILT_IN.to_vec(),
            send: None,
            level: LEVEL_DEFAULT,
            minimum_bytes: 0,
        }
    }
}

impl Compression {
    pub(crate) fn add_accepted(&mut self, encoding: CompressionEncoding) {
        if !self.accept.contains(&encoding) {
            self.accept.push(encoding);
        }
    }

    /// The value of `grpc-accept-encoding`.
    pub(crate) fn accept_header(&self) -> HeaderValue {
        let names: Vec<_> = self.accept.iter().map(|encoding| encoding.name()).collect();
        let text = if names.is_empty() { "identity".to_owned() } else { format!("identity,{}", names.join(",")) };
        HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static("identity"))
    }

    /// The encoding that a peer's `grpc-encoding` names.
    ///
    /// # Errors
    /// UNIMPLEMENTED for one that is not accepted here.
    pub(crate) fn accepted(&self, header: Option<&HeaderValue>) -> Result<Option<CompressionEncoding>, Status> {
        let Some(header) = header else { return Ok(None) };
        if header == "identity" {
            return Ok(None);
        }
        let found = self.accept.iter().copied().find(|encoding| header.as_bytes() == encoding.name().as_bytes());
        found.map(Some).ok_or_else(|| {
            let name = String::from_utf8_lossy(header.as_bytes());
            Status::unimplemented(format!(
                "messages compressed with {name:?} are not accepted here (grpc-accept-encoding lists what is)"
            ))
        })
    }

    /// What to send with, given the peer's `grpc-accept-encoding`.
    pub(crate) fn chosen(&self, peer_accepts: Option<&HeaderValue>) -> Option<CompressionEncoding> {
        self.send.filter(|send| send.is_among(peer_accepts))
    }
}

/// Turns compression off and on again for single messages of one call.
///
/// Put a clone into the extensions of a request (client) or a response (server); messages that are encoded while
/// the switch is off travel as they are. It has no effect on calls that send without compression anyway.
///
/// ```
/// use seltzer::{Response, codec::CompressionSwitch};
///
/// let switch = CompressionSwitch::default();
/// let mut response = Response::new("noise that does not compress");
/// response.extensions_mut().insert(switch.clone());
/// switch.off();
/// assert!(!switch.is_on());
/// ```
#[derive(Debug, Clone)]
pub struct CompressionSwitch(Arc<AtomicBool>);

impl CompressionSwitch {
    /// Messages encoded from now on are compressed.
    pub fn on(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Messages encoded from now on are not compressed.
    pub fn off(&self) {
        self.0.store(false, Ordering::Relaxed);
    }

    /// Whether messages are compressed.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Default for CompressionSwitch {
    fn default() -> Self {
        CompressionSwitch(Arc::new(AtomicBool::new(true)))
    }
}

/// In the extensions of a request or response whose single message had travelled compressed; absent otherwise.
///
/// For streams there is [`Streaming::last_was_compressed`](crate::Streaming::last_was_compressed).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedCompressed;

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use super::*;

    fn message() -> Vec<u8> {
        (0..20_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect()
    }

    fn compressed(encoding: CompressionEncoding, message: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        encoding.compressor().compress(message, LEVEL_DEFAULT, &mut output).expect("memory does not fail");
        output
    }

    #[test]
    fn every_encoding_brings_messages_back() {
        for encoding in CompressionEncoding::BUILT_IN {
            for original in [Vec::new(), b"x".to_vec(), message()] {
                // Twice: the second time with a pooled encoder.
                for _ in 0..2 {
                    let small = compressed(*encoding, &original);
                    let back = encoding.decompress(&small, original.len()).expect("it is within the limit");
                    assert_eq!(back, original, "{encoding:?}");
                }
            }
            assert!(compressed(*encoding, &message()).len() < message().len() / 2, "{encoding:?}");
        }
    }

    #[test]
    fn a_limit_is_kept_to_the_byte() {
        for encoding in CompressionEncoding::BUILT_IN {
            let small = compressed(*encoding, &message());
            assert!(encoding.decompress(&small, message().len()).is_ok(), "{encoding:?}");
            let error = encoding.decompress(&small, message().len() - 1).expect_err("one byte too many");
            assert_eq!(error.code(), crate::Code::ResourceExhausted, "{encoding:?}");
        }
    }

    #[test]
    fn damage_is_internal_and_never_a_panic() {
        for encoding in CompressionEncoding::BUILT_IN {
            let small = compressed(*encoding, &message());
            for cut in [0, 1, 5, small.len() / 2, small.len() - 1] {
                if cut == 0 && encoding.name() == "zstd" {
                    continue; // no frame at all is an empty message
                }
                let error = encoding.decompress(&small[..cut], usize::MAX).expect_err("it is cut short");
                assert_eq!(error.code(), crate::Code::Internal, "{encoding:?} cut at {cut}");
            }
            for at in 0..small.len().min(60) {
                let mut damaged = small.clone();
                damaged[at] ^= 0x55;
                let _ = encoding.decompress(&damaged, 1 << 20);
            }
        }
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_declared_window_is_not_memory_to_give_away() {
        // A gigabyte; then one that is supported: the limit ends it, long before half a gigabyte.
        for window in [20 << 3, 13 << 3] {
            let error = CompressionEncoding::Zstd.decompress(&zstd_bomb(window), 1 << 20).expect_err("it is too large");
            assert_eq!(error.code(), crate::Code::ResourceExhausted);
        }
    }

    /// A frame of this window that repeats one byte for half a gigabyte.
    #[cfg(feature = "zstd")]
    fn zstd_bomb(window: u8) -> Vec<u8> {
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, window];
        for _ in 0..4000 {
            let header = (128_u32 * 1024) << 3 | 1 << 1;
            frame.extend_from_slice(&header.to_le_bytes()[..3]);
            frame.push(b'x');
        }
        frame
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_bomb_of_zstd_is_recognised_before_anything_is_given_out() {
        // Windows of 256 KiB, 1 MiB, 8 MiB.
        for window in [18_u8, 20, 23] {
            let frame = zstd_bomb((window - 10) << 3);
            let mut output = Vec::new();
            let error = CompressionEncoding::Zstd.compressor().decompress(&frame, 1 << 20, &mut output);
            let is_refused = matches!(error, Err(DecompressError::TooLarge));
            assert!(is_refused && output.capacity() == 0, "2^{window}: {error:?}, {} bytes", output.capacity());
        }
    }

    /// A block of 120 kB, sixty thousand times "the last four bytes again, 65,539 times".
    #[cfg(feature = "zstd")]
    #[test]
    fn a_block_of_zstd_unpacks_to_no_more_than_a_block() {
        const SEQUENCES: u16 = 60_000;
        let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 10 << 3];
        // Sixteen bytes to refer to.
        frame.extend_from_slice(&(16_u32 << 3 | 1 << 1).to_le_bytes()[..3]);
        frame.push(b'x');
        // One literal; that many sequences, of one code each: no literals, a repeated offset, the longest match.
        let mut block = vec![1 << 3 | 1, b'y', 255];
        block.extend_from_slice(&(SEQUENCES - 0x7f00).to_le_bytes());
        block.extend_from_slice(&[0b0101_0100, 0, 0, 52]);
        block.resize(block.len() + usize::from(SEQUENCES) * 2, 0);
        block.push(1);
        frame.extend_from_slice(&((block.len() as u32) << 3 | 2 << 1 | 1).to_le_bytes()[..3]);
        frame.extend_from_slice(&block);
        let error = CompressionEncoding::Zstd.decompress(&frame, 1 << 30).expect_err("it is no block");
        assert_eq!(error.code(), crate::Code::Internal);
        assert!(error.message().contains("block"), "{}", error.message());
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_checksum_is_checked() {
        // A raw block of one byte, and the checksum of something else.
        let frame = [0x28, 0xb5, 0x2f, 0xfd, 0x04, 10 << 3, 1 << 3 | 1, 0, 0, b'x', 1, 2, 3, 4];
        let error = CompressionEncoding::Zstd.decompress(&frame, 10).expect_err("it is damaged");
        assert_eq!(error.code(), crate::Code::Internal);
        assert!(error.message().contains("checksum"), "{}", error.message());
    }

    #[cfg(feature = "zstd")]
    #[test]
    fn a_size_that_is_declared_is_held_to() {
        // Single segments: the size in the header stands for the window. (declared, blocks, status)
        let table = [(2_u8, "xx", None), (1, "xx", Some(13)), (200, "xx", None), (201, "xx", Some(8))];
        for (declared, content, code) in table {
            let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x20, declared, (content.len() << 3 | 1) as u8, 0, 0];
            frame.extend_from_slice(content.as_bytes());
            let unpacked = CompressionEncoding::Zstd.decompress(&frame, 200);
            assert_eq!(unpacked.err().map(|status| status.code() as i32), code, "{declared}");
        }
    }

    #[test]
    fn levels_matter() {
        let mut sizes = Vec::new();
        for level in [0, 1, 9] {
            let mut output = Vec::new();
            CompressionEncoding::Gzip.compressor().compress(&message(), level, &mut output).expect("memory");
            sizes.push(output.len());
        }
        assert!(sizes[0] > sizes[1] && sizes[1] > sizes[2], "{sizes:?}");
    }

    #[test]
    fn negotiation_follows_the_headers() {
        let mut settings = Compression { send: Some(CompressionEncoding::Gzip), ..Compression::default() };
        settings.accept.truncate(1);
        assert_eq!(settings.accept_header(), "identity,gzip");
        let accepts = HeaderValue::from_static("identity, deflate, gzip");
        assert_eq!(settings.chosen(Some(&accepts)), Some(CompressionEncoding::Gzip));
        assert_eq!(settings.chosen(Some(&HeaderValue::from_static("deflate"))), None);
        assert_eq!(settings.chosen(None), None);
        assert_eq!(settings.accepted(None).expect("plain"), None);
        assert_eq!(settings.accepted(Some(&HeaderValue::from_static("identity"))).expect("plain"), None);
        let error = settings.accepted(Some(&HeaderValue::from_static("snappy"))).expect_err("unknown");
        assert_eq!(error.code(), crate::Code::Unimplemented);
        assert!(error.message().contains("snappy"));
    }
}
