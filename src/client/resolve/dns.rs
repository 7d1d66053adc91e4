//! Host names, by the system's resolver.

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::resolve::{Resolution, ResolveError, ResolveRequests, ResolvedEndpoint, Resolver};
use crate::deadline::Deadline;
use crate::transport::connect::look_up;
use crate::transport::error::Error;

/// How often a name is looked up at most, as in gRPC's other stacks: a server that comes and goes must not have its
/// clients flood the name server.
pub(crate) const INTERVAL_MIN_DEFAULT: Duration = Duration::from_secs(30);

/// Knows the addresses of hosts.
pub(crate) trait LookUp: Send + 'static {
    /// The A and AAAA records of a host, best first.
    fn look_up(&mut self, host: &str, port: u16) -> impl Future<Output = Result<Vec<SocketAddr>, Error>> + Send;
}

/// The system's resolver: `/etc/hosts`, name servers, or whatever else it is told to ask.
#[derive(Debug)]
pub(crate) struct System;

impl LookUp for System {
    async fn look_up(&mut self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
        look_up(host, port).await
    }
}

/// Looks up a host's A and AAAA records; again when it is asked to, though not too often.
#[derive(Debug)]
pub(crate) struct Dns<L = System> {
    host: String,
    port: u16,
    interval_min: Duration,
    system: L,
    /// When the name may be looked up again, once it was; a failure is followed by a pause of the channel's anyway.
    not_before: Option<Instant>,
    /// The channel has asked, and was not answered.
    is_asked: bool,
}

impl Dns {
    pub(crate) fn new(host: &str, port: u16, interval_min: Duration) -> Self {
        Dns::with(System, host, port, interval_min)
    }
}

impl<L: LookUp> Dns<L> {
    fn with(system: L, host: &str, port: u16, interval_min: Duration) -> Self {
        Dns { host: host.to_owned(), port, interval_min, system, not_before: None, is_asked: true }
    }
}

impl<L: LookUp> Resolver for Dns<L> {
    async fn next(&mut self, requests: &mut ResolveRequests) -> Result<Resolution, ResolveError> {
        if !self.is_asked {
            requests.wait().await;
            self.is_asked = true;
        }
        if let Some(not_before) = self.not_before {
            tokio::time::sleep_until(not_before).await;
        }
        let found = self.system.look_up(&self.host, self.port).await;
        self.is_asked = false;
        self.not_before = found.is_ok().then(|| Deadline::after(self.interval_min).tokio_instant());
        let endpoints = found?.into_iter().map(ResolvedEndpoint::new).collect();
        Ok(Resolution::new(endpoints))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex, MutexGuard};

    use super::*;
    use crate::transport::error::Step;

    const HOST: &str = "greeter.example";

    /// The addresses of a name; `None`: it is not known.
    type Answer = Option<&'static [&'static str]>;

    /// A name server with prepared answers, which remembers when it was asked.
    #[derive(Clone)]
    struct Prepared(Arc<Mutex<State>>);

    struct State {
        answers: VecDeque<Answer>,
        asked: Vec<Instant>,
    }

    impl Prepared {
        fn new(answers: &[Answer]) -> Self {
            Prepared(Arc::new(Mutex::new(State { answers: answers.iter().copied().collect(), asked: Vec::new() })))
        }

        fn state(&self) -> MutexGuard<'_, State> {
            self.0.lock().expect("no test panics under it")
        }
    }

    impl LookUp for Prepared {
        async fn look_up(&mut self, host: &str, port: u16) -> Result<Vec<SocketAddr>, Error> {
            assert_eq!((host, port), (HOST, 1));
            let mut state = self.state();
            state.asked.push(Instant::now());
            match state.answers.pop_front().expect("nobody asks more often than is prepared") {
                Some(addresses) => Ok(addresses.iter().map(|text| text.parse().expect(text)).collect()),
                None => Err(Error::new(Step::Resolve, "no such name")),
            }
        }
    }

    fn texts(resolution: &Resolution) -> Vec<String> {
        resolution.endpoints().iter().map(|endpoint| endpoint.addresses[0].to_string()).collect()
    }

    /// Asks for everything that is prepared; the channel asks each time as soon as it knows the last answer. Returns
    /// the seconds at which the name was looked up.
    async fn seconds_of_questions(interval_min: u64, answers: &[Answer]) -> Vec<u64> {
        let begin = Instant::now();
        let prepared = Prepared::new(answers);
        let mut dns = Dns::with(prepared.clone(), HOST, 1, Duration::from_secs(interval_min));
        let mut requests = ResolveRequests::default();
        for answer in answers {
            let found = dns.next(&mut requests).await.map(|found| texts(&found)).map_err(|error| error.to_string());
            let expected = answer.map(|list| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
            assert_eq!(found, expected.ok_or_else(|| "no such name".to_owned()));
            // Many questions count as one.
            requests.request();
            requests.request();
        }
        prepared.state().asked.iter().map(|at| at.duration_since(begin).as_secs()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_name_is_looked_up_again_when_asked_but_not_too_often() {
        // In the order of the system, IPv6 and IPv4 as they come.
        const BOTH: Answer = Some(&["[2001:db8::1]:1", "10.0.0.2:1", "10.0.0.1:1"]);
        const ONE: Answer = Some(&["10.0.0.3:1"]);
        let table = [
            (30, &[BOTH, ONE, BOTH][..], &[0, 30, 60][..]),
            (0, &[BOTH, ONE, BOTH], &[0, 0, 0]),
            // After a failure the channel says when.
            (30, &[None, None, BOTH, ONE], &[0, 0, 0, 30]),
            (5, &[BOTH, None, ONE], &[0, 5, 5]),
            (u64::MAX, &[BOTH], &[0]),
        ];
        for (interval_min, answers, seconds) in table {
            assert_eq!(seconds_of_questions(interval_min, answers).await, seconds, "{answers:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_asks_nobody_looks_and_a_question_survives_its_asker() {
        let prepared = Prepared::new(&[Some(&["10.0.0.1:1"]), Some(&["10.0.0.2:1"])]);
        let mut dns = Dns::with(prepared, HOST, 1, Duration::from_secs(30));
        let mut requests = ResolveRequests::default();
        dns.next(&mut requests).await.expect("it is prepared");
        let hour = Duration::from_secs(3600);
        assert!(tokio::time::timeout(hour, dns.next(&mut requests)).await.is_err());
        requests.request();
        let found = tokio::time::timeout(Duration::ZERO, dns.next(&mut requests)).await.map(|found| found.is_ok());
        assert_eq!(found, Ok(true), "the interval has passed");

        let prepared = Prepared::new(&[Some(&["10.0.0.1:1"]), Some(&["10.0.0.2:1"])]);
        let mut dns = Dns::with(prepared, HOST, 1, Duration::from_secs(30));
        dns.next(&mut requests).await.expect("it is prepared");
        requests.request();
        assert!(tokio::time::timeout(Duration::from_secs(29), dns.next(&mut requests)).await.is_err());
        let found = tokio::time::timeout(Duration::from_secs(2), dns.next(&mut requests)).await;
        assert_eq!(texts(&found.expect("the question is not lost").expect("it is prepared")), ["10.0.0.2:1"]);
    }
}
