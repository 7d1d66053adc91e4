//! Streams that are always open: one that ends begins anew.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seltzer::{Channel, Code, Status};
use seltzer_peers::schemas::bench::bench_client::BenchClient;
use seltzer_peers::schemas::bench::{Msg, Req};
use tokio::sync::mpsc;
use tokio::time::sleep;
use tokio_stream::wrappers::ReceiverStream;

use crate::outcome::{Outcome, describe, now_ms};
use crate::server::STEP;

/// Messages of a stream that ends by itself: it takes half of the shortest grace, or a second.
const MESSAGES: u32 = 10;

/// A stream that cannot begin is tried again after this.
const PAUSE: Duration = Duration::from_millis(10);

/// Opens a stream again and again: every other one is a short answer, which has to come to its end each time; the rest
/// go both ways for as long as they are let.
pub(crate) async fn keep_open(number: u32, channel: Channel, stop: Arc<AtomicBool>, outcome: Arc<Mutex<Outcome>>) {
    let client = BenchClient::new(channel);
    while !stop.load(Ordering::Relaxed) {
        let is_short = number.is_multiple_of(2);
        let ended = if is_short { answer(&client).await } else { exchange(&client, &stop).await };
        let failed = ended.is_err();
        {
            // Only whole values are put in under this lock.
            let mut outcome = outcome.lock().unwrap_or_else(PoisonError::into_inner);
            match ended {
                Ok(()) => outcome.finished += 1,
                Err(status) if !is_short && status.code() == Code::Unavailable => outcome.cut_at_ms.push(now_ms()),
                Err(status) => *outcome.broken.entry(describe(&status)).or_default() += 1,
            }
        }
        if failed {
            sleep(PAUSE).await;
        }
    }
}

async fn answer(client: &BenchClient<Channel>) -> Result<(), Status> {
    let mut messages = client.down(Req { count: MESSAGES, size: 0 }).await?.into_inner();
    let mut count = 0;
    while let Some(message) = messages.message().await? {
        if message.id != count {
            return Err(Status::data_loss("a message is missing"));
        }
        count += 1;
    }
    if count == u64::from(MESSAGES) { Ok(()) } else { Err(Status::data_loss("the stream ended early")) }
}

async fn exchange(client: &BenchClient<Channel>, stop: &AtomicBool) -> Result<(), Status> {
    let (send, requests) = mpsc::channel(1);
    let mut answers = client.bidi(ReceiverStream::new(requests)).await?.into_inner();
    let mut id = 0;
    while !stop.load(Ordering::Relaxed) {
        // When nobody takes it, the status is what comes next.
        let _ = send.send(Msg { id, ..Msg::default() }).await;
        match answers.message().await? {
            Some(answer) if answer.id == id => id += 1,
            Some(_) => return Err(Status::data_loss("this is the answer to another message")),
            None => return Err(Status::data_loss("the stream ended early")),
        }
        sleep(STEP).await;
    }
    drop(send);
    while answers.message().await?.is_some() {}
    Ok(())
}
