//! The ring of a consistent hash.

use twox_hash::XxHash64;

/// Places of backends on a ring of hashes: more of them for larger weights, and the same for each whoever else is there.
#[derive(Debug, PartialEq)]
pub(super) struct Ring {
    /// Hashes with the backends that own them, ascending.
    places: Vec<(u64, usize)>,
    backends: usize,
}

impl Ring {
    /// A ring of about `min` to `max` places, as gRFC A42 reckons it: as many as it takes for the smallest weight to
    /// have whole places.
    pub(super) fn new(backends: &[(String, u32)], min: usize, max: usize) -> Self {
        let sum: f64 = backends.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let smallest = backends.iter().map(|(_, weight)| f64::from(*weight) / sum).fold(1.0, f64::min);
        let scale = ((smallest * min as f64).ceil() / smallest).min(max as f64);
        let mut places = Vec::new();
        let mut target = 0.0;
        for (index, (key, weight)) in backends.iter().enumerate() {
            target += scale * f64::from(*weight) / sum;
            let mut number = 0;
            while (places.len() as f64) < target {
                places.push((hash(format!("{key}_{number}").as_bytes()), index));
                number += 1;
            }
        }
        places.sort_unstable();
        Ring { places, backends: backends.len() }
    }

    /// The backends in the order in which they are to be tried for a hash, each once.
    pub(super) fn walk(&self, hash: u64) -> impl Iterator<Item = usize> {
        let first = self.places.partition_point(|(place, _)| *place < hash);
        let (before, after) = self.places.split_at(first);
        let mut seen = vec![false; self.backends];
        let is_new = move |index: &usize| !std::mem::replace(&mut seen[*index], true);
        after.iter().chain(before).map(|(_, index)| *index).filter(is_new).take(self.backends)
    }
}

/// The hash of a place on the ring, or of a call's key.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    XxHash64::oneshot(0, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(weights: &[u32], min: usize, max: usize) -> Ring {
        let backends: Vec<_> =
            weights.iter().enumerate().map(|(n, weight)| (format!("10.0.0.{n}:1"), *weight)).collect();
        Ring::new(&backends, min, max)
    }

    fn share(ring: &Ring, index: usize) -> usize {
        ring.places.iter().filter(|(_, owner)| *owner == index).count()
    }

    #[test]
    fn hashes_are_those_of_xxhash64() {
        for (text, expected) in
            [("", 0xef46_db37_51d8_e999), ("a", 0xd24e_c4f1_a98c_6e5b), ("abc", 0x44bc_2cf5_ad77_0999)]
        {
            assert_eq!(hash(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn rings_are_as_large_as_asked_and_shared_by_weight() {
        let table: [(&[u32], usize, usize, &[usize]); 7] = [
            (&[1], 1024, 4096, &[1024]),
            (&[1, 1], 1024, 4096, &[512, 512]),
            (&[1, 1, 1], 1024, 4096, &[342, 342, 342]),
            (&[1, 3], 4, 4096, &[1, 3]),
            // The smallest weight has a whole place, so the ring is larger than the least.
            (&[1, 2, 3], 10, 4096, &[2, 4, 6]),
            // Unless that is too much.
            (&[1, 999], 1, 100, &[1, 99]),
            (&[1, 1, 2], 1, 2, &[1, 0, 1]),
        ];
        for (weights, min, max, expected) in table {
            let ring = ring(weights, min, max);
            let shares: Vec<_> = (0..weights.len()).map(|index| share(&ring, index)).collect();
            assert_eq!(shares, expected, "{weights:?} from {min} to {max}");
        }
    }

    #[test]
    fn a_walk_meets_each_once_and_begins_at_the_hash() {
        let ring = ring(&[1, 1, 1, 1, 1], 1024, 4096);
        for (place, owner) in [ring.places[0], ring.places[500], ring.places[1023]] {
            let walk: Vec<_> = ring.walk(place).collect();
            assert_eq!(walk[0], owner);
            let mut sorted = walk.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4], "{walk:?}");
        }
        // Behind the last place it begins again.
        let (last, _) = ring.places[ring.places.len() - 1];
        assert_eq!(ring.walk(last + 1).next(), ring.walk(0).next());
    }

    #[test]
    fn a_backend_that_leaves_moves_its_own_calls_alone() {
        let all = ring(&[1, 1, 1, 1], 4096, 4096);
        let fewer = ring(&[1, 1, 1], 3072, 4096);
        for number in 0..1000_u32 {
            let key = hash(&number.to_be_bytes());
            let before = all.walk(key).next();
            if before != Some(3) {
                assert_eq!(fewer.walk(key).next(), before, "{number}");
            }
        }
    }
}
