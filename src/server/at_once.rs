//! Calls of tower services that are polled where they arrive: all of an answer that is there at once, and nothing on the
//! heap but what the service puts there.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll, Waker};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body as _;
use tonic::body::Body;

use crate::context::Context;
use crate::meter::MessageSizes;
use crate::server::guard::{Guard, Watch, guarded_body, panic_status};
use crate::server::measured;
use crate::server::native::trailers;
use crate::service::HttpCall;
use crate::status::{Code, Status};
use crate::transport::h2::{AtOnce, Beginning, Later, Rest};
use crate::transport::response_body::ResponseBody;

/// How often a body is asked: a unary one has data and trailers, and may say that it is at its end.
const POLLS_MAX: usize = 4;

/// What a body gave at once.
struct Given {
    data: Option<Bytes>,
    /// More data, which does not belong to a unary answer.
    more: Option<Bytes>,
    /// How it ended, unless it has to wait.
    end: Option<Result<Option<HeaderMap>, Status>>,
}

/// Begins a call in its context and polls it once. The context comes back from a call that is over.
pub(crate) fn answer(context: Context, call: impl FnOnce() -> HttpCall) -> (AtOnce, Option<Context>) {
    let deadline = context.deadline();
    let mut watch = Watch::begin(context);
    let mut running = None;
    let polled = watch.context.within(|| {
        let polled = catch_unwind(AssertUnwindSafe(|| {
            let running = running.insert(call());
            Pin::new(running).poll(&mut TaskContext::from_waker(Waker::noop()))
        }));
        if !matches!(polled, Ok(Poll::Pending)) {
            // What is left of the handler lives no longer than the rest of it.
            let _ = catch_unwind(AssertUnwindSafe(|| running = None));
        }
        polled
    });
    match (polled, running) {
        (Ok(Poll::Ready(response)), _) => begin(response, watch),
        (Ok(Poll::Pending), Some(running)) => {
            let context = watch.context.clone();
            let answer = async move {
                running.await.map(|body| ResponseBody::Http(measured::rest(body, MessageSizes::default(), &context)))
            };
            let answer = Box::pin(Guard::going_on(watch, answer));
            (AtOnce::Later(Later { answer, is_long: false, deadline }), None)
        }
        _ => {
            let (head, _) = watch.refuse(&panic_status()).into_parts();
            (AtOnce::Begun(Beginning { head, data: None, rest: Rest::End, deadline: None }), Some(watch.end()))
        }
    }
}

/// Takes of a response what is there.
fn begin(response: http::Response<Body>, mut watch: Watch) -> (AtOnce, Option<Context>) {
    let (mut head, body) = response.into_parts();
    watch.see_head(&mut head.headers);
    let mut given = Given { data: None, more: None, end: None };
    let mut body = Some(body);
    let polled = watch.context.within(|| {
        let polled = catch_unwind(AssertUnwindSafe(|| given.take_from(&mut body)));
        if polled.is_err() || given.end.is_some() {
            let _ = catch_unwind(AssertUnwindSafe(|| body = None));
        }
        polled
    });
    let Given { data, more, end } = given;
    let sizes = measured::pieces([&data, &more], &watch.context);
    let rest = match (polled, end, body) {
        (Err(_panic), ..) => {
            let status = panic_status();
            watch.break_off(&status);
            Rest::Trailers(trailers(Err(status), &watch.context))
        }
        (Ok(()), Some(Ok(Some(mut trailers))), _) => {
            watch.see_trailers(&mut trailers);
            Rest::Trailers(trailers)
        }
        (Ok(()), Some(Err(status)), _) => {
            watch.fail(&status);
            Rest::Broken
        }
        (Ok(()), None, Some(body)) => {
            let deadline = watch.context.deadline();
            let body = measured::rest(body, sizes, &watch.context);
            let rest = Rest::Body { data: more, body: guarded_body(body, watch) };
            return (AtOnce::Begun(Beginning { head, data, rest, deadline }), None);
        }
        // A body that ends without trailers is an ordinary HTTP response.
        (Ok(()), ..) => {
            watch.code.get_or_insert(Code::Ok);
            Rest::End
        }
    };
    (AtOnce::Begun(Beginning { head, data, rest, deadline: None }), Some(watch.end()))
}

impl Given {
    fn take_from(&mut self, body: &mut Option<Body>) {
        let Some(body) = body else { return };
        if body.is_end_stream() {
            self.end = Some(Ok(None));
            return;
        }
        let mut cx = TaskContext::from_waker(Waker::noop());
        for _ in 0..POLLS_MAX {
            let frame = match Pin::new(&mut *body).poll_frame(&mut cx) {
                Poll::Pending => return,
                Poll::Ready(frame) => frame,
            };
            self.end = match frame {
                None => Some(Ok(None)),
                Some(Err(status)) => Some(Err(status)),
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(bytes) if bytes.is_empty() => None,
                    Ok(bytes) if self.data.is_none() => {
                        self.data = Some(bytes);
                        None
                    }
                    Ok(bytes) => {
                        self.more = Some(bytes);
                        return;
                    }
                    // Frames of other kinds say nothing to us.
                    Err(frame) => frame.into_trailers().ok().map(|trailers| Ok(Some(trailers))),
                },
            };
            if self.end.is_some() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test says what is wrong by failing")]

    use std::sync::Arc;

    use http_body::Frame;
    use http_body_util::StreamBody;

    use super::*;
    use crate::context::{self, Origin};
    use crate::metadata::GRPC_STATUS;

    type Piece = Result<Frame<Bytes>, Status>;
    type Call = fn() -> HttpCall;

    fn context() -> Context {
        Context::new(Arc::new(Origin::default()), None)
    }

    fn data(text: &'static str) -> Piece {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    fn ok() -> Piece {
        Ok(Frame::trailers(HeaderMap::from_iter([(GRPC_STATUS, "0".parse().unwrap())])))
    }

    /// A call that answers at once with such a body.
    fn call(pieces: Vec<Piece>) -> HttpCall {
        let body = Body::new(StreamBody::new(tokio_stream::iter(pieces)));
        HttpCall::Erased(Box::pin(std::future::ready(http::Response::new(body))))
    }

    fn words((answer, context): (AtOnce, Option<Context>)) -> String {
        let whose = if context.is_some() { "" } else { ", its context is in use" };
        let AtOnce::Begun(Beginning { head, data, rest, .. }) = answer else { return format!("later{whose}") };
        let data = data.map_or("nothing".into(), |data| String::from_utf8(data.to_vec()).unwrap());
        let status =
            |headers: &HeaderMap| headers.get(GRPC_STATUS).map_or("-".into(), |it| it.to_str().unwrap().to_owned());
        let rest = match rest {
            Rest::Trailers(trailers) => format!("trailers {}", status(&trailers)),
            Rest::End => "end".to_owned(),
            Rest::Broken => "broken".to_owned(),
            Rest::Body { data, .. } => format!("body after {:?}", data.map(|data| data.len())),
        };
        format!("head {}, {data}, {rest}{whose}", status(&head.headers))
    }

    #[test]
    fn an_answer_is_taken_as_far_as_it_is_there() {
        let broken = || Err(Status::internal("as told"));
        let table: [(Vec<Piece>, &str); 8] = [
            (vec![data("one"), ok()], "head -, one, trailers 0"),
            (vec![data(""), data("one"), ok()], "head -, one, trailers 0"),
            (vec![ok()], "head -, nothing, trailers 0"),
            (vec![data("one")], "head -, one, end"),
            (vec![], "head -, nothing, end"),
            (vec![data("one"), broken()], "head -, one, broken"),
            (vec![data("one"), data("two!"), ok()], "head -, one, body after Some(4), its context is in use"),
            (
                vec![data(""), data(""), data(""), data(""), ok()],
                "head -, nothing, body after None, its context is in use",
            ),
        ];
        for (number, (pieces, expected)) in table.into_iter().enumerate() {
            assert_eq!(words(answer(context(), || call(pieces))), expected, "case {number}");
        }
    }

    #[test]
    fn what_has_to_wait_goes_on_elsewhere() {
        let waiting = || HttpCall::Erased(Box::pin(std::future::pending()));
        assert_eq!(words(answer(context(), waiting)), "later, its context is in use");
    }

    #[test]
    fn what_panics_ends_its_own_call() {
        let calls: [(Call, &str); 3] = [
            (|| panic!("as told"), "head 13, nothing, end"),
            (|| HttpCall::Erased(Box::pin(async { panic!("as told") })), "head 13, nothing, end"),
            (
                || {
                    let pieces = (0..2).map(|n| if n == 0 { data("one") } else { panic!("as told") });
                    let body = Body::new(StreamBody::new(tokio_stream::iter(pieces)));
                    HttpCall::Boxed(Box::pin(std::future::ready(Ok(http::Response::new(body)))))
                },
                "head -, one, trailers 13",
            ),
        ];
        for (number, (call, expected)) in calls.into_iter().enumerate() {
            assert_eq!(words(answer(context(), call)), expected, "case {number}");
        }
    }

    #[test]
    fn what_a_handler_sets_in_its_context_is_sent() {
        let (answer, _) = answer(context(), || {
            context::current().set_trailing_metadata("x-served-by", "one").unwrap();
            call(vec![data("one"), ok()])
        });
        let AtOnce::Begun(Beginning { rest: Rest::Trailers(trailers), .. }) = answer else { panic!("it is all there") };
        assert_eq!(trailers.get("x-served-by").unwrap(), "one");
        assert_eq!(context::current().method(), "", "the context does not stay");
    }
}
