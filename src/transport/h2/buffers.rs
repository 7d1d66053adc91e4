//! Buffers for output and for small messages, shared by all of a server's connections on a thread.

use std::cell::Cell;

use bytes::BytesMut;

/// An output buffer that has grown beyond this is given back to the allocator.
const OUTPUT_BYTES_KEPT: usize = 1024 * 1024;

/// What an output buffer begins with: the answers of a few dozen small calls. One that has shrunk below this is what was
/// left of a larger one, which it keeps alive.
const OUTPUT_BYTES_USEFUL: usize = 4 * 1024;

/// Messages up to this size that came in pieces are collected in buffers that are used again.
const COLLECTED_BYTES_KEPT: usize = 4 * 1024;

/// As many of these as calls whose messages arrive side by side in a batch; together as much as the read buffer.
const COLLECTED_COUNT_KEPT: usize = 64;

thread_local! {
        static OUTPUT: Cell<BytesMut> = Cell::new(BytesMut::new());
    static COLLECTED: Cell<Vec<BytesMut>> = const { Cell::new(Vec::new()) };
}

/// The thread's output buffer, empty.
pub(crate) fn take_output_buffer() -> BytesMut {
    let buffer = OUTPUT.take();
    if buffer.capacity() < OUTPUT_BYTES_USEFUL { BytesMut::with_capacity(OUTPUT_BYTES_USEFUL) } else { buffer }
}

pub(crate) fn give_output_buffer(mut buffer: BytesMut) {
    buffer.clear();
    let is_useful = buffer.capacity() >= OUTPUT_BYTES_USEFUL || buffer.try_reclaim(OUTPUT_BYTES_USEFUL);
    if is_useful && buffer.capacity() <= OUTPUT_BYTES_KEPT {
        OUTPUT.set(buffer);
    }
}

/// An empty buffer for a message that comes in pieces.
pub(crate) fn take_collected_buffer() -> BytesMut {
    let mut kept = COLLECTED.take();
    let buffer = kept.pop().unwrap_or_default();
    COLLECTED.set(kept);
    buffer
}

/// Gives back a buffer of which nobody holds a part.
pub(crate) fn give_collected_buffer(mut buffer: BytesMut) {
    let mut kept = COLLECTED.take();
    if buffer.capacity() <= COLLECTED_BYTES_KEPT && kept.len() < COLLECTED_COUNT_KEPT {
        buffer.clear();
        kept.push(buffer);
    }
    COLLECTED.set(kept);
}
