//! What arrives on a connection, handed to its calls.

use http::{HeaderMap, StatusCode, Version};
use seltzer_h2::{Event, FieldList, HeadersKind, Reason, StreamId, Token};
use tokio::time::Instant;

use crate::status::{Status, drop_garbled_details};
use crate::transport::h2::client::call::{End, Lost};
use crate::transport::h2::client::state::{Closing, State, reset_status};
use crate::transport::h2::fields::header_map;

impl State {
    /// Takes everything out of the input that is complete.
    pub(super) fn receive(&mut self, input: &mut &[u8], now: Instant) {
        while let Some(event) = self.engine.next_event(input, now.into_std()) {
            self.take_event(event);
        }
        self.take_resets();
        self.wake_uploads();
    }

    /// Does what is due.
    pub(super) fn on_deadline(&mut self, now: Instant) {
        if let Some(event) = self.engine.on_deadline(now.into_std()) {
            self.take_event(event);
        }
        self.receive(&mut &[][..], now);
    }

    fn take_event(&mut self, event: Event<'_>) {
        match event {
            Event::Data { stream, bytes, end_stream } => self.take_data(stream, bytes, end_stream),
            Event::Headers { stream, kind: HeadersKind::Response, end_stream, .. } => {
                self.take_response(stream, end_stream);
            }
            Event::Headers { stream, kind: HeadersKind::Trailers, .. } => self.take_trailers(stream),
            Event::HeadersTooLarge { stream, .. } => {
                let status = Status::resource_exhausted(format!(
                    "the metadata of the answer is larger than {} bytes, the limit for receiving",
                    self.header_list_bytes_max
                ));
                self.end_call(stream, End::Lost(Lost { status, is_unprocessed: false }));
            }
            Event::Reset { stream, reason, by_peer } => self.resets.push((stream, reason, by_peer)),
            Event::GoAway { reason, .. } if self.closing == Closing::Open => {
                self.closing = Closing::GoingAway(Some(reason));
            }
            Event::Closed(error) => {
                self.resets.clear();
                self.break_up(error.text());
            }
            // Interim responses say nothing to a call; with more streams allowed, places are given anyway.
            _ => {}
        }
    }

    /// Ends the calls whose streams were reset.
    fn take_resets(&mut self) {
        while let Some((stream, reason, by_peer)) = self.resets.pop() {
            let has_head = self.calls.get(stream).is_some_and(|call| call.has_head);
            let is_unprocessed = by_peer && reason == Reason::RefusedStream && !has_head;
            let status = reset_status(reason, by_peer);
            self.end_call(stream, End::Lost(Lost { status, is_unprocessed }));
        }
    }

    fn take_response(&mut self, stream: StreamId, end_stream: bool) {
        self.has_answered = true;
        let Some(head) = response_head(self.engine.fields()) else { return self.refuse_headers(stream) };
        if let Some(call) = self.calls.get_mut(stream) {
            call.has_head = true;
            call.head = Some(head);
            self.woken.extend(call.reader.take());
        }
        if end_stream {
            self.end_call(stream, End::Complete(None));
        }
    }

    fn take_trailers(&mut self, stream: StreamId) {
        match header_map(self.engine.fields()) {
            Some(mut trailers) => {
                drop_garbled_details(&mut trailers);
                self.end_call(stream, End::Complete(Some(trailers)));
            }
            None => self.refuse_headers(stream),
        }
    }

    fn refuse_headers(&mut self, stream: StreamId) {
        let status = Status::internal("the metadata of the answer is malformed");
        self.end_call(stream, End::Lost(Lost { status, is_unprocessed: false }));
    }

    fn take_data(&mut self, stream: StreamId, bytes: &[u8], end_stream: bool) {
        match self.calls.get_mut(stream) {
            Some(call) => {
                call.receive(bytes);
                self.woken.extend(call.reader.take());
            }
            None => self.engine.release(stream, bytes.len()),
        }
        if end_stream {
            self.end_call(stream, End::Complete(None));
        }
    }
}

/// The head of a response in the words of the `http` crate.
fn response_head(fields: &FieldList) -> Option<http::response::Parts> {
    let status = StatusCode::from_bytes(fields.get(Token::Status)?).ok()?;
    let mut headers: HeaderMap = header_map(fields)?;
    drop_garbled_details(&mut headers);
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.status = status;
    head.version = Version::HTTP_2;
    head.headers = headers;
    Some(head)
}
