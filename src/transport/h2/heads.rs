//! What is known of the header blocks that a connection has seen.

#[cfg(feature = "server")]
use std::sync::Arc;

#[cfg(feature = "server")]
use crate::pace::Pace;
#[cfg(feature = "server")]
use crate::transport::h2::Answer;

/// How many heads a connection remembers: as many as the engine remembers blocks, and some.
const HEADS_MAX: usize = 32;

/// Tags leave room for a mark beside them in the word that the engine keeps. After so many, a connection begins anew:
/// the tags of before that it may still meet are those of blocks that did not come for a thousand million others.
const TAG_MAX: u32 = u32::MAX >> 2;

/// What the header block of a request means.
#[cfg(feature = "server")]
pub(super) enum Known<A: Answer> {
    /// A unary call of a generated service.
    Unary(Arc<A::Head>),
    /// Any other request.
    General(Arc<GeneralHead<A>>),
}

#[cfg(feature = "server")]
/// The head of a request as the `http` crate says it, and what it means to who answers.
pub(super) struct GeneralHead<A: Answer> {
    pub(super) request: http::Request<()>,
    pub(super) meaning: A::Meaning,
    /// How long the first polls of its handlers take.
    pub(super) pace: Pace,
    /// Its body consists of messages that its reader puts together by itself.
    pub(super) counts_messages: bool,
    /// It is read by others than gRPC's own reader, who tell what they keep of it.
    #[cfg(feature = "http1")]
    pub(super) is_told_of: bool,
    /// Its answer may be there at once.
    pub(super) answers_at_once: bool,
}

#[cfg(feature = "server")]
impl<A: Answer> Clone for Known<A> {
    fn clone(&self) -> Self {
        match self {
            Known::Unary(head) => Known::Unary(Arc::clone(head)),
            Known::General(head) => Known::General(Arc::clone(head)),
        }
    }
}

/// What is known of the header blocks that a connection has seen, by the tags that the engine keeps beside them.
#[derive(Debug)]
pub(super) struct Heads<K> {
    kept: Vec<K>,
    /// How many were ever kept; the newest have taken the places of the oldest.
    count: u32,
}

impl<K> Heads<K> {
    pub(super) fn new() -> Self {
        Heads { kept: Vec::new(), count: 0 }
    }

    pub(super) fn get(&self, tag: u32) -> Option<&K> {
        let age = self.count.checked_sub(tag)?;
        if tag == 0 || usize::try_from(age).ok()? >= HEADS_MAX {
            return None;
        }
        self.kept.get(place(tag))
    }

    /// Keeps what a head means and returns its tag, which is never 0.
    pub(super) fn keep(&mut self, head: K) -> u32 {
        if self.count == TAG_MAX {
            *self = Heads::new();
        }
        self.count += 1;
        match self.kept.get_mut(place(self.count)) {
            Some(kept) => *kept = head,
            None => self.kept.push(head),
        }
        self.count
    }
}

fn place(tag: u32) -> usize {
    usize::try_from(tag - 1).unwrap_or(usize::MAX) % HEADS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_heads_are_known_by_their_tags() {
        let mut heads = Heads::new();
        assert!(heads.get(0).is_none() && heads.get(1).is_none());
        let tags: Vec<_> = (0..100_u32).map(|n| heads.keep(n)).collect();
        for (n, tag) in (0..100_u32).zip(tags) {
            assert_eq!(heads.get(tag).copied(), (n >= 68).then_some(n), "tag {tag}");
        }
    }
}
