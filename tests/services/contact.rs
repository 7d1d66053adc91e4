//! `Contact`: a server that pushes.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use seltzer::services::Settings;
use seltzer::services::schemas::contact::contact_client::ContactClient;
use seltzer::services::schemas::contact::{ClientMsg, Empty, Result as TaskResult};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tracing::field::{Field, Visit};
use tracing::span;

use crate::services::carriers::{all, next, over_both, over_both_with};
use crate::support::patiently;

#[tokio::test]
async fn each_status_message_is_answered_once() {
    over_both(async |demo| {
        let client = ContactClient::new(demo.channel.clone());
        let (sender, messages) = mpsc::channel(1);
        let mut answers = client.send_status(ReceiverStream::new(messages)).await.unwrap().into_inner();
        // Strictly in turn: the next message goes out only after the answer to the one before.
        for msg in ["up", "", "busy\n", "up"] {
            patiently(sender.send(ClientMsg { msg: msg.to_owned() })).await.unwrap();
            assert_eq!(next(&mut answers).await.ret, format!("received: {msg}"));
        }
        drop(sender);
        assert!(patiently(answers.message()).await.unwrap().is_none());
        assert!(all(client.send_status(tokio_stream::empty()).await.unwrap()).await.is_empty());
    })
    .await;
}

#[tokio::test]
async fn tasks_are_pushed_until_the_worker_leaves() {
    const INTERVAL: Duration = Duration::from_millis(10);
    const TASKS: u32 = 5;
    let mut settings = Settings::default();
    settings.task_interval = INTERVAL;
    over_both_with(&settings, async |mut demo| {
        let client = ContactClient::new(demo.channel.clone());
        let start = Instant::now();
        let mut tasks = client.get_task(Empty {}).await.unwrap().into_inner();
        let call = demo.call().await;
        for number in 1..=TASKS {
            assert_eq!(next(&mut tasks).await.task, format!("task {number}"));
        }
        // The first comes at once, each other one an interval later.
        assert!(start.elapsed() >= INTERVAL * (TASKS - 1), "{:?}", start.elapsed());
        assert!(!call.is_cancelled());
        drop(tasks);
        patiently(call.cancelled()).await;
    })
    .await;
}

#[tokio::test]
async fn results_are_taken_in_and_logged() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    over_both(async |demo| {
        let client = ContactClient::new(demo.channel.clone());
        let results = ["done", "failed\nand more"].map(|ret| TaskResult { ret: ret.to_owned() });
        client.tell_result(tokio_stream::iter(results)).await.unwrap();
        assert_eq!(std::mem::take(&mut *log.results.lock().unwrap()), [r#""done""#, r#""failed\nand more""#]);
        client.tell_result(tokio_stream::empty()).await.unwrap();
        assert!(log.results.lock().unwrap().is_empty());
    })
    .await;
}

/// Keeps the field `result` of what is logged on this thread.
#[derive(Clone, Default)]
struct Log {
    results: Arc<Mutex<Vec<String>>>,
}

impl tracing::Subscriber for Log {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        metadata.is_event()
    }

    fn event(&self, event: &tracing::Event<'_>) {
        event.record(&mut ResultField(&self.results));
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

struct ResultField<'a>(&'a Mutex<Vec<String>>);

impl Visit for ResultField<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "result" {
            self.0.lock().unwrap().push(format!("{value:?}"));
        }
    }
}
