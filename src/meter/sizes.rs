//! The sizes of messages in a stream of bytes.

/// The bytes in front of a message: a flag, and its length.
const PREFIX_BYTES: usize = 5;

/// Tells messages from what stands in front of them, however their bytes are cut.
#[derive(Debug, Default)]
pub(crate) struct MessageSizes {
    prefix: [u8; PREFIX_BYTES],
    prefix_len: usize,
    /// What is still to come of a message.
    left: usize,
}

impl MessageSizes {
    /// How many of these bytes are messages.
    pub(crate) fn take(&mut self, mut bytes: &[u8]) -> usize {
        let mut taken = 0;
        while !bytes.is_empty() {
            let length = if self.left > 0 {
                let length = self.left.min(bytes.len());
                self.left -= length;
                taken += length;
                length
            } else {
                let length = (PREFIX_BYTES - self.prefix_len).min(bytes.len());
                self.prefix[self.prefix_len..][..length].copy_from_slice(&bytes[..length]);
                self.prefix_len += length;
                if self.prefix_len == PREFIX_BYTES {
                    let [_, length @ ..] = self.prefix;
                    self.left = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
                    self.prefix_len = 0;
                }
                length
            };
            bytes = &bytes[length..];
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_measured_however_they_are_cut() {
        let message = |length: usize| {
            let prefix = u32::try_from(length).expect("it is small").to_be_bytes();
            [&[0][..], &prefix, &vec![7; length]].concat()
        };
        for lengths in [&[][..], &[0], &[0, 0, 3], &[10, 1, 0, 300]] {
            let bytes: Vec<u8> = lengths.iter().flat_map(|length| message(*length)).collect();
            for cut in 1..=bytes.len() {
                let mut sizes = MessageSizes::default();
                let taken: usize = bytes.chunks(cut).map(|piece| sizes.take(piece)).sum();
                assert_eq!(taken, lengths.iter().sum::<usize>(), "{lengths:?} in pieces of {cut}");
            }
        }
    }
}
