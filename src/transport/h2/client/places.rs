//! Whose turn it is when the peer permits no more streams.

use std::collections::VecDeque;
use std::task::Waker;

/// Calls that wait until the peer permits one more stream, in their order.
#[derive(Debug, Default)]
pub(super) struct Places {
    /// By their tickets, which grow.
    waiting: VecDeque<(u64, Waker)>,
    next_ticket: u64,
    /// Places that were given to calls which have not opened their streams yet.
    given: usize,
}

/// How far a call has come on its way to a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ticket {
    /// It has not asked yet.
    None,
    /// It waits, unless a place was given to it.
    Waiting(u64),
    /// The next stream is its own.
    Given,
}

impl Places {
    /// Whether a call may go first, where the peer permits so many more streams.
    #[inline]
    pub(super) fn is_free(&self, allowed: usize) -> bool {
        self.waiting.is_empty() && self.given < allowed
    }

    pub(super) fn nobody_waits(&self) -> bool {
        self.waiting.is_empty() && self.given == 0
    }

    /// Asks for a place. `true`: it was given.
    pub(super) fn ask(&mut self, ticket: &mut Ticket, allowed: usize, waker: &Waker) -> bool {
        match *ticket {
            Ticket::Given => true,
            Ticket::None if self.is_free(allowed) => {
                self.given += 1;
                *ticket = Ticket::Given;
                true
            }
            Ticket::None => {
                *ticket = Ticket::Waiting(self.next_ticket);
                self.waiting.push_back((self.next_ticket, waker.clone()));
                self.next_ticket += 1;
                false
            }
            Ticket::Waiting(number) => match self.position(number) {
                Ok(at) => {
                    self.waiting[at].1.clone_from(waker);
                    false
                }
                Err(_) => {
                    *ticket = Ticket::Given;
                    true
                }
            },
        }
    }

    /// Takes a ticket back: its call has opened its stream, or has given up.
    pub(super) fn leave(&mut self, ticket: &mut Ticket) {
        let was_given = match std::mem::replace(ticket, Ticket::None) {
            Ticket::None => false,
            Ticket::Waiting(number) => match self.position(number) {
                Ok(at) => {
                    self.waiting.remove(at);
                    false
                }
                Err(_) => true,
            },
            Ticket::Given => true,
        };
        self.given -= usize::from(was_given && self.given > 0);
    }

    /// Where the call with this ticket waits.
    fn position(&self, number: u64) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&number, |(ticket, _)| *ticket)
    }

    /// Gives places to those in front, where the peer permits so many more streams.
    pub(super) fn give(&mut self, allowed: usize, woken: &mut Vec<Waker>) {
        while self.given < allowed
            && let Some((_, waker)) = self.waiting.pop_front()
        {
            self.given += 1;
            woken.push(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_given_in_order_and_pass_on_when_given_up() {
        let mut places = Places::default();
        let mut woken = Vec::new();
        let mut tickets = [Ticket::None; 5];
        let given: Vec<_> = tickets.iter_mut().map(|ticket| places.ask(ticket, 2, Waker::noop())).collect();
        assert_eq!(given, [true, true, false, false, false]);
        assert!(!places.is_free(3), "whoever comes now waits behind the others");
        // One that waits gives up, one opens its stream: the other one's place is still its own.
        places.leave(&mut tickets[2]);
        places.leave(&mut tickets[0]);
        places.give(1, &mut woken);
        assert_eq!(woken.len(), 0);
        // That one gives up, too.
        places.leave(&mut tickets[1]);
        places.give(1, &mut woken);
        assert_eq!(woken.len(), 1);
        let given: Vec<_> = tickets[3..].iter_mut().map(|ticket| places.ask(ticket, 1, Waker::noop())).collect();
        assert_eq!(given, [true, false]);
        // A place that was given but not noticed passes on as well.
        places.give(2, &mut woken);
        places.leave(&mut tickets[4]);
        places.leave(&mut tickets[3]);
        assert!(places.nobody_waits());
    }
}
