//! Calls that are spread over several servers, some of which come, go or fail.

mod health;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use prost::Message as _;
use seltzer::client::balance::{
    Balance, Balancer, FailurePercentage, LeastRequest, OrcaLoadReport, OutlierDetection, Pick, PickCall, Picker,
    RingHash, WeightedRoundRobin, unavailable,
};
use seltzer::client::{Backend, CallOptions, ConnectivityState};
use seltzer::services::schemas::grpc::testing::benchmark_service_server::{BenchmarkService, BenchmarkServiceServer};
use seltzer::services::schemas::grpc::testing::{SimpleRequest, SimpleResponse};
use seltzer::transport::Endpoint;
use seltzer::{Channel, Code, Request, Response, Server, Status, Streaming, context};
use tokio::sync::watch;

use crate::support::probe::{Client, ask, text};
use crate::support::{Running, endpoint, patiently};

/// Says who it is, as its request tells it.
#[derive(Clone)]
struct Named {
    name: &'static str,
    /// What it says of its load.
    report: Option<OrcaLoadReport>,
    calls: Arc<AtomicUsize>,
    /// While this is closed, calls with `wait` do not end.
    gate: watch::Receiver<bool>,
}

impl Named {
    async fn obey(&self, request: SimpleRequest) -> Result<SimpleResponse, Status> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if let Some(report) = &self.report {
            context::current().set_trailing_metadata_bin("endpoint-load-metrics-bin", &report.encode_to_vec())?;
        }
        let command = request.payload.map(|payload| payload.body).unwrap_or_default();
        let command = String::from_utf8_lossy(&command).into_owned();
        if command == "wait" {
            let _ = self.gate.clone().wait_for(|is_open| *is_open).await;
        }
        if command.strip_prefix("fail ") == Some(self.name) {
            return Err(Status::internal("as told"));
        }
        Ok(SimpleResponse { payload: ask(self.name).payload, ..SimpleResponse::default() })
    }
}

type Nothing = tokio_stream::Empty<Result<SimpleResponse, Status>>;

impl BenchmarkService for Named {
    async fn unary_call(&self, request: Request<SimpleRequest>) -> Result<Response<SimpleResponse>, Status> {
        self.obey(request.into_inner()).await.map(Response::new)
    }

    type StreamingCallStream = Nothing;

    async fn streaming_call(&self, _: Request<Streaming<SimpleRequest>>) -> Result<Response<Nothing>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn streaming_from_client(
        &self,
        request: Request<Streaming<SimpleRequest>>,
    ) -> Result<Response<SimpleResponse>, Status> {
        let first = request.into_inner().message().await?.unwrap_or_default();
        self.obey(first).await.map(Response::new)
    }

    type StreamingFromServerStream = Nothing;

    async fn streaming_from_server(&self, _: Request<SimpleRequest>) -> Result<Response<Nothing>, Status> {
        Err(Status::unimplemented("not here"))
    }

    type StreamingBothWaysStream = Nothing;

    async fn streaming_both_ways(&self, _: Request<Streaming<SimpleRequest>>) -> Result<Response<Nothing>, Status> {
        Err(Status::unimplemented("not here"))
    }
}

const NAMES: [&str; 3] = ["a", "b", "c"];

/// Three servers.
struct Servers {
    running: Vec<Option<Running>>,
    addresses: Vec<SocketAddr>,
    services: Vec<Named>,
    gate: watch::Sender<bool>,
}

impl Servers {
    async fn start() -> Self {
        Self::reporting([None, None, None]).await
    }

    async fn reporting(reports: [Option<OrcaLoadReport>; 3]) -> Self {
        let (gate, watched) = watch::channel(false);
        let mut servers = Servers { running: Vec::new(), addresses: Vec::new(), services: Vec::new(), gate };
        for (name, report) in NAMES.into_iter().zip(reports) {
            let service = Named { name, report, calls: Arc::default(), gate: watched.clone() };
            let running = Running::start(server(service.clone())).await;
            servers.addresses.push(running.address);
            servers.running.push(Some(running));
            servers.services.push(service);
        }
        servers
    }

    /// A channel to all of them, with short pauses after failures.
    fn endpoint(&self, balance: Balance) -> Endpoint {
        let addresses: Vec<_> = self.addresses.iter().map(ToString::to_string).collect();
        endpoint(format!("ipv4:{}", addresses.join(",")))
            .balance(balance)
            .reconnect_backoff(Duration::from_millis(10), Duration::from_millis(20))
    }

    /// Ends a server and its connections at once.
    async fn kill(&mut self, index: usize) {
        self.running[index].take().unwrap().stop().await;
    }

    async fn restart(&mut self, index: usize) {
        let bound = server(self.services[index].clone()).carrier(crate::support::carrier());
        self.running[index] = Some(Running::run(bound.bind(self.addresses[index].to_string()).await.unwrap()));
    }
}

fn server(service: Named) -> Server {
    Server::builder().drain_grace(Duration::ZERO).add_service(BenchmarkServiceServer::new(service))
}

async fn call(channel: &Channel, command: &str) -> Result<String, Status> {
    let answer = patiently(Client::new(channel.clone()).unary_call(ask(command))).await?;
    Ok(text(answer.get_ref()))
}

/// The same, waiting for a server.
async fn call_for_sure(channel: &Channel, command: &str) -> Result<String, Status> {
    let mut request = Request::new(ask(command));
    request.extensions_mut().insert(CallOptions::new().wait_for_ready(true));
    let answer = patiently(Client::new(channel.clone()).unary_call(request)).await?;
    Ok(text(answer.get_ref()))
}

/// How many of so many calls each server answers.
async fn spread(channel: &Channel, calls: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for _ in 0..calls {
        *counts.entry(call(channel, "").await.unwrap()).or_default() += 1;
    }
    counts
}

/// Calls until these servers, and no others, have answered the last calls.
async fn until_answered_by(channel: &Channel, names: &[&str]) {
    let is_it = async {
        loop {
            let counts = spread(channel, 2 * NAMES.len()).await;
            if counts.keys().map(String::as_str).eq(names.iter().copied()) {
                return;
            }
        }
    };
    patiently(is_it).await;
}

#[tokio::test]
async fn round_robin_goes_round() {
    let servers = Servers::start().await;
    let channel = servers.endpoint(Balance::RoundRobin).connect().await.unwrap();
    until_answered_by(&channel, &NAMES).await;
    let counts = spread(&channel, 300).await;
    assert!(counts.values().all(|count| (95..=105).contains(count)), "{counts:?}");
    assert_eq!(channel.state(), ConnectivityState::Ready);
}

#[tokio::test]
async fn no_call_is_lost_while_servers_come_and_go() {
    for balance in [
        Balance::RoundRobin,
        Balance::LeastRequest(LeastRequest::new()),
        Balance::WeightedRoundRobin(WeightedRoundRobin::new()),
        Balance::RingHash(RingHash::new()),
    ] {
        let mut servers = Servers::start().await;
        let channel = servers.endpoint(balance.clone()).connect_lazy();
        for index in [0, 1, 2, 0] {
            call_for_sure(&channel, "").await.unwrap();
            servers.kill(index).await;
            // One after the other, so that none can run into the end of its connection.
            for number in 0..50 {
                let answer = call_for_sure(&channel, "").await;
                let answer = answer.unwrap_or_else(|status| panic!("{balance:?}, call {number}: {status:?}"));
                assert_ne!(answer, NAMES[index], "{balance:?}");
            }
            servers.restart(index).await;
        }
    }
}

#[tokio::test]
async fn calls_fail_while_no_server_is_there_and_those_that_wait_do_not() {
    for balance in [Balance::RoundRobin, Balance::RingHash(RingHash::new())] {
        let mut servers = Servers::start().await;
        let channel = servers.endpoint(balance).connect().await.unwrap();
        for index in 0..NAMES.len() {
            servers.kill(index).await;
        }
        // Some connect again by themselves, and others when there is a call.
        let mut states = channel.watch_state();
        patiently(states.wait_for(|state| *state != ConnectivityState::Ready)).await.unwrap();
        let refused = call(&channel, "").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(
            servers.addresses.iter().any(|address| refused.message().contains(&address.to_string())),
            "{refused:?}"
        );
        let waiting: Vec<_> = (0..20)
            .map(|_| {
                tokio::spawn({
                    let channel = channel.clone();
                    async move { call_for_sure(&channel, "").await }
                })
            })
            .collect();
        servers.restart(1).await;
        for call in waiting {
            assert_eq!(patiently(call).await.unwrap().unwrap(), "b");
        }
    }
}

#[tokio::test]
async fn reported_load_moves_calls() {
    let report =
        |cpu_utilization| Some(OrcaLoadReport { cpu_utilization, rps_fractional: 100.0, ..OrcaLoadReport::default() });
    let servers = Servers::reporting([report(0.2), report(0.4), report(0.8)]).await;
    let settings = WeightedRoundRobin::new().blackout_period(Duration::ZERO);
    let channel = servers.endpoint(Balance::WeightedRoundRobin(settings)).connect().await.unwrap();
    // The turns are reckoned anew every second.
    let moved = async {
        loop {
            let counts = spread(&channel, 70).await;
            let count = |name| counts.get(name).copied().unwrap_or_default();
            if (38..=42).contains(&count("a")) && (18..=22).contains(&count("b")) && (8..=12).contains(&count("c")) {
                return;
            }
        }
    };
    patiently(moved).await;
    // What a server says can be read from its answers, too.
    let answer = Client::new(channel).unary_call(ask("")).await.unwrap();
    assert_eq!(OrcaLoadReport::of(answer.metadata()).unwrap().rps_fractional, 100.0);
}

#[tokio::test]
async fn a_busy_server_gets_fewer_calls() {
    let servers = Servers::start().await;
    let balance = Balance::LeastRequest(LeastRequest::new().choice_count(10));
    let channel = servers.endpoint(balance).connect().await.unwrap();
    until_answered_by(&channel, &NAMES).await;
    let answered = |index: usize| servers.services[index].calls.load(Ordering::Relaxed);
    let begin: Vec<_> = (0..3).map(answered).collect();
    // Calls that do not end spread evenly.
    let waiting: Vec<_> = (0..30)
        .map(|_| {
            tokio::spawn({
                let channel = channel.clone();
                async move { call(&channel, "wait").await }
            })
        })
        .collect();
    let all = async {
        while (0..3).map(answered).sum::<usize>() < begin.iter().sum::<usize>() + 30 {
            tokio::task::yield_now().await;
        }
    };
    patiently(all).await;
    for (index, begin) in begin.into_iter().enumerate() {
        let count = answered(index) - begin;
        assert!((6..=14).contains(&count), "{count} of 30");
    }
    servers.gate.send(true).unwrap();
    for call in waiting {
        patiently(call).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn a_key_sticks_to_its_server_as_long_as_it_is_there() {
    let mut servers = Servers::start().await;
    let ring = RingHash::new().request_hash_header("x-user").unwrap();
    let channel = servers.endpoint(Balance::RingHash(ring)).connect_lazy();
    let by_key = async |user: usize| {
        let mut request = Request::new(ask(""));
        request.metadata_mut().insert("x-user", user.to_string().parse().unwrap());
        let answer = patiently(Client::new(channel.clone()).unary_call(request)).await.unwrap();
        text(answer.get_ref())
    };
    let mut owners = Vec::new();
    for user in 0..30 {
        owners.push(by_key(user).await);
    }
    assert!(NAMES.iter().all(|name| owners.iter().filter(|owner| owner == name).count() >= 2), "{owners:?}");
    for (user, owner) in owners.iter().enumerate() {
        assert_eq!(by_key(user).await, *owner);
    }
    servers.kill(1).await;
    for (user, owner) in owners.iter().enumerate() {
        let now = by_key(user).await;
        assert!(now == *owner || (owner == "b" && now != "b"), "{user}: {owner}, now {now}");
    }
    // Its keys come back to it.
    servers.restart(1).await;
    let of_b = owners.iter().position(|owner| owner == "b").unwrap();
    let back = async { while by_key(of_b).await != "b" {} };
    patiently(back).await;
}

#[tokio::test]
async fn an_outlier_is_ejected_and_comes_back() {
    let servers = Servers::start().await;
    let rule = FailurePercentage::new().minimum_hosts(3).request_volume(5);
    let detection = OutlierDetection::new()
        .failure_percentage(rule)
        .interval(Duration::from_millis(100))
        .base_ejection_time(Duration::from_millis(300));
    let channel = servers.endpoint(Balance::RoundRobin).outlier_detection(detection).connect().await.unwrap();
    let ejected = async {
        loop {
            let mut failed = false;
            for _ in 0..2 * NAMES.len() {
                failed |= call(&channel, "fail b").await.is_err();
            }
            if !failed {
                return;
            }
        }
    };
    patiently(ejected).await;
    until_answered_by(&channel, &NAMES).await;
}

/// Sends all calls to the backend at this place, and waits for it.
struct Only(usize);

impl Balancer for Only {
    fn update(&mut self, backends: &[Backend]) -> Arc<dyn Picker> {
        backends[self.0].connect();
        Arc::new(One(backends[self.0].clone()))
    }

    fn state(&self, backends: &[Backend]) -> ConnectivityState {
        backends[self.0].state()
    }
}

struct One(Backend);

impl Picker for One {
    fn pick(&self, call: &PickCall<'_>) -> Pick {
        if call.metadata.contains_key("x-unwanted") {
            return Pick::Drop(Status::resource_exhausted("not today"));
        }
        match self.0.state() {
            ConnectivityState::Ready => Pick::To(self.0.clone()),
            ConnectivityState::TransientFailure => Pick::Fail(unavailable(std::slice::from_ref(&self.0))),
            _ => Pick::Queue,
        }
    }
}

#[tokio::test]
async fn a_balancer_of_ones_own_decides() {
    let mut servers = Servers::start().await;
    let channel = servers.endpoint(Balance::custom(|| Only(1))).connect().await.unwrap();
    assert_eq!(spread(&channel, 20).await, BTreeMap::from([("b".to_owned(), 20)]));
    // A call that is dropped does not wait for anything.
    let mut request = Request::new(ask(""));
    request.metadata_mut().insert("x-unwanted", "1".parse().unwrap());
    request.extensions_mut().insert(CallOptions::new().wait_for_ready(true));
    let dropped = patiently(Client::new(channel.clone()).unary_call(request)).await.unwrap_err();
    assert_eq!((dropped.code(), dropped.message()), (Code::ResourceExhausted, "not today"));
    servers.kill(1).await;
    let mut states = channel.watch_state();
    patiently(states.wait_for(|state| *state == ConnectivityState::TransientFailure)).await.unwrap();
    assert_eq!(call(&channel, "").await.unwrap_err().code(), Code::Unavailable);
    servers.restart(1).await;
    assert_eq!(call_for_sure(&channel, "").await.unwrap(), "b");
}
