//! Places for handlers' futures that are used again and again, so that a call allocates none.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::pin::Pin;

/// A place for a future: pinned, and empty between two calls.
pub(crate) type Slot<F> = Pin<Box<Option<F>>>;

thread_local! {
    /// One place for each kind of future, which means for each method of a program.
    static SLOTS: RefCell<HashMap<TypeId, Box<dyn Any>, BuildHasherDefault<TypeIdHasher>>> = RefCell::default();
}

/// An empty place. One that is never given back was taken along by a call that has to wait.
pub(crate) fn take<F: 'static>() -> Slot<F> {
    let kept = SLOTS.with_borrow_mut(|slots| {
        slots.get_mut(&TypeId::of::<F>())?.downcast_mut::<Option<Slot<F>>>().and_then(Option::take)
    });
    kept.unwrap_or_else(|| Box::pin(None))
}

/// Gives a place back, empty.
pub(crate) fn give<F: 'static>(slot: Slot<F>) {
    debug_assert!(slot.is_none(), "a place is given back empty");
    SLOTS.with_borrow_mut(|slots| match slots.get_mut(&TypeId::of::<F>()).and_then(|kept| kept.downcast_mut()) {
        Some(kept) => *kept = Some(slot),
        None => {
            slots.insert(TypeId::of::<F>(), Box::new(Some(slot)));
        }
    });
}

/// A `TypeId` is a hash already.
#[derive(Default)]
struct TypeIdHasher(u64);

impl Hasher for TypeIdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 ^= u64::from_le_bytes(word);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 ^= word;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_to_its_own_kind() {
        let number = take::<u32>();
        let address = std::ptr::from_ref(&*number);
        give(number);
        assert!(take::<u64>().is_none());
        let again = take::<u32>();
        assert_eq!(std::ptr::from_ref(&*again), address);
        let other = take::<u32>();
        assert_ne!(std::ptr::from_ref(&*other), address, "the first one is in use");
    }
}
