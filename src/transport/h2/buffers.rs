//! Buffers that all connections of a thread share while they are at work, so that idle ones hold none.

use std::cell::Cell;

#[cfg(feature = "server")]
use bytes::BytesMut;

/// What one read takes at most: many small calls, or a good part of a large message, a system call.
const READ_BYTES: usize = 256 * 1024;

/// An output buffer that has grown beyond this is given back to the allocator.
#[cfg(feature = "server")]
const OUTPUT_BYTES_KEPT: usize = 1024 * 1024;

/// One that has shrunk below this is what was left of a larger one, which it keeps alive.
#[cfg(feature = "server")]
const OUTPUT_BYTES_USEFUL: usize = 4 * 1024;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    #[cfg(feature = "server")]
    static OUTPUT: Cell<BytesMut> = Cell::new(BytesMut::new());
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
#[cfg(feature = "server")]
pub(crate) fn take_output_buffer() -> BytesMut {
    OUTPUT.take()
}

#[cfg(feature = "server")]
pub(crate) fn give_output_buffer(mut buffer: BytesMut) {
    buffer.clear();
    if (OUTPUT_BYTES_USEFUL..=OUTPUT_BYTES_KEPT).contains(&buffer.capacity()) {
        OUTPUT.set(buffer);
    }
}
