//! The load: so many callers, each of which sends an order, waits for the invoice, and looks at it.

use std::time::{Duration, Instant};

use seltzer::{Channel, Streaming};
use seltzer_peers::process::Process;
use seltzer_peers::schemas::shop::shop_client::ShopClient;
use seltzer_peers::schemas::shop::{Invoice, Order};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_stream::wrappers::ReceiverStream;

use crate::http::{Encoding, Sender};
use crate::{Error, shop};

/// Answers may be as large as any order's.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Calls that are made before the measurement, as a part of all.
const WARM_UP: usize = 10;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) lines: usize,
    pub(crate) lanes: usize,
    pub(crate) calls: usize,
    pub(crate) server: Option<Process>,
}

/// One of the callers.
enum Lane {
    Http(Sender, Encoding),
    Grpc(ShopClient<Channel>),
    Stream(mpsc::Sender<Order>, Streaming<Invoice>),
}

impl Lane {
    async fn price(&mut self, order: &Order) -> Result<Invoice, Error> {
        match self {
            Lane::Http(sender, encoding) => sender.price(order, *encoding).await,
            Lane::Grpc(client) => Ok(client.price(order.clone()).await?.into_inner()),
            Lane::Stream(orders, invoices) => {
                orders.send(order.clone()).await?;
                Ok(invoices.message().await?.ok_or("the stream ended early")?)
            }
        }
    }
}

/// Measures one way, and says as JSON what was seen.
pub(crate) async fn measure(way: &str, port: u16, options: Options) -> Result<serde_json::Value, Error> {
    let order = shop::order(options.lines);
    let mut lanes = lanes(way, port, options.lanes).await?;
    let each = options.calls.div_ceil(options.lanes);
    round(&mut lanes, &order, each.div_ceil(WARM_UP)).await?;
    let own = Process(std::process::id());
    let processor = || (options.server.map_or(0, Process::processor_ns), own.processor_ns());
    let (before, begin) = (processor(), Instant::now());
    let mut latencies = round(&mut lanes, &order, each).await?;
    let (took, after) = (begin.elapsed(), processor());
    let calls = latencies.len();
    latencies.sort_unstable();
    let at = |part: f64| latencies[((calls - 1) as f64 * part) as usize].as_nanos() as f64 / 1e3;
    let a_call = |ns: u64| ns as f64 / 1e3 / calls as f64;
    Ok(serde_json::json!({
        "way": way,
        "lines": options.lines,
        "lanes": options.lanes,
        "calls": calls,
        "calls_per_second": calls as f64 / took.as_secs_f64(),
        "p50_us": at(0.5),
        "p99_us": at(0.99),
        "server_us": a_call(after.0 - before.0),
        "client_us": a_call(after.1 - before.1),
        "json_bytes": serde_json::to_vec(&order)?.len(),
        "protobuf_bytes": prost::Message::encoded_len(&order),
    }))
}

/// Each lane makes so many calls; how long each took.
async fn round(lanes: &mut Vec<Lane>, order: &Order, each: usize) -> Result<Vec<Duration>, Error> {
    let mut running = JoinSet::new();
    for mut lane in lanes.drain(..) {
        let order = order.clone();
        running.spawn(async move {
            let mut latencies = Vec::with_capacity(each);
            for _ in 0..each {
                let begin = Instant::now();
                let invoice = lane.price(&order).await?;
                latencies.push(begin.elapsed());
                if !shop::is_answer(&invoice, &order) {
                    return Err(Error::from("this is not the answer to that order"));
                }
            }
            Ok((lane, latencies))
        });
    }
    let mut all = Vec::new();
    while let Some(ended) = running.join_next().await {
        let (lane, latencies) = ended??;
        lanes.push(lane);
        all.extend(latencies);
    }
    Ok(all)
}

async fn lanes(way: &str, port: u16, count: usize) -> Result<Vec<Lane>, Error> {
    let mut lanes = Vec::with_capacity(count);
    match way {
        "rest-http1" => {
            for _ in 0..count {
                lanes.push(Lane::Http(Sender::http1(port).await?, Encoding::Json));
            }
        }
        "rest-http2" => over_http2(&mut lanes, port, count, Encoding::Json).await?,
        "connect" => over_http2(&mut lanes, port, count, Encoding::Protobuf).await?,
        "grpc" => {
            let client = grpc(port).await?;
            lanes.extend((0..count).map(|_| Lane::Grpc(client.clone())));
        }
        "grpc-stream" => {
            let client = grpc(port).await?;
            for _ in 0..count {
                let (orders, stream) = mpsc::channel(1);
                let invoices = client.price_all(ReceiverStream::new(stream)).await?.into_inner();
                lanes.push(Lane::Stream(orders, invoices));
            }
        }
        other => {
            let known = "rest-http1, rest-http2, connect, grpc, grpc-stream";
            return Err(format!("there is no way {other}; there are {known}").into());
        }
    }
    Ok(lanes)
}

async fn over_http2(lanes: &mut Vec<Lane>, port: u16, count: usize, encoding: Encoding) -> Result<(), Error> {
    let first = Sender::http2(port).await?;
    lanes.extend((1..count).filter_map(|_| first.another()).map(|sender| Lane::Http(sender, encoding)));
    lanes.push(Lane::Http(first, encoding));
    Ok(())
}

async fn grpc(port: u16) -> Result<ShopClient<Channel>, Error> {
    let channel = Channel::connect(format!("http://127.0.0.1:{port}")).await?;
    Ok(ShopClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX))
}
