//! Streams by their number.

use crate::stream_id::StreamId;

/// Values by stream number. Numbers only grow, so a place is found by the number's low bits; the rare stream whose
/// place is taken by an older one lives in a sorted list beside the places.
#[derive(Debug)]
pub struct StreamTable<T> {
    slots: Vec<Slot<T>>,
    overflow: Vec<(u32, T)>,
    length: usize,
}

#[derive(Debug)]
struct Slot<T> {
    /// The last stream that was here, whether it still is or not.
    id: u32,
    value: Option<T>,
}

/// Places of the first stream on.
const SLOTS_MIN: usize = 8;
/// Places at most: beyond, streams of one place share it through the overflow list.
const SLOTS_MAX: usize = 1 << 16;

impl<T> Default for StreamTable<T> {
    fn default() -> Self {
        StreamTable { slots: Vec::new(), overflow: Vec::new(), length: 0 }
    }
}

impl<T> StreamTable<T> {
    /// An empty table, which takes no memory until the first stream.
    #[must_use]
    pub fn new() -> Self {
        StreamTable::default()
    }

    /// The number of streams.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there is none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    #[inline]
    fn place(&self, id: u32) -> usize {
        (id >> 1) as usize & self.slots.len().wrapping_sub(1)
    }

    /// The value of a stream.
    #[inline]
    #[must_use]
    pub fn get(&self, stream: StreamId) -> Option<&T> {
        let id = stream.get();
        match self.slots.get(self.place(id)) {
            Some(slot) if slot.id == id => slot.value.as_ref(),
            _ => self.find_overflow(id).ok().map(|at| &self.overflow[at].1),
        }
    }

    /// The value of a stream, to change it.
    #[inline]
    pub fn get_mut(&mut self, stream: StreamId) -> Option<&mut T> {
        let id = stream.get();
        let place = self.place(id);
        if self.slots.get(place).is_some_and(|slot| slot.id == id) {
            return self.slots[place].value.as_mut();
        }
        let at = self.find_overflow(id).ok()?;
        Some(&mut self.overflow[at].1)
    }

    #[inline]
    fn find_overflow(&self, id: u32) -> Result<usize, usize> {
        if self.overflow.is_empty() {
            return Err(0);
        }
        self.overflow.binary_search_by_key(&id, |(id, _)| *id)
    }

    /// Adds a stream; gives back the value that it had.
    #[inline]
    pub fn insert(&mut self, stream: StreamId, value: T) -> Option<T> {
        let id = stream.get();
        if let Some(old) = self.get_mut(stream) {
            return Some(std::mem::replace(old, value));
        }
        let place = self.place(id);
        match self.slots.get_mut(place) {
            Some(slot) if slot.value.is_none() => *slot = Slot { id, value: Some(value) },
            _ => self.insert_crowded(id, value),
        }
        self.length += 1;
        None
    }

    /// No table yet, or a place that is taken: grow while it is half full, else share the place.
    #[cold]
    fn insert_crowded(&mut self, id: u32, value: T) {
        if self.slots.len() <= self.length * 2 && self.slots.len() < SLOTS_MAX {
            self.grow();
        }
        let place = self.place(id);
        match self.slots.get_mut(place) {
            Some(slot) if slot.value.is_none() => *slot = Slot { id, value: Some(value) },
            _ => {
                if let Err(at) = self.find_overflow(id) {
                    self.overflow.insert(at, (id, value));
                }
            }
        }
    }

    fn grow(&mut self) {
        let slots_new = (self.slots.len() * 2).max(SLOTS_MIN);
        let mut old: Vec<Slot<T>> = std::mem::take(&mut self.slots);
        old.extend(self.overflow.drain(..).map(|(id, value)| Slot { id, value: Some(value) }));
        self.slots.resize_with(slots_new, || Slot { id: 0, value: None });
        // Ascending, so that of two that ended in one place the younger stays known.
        let ids: Vec<u32> = old.iter().map(|slot| slot.id).collect();
        for at in ascending(&ids) {
            let Slot { id, value } = std::mem::replace(&mut old[at], Slot { id: 0, value: None });
            let place = self.place(id);
            let target = &mut self.slots[place];
            match (target.value.is_some(), value) {
                (false, value) => *target = Slot { id, value },
                (true, Some(value)) => self.overflow.push((id, value)),
                (true, None) => {}
            }
        }
    }

    /// Takes a stream out.
    #[inline]
    pub fn remove(&mut self, stream: StreamId) -> Option<T> {
        let id = stream.get();
        let place = self.place(id);
        let removed = match self.slots.get_mut(place) {
            Some(slot) if slot.id == id => slot.value.take(),
            _ => self.find_overflow(id).ok().map(|at| self.overflow.remove(at).1),
        };
        self.length -= usize::from(removed.is_some());
        removed
    }

    /// Whether this stream was here and its place was not used since: a short memory that costs nothing.
    pub(crate) fn was_removed(&self, stream: StreamId) -> bool {
        let id = stream.get();
        id != 0 && self.slots.get(self.place(id)).is_some_and(|slot| slot.id == id && slot.value.is_none())
    }

    /// The numbers of all streams, ascending.
    #[must_use]
    pub fn ids(&self) -> Vec<StreamId> {
        let here = self.slots.iter().filter(|slot| slot.value.is_some()).map(|slot| slot.id);
        let ids: Vec<u32> = here.chain(self.overflow.iter().map(|(id, _)| *id)).collect();
        ascending(&ids).into_iter().map(|at| StreamId::new(ids[at])).collect()
    }

    /// All streams, ascending by number.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (StreamId, &mut T)> {
        let here = self.slots.iter_mut().filter_map(|slot| slot.value.as_mut().map(|value| (slot.id, value)));
        in_order(here.chain(self.overflow.iter_mut().map(|(id, value)| (*id, value))).collect())
    }

    /// Takes all streams out, ascending by number.
    pub fn drain(&mut self) -> impl Iterator<Item = (StreamId, T)> + use<T> {
        self.length = 0;
        let here = self.slots.iter_mut().filter_map(|slot| slot.value.take().map(|value| (slot.id, value)));
        in_order(here.chain(self.overflow.drain(..)).collect())
    }

    /// Gives memory back while no stream is here.
    pub fn shrink(&mut self) {
        if self.is_empty() {
            *self = StreamTable::default();
        }
    }
}

/// Values in the order of their numbers.
fn in_order<V>(all: Vec<(u32, V)>) -> impl Iterator<Item = (StreamId, V)> {
    let ids: Vec<u32> = all.iter().map(|(id, _)| *id).collect();
    let mut all: Vec<_> = all.into_iter().map(Some).collect();
    ascending(&ids).into_iter().filter_map(move |at| all[at].take()).map(|(id, value)| (StreamId::new(id), value))
}

/// Where the numbers stand, smallest first. Apart, so that sorting is compiled once and not for every kind of value.
fn ascending(ids: &[u32]) -> Vec<usize> {
    let mut order: Vec<(u32, usize)> = ids.iter().enumerate().map(|(at, id)| (*id, at)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, at)| at).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// The same operations on a map, with numbers near and far, so that places are shared.
    #[test]
    fn it_is_a_map() {
        let mut random = 1_u64;
        let mut next = |bound: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % bound
        };
        for spread in [1, 8, 16, 4096] {
            let mut table = StreamTable::new();
            let mut map = BTreeMap::new();
            for step in 0..20_000_u64 {
                let id = StreamId::new(1 + 2 * (next(300) * spread) as u32);
                match next(4) {
                    0 | 1 => assert_eq!(table.insert(id, step), map.insert(id, step)),
                    2 => assert_eq!(table.remove(id), map.remove(&id)),
                    _ => assert_eq!(table.get_mut(id).copied(), map.get(&id).copied()),
                }
                assert_eq!((table.get(id), table.len()), (map.get(&id), map.len()));
            }
            assert_eq!(table.ids(), map.keys().copied().collect::<Vec<_>>());
            let all: Vec<_> = table.iter_mut().map(|(id, value)| (id, *value)).collect();
            assert_eq!(all, map.clone().into_iter().collect::<Vec<_>>());
            assert_eq!(table.drain().collect::<Vec<_>>(), map.into_iter().collect::<Vec<_>>());
            assert!(table.is_empty() && table.ids().is_empty());
        }
    }

    #[test]
    fn sequential_streams_need_few_places() {
        let mut table = StreamTable::new();
        for number in 0..100_000_u32 {
            table.insert(StreamId::new(number * 2 + 1), number);
            if number >= 100 {
                assert_eq!(table.remove(StreamId::new((number - 100) * 2 + 1)), Some(number - 100));
            }
        }
        assert!(table.slots.len() <= 512 && table.overflow.is_empty(), "{} places", table.slots.len());
    }

    #[test]
    fn a_stream_that_was_here_is_known_for_a_while() {
        let mut table = StreamTable::new();
        let ids = [1, 3, 5].map(StreamId::new);
        for id in ids {
            table.insert(id, ());
        }
        assert!(!table.was_removed(ids[1]), "it is here");
        table.remove(ids[1]);
        assert!(table.was_removed(ids[1]));
        assert!(!table.was_removed(StreamId::new(7)) && !table.was_removed(StreamId::ZERO));
        table.shrink();
        assert_eq!(table.len(), 2, "nothing is lost while streams are here");
    }
}
