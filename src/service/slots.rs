//! Places for handlers' futures that are used again and again, so that a call allocates none.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash as _, Hasher};
use std::pin::Pin;

/// A place for a future: pinned, and empty between two calls.
pub(crate) type Slot<F> = Pin<Box<Option<F>>>;

thread_local! {
    static SLOTS: RefCell<Slots> = RefCell::default();
}

/// One place for each kind of future, which means for each method of a program.
#[derive(Default)]
struct Slots {
    /// Most are found here, by a part of their kind's number.
    near: [Option<Box<dyn Any>>; NEAR],
    /// Those whose place above is another one's.
    far: HashMap<TypeId, Box<dyn Any>, BuildHasherDefault<TypeIdHasher>>,
}

const NEAR: usize = 16;

impl Slots {
    /// Where the place of a kind of future is kept, which is empty while it is in use.
    fn kept<F: 'static>(&mut self) -> Option<&mut Option<Slot<F>>> {
        let near = self.near[near::<F>()].as_mut().and_then(|kept| kept.downcast_mut());
        near.or_else(|| self.far.get_mut(&TypeId::of::<F>())?.downcast_mut())
    }

    #[cold]
    fn keep<F: 'static>(&mut self, slot: Slot<F>) {
        let kept = Box::new(Some(slot));
        match &mut self.near[near::<F>()] {
            Some(_) => {
                self.far.insert(TypeId::of::<F>(), kept);
            }
            free => *free = Some(kept),
        }
    }
}

fn near<F: 'static>() -> usize {
    let mut hasher = TypeIdHasher::default();
    TypeId::of::<F>().hash(&mut hasher);
    (hasher.finish() % NEAR as u64) as usize
}

/// An empty place. One that is never given back was taken along by a call that has to wait.
pub(crate) fn take<F: 'static>() -> Slot<F> {
    let kept = SLOTS.with_borrow_mut(|slots| slots.kept::<F>().and_then(Option::take));
    kept.unwrap_or_else(|| Box::pin(None))
}

/// Gives a place back, empty.
pub(crate) fn give<F: 'static>(slot: Slot<F>) {
    debug_assert!(slot.is_none(), "a place is given back empty");
    SLOTS.with_borrow_mut(|slots| match slots.kept::<F>() {
        Some(kept) => *kept = Some(slot),
        None => slots.keep(slot),
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

    #[test]
    fn more_kinds_than_are_near_have_their_places() {
        fn round<const N: usize>() -> usize {
            let slot = take::<[u8; N]>();
            let address = std::ptr::from_ref(&*slot).addr();
            give(slot);
            address
        }
        fn rounds() -> [usize; 40] {
            macro_rules! all {
                ($($n:literal)*) => { [$(round::<$n>(), round::<{ $n + 20 }>()),*] };
            }
            all!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20)
        }
        assert_eq!(rounds(), rounds());
    }
}
