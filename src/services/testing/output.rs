//! The responses that a `StreamingOutputCallRequest` describes, each in its time.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use tokio::time::{Sleep, sleep};

use crate::codec::CompressionSwitch;
use crate::context::{self, Peer};
use crate::services::schemas::grpc::testing::{
    EchoStatus, ResponseParameters, StreamingOutputCallRequest, StreamingOutputCallResponse, TestOrcaReport,
};
use crate::services::testing::load_reports::{LoadReports, Publisher};
use crate::services::testing::payload::payload;
use crate::status::{Code, Status};

/// Answers requests one after another: every response that one describes, then its status, then the next request.
#[derive(Debug)]
pub struct Output<S> {
    requests: S,
    kind: i32,
    wanted: VecDeque<ResponseParameters>,
    ending: Option<Status>,
    pause: Option<Pin<Box<Sleep>>>,
    switch: CompressionSwitch,
    /// A load to report before the responses.
    load: Option<TestOrcaReport>,
    publisher: Option<Publisher>,
}

impl<S> Output<S> {
    /// The responses to `requests`; `switch` is set for each message before it is encoded.
    pub(crate) fn new(requests: S, switch: CompressionSwitch) -> Self {
        let wanted = VecDeque::new();
        Output { requests, kind: 0, wanted, ending: None, pause: None, switch, load: None, publisher: None }
    }

    /// Sets the load reports that requests ask for, for as long as this lives.
    pub(crate) fn with_reports(mut self, reports: LoadReports) -> Self {
        self.publisher = Some(reports.publisher());
        self
    }

    fn begin(&mut self, request: StreamingOutputCallRequest) -> Result<(), Status> {
        self.kind = request.response_type;
        self.wanted = request.response_parameters.into();
        self.ending = request.response_status.and_then(status);
        self.load = request.orca_oob_report;
        self.pause = self.wanted.front().map(pause).transpose()?.flatten();
        Ok(())
    }

    fn respond(&mut self, wanted: &ResponseParameters) -> Result<StreamingOutputCallResponse, Status> {
        self.pause = self.wanted.front().map(pause).transpose()?.flatten();
        if wanted.compressed.is_some_and(|compressed| compressed.value) {
            self.switch.on();
        } else {
            self.switch.off();
        }
        let asks_for_address = wanted.fill_peer_socket_address.is_some_and(|fill| fill.value);
        let peer_socket_address = if asks_for_address { peer_address() } else { String::new() };
        Ok(StreamingOutputCallResponse { payload: payload(self.kind, wanted.size)?, peer_socket_address })
    }
}

impl<S> Stream for Output<S>
where
    S: Stream<Item = Result<StreamingOutputCallRequest, Status>> + Unpin,
{
    type Item = Result<StreamingOutputCallResponse, Status>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            if let (Some(load), Some(publisher)) = (&this.load, &mut this.publisher) {
                ready!(publisher.poll_publish(cx, load));
            }
            this.load = None;
            if let Some(pause) = &mut this.pause {
                ready!(pause.as_mut().poll(cx));
                this.pause = None;
            }
            if let Some(wanted) = this.wanted.pop_front() {
                return Poll::Ready(Some(this.respond(&wanted)));
            }
            if let Some(status) = this.ending.take() {
                return Poll::Ready(Some(Err(status)));
            }
            match ready!(Pin::new(&mut this.requests).poll_next(cx)) {
                None => return Poll::Ready(None),
                Some(request) => {
                    if let Err(status) = request.and_then(|request| this.begin(request)) {
                        return Poll::Ready(Some(Err(status)));
                    }
                }
            }
        }
    }
}

/// Where the caller's connection comes from; empty where it has no address.
fn peer_address() -> String {
    let address = context::current().peer().and_then(Peer::remote_addr);
    address.map(|address| address.to_string()).unwrap_or_default()
}

/// The status that a request wants its call to end with, unless that is OK.
pub(crate) fn status(wanted: EchoStatus) -> Option<Status> {
    let code = Code::from_i32(wanted.code);
    (code != Code::Ok).then(|| Status::new(code, wanted.message))
}

fn pause(wanted: &ResponseParameters) -> Result<Option<Pin<Box<Sleep>>>, Status> {
    match u64::try_from(wanted.interval_us) {
        Ok(0) => Ok(None),
        Ok(interval_us) => Ok(Some(Box::pin(sleep(Duration::from_micros(interval_us))))),
        Err(_) => Err(Status::invalid_argument(format!(
            "an interval of {} microseconds lies in the past",
            wanted.interval_us
        ))),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // Whatever fails here fails the test.

    use tokio::time::Instant;
    use tokio_stream::StreamExt;

    use super::*;
    use crate::services::schemas::grpc::testing::BoolValue;

    fn wanted(size: i32, interval_us: i32) -> ResponseParameters {
        ResponseParameters { size, interval_us, ..ResponseParameters::default() }
    }

    fn request(response_parameters: Vec<ResponseParameters>) -> Result<StreamingOutputCallRequest, Status> {
        Ok(StreamingOutputCallRequest { response_parameters, ..StreamingOutputCallRequest::default() })
    }

    fn size(response: Option<Result<StreamingOutputCallResponse, Status>>) -> usize {
        response.unwrap().unwrap().payload.map_or(0, |payload| payload.body.len())
    }

    #[tokio::test(start_paused = true)]
    async fn responses_come_in_order_and_in_time() {
        let requests =
            [request(vec![wanted(3, 0), wanted(5, 2_000)]), request(vec![]), request(vec![wanted(7, 1_000)])];
        let mut output = Output::new(tokio_stream::iter(requests), CompressionSwitch::default());
        let start = Instant::now();
        for (bytes, millis) in [(3, 0), (5, 2), (7, 3)] {
            assert_eq!(size(output.next().await), bytes);
            assert_eq!(start.elapsed().as_millis(), millis);
        }
        assert!(output.next().await.is_none());
    }

    #[tokio::test]
    async fn a_wanted_status_comes_after_the_responses() {
        let wanted_status = EchoStatus { code: 2, message: "as you wish".to_owned() };
        let first = StreamingOutputCallRequest {
            response_parameters: vec![wanted(1, 0)],
            response_status: Some(wanted_status),
            ..StreamingOutputCallRequest::default()
        };
        let mut output = Output::new(tokio_stream::iter([Ok(first)]), CompressionSwitch::default());
        assert_eq!(size(output.next().await), 1);
        let ending = output.next().await.unwrap().unwrap_err();
        assert_eq!((ending.code(), ending.message()), (Code::Unknown, "as you wish"));
    }

    #[tokio::test]
    async fn each_message_sets_the_switch() {
        let compressed = |value| ResponseParameters { compressed: Some(BoolValue { value }), ..wanted(1, 0) };
        let switch = CompressionSwitch::default();
        let parameters = vec![compressed(true), compressed(false), compressed(true), wanted(1, 0)];
        let mut output = Output::new(tokio_stream::iter([request(parameters)]), switch.clone());
        for is_on in [true, false, true, false] {
            assert_eq!(size(output.next().await), 1);
            assert_eq!(switch.is_on(), is_on);
        }
    }

    #[tokio::test]
    async fn impossible_wishes_are_refused() {
        for parameters in [wanted(-1, 0), wanted(1, -1)] {
            let mut output = Output::new(tokio_stream::iter([request(vec![parameters])]), CompressionSwitch::default());
            let refused = output.next().await.unwrap().unwrap_err();
            assert_eq!(refused.code(), Code::InvalidArgument);
        }
    }

    #[test]
    fn a_status_of_ok_is_none() {
        assert!(status(EchoStatus { code: 0, message: "fine".to_owned() }).is_none());
        let strange = status(EchoStatus { code: 99, message: String::new() }).unwrap();
        assert_eq!(strange.code(), Code::Unknown);
    }
}
