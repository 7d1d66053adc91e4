//! A client that a benchmark's driver asked for: calls one after another, as many at a time as it says.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::ReceiverStream;

use crate::client::Channel;
use crate::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use crate::services::schemas::grpc::testing::{
    ClientArgs, ClientConfig, ClientStats, ClientStatus, Payload, RequestResultCount, RpcType, SimpleRequest,
    client_args, load_params, payload_config,
};
use crate::services::testing::histogram::Histogram;
use crate::services::testing::payload::{MESSAGE_BYTES_MAX, payload};
use crate::services::testing::stopwatch::Stopwatch;
use crate::services::testing::worker_service::{Order, Work};
use crate::status::{Code, Status};

/// How many channels, and how many calls at a time over all of them, a driver may ask for: each holds buffers.
const CHANNELS_MAX: usize = 1_000;
const CALLS_MAX: usize = 10_000;

/// How long a loop pauses after a failed call, so that a server that is gone is not called in a hot loop.
const FAILURE_PAUSE: Duration = Duration::from_millis(10);

/// Makes calls until it is dropped.
#[derive(Debug)]
pub(crate) struct WorkerClient {
    loops: JoinSet<()>,
    records: Vec<Record>,
    empty: Histogram,
    stopwatch: Stopwatch,
}

/// How the calls over one channel went.
#[derive(Debug, Clone)]
struct Record(Arc<Mutex<Counts>>);

#[derive(Debug)]
struct Counts {
    latencies: Histogram,
    by_code: BTreeMap<i32, i64>,
}

/// What each loop does.
#[derive(Debug, Clone)]
struct Job {
    kind: RpcType,
    request: SimpleRequest,
    /// `None` means that a stream has no end.
    messages_per_stream: Option<i32>,
}

impl Work for WorkerClient {
    type Arguments = ClientArgs;
    type Setup = ClientConfig;
    type Report = ClientStatus;

    fn order(arguments: ClientArgs) -> Option<Order<ClientConfig>> {
        arguments.argtype.map(|argtype| match argtype {
            client_args::Argtype::Setup(config) => Order::Setup(config),
            client_args::Argtype::Mark(mark) => Order::Mark(mark),
        })
    }

    async fn start(config: ClientConfig) -> Result<Self, Status> {
        let job = Job::new(&config)?;
        let (channels, calls_per_channel) = concurrency(&config)?;
        let empty = Histogram::new(config.histogram_params)?;
        let (mut loops, mut records) = (JoinSet::new(), Vec::new());
        for target in config.server_targets.iter().cycle().take(channels) {
            let channel = Channel::connect(format!("http://{target}"))
                .await
                .map_err(|error| Status::unavailable(format!("cannot connect to {target}: {error}")))?;
            let client = BenchmarkServiceClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
            let record = Record::new(empty.clone());
            for _ in 0..calls_per_channel {
                loops.spawn(job.clone().run(client.clone(), record.clone()));
            }
            records.push(record);
        }
        Ok(WorkerClient { loops, records, empty, stopwatch: Stopwatch::start() })
    }

    fn report(&mut self, reset: bool) -> ClientStatus {
        let elapsed = self.stopwatch.elapsed();
        let mut latencies = self.empty.clone();
        let mut by_code = BTreeMap::new();
        for record in &self.records {
            let mut counts = record.counts();
            latencies.merge(&counts.latencies);
            for (code, count) in &counts.by_code {
                *by_code.entry(*code).or_default() += count;
            }
            if reset {
                counts.latencies.clear();
                counts.by_code.clear();
            }
        }
        if reset {
            self.stopwatch = Stopwatch::start();
        }
        let request_results =
            by_code.into_iter().map(|(status_code, count)| RequestResultCount { status_code, count }).collect();
        ClientStatus {
            stats: Some(ClientStats {
                latencies: Some(latencies.into_data()),
                time_elapsed: elapsed.seconds,
                time_user: elapsed.user_seconds,
                time_system: elapsed.system_seconds,
                request_results,
                ..ClientStats::default()
            }),
        }
    }

    async fn stop(mut self) {
        self.loops.shutdown().await;
    }
}

/// How many channels there are, and how many calls at a time over each.
fn concurrency(config: &ClientConfig) -> Result<(usize, usize), Status> {
    if config.server_targets.is_empty() {
        return Err(Status::invalid_argument("server_targets is empty: name at least one server as HOST:PORT"));
    }
    let at_least_one = |number: i32| usize::try_from(number).unwrap_or(0).max(1);
    let channels = at_least_one(config.client_channels);
    let calls = at_least_one(config.outstanding_rpcs_per_channel);
    if channels > CHANNELS_MAX || channels.saturating_mul(calls) > CALLS_MAX {
        return Err(Status::invalid_argument(format!(
            "{channels} channels with {calls} calls each are too many: at most {CHANNELS_MAX} channels and {CALLS_MAX} calls"
        )));
    }
    Ok((channels, calls))
}

impl Job {
    fn new(config: &ClientConfig) -> Result<Self, Status> {
        let missing =
            |what: &str, instead: &str| Err(Status::unimplemented(format!("this worker has no {what}: {instead}")));
        if config.security_params.is_some() {
            return missing("certificates", "leave security_params out");
        }
        if let Some(load_params::Load::Poisson(_)) = config.load_params.and_then(|params| params.load) {
            return missing("open-loop load", "ask for closed_loop");
        }
        let kind = config.rpc_type();
        if !matches!(kind, RpcType::Unary | RpcType::Streaming) {
            return missing("one-way streams", "ask for UNARY or STREAMING");
        }
        let (request_size, response_size) = match config.payload_config.and_then(|config| config.payload) {
            Some(payload_config::Payload::SimpleParams(params)) => (params.req_size, params.resp_size),
            Some(payload_config::Payload::BytebufParams(_)) => {
                return missing("generic client", "ask for simple_params");
            }
            Some(payload_config::Payload::ComplexParams(_)) | None => (0, 0),
        };
        // The server checks the response's size; asking here saves a call in vain.
        payload(0, response_size)?;
        let request = SimpleRequest {
            payload: payload(0, request_size)?.or_else(|| Some(Payload::default())),
            response_size,
            ..SimpleRequest::default()
        };
        let messages_per_stream = Some(config.messages_per_stream).filter(|messages| *messages > 0);
        Ok(Job { kind, request, messages_per_stream })
    }

    async fn run(self, client: BenchmarkServiceClient, record: Record) {
        loop {
            let result = match self.kind {
                RpcType::Streaming => self.stream(&client, &record).await,
                _ => record.measure(client.unary_call(self.request.clone())).await.map(drop),
            };
            if result.is_err() {
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }

    /// Bounces messages to and fro on one stream.
    async fn stream(&self, client: &BenchmarkServiceClient, record: &Record) -> Result<(), Status> {
        let (sender, requests) = mpsc::channel(1);
        let opened = client.streaming_call(ReceiverStream::new(requests)).await;
        let mut responses = opened.inspect_err(|status| record.count(status.code()))?.into_inner();
        let mut sent = 0;
        while self.messages_per_stream.is_none_or(|messages| sent < messages) {
            record
                .measure(async {
                    // A stream that is over says why in its response.
                    let _ = sender.send(self.request.clone()).await;
                    responses.message().await?.ok_or_else(|| Status::internal("the server ended the stream"))
                })
                .await?;
            sent = sent.saturating_add(1);
        }
        Ok(())
    }
}

impl Record {
    fn new(latencies: Histogram) -> Self {
        Record(Arc::new(Mutex::new(Counts { latencies, by_code: BTreeMap::new() })))
    }

    /// Takes down how long a call takes and how it ends. Only what ends well counts as a latency.
    async fn measure<T>(&self, call: impl Future<Output = Result<T, Status>>) -> Result<T, Status> {
        let started = Instant::now();
        let result = call.await;
        match &result {
            Ok(_) => {
                let nanos = started.elapsed().as_secs_f64() * 1e9;
                self.counts().latencies.add(nanos);
                self.count(Code::Ok);
            }
            Err(status) => self.count(status.code()),
        }
        result
    }

    fn count(&self, code: Code) {
        *self.counts().by_code.entry(code.into()).or_default() += 1;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Only sums are kept under this lock, so a poisoned one still holds sound ones.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
