//! Happy eyeballs: connecting to the first of several addresses that answers (RFC 8305, gRFC A61).

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::either::{Either, either};
use crate::task::task;
use crate::transport::address::Address;
use crate::transport::error::{Error, Step};

/// How long an attempt has to itself before the next address is tried beside it (RFC 8305, gRFC A61).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Addresses that may change while they are tried.
pub(super) trait Addresses {
    /// Those of now.
    fn current(&self) -> Vec<Address>;

    /// Waits until there are others.
    fn changed(&self) -> impl Future<Output = ()> + Send;
}

/// The attempts of one round.
struct Race<T> {
    waiting: VecDeque<Address>,
    begun: Vec<Begun<T>>,
    tasks: JoinSet<()>,
}

struct Begun<T> {
    address: Address,
    task: AbortHandle,
    /// Put there by the task, whose type says nothing of it: see `crate::task`.
    outcome: Arc<Mutex<Option<Result<T, Error>>>>,
    /// Why it failed, if it did.
    failure: Option<Error>,
}

/// Tries all addresses, each a while after the one before or as soon as one failed; the first that connects wins, and
/// the others are given up. Addresses that come meanwhile join in, those that vanish are given up.
///
/// # Errors
/// What became of each, when all have failed.
pub(super) async fn connect_first<T, F>(
    addresses: &impl Addresses,
    open: impl Fn(Address) -> F,
) -> Result<(Address, T), Error>
where
    T: Send + 'static,
    F: Future<Output = Result<T, Error>> + Send + 'static,
{
    let mut race = Race { waiting: interleaved(addresses.current()).into(), begun: Vec::new(), tasks: JoinSet::new() };
    loop {
        if let Some(address) = race.waiting.pop_front() {
            race.begin(address, &open);
        }
        let delay = async {
            if race.waiting.is_empty() {
                pending::<()>().await;
            }
            tokio::time::sleep(ATTEMPT_DELAY).await;
        };
        match either(either(race.tasks.join_next_with_id(), addresses.changed()), delay).await {
            Either::First(Either::First(Some(Ok((id, ()))))) => {
                if let Some(won) = race.take(id) {
                    return Ok(won);
                }
            }
            Either::First(Either::First(Some(Err(ended)))) => race.lose(&ended),
            Either::First(Either::First(None)) if race.waiting.is_empty() => return Err(race.failure()),
            Either::First(Either::Second(())) => race.change(addresses.current()),
            Either::First(Either::First(None)) | Either::Second(()) => {}
        }
    }
}

impl<T: Send + 'static> Race<T> {
    fn begin<F>(&mut self, address: Address, open: &impl Fn(Address) -> F)
    where
        F: Future<Output = Result<T, Error>> + Send + 'static,
    {
        let attempt = open(address.clone());
        let outcome = Arc::new(Mutex::new(None));
        let place = Arc::clone(&outcome);
        let task = self.tasks.spawn(task(async move {
            let outcome = attempt.await;
            *place.lock().expect("nothing panics under this lock") = Some(outcome);
        }));
        self.begun.push(Begun { address, task, outcome, failure: None });
    }

    /// What an attempt came to that is over: a connection, unless it has failed or nobody wants it any more.
    fn take(&mut self, id: Id) -> Option<(Address, T)> {
        let begun = self.begun.iter_mut().find(|begun| begun.task.id() == id)?;
        let outcome = begun.outcome.lock().expect("nothing panics under this lock").take()?;
        match outcome {
            Ok(connected) => Some((begun.address.clone(), connected)),
            Err(error) => {
                begun.failure = Some(error);
                None
            }
        }
    }

    /// An attempt was given up, or panicked, or its runtime ends.
    fn lose(&mut self, ended: &JoinError) {
        if let Some(begun) = self.begun.iter_mut().find(|begun| begun.task.id() == ended.id()) {
            begun.failure = Some(Error::new(Step::Connect, ended.to_string()));
        }
    }

    fn change(&mut self, addresses: Vec<Address>) {
        self.begun.retain(|begun| {
            let stays = addresses.contains(&begun.address);
            if !stays {
                begun.task.abort();
            }
            stays
        });
        let is_new = |address: &Address| !self.begun.iter().any(|begun| begun.address == *address);
        self.waiting = interleaved(addresses).into_iter().filter(is_new).collect();
    }

    fn failure(self) -> Error {
        let failures = self.begun.into_iter().filter_map(|begun| begun.failure).collect();
        Error::of_attempts(failures).unwrap_or_else(|| Error::new(Step::Resolve, "the name has no address"))
    }
}

/// The addresses of both families by turns, beginning with the family of the first, in their order otherwise; each once.
fn interleaved(addresses: Vec<Address>) -> Vec<Address> {
    let family = |address: &Address| matches!(address, Address::Tcp(address) if address.is_ipv6());
    let Some(first) = addresses.first().map(family) else { return addresses };
    let (mut same, mut other): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| family(address) == first);
    let mut mixed = Vec::with_capacity(same.len() + other.len());
    while !same.is_empty() || !other.is_empty() {
        for address in [same.pop_front(), other.pop_front()].into_iter().flatten() {
            if !mixed.contains(&address) {
                mixed.push(address);
            }
        }
    }
    mixed
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::sync::Notify;
    use tokio::time::Instant;

    use super::*;

    fn address(text: &str) -> Address {
        Address::Tcp(text.parse::<SocketAddr>().expect("it is an address"))
    }

    fn addresses(texts: &[&str]) -> Vec<Address> {
        texts.iter().map(|text| address(text)).collect()
    }

    struct List(Mutex<Vec<Address>>, Notify);

    impl List {
        fn new(texts: &[&str]) -> Arc<Self> {
            Arc::new(List(Mutex::new(addresses(texts)), Notify::new()))
        }

        fn set(&self, texts: &[&str]) {
            *self.0.lock().expect("no test panics under it") = addresses(texts);
            self.1.notify_one();
        }
    }

    impl Addresses for Arc<List> {
        fn current(&self) -> Vec<Address> {
            self.0.lock().expect("no test panics under it").clone()
        }

        fn changed(&self) -> impl Future<Output = ()> + Send {
            self.1.notified()
        }
    }

    #[allow(clippy::needless_pass_by_value, reason = "what is opened owns its address")]
    /// What happens at an address: ports tell. 1 never answers, 2 refuses at once, 3 refuses after a second, 4
    /// connects after 10 ms.
    fn open(address: Address) -> impl Future<Output = Result<(), Error>> + Send {
        let Address::Tcp(address) = address else { panic!("they all are TCP") };
        async move {
            let refused =
                || Err(Error::new(Step::Connect, "refused").with_target("it").with_address(address.to_string()));
            match address.port() {
                1 => pending().await,
                2 => refused(),
                3 => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                    refused()
                }
                _ => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    Ok(())
                }
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_address_holds_up_others_for_a_quarter_of_a_second_at_most() {
        let table = [
            (&["1.1.1.1:4"][..], Ok("1.1.1.1:4"), 10),
            (&["[::1]:1", "1.1.1.1:4"], Ok("1.1.1.1:4"), 260),
            (&["[::1]:1", "[::2]:4", "1.1.1.1:1"], Ok("[::2]:4"), 510),
            (&["[::1]:2", "1.1.1.1:4"], Ok("1.1.1.1:4"), 10),
            (&["[::1]:1", "[::2]:2", "1.1.1.1:2", "1.1.1.2:4"], Ok("1.1.1.2:4"), 260),
            (&["[::1]:4", "1.1.1.1:4"], Ok("[::1]:4"), 10),
            (&["1.1.1.1:3"], Err("cannot connect to it: 1.1.1.1:3: refused"), 1000),
            (
                &["1.1.1.1:3", "1.1.1.2:2", "1.1.1.1:3"],
                Err("cannot connect to it: 1.1.1.1:3: refused; 1.1.1.2:2: refused"),
                1000,
            ),
            (&[], Err("the name has no address"), 0),
        ];
        for (list, expected, millis) in table {
            let begin = Instant::now();
            let came = connect_first(&List::new(list), open).await;
            let came = came.map(|(address, ())| address.to_string()).map_err(|error| error.to_string());
            assert_eq!(came.as_deref().map_err(String::as_str), expected, "{list:?}");
            let elapsed = begin.elapsed().as_millis();
            assert!((millis..millis + 5).contains(&elapsed), "{list:?} after {elapsed} ms");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_come_meanwhile_join_in() {
        let list = List::new(&["1.1.1.1:1"]);
        let task = tokio::spawn({
            let list = Arc::clone(&list);
            async move { connect_first(&list, open).await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        list.set(&["1.1.1.1:1", "1.1.1.2:4"]);
        let (address, ()) = task.await.expect("nothing panics").expect("the second connects");
        assert_eq!(address.to_string(), "1.1.1.2:4");
    }

    #[tokio::test(start_paused = true)]
    async fn addresses_that_vanish_are_given_up() {
        let list = List::new(&["1.1.1.1:1"]);
        let task = tokio::spawn({
            let list = Arc::clone(&list);
            async move { connect_first(&list, open).await }
        });
        tokio::time::sleep(Duration::from_secs(5)).await;
        list.set(&["1.1.1.2:2"]);
        let error = task.await.expect("nothing panics").expect_err("the only one left refuses");
        assert_eq!(error.to_string(), "cannot connect to it: 1.1.1.2:2: refused");
    }

    #[test]
    fn families_take_turns() {
        let table = [
            (&[][..], &[][..]),
            (&["[::1]:1", "[::2]:1", "1.1.1.1:1"], &["[::1]:1", "1.1.1.1:1", "[::2]:1"]),
            (&["1.1.1.1:1", "2.2.2.2:1", "[::1]:1", "[::2]:1"], &["1.1.1.1:1", "[::1]:1", "2.2.2.2:1", "[::2]:1"]),
            (&["1.1.1.1:1", "2.2.2.2:1"], &["1.1.1.1:1", "2.2.2.2:1"]),
            (&["1.1.1.1:1", "1.1.1.1:1"], &["1.1.1.1:1"]),
        ];
        for (given, expected) in table {
            assert_eq!(interleaved(addresses(given)), addresses(expected), "{given:?}");
        }
    }
}
