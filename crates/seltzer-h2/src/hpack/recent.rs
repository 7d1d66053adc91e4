//! What was seen lately: forgetful, and of fixed size.

/// The last few hashes that came, to tell what comes again from what comes once.
#[derive(Debug)]
pub(super) struct Recent<const COUNT: usize> {
    /// Apart, because most connections that exist at a time have nothing to say.
    hashes: Option<Box<[u32; COUNT]>>,
    /// The oldest one, which gives way next.
    oldest: u8,
}

impl<const COUNT: usize> Default for Recent<COUNT> {
    fn default() -> Self {
        Recent { hashes: None, oldest: 0 }
    }
}

impl<const COUNT: usize> Recent<COUNT> {
    /// Whether the hash is among the last ones. If not, it is from now on.
    pub(super) fn came_before(&mut self, hash: u32) -> bool {
        let hashes = self.hashes.get_or_insert_with(|| Box::new([0; COUNT]));
        // Without a branch for each, so that the compiler can compare many at once.
        if hashes.iter().fold(false, |any, known| any | (*known == hash)) {
            return true;
        }
        if let Some(oldest) = hashes.get_mut(usize::from(self.oldest)) {
            *oldest = hash;
        }
        self.oldest = (self.oldest + 1) % COUNT as u8;
        false
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.hashes.as_ref().map_or(0, |hashes| size_of_val(&**hashes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_known() {
        let mut recent = Recent::<4>::default();
        for hash in 1..=5 {
            assert!(!recent.came_before(hash));
            assert!(recent.came_before(hash));
        }
        assert!((2..=5).all(|hash| recent.came_before(hash)));
        assert!(!recent.came_before(1), "it was the fifth last");
    }
}
