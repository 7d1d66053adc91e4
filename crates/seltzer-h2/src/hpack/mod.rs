//! Header compression for HTTP/2, RFC 7541.
//!
//! ```
//! use seltzer_h2::hpack::{Decoder, Encoder, Limits};
//! use seltzer_h2::{HeaderField, Token};
//!
//! let mut block = Vec::new();
//! Encoder::default().encode_field(&HeaderField::new(b":path", b"/hello.Greeter/SayHello"), &mut block);
//!
//! let mut decoder = Decoder::default();
//! decoder.decode(&block, &Limits::default())?;
//! assert_eq!(decoder.fields().get(Token::Path), Some(&b"/hello.Greeter/SayHello"[..]));
//! # Ok::<(), seltzer_h2::hpack::Error>(())
//! ```

mod block_cache;
mod decoder;
mod dynamic_table;
mod encoder;
mod encoder_table;
mod hash;
mod huffman;
mod integer;
mod known;
mod literal_cache;
mod prepared_cache;
mod recent;
mod static_table;

pub use self::block_cache::Memo;
pub use self::decoder::{Decoded, Decoder, Limits};
pub use self::encoder::{Encoder, Indexing};
pub(crate) use self::encoder::{PreparedField, SETTLED_BYTES_MAX};
pub(crate) use self::known::known_token;

use std::fmt;

/// A header block that breaks RFC 7541. The peer is guilty, and the connection cannot go on: the two tables differ
/// from here (COMPRESSION_ERROR, RFC 9113 section 4.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The block ends in the middle of a field.
    Truncated,
    /// A number does not fit 32 bits (section 5.1).
    IntegerOverflow,
    /// An index that neither table has (section 2.3.3).
    InvalidIndex,
    /// A Huffman string with the end symbol, or with padding that is too long or not all ones (section 5.2).
    InvalidHuffman,
    /// A table size above the one that was announced, or after the first field (sections 4.2 and 6.3).
    InvalidTableSize,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Error::Truncated => "a header block ends in the middle of a field",
            Error::IntegerOverflow => "a number in a header block is too large",
            Error::InvalidIndex => "a header block refers to a field that neither table has",
            Error::InvalidHuffman => "a header block has a broken Huffman string",
            Error::InvalidTableSize => "a header block changes the table's size where or how it must not",
        })
    }
}

impl std::error::Error for Error {}

/// What an entry costs in the table, and a field in a header list, besides its bytes (section 4.1).
pub const FIELD_OVERHEAD_BYTES: usize = 32;

/// The table's size before anybody says otherwise (RFC 9113 section 6.5.2).
pub const TABLE_BYTES_DEFAULT: usize = 4096;

/// Name and value of a field of the static table, of which the first has the index 1.
#[inline]
pub(crate) fn static_field(index: u8) -> (&'static [u8], &'static [u8]) {
    static_table::STATIC_TABLE.get(usize::from(index).wrapping_sub(1)).copied().unwrap_or_default()
}
