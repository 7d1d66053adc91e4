//! A handler on a task of its own that its connection takes away: it is gone when it counts as gone, and says so once.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use seltzer_h2::StreamId;
use shuttle::sync::Arc;

use crate::status::Status;
use crate::strong::atomic::{AtomicBool, Ordering};
use crate::transport::h2::exchange::{Exchange, Outbound};
use crate::transport::h2::ready::ReadyQueue;
use crate::transport::h2::task::{Detached, Work};
use crate::transport::response_body::ResponseBody;

/// A handler that is slow in each poll, and ready after a number of them; or never.
struct Handler {
    polls_left: Option<usize>,
    is_gone: Arc<AtomicBool>,
}

impl Future for Handler {
    type Output = http::Response<ResponseBody>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        crate::schedules::step();
        crate::schedules::step();
        match &mut self.polls_left {
            None => return Poll::Pending,
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Ready(http::Response::new(ResponseBody::empty()))
    }
}

impl Drop for Handler {
    fn drop(&mut self) {
        self.is_gone.store(true, Ordering::SeqCst);
    }
}

struct Call {
    ready: Arc<ReadyQueue>,
    exchange: Arc<Exchange>,
    work: Arc<Detached>,
    is_gone: Arc<AtomicBool>,
}

impl Call {
    fn begin(polls_left: Option<usize>) -> Self {
        let (ready, is_gone) = (Arc::<ReadyQueue>::default(), Arc::new(AtomicBool::new(false)));
        let exchange = Exchange::new(StreamId::new(1), Arc::clone(&ready));
        let handler = Handler { polls_left, is_gone: Arc::clone(&is_gone) };
        let work = Detached::new(Work::new(Box::pin(handler), false), Arc::clone(&exchange));
        shuttle::future::spawn(Arc::clone(&work).run());
        Call { ready, exchange, work, is_gone }
    }

    /// What the connection hears until the handler is gone.
    async fn wait(&self) -> Vec<Outbound> {
        let (mut announced, mut pieces) = (Vec::new(), Vec::new());
        poll_fn(|cx| {
            loop {
                self.ready.take(&mut announced);
                if !announced.is_empty() {
                    self.exchange.take_credit();
                }
                announced.clear();
                while let Some(piece) = self.exchange.take_outbound() {
                    pieces.push(piece);
                }
                if matches!(pieces.last(), Some(Outbound::Finished)) {
                    return Poll::Ready(());
                }
                if self.ready.is_empty_or_wake(cx.waker()) {
                    return Poll::Pending;
                }
            }
        })
        .await;
        pieces
    }
}

#[test]
fn a_handler_that_is_taken_away_is_gone() {
    crate::schedules::check(|| lose(None));
    crate::schedules::check(|| lose(Some(0)));
    crate::schedules::check(|| lose(Some(1)));
}

/// As `receive::lose` does it.
fn lose(polls_left: Option<usize>) {
    let call = Call::begin(polls_left);
    crate::schedules::wait_a_little();
    if call.work.cancel() {
        assert!(call.is_gone.load(Ordering::SeqCst), "the stream would not count any more");
    }
    call.exchange.close(Status::cancelled("the stream was reset"));
    let pieces = shuttle::future::block_on(call.wait());
    assert!(call.is_gone.load(Ordering::SeqCst), "it says so too early");
    let finished = pieces.iter().filter(|piece| matches!(piece, Outbound::Finished)).count();
    assert_eq!(finished, 1, "{pieces:?}");
}

#[test]
fn a_handler_that_is_left_alone_answers() {
    crate::schedules::check(|| {
        let call = Call::begin(Some(2));
        let pieces = shuttle::future::block_on(call.wait());
        assert!(matches!(&pieces[..], [Outbound::Head { is_end: true, .. }, Outbound::Finished]), "{pieces:?}");
        assert!(call.is_gone.load(Ordering::SeqCst));
    });
}
