//! A quick hash of short strings. It chooses buckets and never decides: what it finds is compared.

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd1b5_4a32_d192_ed03;

/// Of a name: its length, its first and its last eight bytes. Names are told apart by these nearly always.
#[inline]
pub(super) const fn of_name(name: &[u8]) -> u32 {
    let (head, tail) = ends(name);
    fold(fold(head ^ FIRST, tail ^ SECOND), name.len() as u64 ^ FIRST) as u32
}

/// Of every byte, and of what came before.
#[inline]
pub(super) fn of_value(seed: u32, value: &[u8]) -> u32 {
    let mut state = u64::from(seed) ^ FIRST;
    let mut rest = value;
    while let Some((word, tail)) = rest.split_first_chunk::<8>()
        && !tail.is_empty()
    {
        state = fold(state ^ u64::from_le_bytes(*word), SECOND);
        rest = tail;
    }
    let (head, tail) = ends(rest);
    fold(fold(state ^ head, tail ^ SECOND), value.len() as u64 ^ FIRST) as u32
}

/// The first and the last eight bytes, which overlap in a string of fewer than sixteen.
#[inline]
const fn ends(text: &[u8]) -> (u64, u64) {
    if let (Some(head), Some(tail)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (u64::from_le_bytes(*head), u64::from_le_bytes(*tail))
    } else if let (Some(head), Some(tail)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        (u32::from_le_bytes(*head) as u64, u32::from_le_bytes(*tail) as u64)
    } else if let [first, .., last] = text {
        (*first as u64 | (*last as u64) << 16, text[text.len() / 2] as u64)
    } else if let [only] = text {
        (*only as u64, 0)
    } else {
        (0, 0)
    }
}

/// Both halves of the product, so that every bit of both numbers counts.
#[inline]
const fn fold(left: u64, right: u64) -> u64 {
    let product = left as u128 * right as u128;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_makes_a_difference() {
        for length in 1..40 {
            let text = vec![b'a'; length];
            let hash = of_value(7, &text);
            assert_ne!(hash, of_value(8, &text));
            for position in 0..length {
                let mut other = text.clone();
                other[position] = b'b';
                assert_ne!(of_value(7, &other), hash, "byte {position} of {length}");
            }
        }
    }
}
