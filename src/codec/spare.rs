//! Memory of large messages that were read, to be used for the next ones.
//!
//! A stream of large messages would have the system give and take back the same pages for each of them, and each buffer
//! filled with zeros before it is read into. So a thread keeps a handle of the last few messages that its handlers
//! collected. Once nobody else holds a part of one, its memory serves again; until then the handle costs nothing that
//! the message does not.

use std::cell::Cell;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Below this, asking for memory and clearing it costs less than looking for some.
const BYTES_MIN: usize = 128 * 1024;

/// What a thread keeps, together and in number: messages of a megabyte on a few streams side by side.
const BYTES_KEPT: usize = 8 * 1024 * 1024;
const COUNT_KEPT: usize = 8;

/// A message's memory may be so many times as large as the message.
const EXCESS: usize = 2;

thread_local! {
    static KEPT: Cell<VecDeque<Bytes>> = const { Cell::new(VecDeque::new()) };
}

/// Keeps a handle of a message that was collected.
pub(crate) fn keep(message: &Bytes) {
    if message.len() < BYTES_MIN || message.len() > BYTES_KEPT {
        return;
    }
    let mut kept = KEPT.take();
    kept.push_back(message.clone());
    while kept.len() > COUNT_KEPT || kept.iter().map(Bytes::len).sum::<usize>() > BYTES_KEPT {
        kept.pop_front();
    }
    KEPT.set(kept);
}

#[cfg_attr(not(feature = "server"), allow(dead_code, reason = "only our own engine asks"))]
/// Memory for a message of so many bytes. What lies in it is what is left of another: it is there to be written over.
pub(crate) fn take(bytes: usize) -> Option<BytesMut> {
    if bytes < BYTES_MIN {
        return None;
    }
    let mut kept = KEPT.take();
    let fits = |spare: &Bytes| spare.len() >= bytes / EXCESS && spare.len() <= bytes * EXCESS && spare.is_unique();
    // The one that was used last is in the processor's caches still.
    let found = kept.iter().rposition(fits).and_then(|at| kept.remove(at));
    KEPT.set(kept);
    found?.try_into_mut().ok().filter(|spare| spare.capacity() >= bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(length: usize) -> Bytes {
        Bytes::from(vec![7; length])
    }

    #[test]
    fn memory_serves_again_once_nobody_holds_a_part_of_it() {
        let whole = message(BYTES_MIN);
        let place = whole.as_ptr();
        keep(&whole);
        let part = whole.slice(5..10);
        drop(whole);
        assert!(take(BYTES_MIN).is_none(), "a part is held");
        drop(part);
        let spare = take(BYTES_MIN).expect("it is free");
        assert_eq!((spare.as_ptr(), spare.len()), (place, BYTES_MIN));
        assert!(take(BYTES_MIN).is_none(), "it is taken");
    }

    #[test]
    fn only_what_fits_is_taken() {
        let table = [
            (BYTES_MIN - 1, BYTES_MIN - 1, false),
            (BYTES_MIN * 2, BYTES_MIN, true),
            (BYTES_MIN * 2 + 1, BYTES_MIN, false),
            (BYTES_MIN, BYTES_MIN + 1, false),
            (BYTES_KEPT, BYTES_KEPT, true),
            (BYTES_KEPT + 1, BYTES_KEPT + 1, false),
        ];
        for (length, wanted, is_taken) in table {
            keep(&message(length));
            assert_eq!(take(wanted).is_some(), is_taken, "{wanted} of {length}");
            KEPT.take();
        }
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let bytes = |length: usize, count: usize| {
            (0..count).for_each(|_| keep(&message(length)));
            KEPT.take().iter().map(Bytes::len).sum::<usize>()
        };
        assert_eq!(bytes(BYTES_MIN, 100), BYTES_MIN * COUNT_KEPT);
        assert_eq!(bytes(BYTES_KEPT / 3, 100), BYTES_KEPT / 3 * 3);
        assert_eq!(bytes(BYTES_KEPT, 100), BYTES_KEPT);
    }
}
