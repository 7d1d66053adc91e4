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
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use ruzstd::decoding::{BlockDecodingStrategy, FrameDecoder};
    use ruzstd::encoding::CompressionLevel;

    use crate::codec::compressor::{Compressor, DecompressError};

    /// RFC 8878. ruzstd writes at its fastest level only, so the level is ignored.
    #[derive(Debug)]
    pub(in crate::codec) struct Zstd;

    pub(in crate::codec) static ZSTD: Zstd = Zstd;

    /// What every decoder must support (RFC 8878, section 3.1.1.1.2), whatever the message limit.
    const WINDOW_BYTES_SUPPORTED: u64 = 8 * 1024 * 1024;

    /// What a block unpacks to at most (RFC 8878, section 3.1.1.2.4), in a window that is no smaller.
    const BLOCK_BYTES_MAX: u64 = 128 * 1024;

    const MAGIC_BYTES: usize = 4;

    /// The longest header of a frame.
    const HEADER_BYTES_MAX: usize = 18;

    /// What a frame says of itself (RFC 8878, section 3.1.1.1).
    struct Declared {
        header_bytes: usize,
        /// How far back the frame refers; without one, as far as its content reaches.
        window: Option<u64>,
        content: Option<u64>,
    }

    impl Declared {
        /// `None` where the header is cut short.
        fn by(frame: &[u8]) -> Option<Self> {
            let descriptor = *frame.get(MAGIC_BYTES)?;
            let is_single_segment = descriptor & 0x20 != 0;
            let mut at = MAGIC_BYTES + 1;
            let mut window = None;
            if !is_single_segment {
                window = Some(window_bytes(*frame.get(at)?));
                at += 1;
            }
            at += [0, 1, 2, 4][usize::from(descriptor & 3)];
            let content_bytes = match descriptor >> 6 {
                0 if !is_single_segment => 0,
                flag => 1 << flag,
            };
            let content = frame.get(at..at + content_bytes)?;
            let size = content.iter().rev().fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
            // Two bytes count from what one byte cannot say.
            let content = match content_bytes {
                0 => None,
                2 => Some(size + 256),
                _ => Some(size),
            };
            Some(Declared { header_bytes: at + content_bytes, window, content })
        }
    }

    /// The window that a byte declares.
    fn window_bytes(byte: u8) -> u64 {
        let base = 1_u64 << (10 + (byte >> 3));
        base + base / 8 * u64::from(byte & 7)
    }

    /// The byte that declares the smallest window of at least so many bytes.
    fn window_byte(bytes: u64) -> u8 {
        (0..=u8::MAX).find(|byte| window_bytes(*byte) >= bytes).unwrap_or(u8::MAX)
    }

    /// Unpacks one frame and returns what follows it.
    ///
    /// The decoder holds back a window's worth before it gives anything out. A window that the peer declares must
    /// not be memory that it asks for, nor must what waits there come on top of what was given out: so the decoder is
    /// told that the window is as large as a message may be. What is in it can be one block too much, and no more.
    fn decompress_frame<'m>(
        frame: &'m [u8],
        bytes_max: usize,
        output: &mut Vec<u8>,
    ) -> Result<&'m [u8], DecompressError> {
        let Some(declared) = Declared::by(frame) else { return Err(corrupt("the frame is cut short")) };
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        if declared.content.is_some_and(|bytes| bytes > limit)
            || declared.window.is_some_and(|bytes| bytes > limit.max(WINDOW_BYTES_SUPPORTED))
        {
            return Err(DecompressError::TooLarge);
        }
        let mut header = [0; HEADER_BYTES_MAX];
        let header = &mut header[..declared.header_bytes];
        header.copy_from_slice(&frame[..declared.header_bytes]);
        let mut window = declared.content.unwrap_or(0);
        if let Some(declared) = declared.window {
            let byte = window_byte(limit.min(declared.max(WINDOW_BYTES_SUPPORTED)).max(BLOCK_BYTES_MAX));
            header[MAGIC_BYTES + 1] = byte;
            window = window_bytes(byte);
        }
        let mut decoder = FrameDecoder::new();
        decoder.init(&*header).map_err(|error| DecompressError::Corrupt(Box::new(error)))?;
        let mut rest = &frame[declared.header_bytes..];
        loop {
            decoder
                .decode_blocks(&mut rest, BlockDecodingStrategy::UptoBlocks(1))
                .map_err(|error| DecompressError::Corrupt(Box::new(error)))?;
            let (ready, is_finished) = (decoder.can_collect(), decoder.is_finished());
            if ready > 0 {
                let held_back = if is_finished { 0 } else { usize::try_from(window).unwrap_or(usize::MAX) };
                if output.len().saturating_add(ready).saturating_add(held_back) > bytes_max {
                    return Err(DecompressError::TooLarge);
                }
                output.reserve(ready);
                let ready = u64::try_from(ready).unwrap_or(u64::MAX);
                let read = (&mut decoder).take(ready).read_to_end(output);
                read.map_err(|error| DecompressError::Corrupt(Box::new(error)))?;
            }
            if is_finished {
                break;
            }
        }
        match decoder.get_checksum_from_data() {
            Some(checksum) if decoder.get_calculated_checksum() != Some(checksum) => {
                Err(corrupt("its checksum is wrong"))
            }
            _ => Ok(rest),
        }
    }

    fn corrupt(why: &'static str) -> DecompressError {
        DecompressError::Corrupt(why.into())
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
                // The decoder asserts what it believes about its input. Should bytes ever prove it wrong, they are
                // damaged bytes and not the end of whoever was given them.
                let unpacked = catch_unwind(AssertUnwindSafe(|| decompress_frame(message, bytes_max, output)));
                message = unpacked.unwrap_or_else(|_panic| Err(corrupt("it contradicts itself")))?;
            }
            Ok(())
        }
    }
}
