//! How a request begins that goes the general way: when the batch that brought it is through, at once if all of it is
//! there.

use std::sync::{Arc, LazyLock};

use bytes::{BufMut as _, Bytes};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName};
use http::{Method, StatusCode};
use http_body_util::Full;
use seltzer_h2::{HeaderField, Prepared, StreamId};

use crate::codec::Rope;
use crate::metadata::GRPC_STATUS;
use crate::transport::h2::answer::{AtOnce, Beginning, Rest};
use crate::transport::h2::body::StreamBody;
use crate::transport::h2::exchange::{Exchange, Outbound};
use crate::transport::h2::heads::GeneralHead;
use crate::transport::h2::ready::ReadyQueue;
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::ServerConnection;
use crate::transport::h2::task::Work;
use crate::transport::h2::{Answer, Later};
use crate::transport::incoming_body::IncomingBody;
#[cfg(feature = "http1")]
use crate::transport::retained::{Retain, Retainer};

/// Up to this size a body that came in one batch is handed over as it is: less than what its call takes anyway, so it
/// is not counted.
const SMALL_BODY_BYTES_MAX: usize = 4 * 1024;

/// A request that begins when the batch that brought it is through.
pub(super) struct Begun<A: Answer> {
    head: Arc<GeneralHead<A>>,
    body: Arriving,
}

/// What has come of a body.
enum Arriving {
    Small {
        bytes: Vec<u8>,
        is_whole: bool,
    },
    /// What the handler will read from.
    Shared(Arc<Exchange>),
}

impl<A: Answer> Begun<A> {
    pub(super) fn new(head: Arc<GeneralHead<A>>, is_whole: bool) -> Self {
        Begun { head, body: Arriving::Small { bytes: Vec::new(), is_whole } }
    }

    /// Takes bytes of the body, if it stays small. `false`: they belong into the exchange.
    pub(super) fn take(&mut self, more: &[u8], is_end: bool) -> bool {
        match &mut self.body {
            Arriving::Small { bytes, is_whole } if bytes.len() + more.len() <= SMALL_BODY_BYTES_MAX => {
                bytes.extend_from_slice(more);
                *is_whole |= is_end;
                true
            }
            _ => false,
        }
    }

    /// What its head means.
    pub(super) fn meaning(&self) -> &A::Meaning {
        &self.head.meaning
    }

    /// What the handler reads from, if there is such a thing.
    pub(super) fn shared(&self) -> Option<&Arc<Exchange>> {
        match &self.body {
            Arriving::Shared(exchange) => Some(exchange),
            Arriving::Small { .. } => None,
        }
    }

    /// The same, made if it has to be.
    pub(super) fn share(&mut self, stream: StreamId, ready: &Arc<ReadyQueue>) -> Arc<Exchange> {
        let exchange = match &self.body {
            Arriving::Shared(exchange) => return Arc::clone(exchange),
            Arriving::Small { bytes, is_whole } => {
                let of_body = if self.head.counts_messages { Exchange::of_messages } else { Exchange::new };
                let exchange = of_body(stream, Arc::clone(ready));
                exchange.receive(bytes);
                if *is_whole {
                    exchange.end_inbound(Ok(()));
                }
                exchange
            }
        };
        self.body = Arriving::Shared(Arc::clone(&exchange));
        exchange
    }
}

impl<A: Answer> ServerConnection<A> {
    /// Begins what came in this batch: a request that is complete by now never waits for its body.
    pub(super) fn begin_calls(&mut self) {
        for index in 0..self.begun.len() {
            let stream = self.begun[index];
            // One that was reset meanwhile is not there any more.
            if matches!(self.calls.get(stream), Some(Call::Begun(_)))
                && let Some(Call::Begun(begun)) = self.calls.remove(stream)
            {
                self.begin_call(stream, begun);
            }
        }
        self.begun.clear();
    }

    fn begin_call(&mut self, stream: StreamId, mut begun: Begun<A>) {
        let is_long = begun.head.pace.is_long();
        let is_head_only = begun.head.request.method() == Method::HEAD;
        let (exchange, body) = match &mut begun.body {
            // A long one may wait for its turn with its body unread: then that is counted.
            Arriving::Small { bytes, is_whole: true } if !is_long => {
                let body = Full::new(Bytes::from(std::mem::take(bytes)));
                if begun.head.answers_at_once && !is_head_only {
                    return self.poll_at_once(stream, &begun.head, body);
                }
                (None, IncomingBody::Whole(body))
            }
            _ => {
                let exchange = begun.share(stream, &self.ready);
                (Some(Arc::clone(&exchange)), IncomingBody::Engine(StreamBody(exchange)))
            }
        };
        let head = begun.head;
        #[cfg_attr(not(feature = "http1"), allow(unused_mut, reason = "nobody but gRPC reads bodies"))]
        let mut request = head.request.clone().map(|()| body);
        #[cfg(feature = "http1")]
        if let (true, Some(exchange)) = (head.is_told_of, &exchange) {
            request.extensions_mut().insert(Retainer::new(Arc::clone(exchange) as Arc<dyn Retain>));
        }
        let later = self.answer.answer(&head.meaning, request);
        let later = Later { is_long: later.is_long || is_long, ..later };
        self.run(stream, exchange, later, is_head_only, Some(head));
    }

    /// Has a request answered whose answer is often there at the first look.
    fn poll_at_once(&mut self, stream: StreamId, head: &GeneralHead<A>, body: Full<Bytes>) {
        let answer = &mut self.answer;
        match head.pace.measure(|| answer.answer_at_once(&head.meaning, &head.request, body)) {
            AtOnce::Begun(beginning) => self.send_beginning(stream, beginning),
            // It was polled, and has to wait.
            AtOnce::Later(later) => {
                let (work, pieces) = (Work::new(later.answer, false), std::mem::take(&mut self.pieces));
                self.settle(stream, None, Some(work), pieces, later.deadline, None);
            }
        }
    }

    /// Sends what there is of an answer, all of it as a rule.
    fn send_beginning(&mut self, stream: StreamId, beginning: Beginning) {
        let Beginning { head, data, rest, deadline } = beginning;
        if let (Some(data), Rest::Trailers(trailers)) = (&data, &rest)
            && is_usual(head.status, &head.headers, trailers)
        {
            let write = |output: &mut Rope| {
                output.put(&data[..]);
                Ok::<(), std::convert::Infallible>(())
            };
            // A stream that is gone needs no answer.
            let _ = self.engine.send_response(stream, &USUAL.head, write, &USUAL.trailers);
            return self.engine.finish(stream);
        }
        let is_end = data.is_none() && matches!(rest, Rest::End);
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.push_back(Outbound::Head { head: Box::new(head), is_end });
        pieces.extend(data.map(Outbound::Data));
        let work = match rest {
            Rest::Trailers(trailers) => {
                pieces.push_back(Outbound::Trailers(trailers));
                None
            }
            Rest::End => {
                pieces.extend((!is_end).then_some(Outbound::End));
                None
            }
            Rest::Broken => {
                pieces.push_back(Outbound::Broken);
                None
            }
            Rest::Body { data, body } => {
                pieces.extend(data.map(Outbound::Data));
                Some(Work::sending(body))
            }
        };
        self.settle(stream, None, work, pieces, deadline, None);
    }
}

/// The header blocks of the answer that services give which others have generated, when all went well.
struct Usual {
    head: Prepared,
    trailers: Prepared,
}

static USUAL: LazyLock<Usual> = LazyLock::new(|| Usual {
    head: Prepared::new([
        HeaderField::new(b":status", b"200"),
        HeaderField::new(CONTENT_TYPE.as_str().as_bytes(), USUAL_CONTENT_TYPE),
    ]),
    trailers: Prepared::new([HeaderField::new(GRPC_STATUS.as_str().as_bytes(), USUAL_STATUS)]),
});

const USUAL_CONTENT_TYPE: &[u8] = b"application/grpc";
const USUAL_STATUS: &[u8] = b"0";

fn is_usual(status: StatusCode, headers: &HeaderMap, trailers: &HeaderMap) -> bool {
    status == StatusCode::OK
        && is_only(headers, &CONTENT_TYPE, USUAL_CONTENT_TYPE)
        && is_only(trailers, &GRPC_STATUS, USUAL_STATUS)
}

/// Whether a header is there, and no other.
fn is_only(headers: &HeaderMap, name: &HeaderName, value: &[u8]) -> bool {
    headers.len() == 1 && headers.iter().all(|(key, found)| key == name && found == value && !found.is_sensitive())
}
