//! Buffers that all connections of a thread share while they are at work, so that idle ones hold none.

use std::cell::Cell;

use bytes::BytesMut;

/// What one read takes at most: many small calls, or a good part of a large message, a system call.
const READ_BYTES: usize = 256 * 1024;

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
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    static OUTPUT: Cell<BytesMut> = Cell::new(BytesMut::new());
    static COLLECTED: Cell<Vec<BytesMut>> = const { Cell::new(Vec::new()) };
}

/// The thread's read buffer, zeroed once, always of the same length. A connection that is polled within another
/// one's poll gets one of its own.
pub(crate) fn take_read_buffer() -> Vec<u8> {
    let mut buffer = READ.take();
    if buffer.len() < READ_BYTES {
        buffer.resize(READ_BYTES, 0);
    }
    buffer
}

pub(crate) fn give_read_buffer(buffer: Vec<u8>) {
    if buffer.len() == READ_BYTES {
        READ.set(buffer);
    }
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
