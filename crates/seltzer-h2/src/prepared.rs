//! Header blocks whose fields never change.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::fields::HeaderField;
use crate::hpack::PreparedField;

/// A header block made of fixed fields, shared by all connections.
///
/// The first time a connection sends it, its fields enter the connection's table; from then on the block is a few
/// bytes, which the connection keeps and copies. A clone is another name for the same block.
///
/// ```
/// use seltzer_h2::{HeaderField, Prepared};
///
/// let ok = Prepared::new([HeaderField::new(b"grpc-status", b"0")]);
/// assert_eq!(ok.fields().count(), 1);
/// ```
#[derive(Clone)]
pub struct Prepared {
    inner: Arc<Inner>,
}

struct Inner {
    /// Tells it from every other one of this process.
    id: u64,
    fields: Box<[PreparedField]>,
    /// What they cost in a header list, as SETTINGS_MAX_HEADER_LIST_SIZE counts.
    list_bytes: usize,
    /// The whole block for a peer without a table.
    literal: Box<[u8]>,
}

/// Given to the blocks in the order in which they are made.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Prepared {
    /// A block of these fields, in this order.
    #[must_use]
    pub fn new<'a>(fields: impl IntoIterator<Item = HeaderField<'a>>) -> Self {
        Prepared::of(fields.into_iter().map(|field| PreparedField::new(&field)).collect())
    }

    /// Apart from what gives the fields, so that this is compiled once.
    fn of(fields: Box<[PreparedField]>) -> Self {
        let mut literal = Vec::new();
        for field in &fields {
            field.encode_literal(&mut literal);
        }
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        let list_bytes = fields.iter().map(|field| field.field().list_bytes()).sum();
        Prepared { inner: Arc::new(Inner { id, fields, list_bytes, literal: literal.into() }) }
    }

    /// Its fields in their order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = HeaderField<'_>> + Clone {
        self.inner.fields.iter().map(PreparedField::field)
    }

    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.inner.id
    }

    #[inline]
    pub(crate) fn list_bytes(&self) -> usize {
        self.inner.list_bytes
    }

    #[inline]
    pub(crate) fn prepared_fields(&self) -> &[PreparedField] {
        &self.inner.fields
    }

    #[inline]
    pub(crate) fn literal(&self) -> &[u8] {
        &self.inner.literal
    }
}

impl fmt::Debug for Prepared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list: crate::fields::FieldList = self.fields().collect();
        f.debug_tuple("Prepared").field(&list).finish()
    }
}
