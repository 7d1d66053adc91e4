//! The buffer that all connections of a thread read into while they are at work, so that idle ones hold none.

use std::cell::Cell;

/// What one read takes at most: many small calls, or a good part of a large message, a system call.
const READ_BYTES: usize = 256 * 1024;

thread_local! {
    static READ: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
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
