//! The algorithms that make messages smaller.

use std::fmt;
use std::io;

/// A compression algorithm for messages. Implement it to bring your own; see
/// [`CompressionEncoding::Custom`](crate::codec::CompressionEncoding::Custom).
///
/// ```
/// use std::io;
/// use seltzer::codec::{CompressionEncoding, Compressor, DecompressError};
///
/// /// Turns every byte around: not smaller, but it shows the shape.
/// #[derive(Debug)]
/// struct Flip;
///
/// impl Compressor for Flip {
///     fn name(&self) -> &'static str {
///         "x-flip"
///     }
///
///     fn compress(&self, message: &[u8], _level: u32, output: &mut Vec<u8>) -> io::Result<()> {
///         output.extend(message.iter().map(|byte| !byte));
///         Ok(())
///     }
///
///     fn decompress(&self, message: &[u8], bytes_max: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
///         if message.len() > bytes_max {
///             return Err(DecompressError::TooLarge);
///         }
///         output.extend(message.iter().map(|byte| !byte));
///         Ok(())
///     }
/// }
///
/// static FLIP: Flip = Flip;
/// let encoding = CompressionEncoding::Custom(&FLIP);
/// assert_eq!(encoding.name(), "x-flip");
/// ```
pub trait Compressor: fmt::Debug + Send + Sync + 'static {
    /// The name in `grpc-encoding`: lower-case ASCII without commas or spaces.
    fn name(&self) -> &'static str;

    /// Appends the compressed message to `output`. `level` goes from 0 (fast) to 9 (small); an algorithm
    /// without levels ignores it.
    ///
    /// # Errors
    /// Whatever the algorithm cannot do; the call ends as INTERNAL.
    fn compress(&self, message: &[u8], level: u32, output: &mut Vec<u8>) -> io::Result<()>;

    /// Appends the original message to `output`, never more than `bytes_max` bytes of it: the input comes from
    /// the peer and may be made to explode.
    ///
    /// # Errors
    /// [`DecompressError::TooLarge`] once the output would exceed `bytes_max` (the call ends as
    /// RESOURCE_EXHAUSTED), [`DecompressError::Corrupt`] when the input is no such format (INTERNAL).
    fn decompress(&self, message: &[u8], bytes_max: usize, output: &mut Vec<u8>) -> Result<(), DecompressError>;
}

/// Why a message could not be decompressed.
#[derive(Debug)]
#[non_exhaustive]
pub enum DecompressError {
    /// The message is larger than allowed.
    TooLarge,
    /// The bytes are damaged, cut short, or of another format.
    Corrupt(Box<dyn std::error::Error + Send + Sync>),
}

impl fmt::Display for DecompressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DecompressError::TooLarge => f.write_str("the decompressed message is larger than allowed"),
            DecompressError::Corrupt(error) => write!(f, "the compressed message is damaged: {error}"),
        }
    }
}

impl std::error::Error for DecompressError {}

#[cfg(feature = "gzip")]
pub(super) use self::zlib::{DEFLATE, GZIP};
#[cfg(feature = "zstd")]
pub(super) use self::zstd::ZSTD;

/// gzip and deflate, by flate2 on zlib-rs.
#[cfg(feature = "gzip")]
mod zlib {
    use std::cell::RefCell;
    use std::io;

    use flate2::{Compress, Decompress, FlushCompress, FlushDecompress, Status};

    use crate::codec::compressor::{Compressor, DecompressError};

    /// RFC 1952, the format that every gRPC implementation speaks.
    #[derive(Debug)]
    pub(in crate::codec) struct Gzip;

    /// The zlib format of RFC 1950: what HTTP, and so gRPC, means by "deflate".
    #[derive(Debug)]
    pub(in crate::codec) struct Deflate;

    pub(in crate::codec) static GZIP: Gzip = Gzip;
    pub(in crate::codec) static DEFLATE: Deflate = Deflate;

    /// The window of 32 KiB that both formats assume.
    const WINDOW_BITS: u8 = 15;

    /// The output grows in steps of this many bytes, with the data rather than with anybody's claim.
    const OUTPUT_STEP_BYTES: usize = 32 * 1024;

    thread_local! {
        /// One encoder a thread and format: making one costs more than compressing a small message.
        static GZIP_ENCODER: RefCell<Option<(u32, Compress)>> = const { RefCell::new(None) };
        static DEFLATE_ENCODER: RefCell<Option<(u32, Compress)>> = const { RefCell::new(None) };
    }

    impl Compressor for Gzip {
        fn name(&self) -> &'static str {
            "gzip"
        }

        fn compress(&self, message: &[u8], level: u32, output: &mut Vec<u8>) -> io::Result<()> {
            GZIP_ENCODER.with_borrow_mut(|pooled| {
                let encoder = pooled_encoder(pooled, level, |level| Compress::new_gzip(level, WINDOW_BITS));
                deflate(encoder, message, output)
            })
        }

        fn decompress(
            &self,
            mut message: &[u8],
            bytes_max: usize,
            output: &mut Vec<u8>,
        ) -> Result<(), DecompressError> {
            // A gzip file may consist of several members, one after another.
            loop {
                let mut decoder = Decompress::new_gzip(WINDOW_BITS);
                let read = inflate(&mut decoder, message, bytes_max, output)?;
                message = &message[read..];
                if message.is_empty() {
                    return Ok(());
                }
            }
        }
    }

    impl Compressor for Deflate {
        fn name(&self) -> &'static str {
            "deflate"
        }

        fn compress(&self, message: &[u8], level: u32, output: &mut Vec<u8>) -> io::Result<()> {
            DEFLATE_ENCODER.with_borrow_mut(|pooled| {
                let encoder = pooled_encoder(pooled, level, |level| Compress::new(level, true));
                deflate(encoder, message, output)
            })
        }

        fn decompress(&self, message: &[u8], bytes_max: usize, output: &mut Vec<u8>) -> Result<(), DecompressError> {
            let read = inflate(&mut Decompress::new(true), message, bytes_max, output)?;
            if read == message.len() { Ok(()) } else { Err(corrupt("bytes after the end of the data")) }
        }
    }

    fn pooled_encoder(
        pooled: &mut Option<(u32, Compress)>,
        level: u32,
        make: impl FnOnce(flate2::Compression) -> Compress,
    ) -> &mut Compress {
        match pooled {
            Some((pooled_level, encoder)) if *pooled_level == level => encoder.reset(),
            _ => *pooled = Some((level, make(flate2::Compression::new(level.min(9))))),
        }
        &mut pooled.as_mut().expect("filled just above").1
    }

    fn deflate(encoder: &mut Compress, message: &[u8], output: &mut Vec<u8>) -> io::Result<()> {
        output.reserve(message.len() / 2 + 64);
        loop {
            let read = usize::try_from(encoder.total_in()).expect("no more was read than the message has");
            match encoder.compress_vec(&message[read..], output, FlushCompress::Finish).map_err(io::Error::other)? {
                Status::StreamEnd => return Ok(()),
                Status::Ok | Status::BufError => output.reserve(OUTPUT_STEP_BYTES),
            }
        }
    }

    /// Inflates one stream and tells how many bytes of the input it took.
    fn inflate(
        decoder: &mut Decompress,
        message: &[u8],
        bytes_max: usize,
        output: &mut Vec<u8>,
    ) -> Result<usize, DecompressError> {
        loop {
            // One byte over the limit is room enough to see that the limit is broken.
            let room = bytes_max.saturating_add(1).saturating_sub(output.len());
            if room == 0 {
                return Err(DecompressError::TooLarge);
            }
            output.reserve(room.min(OUTPUT_STEP_BYTES.max(output.len())));
            let read = usize::try_from(decoder.total_in()).expect("no more was read than the message has");
            let written = output.len();
            let status = decoder
                .decompress_vec(&message[read..], output, FlushDecompress::None)
                .map_err(|error| DecompressError::Corrupt(error.into()))?;
            let read_now = usize::try_from(decoder.total_in()).expect("no more was read than the message has");
            if output.len() > bytes_max {
                return Err(DecompressError::TooLarge);
            }
            match status {
                Status::StreamEnd => return Ok(read_now),
                Status::Ok | Status::BufError if read_now == read && output.len() == written => {
                    return Err(corrupt("the data ends early"));
                }
                Status::Ok | Status::BufError => {}
            }
        }
    }

    fn corrupt(why: &'static str) -> DecompressError {
        DecompressError::Corrupt(why.into())
    }
}

/// zstd, by ruzstd.
#[cfg(feature = "zstd")]
mod zstd {
    use std::io::{self, Read};

    use ruzstd::decoding::StreamingDecoder;
    use ruzstd::encoding::CompressionLevel;

    use crate::codec::compressor::{Compressor, DecompressError};

    /// RFC 8878. ruzstd writes at its fastest level only, so the level is ignored.
    #[derive(Debug)]
    pub(in crate::codec) struct Zstd;

    pub(in crate::codec) static ZSTD: Zstd = Zstd;

    /// What every decoder must support (RFC 8878, section 3.1.1.1.2), whatever the message limit.
    const WINDOW_BYTES_SUPPORTED: u64 = 8 * 1024 * 1024;

    fn window_bytes_max(message_bytes_max: usize) -> u64 {
        u64::try_from(message_bytes_max).unwrap_or(u64::MAX).max(WINDOW_BYTES_SUPPORTED)
    }

    /// The window that a frame's header declares (RFC 8878, section 3.1.1.1); `None` where it is cut short.
    fn declared_window(frame: &[u8]) -> Option<u64> {
        const MAGIC_BYTES: usize = 4;
        let descriptor = *frame.get(MAGIC_BYTES)?;
        let is_single_segment = descriptor & 0x20 != 0;
        if !is_single_segment {
            let window = *frame.get(MAGIC_BYTES + 1)?;
            let base = 1_u64 << (10 + (window >> 3));
            return Some(base + base / 8 * u64::from(window & 7));
        }
        // The content's size stands for the window, after the dictionary's id.
        let id_bytes = [0, 1, 2, 4][usize::from(descriptor & 3)];
        let size_bytes = [1, 2, 4, 8][usize::from(descriptor >> 6)];
        let start = MAGIC_BYTES + 1 + id_bytes;
        let size = frame.get(start..start + size_bytes)?;
        let size = size.iter().rev().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
        Some(if size_bytes == 2 { size + 256 } else { size })
    }

    impl Compressor for Zstd {
        fn name(&self) -> &'static str {
            "zstd"
        }

        fn compress(&self, message: &[u8], _level: u32, output: &mut Vec<u8>) -> io::Result<()> {
            ruzstd::encoding::compress(message, output, CompressionLevel::Fastest);
            Ok(())
        }

        fn decompress(
            &self,
            mut message: &[u8],
            bytes_max: usize,
            output: &mut Vec<u8>,
        ) -> Result<(), DecompressError> {
            while !message.is_empty() {
                // The decoder holds back a window's worth before it gives anything out, so the window that the peer
                // declares is memory that it asks for.
                if declared_window(message).is_some_and(|window| window > window_bytes_max(bytes_max)) {
                    return Err(DecompressError::TooLarge);
                }
                let decoder =
                    StreamingDecoder::new(&mut message).map_err(|error| DecompressError::Corrupt(Box::new(error)))?;
                let room = bytes_max.saturating_add(1).saturating_sub(output.len());
                let room = u64::try_from(room).unwrap_or(u64::MAX);
                decoder.take(room).read_to_end(output).map_err(|error| DecompressError::Corrupt(Box::new(error)))?;
                if output.len() > bytes_max {
                    return Err(DecompressError::TooLarge);
                }
            }
            Ok(())
        }
    }
}
