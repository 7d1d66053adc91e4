//! Which streams were reset lately, so that what was still on its way is not taken for an error.

use crate::limits::REMEMBERED_RESETS;
use crate::stream_id::StreamId;
use std::collections::VecDeque;

/// The latest resets, and how far back forgotten ones reach.
#[derive(Debug, Default)]
pub(crate) struct ResetMemory {
    /// Numbers, doubled, plus one if the peer reset the stream.
    recent: VecDeque<u32>,
    /// The highest stream that was forgotten.
    forgotten: u32,
}

/// What is known of a stream that has no record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Remembered {
    /// This side reset it: the peer may not know yet.
    ResetHere,
    /// The peer reset it and must not use it any more.
    ResetByPeer,
    /// It may have been reset so long ago that it is forgotten.
    Perhaps,
    /// It was not reset.
    No,
}

impl ResetMemory {
    pub(crate) fn remember(&mut self, stream: StreamId, by_peer: bool) {
        if self.recent.len() >= REMEMBERED_RESETS
            && let Some(oldest) = self.recent.pop_front()
        {
            self.forgotten = self.forgotten.max(oldest >> 1);
        }
        self.recent.push_back(stream.get() << 1 | u32::from(by_peer));
    }

    pub(crate) fn look_up(&self, stream: StreamId) -> Remembered {
        let id = stream.get();
        match self.recent.iter().rev().find(|entry| *entry >> 1 == id) {
            Some(entry) if entry & 1 == 1 => Remembered::ResetByPeer,
            Some(_) => Remembered::ResetHere,
            None if id <= self.forgotten => Remembered::Perhaps,
            None => Remembered::No,
        }
    }

    pub(crate) fn shrink(&mut self) {
        if let Some(highest) = self.recent.iter().map(|entry| entry >> 1).max() {
            self.forgotten = self.forgotten.max(highest);
        }
        self.recent = VecDeque::new();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_known_and_the_older_are_perhaps() {
        let mut memory = ResetMemory::default();
        for number in 0..REMEMBERED_RESETS as u32 + 10 {
            memory.remember(StreamId::new(number * 4 + 1), number % 2 == 0);
        }
        assert_eq!(memory.look_up(StreamId::new(1)), Remembered::Perhaps);
        assert_eq!(memory.look_up(StreamId::new(3)), Remembered::Perhaps);
        assert_eq!(memory.look_up(StreamId::new(41)), Remembered::ResetByPeer);
        assert_eq!(memory.look_up(StreamId::new(45)), Remembered::ResetHere);
        assert_eq!(memory.look_up(StreamId::new(47)), Remembered::No);
        memory.shrink();
        assert_eq!(memory.look_up(StreamId::new(45)), Remembered::Perhaps);
    }
}
