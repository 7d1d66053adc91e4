//! How soon deadlines, cancellation and dead peers show.

use std::time::Duration;

use seltzer::transport::{Http2Limits, Rate};
use seltzer::{Channel, Code, Request, Server};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::client_engine::{Layered, WAYS, Way};
use crate::support::probe::{Client, Probe, Seen, ask};
use crate::support::{Running, endpoint, patiently};

/// So many calls at the same time.
const SIDE_BY_SIDE: usize = 50;

/// How late an end may be here, where other tests run beside, later than a timer alone: far more than it takes on a
/// quiet machine, far less than a timer that is forgotten.
const LATE: Duration = Duration::from_millis(200);

async fn probe() -> (Running, Channel, watch::Receiver<Seen>) {
    let (probe, seen) = Probe::new();
    // Nothing here but calls that are given up: to another server that would be an attack.
    let patient = |limits: &mut Http2Limits| limits.early_resets = Rate::new(u32::MAX, u32::MAX);
    let server = Server::builder().http2_limits(patient).add_service(probe.server());
    let server = Running::start(server).await;
    let channel = endpoint(server.uri()).connections_max(1).connect().await.unwrap();
    (server, channel, seen)
}

/// How late the last but one in a hundred was, and the last of all.
fn tail(mut times: Vec<Duration>) -> (Duration, Duration) {
    times.sort_unstable();
    (times[times.len() * 99 / 100], times[times.len() - 1])
}

/// How late calls ended, and how late timers that were set for the same times fired: what is the machine's doing.
#[derive(Default)]
struct Lateness {
    calls: Vec<Duration>,
    timers: Vec<Duration>,
}

impl Lateness {
    fn add(&mut self, (call, timer): (Duration, Duration)) {
        self.calls.push(call);
        self.timers.push(timer);
    }
}

/// Makes calls that hang, with deadlines of all lengths.
async fn hang_until_deadlines(way: Way, channel: &Channel, calls: usize) -> Lateness {
    let mut running = JoinSet::new();
    let mut late = Lateness::default();
    for _ in 0..calls {
        if running.len() >= SIDE_BY_SIDE {
            late.add(running.join_next().await.unwrap().unwrap());
        }
        let timeout = Duration::from_micros(next_micros());
        let channel = channel.clone();
        running.spawn(async move {
            let mut request = Request::new(ask("hang"));
            request.set_timeout(timeout);
            let begin = Instant::now();
            let timer = tokio::spawn(async move {
                tokio::time::sleep_until(begin + timeout).await;
                begin.elapsed().saturating_sub(timeout)
            });
            let answer = match way {
                Way::Short => Client::new(channel).unary_call(request).await,
                Way::General => Client::new(Layered(channel)).unary_call(request).await,
            };
            let took = begin.elapsed();
            let status = answer.unwrap_err();
            assert_eq!(status.code(), Code::DeadlineExceeded, "{status}");
            assert!(took + Duration::from_millis(1) >= timeout, "{took:?} is earlier than {timeout:?}");
            (took.saturating_sub(timeout), timer.await.unwrap())
        });
    }
    while let Some(joined) = running.join_next().await {
        late.add(joined.unwrap());
    }
    late
}

/// From one to thirty milliseconds, in an order that is the same each time.
fn next_micros() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STATE: AtomicU64 = AtomicU64::new(7);
    let next = |state: u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    let state = STATE.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next).unwrap();
    1_000 + (state >> 33) % 29_000
}

/// Waits until as many tasks live as before.
async fn until_tasks(alive: usize) {
    let metrics = tokio::runtime::Handle::current().metrics();
    patiently(async {
        while metrics.num_alive_tasks() > alive {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn deadlines(calls: usize, late_max: Duration) {
    let (_server, channel, mut seen) = probe().await;
    // One of each way, so that everything is there that stays.
    for way in WAYS {
        hang_until_deadlines(way, &channel, 1).await;
    }
    patiently(seen.wait_for(|seen| seen.hanging == 0)).await.unwrap();
    let alive = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for way in WAYS {
        let late = hang_until_deadlines(way, &channel, calls).await;
        let ((p99, max), (timer_p99, timer_max)) = (tail(late.calls), tail(late.timers));
        println!("{way:?}: {calls} calls ended late by {p99:?} (p99), {max:?} (at most)");
        println!("{way:?}: timers alone fired late by {timer_p99:?} (p99), {timer_max:?} (at most)");
        assert!(p99 <= timer_p99 + late_max, "{way:?}: {p99:?}, a timer alone {timer_p99:?}");
    }
    patiently(seen.wait_for(|seen| seen.hanging == 0)).await.unwrap();
    until_tasks(alive).await;
}

#[tokio::test]
async fn deadlines_are_kept_and_leave_nothing_behind() {
    deadlines(1_000, LATE).await;
}

/// The same at length, for a machine that does nothing else.
#[tokio::test]
#[ignore = "takes minutes, and wants a quiet machine"]
async fn a_hundred_thousand_deadlines() {
    deadlines(50_000, Duration::from_millis(5)).await;
}

async fn cancellations(calls: usize, late_max: Duration) {
    let (_server, channel, mut seen) = probe().await;
    let mut late = Vec::with_capacity(calls);
    for number in 0..calls {
        let client = Client::new(channel.clone());
        let call = tokio::spawn(async move { client.unary_call(ask("hang")).await });
        patiently(seen.wait_for(|seen| seen.hanging == 1)).await.unwrap();
        let begin = Instant::now();
        call.abort();
        patiently(seen.wait_for(|seen| seen.dropped == number + 1)).await.unwrap();
        late.push(begin.elapsed());
    }
    let (p99, max) = tail(late);
    println!("{calls} handlers were dropped {p99:?} after their calls (p99), {max:?} (at most)");
    assert!(p99 <= late_max, "{p99:?}");
}

#[tokio::test]
async fn a_handler_is_dropped_soon_after_its_call() {
    cancellations(200, LATE).await;
}

#[tokio::test]
#[ignore = "wants a quiet machine"]
async fn ten_thousand_handlers_are_dropped_within_milliseconds() {
    cancellations(10_000, Duration::from_millis(10)).await;
}

/// Passes bytes on until it is told not to, and then keeps silent with its connections open.
struct Blackhole {
    address: std::net::SocketAddr,
    is_dead: watch::Sender<bool>,
}

impl Blackhole {
    async fn before(server: std::net::SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (is_dead, dead) = watch::channel(false);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut dead = dead.clone();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(server).await.unwrap();
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut client, &mut server) => return,
                        _ = dead.changed() => {}
                    }
                    std::future::pending::<()>().await;
                });
            }
        });
        Blackhole { address, is_dead }
    }
}

#[tokio::test]
async fn a_dead_peer_is_found_out_within_keepalive_time_and_timeout() {
    const TIME: Duration = Duration::from_millis(200);
    const TIMEOUT: Duration = Duration::from_millis(150);
    let (server, _, mut seen) = probe().await;
    let hole = Blackhole::before(server.address).await;
    let endpoint = endpoint(format!("http://{}", hole.address));
    let endpoint = endpoint.http2_keep_alive_interval(TIME).keep_alive_timeout(TIMEOUT);
    let channel = endpoint.connect().await.unwrap();
    let calls: Vec<_> = WAYS
        .iter()
        .map(|way| {
            let (way, channel) = (*way, channel.clone());
            tokio::spawn(async move {
                match way {
                    Way::Short => Client::new(channel).unary_call(ask("hang")).await,
                    Way::General => Client::new(Layered(channel)).unary_call(ask("hang")).await,
                }
            })
        })
        .collect();
    patiently(seen.wait_for(|seen| seen.hanging == 2)).await.unwrap();
    // As long as pings are answered, nothing ends.
    tokio::time::sleep(2 * (TIME + TIMEOUT)).await;
    assert!(calls.iter().all(|call| !call.is_finished()));
    let begin = Instant::now();
    hole.is_dead.send_replace(true);
    for call in calls {
        let status = patiently(call).await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status}");
        let took = begin.elapsed();
        assert!(took <= TIME + TIMEOUT + LATE, "{took:?}");
    }
    // A deadline holds against it as well, without any ping.
    let call = tokio::spawn(async move {
        let mut request = Request::new(ask("hang"));
        request.set_timeout(TIMEOUT);
        Client::new(channel).unary_call(request).await
    });
    assert_eq!(patiently(call).await.unwrap().unwrap_err().code(), Code::DeadlineExceeded);
}
