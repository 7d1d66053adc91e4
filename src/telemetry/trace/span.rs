//! What is recorded of a call.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use crate::context::{SpanId, TraceContext};
use crate::observe::{AttributeValue, CallSpan, MessageSize, MessageWatch};
use crate::status::Code;
use crate::telemetry::trace::queue::SpanQueue;

/// What OpenTelemetry's SDKs keep of a span unless told otherwise.
const ATTRIBUTES_MAX: usize = 128;
const EVENTS_MAX: usize = 128;

/// How much of a text is kept. OpenTelemetry knows no limit; whoever puts messages into spans needs one.
const TEXT_BYTES_MAX: usize = 4096;

/// What was recorded of a call, or of one attempt of it, when it is over.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Span {
    /// Which span it is.
    pub context: TraceContext,
    /// The one that it is a part of.
    pub parent: Option<SpanId>,
    /// Whether that one is somewhere else.
    pub has_remote_parent: bool,
    /// What it is: `Recv.`, `Sent.` or `Attempt.`, and the method.
    pub name: String,
    /// Whose side of a call it is.
    pub kind: SpanKind,
    /// When it began.
    pub start: SystemTime,
    /// When it was over.
    pub end: SystemTime,
    /// What is said of it.
    pub attributes: Vec<SpanAttribute>,
    /// How many more attributes there would have been.
    pub attributes_dropped: u32,
    /// What happened meanwhile.
    pub events: Vec<SpanEvent>,
    /// How many more events there would have been.
    pub events_dropped: u32,
    /// How the call ended.
    pub code: Code,
    /// What it ended with in words.
    pub message: String,
}

/// A name and what is said by it.
pub type SpanAttribute = (Cow<'static, str>, AttributeValue);

/// Whose side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpanKind {
    /// A call that came in.
    Server,
    /// A call that was made.
    Client,
    /// An attempt of that.
    Internal,
}

/// Something that happened during a span.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SpanEvent {
    /// When.
    pub time: SystemTime,
    /// What.
    pub name: Cow<'static, str>,
    /// More about it.
    pub attributes: Vec<SpanAttribute>,
}

/// A span that is not over.
pub(super) struct Recording {
    begin: Instant,
    queue: Arc<SpanQueue>,
    state: Mutex<State>,
}

struct State {
    /// `None`: it is over.
    span: Option<Box<Span>>,
    received: i64,
    sent: i64,
}

/// How a span begins.
pub(super) struct Beginning {
    pub(super) context: TraceContext,
    pub(super) parent: Option<SpanId>,
    pub(super) has_remote_parent: bool,
    pub(super) name: String,
    pub(super) kind: SpanKind,
    pub(super) attributes: Vec<SpanAttribute>,
}

impl Recording {
    pub(super) fn begin(beginning: Beginning, queue: &Arc<SpanQueue>) -> Self {
        let Beginning { context, parent, has_remote_parent, name, kind, attributes } = beginning;
        let now = SystemTime::now();
        let span = Span {
            context,
            parent,
            has_remote_parent,
            name,
            kind,
            start: now,
            end: now,
            attributes,
            attributes_dropped: 0,
            events: Vec::new(),
            events_dropped: 0,
            code: Code::Unknown,
            message: String::new(),
        };
        let state = State { span: Some(Box::new(span)), received: 0, sent: 0 };
        Recording { begin: Instant::now(), queue: Arc::clone(queue), state: Mutex::new(state) }
    }

    /// Changes what is recorded, if it is not over.
    fn change(&self, change: impl FnOnce(&mut Span, &mut Counts, Duration)) {
        let since = self.begin.elapsed();
        // Only plain moves happen under this lock.
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut counts = Counts { received: state.received, sent: state.sent };
        if let Some(span) = &mut state.span {
            change(span, &mut counts, since);
        }
        (state.received, state.sent) = (counts.received, counts.sent);
    }

    fn message(&self, name: &'static str, size: MessageSize, count: impl FnOnce(&mut Counts) -> &mut i64) {
        self.change(|span, counts, since| {
            let number = count(counts);
            let sequence = *number;
            *number += 1;
            span.add_event(since, Cow::Borrowed(name), || {
                let sequence = (Cow::Borrowed("sequence-number"), AttributeValue::Int(sequence));
                let bytes = size.bytes.map(|bytes| (Cow::Borrowed("message-size"), int(bytes)));
                let compressed =
                    size.compressed_bytes.map(|bytes| (Cow::Borrowed("message-size-compressed"), int(bytes)));
                [Some(sequence), bytes, compressed].into_iter().flatten().collect()
            });
        });
    }

    fn finish(&self, code: Code, message: &str) {
        let since = self.begin.elapsed();
        let span = self.state.lock().unwrap_or_else(PoisonError::into_inner).span.take();
        if let Some(mut span) = span {
            span.end = span.start + since;
            span.code = code;
            span.message = shortened(message).to_owned();
            self.queue.push(*span);
        }
    }
}

/// How many messages there were so far.
struct Counts {
    received: i64,
    sent: i64,
}

impl MessageWatch for Recording {
    fn received(&self, size: MessageSize) {
        self.message("Inbound message", size, |counts| &mut counts.received);
    }

    fn sent(&self, size: MessageSize) {
        self.message("Outbound message", size, |counts| &mut counts.sent);
    }
}

impl CallSpan for Recording {
    fn happened(&self, event: &'static str) {
        self.change(|span, _, since| span.add_event(since, Cow::Borrowed(event), Vec::new));
    }

    fn end(&self, code: Code, message: &str) {
        self.finish(code, message);
    }

    fn describe(&self, key: &str, value: AttributeValue) {
        self.change(|span, _, _| span.describe(key, value));
    }

    fn note(&self, event: &str) {
        self.change(|span, _, since| span.add_event(since, Cow::Owned(shortened(event).to_owned()), Vec::new));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        self.finish(Code::Cancelled, "the call was dropped");
    }
}

impl Span {
    fn add_event(&mut self, since: Duration, name: Cow<'static, str>, attributes: impl FnOnce() -> Vec<SpanAttribute>) {
        if self.events.len() >= EVENTS_MAX {
            self.events_dropped = self.events_dropped.saturating_add(1);
            return;
        }
        self.events.push(SpanEvent { time: self.start + since, name, attributes: attributes() });
    }

    fn describe(&mut self, key: &str, mut value: AttributeValue) {
        if let AttributeValue::Text(text) = &mut value {
            text.truncate(shortened(text).len());
        }
        if let Some((_, known)) = self.attributes.iter_mut().find(|(known, _)| known == key) {
            *known = value;
        } else if key.is_empty() || key.len() > TEXT_BYTES_MAX || self.attributes.len() >= ATTRIBUTES_MAX {
            self.attributes_dropped = self.attributes_dropped.saturating_add(1);
        } else {
            self.attributes.push((Cow::Owned(key.to_owned()), value));
        }
    }
}

fn int(number: usize) -> AttributeValue {
    AttributeValue::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

/// As much of a text as is kept.
fn shortened(text: &str) -> &str {
    let mut length = text.len().min(TEXT_BYTES_MAX);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::context::TraceId;

    fn recording(queue: &Arc<SpanQueue>) -> Recording {
        let [trace, span] = [TraceId::from_bytes([1; 16]).map(drop), SpanId::from_bytes([1; 8]).map(drop)];
        assert!(trace.is_some() && span.is_some());
        let trace_id = TraceId::from_bytes([1; 16]).expect("not zero");
        let context = TraceContext::new(trace_id, SpanId::from_bytes([2; 8]).expect("not zero"), true);
        let name = "Recv.a.B".to_owned();
        let (parent, has_remote_parent, kind, attributes) = (None, false, SpanKind::Server, Vec::new());
        Recording::begin(Beginning { context, parent, has_remote_parent, name, kind, attributes }, queue)
    }

    fn finished(run: impl FnOnce(Recording)) -> Span {
        let queue = Arc::new(SpanQueue::new(10));
        run(recording(&queue));
        let mut spans = queue.take(10);
        assert_eq!(spans.len(), 1, "a span ends once");
        spans.remove(0)
    }

    #[test]
    fn messages_are_numbered_by_direction() {
        let span = finished(|recording| {
            let size = MessageSize { bytes: Some(5), compressed_bytes: None };
            recording.received(size);
            recording.sent(MessageSize { bytes: Some(500), compressed_bytes: Some(50) });
            recording.received(size);
            recording.end(Code::Ok, "");
            recording.received(size);
            recording.end(Code::Internal, "too late");
        });
        let events: Vec<_> = span.events.iter().map(|event| (&*event.name, event.attributes.len())).collect();
        assert_eq!(events, [("Inbound message", 2), ("Outbound message", 3), ("Inbound message", 2)]);
        let numbers: Vec<_> = span.events.iter().map(|event| event.attributes[0].1.clone()).collect();
        assert_eq!(numbers, [0, 0, 1].map(AttributeValue::Int));
        assert_eq!(
            span.events[1].attributes[1..],
            [
                (Cow::Borrowed("message-size"), AttributeValue::Int(500)),
                (Cow::Borrowed("message-size-compressed"), AttributeValue::Int(50)),
            ]
        );
        assert_eq!((span.code, &*span.message), (Code::Ok, ""));
        assert!(span.end >= span.events[2].time && span.events[2].time >= span.start);
    }

    #[test]
    fn what_is_dropped_ends_as_cancelled() {
        assert_eq!(finished(drop).code, Code::Cancelled);
    }

    #[test]
    fn a_span_keeps_no_more_than_it_may() {
        let span = finished(|recording| {
            for number in 0..200 {
                recording.describe(&format!("key {number}"), true.into());
                recording.note("again");
            }
            recording.describe("key 0", "é".repeat(TEXT_BYTES_MAX).into());
            recording.describe("", true.into());
        });
        assert_eq!((span.attributes.len(), span.attributes_dropped), (ATTRIBUTES_MAX, 73));
        assert_eq!((span.events.len(), span.events_dropped), (EVENTS_MAX, 72));
        assert_eq!(span.attributes[0].1, "é".repeat(TEXT_BYTES_MAX / 2).into());
    }

    #[test]
    fn a_text_is_cut_between_letters() {
        let table = [("short", 5), (&"a".repeat(5000), 4096), (&format!("a{}", "é".repeat(3000)), 4095)];
        for (text, expected) in table {
            assert_eq!(shortened(text).len(), expected);
        }
    }
}
