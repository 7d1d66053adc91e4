//! The bytes of prepared blocks, as long as the table stays as it is.

/// What a connection keeps of the prepared blocks that it sends; no memory before the first one.
#[derive(Debug, Default)]
pub(super) struct PreparedCache {
    /// Each block has one place, by its number. The length is a power of two.
    slots: Vec<Slot>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The block's number; 0 if the slot is free.
    id: u64,
    /// Of the table for which the bytes hold.
    generation: u32,
    /// [`TOO_LONG`] if the block is settled but does not fit.
    len: u8,
    bytes: [u8; BYTES_MAX],
}

/// Enough for a request whose fields are all in a table; with the rest a slot is 40 bytes.
pub(crate) const BYTES_MAX: usize = 27;

const TOO_LONG: u8 = u8::MAX;

/// A server has a head and trailers for all of its methods.
const SLOTS_MIN: usize = 4;

/// A client has a block for each of its methods.
const SLOTS_MAX: usize = 32;

impl PreparedCache {
    /// The bytes of a block as the first of so many, all of which can be copied in one go.
    #[inline]
    pub(super) fn find_padded(&self, id: u64, generation: u32) -> Option<(&[u8; BYTES_MAX], usize)> {
        let slot = self.slot(id).filter(|slot| slot.id == id && slot.generation == generation)?;
        (usize::from(slot.len) <= BYTES_MAX).then_some((&slot.bytes, usize::from(slot.len)))
    }

    /// The bytes of a block.
    #[inline]
    pub(super) fn find(&self, id: u64, generation: u32) -> Option<&[u8]> {
        let slot = self.slot(id)?;
        if slot.id == id && slot.generation == generation { slot.bytes.get(..usize::from(slot.len)) } else { None }
    }

    /// Whether the block was kept, be it that its bytes do not fit.
    #[inline]
    pub(super) fn knows(&self, id: u64, generation: u32) -> bool {
        self.slot(id).is_some_and(|slot| slot.id == id && slot.generation == generation)
    }

    /// Keeps the bytes of a block.
    pub(super) fn keep(&mut self, id: u64, generation: u32, block: &[u8]) {
        let is_taken = |slot: &Slot| slot.id != id && slot.generation == generation && slot.id != 0;
        if self.slots.is_empty() {
            self.slots = vec![Slot::default(); SLOTS_MIN];
        } else if self.slots.len() < SLOTS_MAX && self.slot(id).is_some_and(is_taken) {
            self.grow();
        }
        let position = self.position(id);
        let Some(slot) = self.slots.get_mut(position) else { return };
        *slot = Slot { id, generation, len: TOO_LONG, bytes: [0; BYTES_MAX] };
        if let Some(bytes) = slot.bytes.get_mut(..block.len()) {
            bytes.copy_from_slice(block);
            slot.len = block.len() as u8;
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    fn grow(&mut self) {
        let slots = vec![Slot::default(); self.slots.len() * 2];
        for slot in std::mem::replace(&mut self.slots, slots) {
            let position = self.position(slot.id);
            self.slots[position] = slot;
        }
    }

    #[inline]
    fn slot(&self, id: u64) -> Option<&Slot> {
        self.slots.get(self.position(id))
    }

    #[inline]
    fn position(&self, id: u64) -> usize {
        id as usize & self.slots.len().wrapping_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_for_one_generation() {
        let mut cache = PreparedCache::default();
        assert!(cache.find(1, 0).is_none() && !cache.knows(1, 0));
        for id in 1..=SLOTS_MAX as u64 {
            cache.keep(id, 0, &[id as u8]);
        }
        for id in 1..=SLOTS_MAX as u64 {
            assert_eq!(cache.find(id, 0), Some(&[id as u8][..]));
            assert_eq!(cache.find(id, 1), None);
        }
        cache.keep(SLOTS_MAX as u64 * 2, 0, b"x");
        assert_eq!((cache.slots.len(), cache.find(SLOTS_MAX as u64, 0)), (SLOTS_MAX, None));
    }

    #[test]
    fn a_long_block_is_known_but_not_kept() {
        let mut cache = PreparedCache::default();
        cache.keep(5, 0, &[0; BYTES_MAX + 1]);
        assert!(cache.knows(5, 0));
        assert_eq!(cache.find(5, 0), None);
        cache.keep(5, 0, &[0; BYTES_MAX]);
        assert_eq!(cache.find(5, 0), Some(&[0; BYTES_MAX][..]));
        cache.keep(5, 0, b"");
        assert_eq!(cache.find(5, 0), Some(&b""[..]));
    }
}
