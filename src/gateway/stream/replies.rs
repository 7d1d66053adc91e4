//! The messages of a reply that streams them, as the body of an answer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderMap, HeaderName};
use http_body::Frame;
use tokio::time::{Instant, Sleep};

use crate::gateway::answer::{HttpBody, reply_json};
use crate::gateway::error::status_json;
use crate::gateway::headers::append_trailers;
use crate::gateway::rule::Binding;
use crate::gateway::stream::format::StreamFormat;
use crate::server::ReplyMessages;
use crate::status::Status;

/// How often server-sent events say that the stream is alive: less than what proxies wait before they give up.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Messages that are there at once are written together up to this size.
const CHUNK_BYTES: usize = 16 * 1024;

/// What a message becomes.
#[derive(Debug)]
pub(crate) enum ReplyWriter {
    /// JSON.
    Json(StreamFormat),
    /// The bytes of a `google.api.HttpBody`, one behind the other.
    Raw,
}

/// The body of an answer that streams.
pub(crate) struct Replies {
    messages: ReplyMessages,
    /// The first one, which was asked for before the answer began.
    first: Option<Option<Result<Bytes, Status>>>,
    binding: Arc<Binding>,
    writer: ReplyWriter,
    plain_headers: Arc<[HeaderName]>,
    count: u64,
    state: State,
    heartbeat: Option<Pin<Box<Sleep>>>,
    /// Why bytes end before their end.
    broken: Option<Status>,
    has_flushed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Begin,
    Messages,
    Trailers,
    End,
}

impl Replies {
    pub(crate) fn new(
        messages: ReplyMessages,
        first: Option<Option<Result<Bytes, Status>>>,
        binding: Arc<Binding>,
        writer: ReplyWriter,
        plain_headers: Arc<[HeaderName]>,
    ) -> Self {
        let is_events = matches!(writer, ReplyWriter::Json(StreamFormat::Events));
        let heartbeat = is_events.then(|| Box::pin(tokio::time::sleep(HEARTBEAT)));
        Replies {
            messages,
            first,
            binding,
            writer,
            plain_headers,
            count: 0,
            state: State::Begin,
            heartbeat,
            broken: None,
            has_flushed: false,
        }
    }

    fn poll_message(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Status>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(first),
            None => self.messages.poll_next(cx),
        }
    }

    /// Writes one message.
    fn write(&mut self, message: &Bytes, out: &mut Vec<u8>) -> Result<(), Status> {
        let ReplyWriter::Json(format) = self.writer else {
            out.extend_from_slice(&HttpBody::of_reply(&self.binding, message)?.data);
            return Ok(());
        };
        let json = reply_json(&self.binding, message)?;
        match format {
            StreamFormat::Array => out.extend_from_slice(if self.count == 0 { b"[" } else { b"," }),
            StreamFormat::Lines => {}
            StreamFormat::Events => out.extend_from_slice(format!("id: {}\ndata: ", self.count + 1).as_bytes()),
        }
        // JSON as it is written here has no line breaks.
        out.extend_from_slice(&json);
        out.extend_from_slice(match format {
            StreamFormat::Array => b"",
            StreamFormat::Lines => b"\n",
            StreamFormat::Events => b"\n\n",
        });
        self.count += 1;
        Ok(())
    }

    /// Writes the end.
    fn write_end(&self, end: Result<(), &Status>, out: &mut Vec<u8>) {
        let ReplyWriter::Json(format) = self.writer else { return };
        let pool = self.binding.call.descriptor().parent_pool();
        let error = end.err().map(|status| status_json(status, Some(pool)));
        let text = match (format, error) {
            (StreamFormat::Array, None) if self.count == 0 => "[]".to_owned(),
            (StreamFormat::Array, None) => "]".to_owned(),
            (StreamFormat::Array, Some(error)) => {
                let before = if self.count == 0 { "[" } else { "," };
                format!("{before}{{\"error\":{error}}}]")
            }
            (StreamFormat::Lines, None) => return,
            (StreamFormat::Lines, Some(error)) => format!("{{\"error\":{error}}}\n"),
            (StreamFormat::Events, None) => "event: end\ndata: {}\n\n".to_owned(),
            (StreamFormat::Events, Some(error)) => format!("event: error\ndata: {error}\n\n"),
        };
        out.extend_from_slice(text.as_bytes());
    }

    /// Says that the stream is alive, if nothing else was said for long.
    fn poll_heartbeat(&mut self, cx: &mut Context<'_>) -> Poll<Bytes> {
        let Some(heartbeat) = &mut self.heartbeat else { return Poll::Pending };
        std::task::ready!(heartbeat.as_mut().poll(cx));
        self.beat_later();
        Poll::Ready(Bytes::from_static(b": still here\n\n"))
    }

    fn beat_later(&mut self) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.as_mut().reset(Instant::now() + HEARTBEAT);
        }
    }

    /// Breaks off, but not before what was said is out.
    fn poll_break(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if !self.has_flushed {
            self.has_flushed = true;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.state = State::End;
        Poll::Ready(self.broken.take().map(|status| Err(io::Error::other(status))))
    }

    fn poll_messages(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.broken.is_some() {
            return self.poll_break(cx);
        }
        let mut out = Vec::new();
        if self.state == State::Begin {
            self.state = State::Messages;
            if matches!(self.writer, ReplyWriter::Json(StreamFormat::Events)) {
                // The client learns at once that its stream is open.
                out.extend_from_slice(b": open\n\n");
            }
        }
        while out.len() < CHUNK_BYTES {
            let message = match self.poll_message(cx) {
                Poll::Ready(message) => message,
                Poll::Pending if out.is_empty() => {
                    return self.poll_heartbeat(cx).map(|beat| Some(Ok(Frame::data(beat))));
                }
                Poll::Pending => break,
            };
            let written = match message {
                Some(Ok(message)) => self.write(&message, &mut out).map(|()| true),
                Some(Err(status)) => Err(status),
                None => Ok(false),
            };
            match written {
                Ok(true) => continue,
                Ok(false) => self.write_end(Ok(()), &mut out),
                // Bytes have no place for a status: the answer breaks off, so that nobody takes it for whole.
                Err(status) if matches!(self.writer, ReplyWriter::Raw) => {
                    self.broken = Some(status);
                    break;
                }
                Err(status) => self.write_end(Err(&status), &mut out),
            }
            self.state = State::Trailers;
            break;
        }
        if out.is_empty() {
            return match self.broken {
                Some(_) => self.poll_break(cx),
                None => Poll::Ready(None),
            };
        }
        self.beat_later();
        Poll::Ready(Some(Ok(Frame::data(out.into()))))
    }
}

impl http_body::Body for Replies {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let this = self.get_mut();
        if matches!(this.state, State::Begin | State::Messages) {
            match this.poll_messages(cx) {
                // It ended without a word more.
                Poll::Ready(None) => {}
                other => return other,
            }
        }
        if this.state == State::Trailers {
            this.state = State::End;
            let mut trailers = HeaderMap::new();
            append_trailers(&mut trailers, this.messages.take_trailers(), &this.plain_headers);
            if !trailers.is_empty() {
                return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
            }
        }
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::End
    }
}
