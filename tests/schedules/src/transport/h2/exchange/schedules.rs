//! A call on a task of its own and its connection: no byte is lost, and nobody sleeps who could go on.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use seltzer_h2::StreamId;
use shuttle::sync::Arc;

use crate::status::Status;
use crate::transport::h2::exchange::{CREDIT_BYTES, Exchange, OUTBOUND_BYTES_MAX, Outbound, StreamGone};
use crate::transport::h2::ready::ReadyQueue;

/// A connection's share of the work: what was announced is taken, until all calls have finished.
struct Connection {
    ready: Arc<ReadyQueue>,
    calls: Vec<Arc<Exchange>>,
    announced: Vec<StreamId>,
    received: Vec<usize>,
    credit: usize,
    finished: usize,
}

impl Connection {
    fn new(count: u32) -> Self {
        let ready = Arc::<ReadyQueue>::default();
        let calls: Vec<_> = (0..count).map(|n| Exchange::new(StreamId::new(2 * n + 1), Arc::clone(&ready))).collect();
        Connection { ready, received: vec![0; calls.len()], calls, announced: Vec::new(), credit: 0, finished: 0 }
    }

    fn take_announced(&mut self) {
        let mut announced = std::mem::take(&mut self.announced);
        self.ready.take(&mut announced);
        for stream in announced.drain(..) {
            let index = (stream.get() / 2) as usize;
            let call = Arc::clone(&self.calls[index]);
            self.credit += call.take_credit();
            while let Some(piece) = call.take_outbound() {
                match piece {
                    Outbound::Data(bytes) => self.received[index] += bytes.len(),
                    Outbound::Finished => self.finished += 1,
                    other => panic!("{other:?}"),
                }
            }
        }
        self.announced = announced;
    }

    /// Goes round as `ServerConnection::turn` does, until all calls have finished.
    async fn run(&mut self) {
        poll_fn(|cx| {
            loop {
                self.take_announced();
                if self.finished == self.calls.len() {
                    return Poll::Ready(());
                }
                if self.ready.is_empty_or_wake(cx.waker()) {
                    return Poll::Pending;
                }
            }
        })
        .await;
    }
}

/// Sends pieces of this length, waiting for room before each.
async fn answer(call: Arc<Exchange>, pieces: usize, bytes: usize) {
    for _ in 0..pieces {
        let room = poll_fn(|cx| call.poll_room(cx)).await;
        if matches!(room, Err(StreamGone)) {
            break;
        }
        call.send(&mut VecDeque::from([Outbound::Data(Bytes::from(vec![0; bytes]))]));
    }
    call.send(&mut VecDeque::from([Outbound::Finished]));
}

#[test]
fn what_handlers_send_arrives() {
    crate::schedules::check(|| {
        let mut connection = Connection::new(2);
        for call in &connection.calls {
            shuttle::future::spawn(answer(Arc::clone(call), 2, 10));
        }
        shuttle::future::block_on(connection.run());
        assert_eq!(connection.received, [20, 20]);
    });
}

#[test]
fn a_handler_that_waits_for_room_is_woken() {
    const PIECE: usize = OUTBOUND_BYTES_MAX;
    crate::schedules::check(|| {
        let mut connection = Connection::new(2);
        for call in &connection.calls {
            shuttle::future::spawn(answer(Arc::clone(call), 3, PIECE));
        }
        shuttle::future::block_on(connection.run());
        assert_eq!(connection.received, [3 * PIECE; 2]);
    });
}

#[test]
fn a_peer_gets_credit_for_all_that_a_handler_reads() {
    const PIECE: usize = CREDIT_BYTES / 2;
    const PIECES: usize = 5;
    crate::schedules::check(|| {
        let mut connection = Connection::new(1);
        let call = Arc::clone(&connection.calls[0]);
        let reader = shuttle::future::spawn({
            let call = Arc::clone(&call);
            async move {
                let mut read = 0;
                while let Some(bytes) = poll_fn(|cx| call.poll_inbound(cx)).await {
                    read += bytes.unwrap().len();
                }
                call.send(&mut VecDeque::from([Outbound::Finished]));
                read
            }
        });
        shuttle::future::block_on(async {
            // A window of one piece: the next is sent when there is credit for the one before.
            let mut sent = 0;
            poll_fn(|cx| {
                loop {
                    connection.take_announced();
                    if sent < PIECES && connection.credit == sent * PIECE {
                        sent += 1;
                        assert_eq!(call.receive(&[0; PIECE]), 0);
                        if sent == PIECES {
                            call.end_inbound(Ok(()));
                            return Poll::Ready(());
                        }
                    }
                    if connection.ready.is_empty_or_wake(cx.waker()) {
                        return Poll::Pending;
                    }
                }
            })
            .await;
            connection.run().await;
            assert_eq!(reader.await.unwrap(), PIECES * PIECE);
        });
    });
}

#[test]
fn bytes_that_nobody_reads_are_given_back() {
    crate::schedules::check(|| {
        let connection = Connection::new(1);
        let call = Arc::clone(&connection.calls[0]);
        let reader = shuttle::future::spawn({
            let call = Arc::clone(&call);
            async move { call.abandon_inbound() }
        });
        let unread = call.receive(&[0; 100]) + call.receive(&[0; 50]);
        shuttle::future::block_on(reader).unwrap();
        // Told at once, or announced.
        let mut announced = Vec::new();
        connection.ready.take(&mut announced);
        assert_eq!(announced.is_empty(), unread == 150);
        assert_eq!(unread + call.take_credit(), 150);
    });
}

#[test]
fn a_stream_that_is_gone_wakes_whoever_waits_on_it() {
    crate::schedules::check(|| {
        let mut connection = Connection::new(1);
        let call = Arc::clone(&connection.calls[0]);
        // One task reads, as a stream of requests handed on; the other sends more than there is room for.
        let reader = shuttle::future::spawn({
            let call = Arc::clone(&call);
            async move {
                while let Some(bytes) = poll_fn(|cx| call.poll_inbound(cx)).await {
                    if bytes.is_err() {
                        return;
                    }
                }
                panic!("the request did not end well");
            }
        });
        shuttle::future::spawn(answer(Arc::clone(&call), 3, OUTBOUND_BYTES_MAX));
        assert_eq!(call.receive(b"some"), 0);
        crate::schedules::wait_a_little();
        call.close(Status::cancelled("the stream was reset"));
        shuttle::future::block_on(async {
            connection.run().await;
            reader.await.unwrap();
        });
    });
}
