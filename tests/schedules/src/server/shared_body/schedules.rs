//! A deadline takes a body away from whoever polls it, and wakes them.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use shuttle::sync::Arc;
use tonic::body::Body;

use crate::context::Context;
use crate::server::shared_body::SharedBody;
use crate::status::Status;
use crate::strong::atomic::{AtomicBool, Ordering};

/// A stream that never says anything, and is slow about that.
struct Silent(Arc<AtomicBool>);

impl http_body::Body for Silent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        crate::schedules::step();
        crate::schedules::step();
        Poll::Pending
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A body, and a timer that goes off at some moment.
struct Timed {
    is_dropped: Arc<AtomicBool>,
    body: Arc<SharedBody<Body>>,
    timer: shuttle::thread::JoinHandle<()>,
}

impl Timed {
    fn begin() -> Self {
        let is_dropped = Arc::new(AtomicBool::new(false));
        let body = Arc::new(SharedBody::new(Body::new(Silent(Arc::clone(&is_dropped))), Context::default()));
        let expiring = Arc::clone(&body);
        let timer = shuttle::thread::spawn(move || {
            crate::schedules::wait_a_little();
            expiring.expire();
        });
        Timed { is_dropped, body, timer }
    }
}

#[test]
fn a_deadline_ends_a_body_that_is_polled() {
    crate::schedules::check(|| {
        let Timed { is_dropped, body, timer } = Timed::begin();
        // As `guard::Rest` polls it.
        shuttle::future::block_on(poll_fn(|cx| {
            let polled = body.poll(cx.waker(), |body| Pin::new(body).poll_frame(cx));
            if body.has_expired() {
                return Poll::Ready(());
            }
            assert!(matches!(polled, Ok(Poll::Pending)), "it is gone before its time");
            Poll::Pending
        }));
        body.take();
        assert!(is_dropped.load(Ordering::SeqCst));
        timer.join().unwrap();
    });
}

#[test]
fn a_deadline_and_a_call_that_ends_drop_a_body_once() {
    crate::schedules::check(|| {
        let Timed { is_dropped, body, timer } = Timed::begin();
        body.take();
        assert!(is_dropped.load(Ordering::SeqCst), "the call's end waits for nobody");
        timer.join().unwrap();
        assert!(body.has_expired());
    });
}
