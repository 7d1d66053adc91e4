//! Header blocks that are complete: requests, responses, trailers. RFC 9113 sections 5.1.1, 6.2 and 8.1.

use crate::connection::{Connection, Role};
use crate::error::{Error, Reason};
use crate::event::{Event, HeadersKind};
use crate::hpack::Memo;
use crate::semantics::{self, Malformed};
use crate::stream::{LENGTH_UNKNOWN, Sent, State, Stream};
use crate::stream_id::StreamId;

/// What is kept beside a header block that is a good request: its content-length and this, so that nothing is 0, and
/// one without a length is 1.
const CHECKED_REQUEST: u64 = 2;

/// A header block that was decoded.
#[derive(Debug, Clone, Copy)]
struct Block {
    stream: StreamId,
    end_stream: bool,
    is_too_large: bool,
    /// The same bytes were accepted before as a request, with this content-length.
    known_length: Option<u64>,
    memo: Memo,
}

impl Connection {
    /// Whether HEADERS may come on such a stream at all. Before the block is decoded: these end the connection.
    #[inline]
    pub(crate) fn check_headers_stream(&self, stream: StreamId) -> Result<(), Error> {
        let is_right = match self.role {
            Role::Server => stream.is_client_initiated(),
            Role::Client => stream.is_client_initiated() && stream.get() < self.next_stream,
        };
        if is_right {
            return Ok(());
        }
        Err(Error::peer(Reason::ProtocolError, "HEADERS on a stream that the peer may not open"))
    }

    /// A whole block. It is decoded in any case, because the table must stay right (section 4.3).
    #[inline]
    pub(crate) fn header_block(
        &mut self,
        stream: StreamId,
        block: &[u8],
        end_stream: bool,
        depends_on_itself: bool,
    ) -> Result<Option<Event<'static>>, Error> {
        let decoded = self
            .decoder
            .decode(block, &self.header_limits)
            .map_err(|error| Error::new(Reason::CompressionError, crate::error::Guilty::Peer, error.to_string()))?;
        let block = Block {
            stream,
            end_stream,
            is_too_large: decoded.is_too_large,
            known_length: (decoded.checked != 0).then(|| decoded.checked.wrapping_sub(CHECKED_REQUEST)),
            memo: decoded.memo,
        };
        if depends_on_itself {
            return self.self_dependency(stream);
        }
        if self.role == Role::Server && stream > self.last_peer_stream {
            return self.request(&block);
        }
        self.headers_on_known_stream(&block)
    }

    /// A stream that depends on itself: RFC 7540 section 5.3.1.
    #[cold]
    fn self_dependency(&mut self, stream: StreamId) -> Result<Option<Event<'static>>, Error> {
        if self.role == Role::Server && stream > self.last_peer_stream {
            self.last_peer_stream = stream;
        }
        self.stream_error(stream, Reason::ProtocolError)
    }

    /// A new stream: section 8.3.1.
    #[inline]
    fn request(&mut self, block: &Block) -> Result<Option<Event<'static>>, Error> {
        let id = block.stream;
        if self.closing.refuses(id) {
            // Section 6.8: nothing above the last stream of our GOAWAY is processed.
            return Ok(None);
        }
        self.last_peer_stream = id;
        if self.streams.len() >= self.limits.concurrent_streams_max as usize {
            return self.stream_error(id, Reason::RefusedStream);
        }
        if self.refuses_streams {
            // Not the peer's fault, as far as anybody knows; it must not become a flood all the same.
            self.idle_frame()?;
            self.send_reset(id, Reason::RefusedStream);
            self.output.count_control();
            return Ok(None);
        }
        let mut stream = Stream::new(self.stream_window, self.new_send_window());
        stream.has_headers = true;
        if block.end_stream {
            stream.state = State::HalfClosedRemote;
        }
        if !block.is_too_large {
            let length = match block.known_length {
                Some(length) => length,
                None => match semantics::check_request(self.decoder.fields()) {
                    Ok(length) => {
                        self.decoder.set_memo_checked(block.memo, length.wrapping_add(CHECKED_REQUEST));
                        length
                    }
                    Err(Malformed) => return self.stream_error(id, Reason::ProtocolError),
                },
            };
            if block.end_stream && length != 0 && length != LENGTH_UNKNOWN {
                return self.stream_error(id, Reason::ProtocolError);
            }
            stream.content_left = length;
        }
        self.streams.insert(id, stream);
        self.updates.earn(0);
        self.timers.stream_opened();
        // What is on its way already is served, too.
        self.requests_left = self.requests_left.saturating_sub(1);
        if self.requests_left == 0 {
            self.shut_down();
        }
        Ok(Some(headers_event(block, HeadersKind::Request)))
    }

    /// A response, trailers, or headers that nobody expects.
    fn headers_on_known_stream(&mut self, block: &Block) -> Result<Option<Event<'static>>, Error> {
        let id = block.stream;
        let Some(stream) = self.streams.get_mut(id) else {
            self.frame_on_closed_stream(id, Reason::ProtocolError)?;
            return Ok(None);
        };
        match stream.state {
            State::Closed => {
                self.frame_on_closed_stream(id, Reason::StreamClosed)?;
                return Ok(None);
            }
            State::HalfClosedRemote => return self.stream_error(id, Reason::StreamClosed),
            State::Open | State::HalfClosedLocal => {}
        }
        if stream.has_headers { self.trailers(block) } else { self.response(block) }
    }

    fn response(&mut self, block: &Block) -> Result<Option<Event<'static>>, Error> {
        let id = block.stream;
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(None);
        };
        if block.is_too_large {
            stream.has_headers = true;
        } else {
            let Ok(response) = semantics::check_response(self.decoder.fields(), block.end_stream) else {
                return self.stream_error(id, Reason::ProtocolError);
            };
            if response.is_interim {
                self.idle_frame()?;
                return Ok(Some(headers_event(block, HeadersKind::Interim)));
            }
            stream.has_headers = true;
            stream.content_left = if stream.is_head { LENGTH_UNKNOWN } else { response.content_length };
            if block.end_stream && !matches!(stream.content_left, LENGTH_UNKNOWN | 0) {
                return self.stream_error(id, Reason::ProtocolError);
            }
        }
        if block.end_stream {
            self.end_remote(id);
        }
        Ok(Some(headers_event(block, HeadersKind::Response)))
    }

    fn trailers(&mut self, block: &Block) -> Result<Option<Event<'static>>, Error> {
        let id = block.stream;
        let Some(stream) = self.streams.get_mut(id) else {
            return Ok(None);
        };
        let is_short = !matches!(stream.content_left, LENGTH_UNKNOWN | 0);
        let is_malformed = !block.is_too_large && semantics::check_trailers(self.decoder.fields()).is_err();
        if !block.end_stream || is_short || is_malformed {
            return self.stream_error(id, Reason::ProtocolError);
        }
        let is_finished = stream.is_finished;
        self.end_remote(id);
        Ok((!is_finished).then(|| headers_event(block, HeadersKind::Trailers)))
    }

    /// The peer has ended its side. What was sent of the response stays to be sent.
    #[inline]
    pub(crate) fn end_remote(&mut self, id: StreamId) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        stream.state.end_remote();
        if stream.state == State::Closed && (self.role == Role::Client || stream.is_finished) {
            self.remove(id);
        }
    }

    /// HEADERS or DATA on a stream whose end this side knows of. Sections 5.1 and 5.4.
    #[cold]
    pub(crate) fn frame_on_closed_stream(&mut self, id: StreamId, if_never_opened: Reason) -> Result<(), Error> {
        use crate::reset_memory::Remembered;
        if self.is_idle(id) {
            if self.closing.refuses(id) && self.role == Role::Server && id.is_client_initiated() {
                return Ok(());
            }
            return Err(Error::peer(Reason::ProtocolError, "a frame on a stream that nobody opened"));
        }
        match self.resets.look_up(id) {
            Remembered::ResetByPeer => {
                self.glitch()?;
                self.send_reset(id, Reason::StreamClosed);
                self.output.count_control();
                Ok(())
            }
            // So late that it is forgotten: for a server that is odd, for a client it is a slow network.
            Remembered::Perhaps if self.role == Role::Server => self.idle_frame(),
            // It was on its way when the reset was.
            Remembered::ResetHere | Remembered::Perhaps => Ok(()),
            Remembered::No if self.streams.get(id).is_some() || self.streams.was_removed(id) => {
                Err(Error::peer(Reason::StreamClosed, "a frame on a stream that the peer has ended"))
            }
            Remembered::No => Err(Error::peer(if_never_opened, "a frame on a stream that is closed")),
        }
    }

    /// Whether nobody has opened the stream yet.
    #[inline]
    pub(crate) fn is_idle(&self, id: StreamId) -> bool {
        if id == StreamId::ZERO {
            return true;
        }
        let is_own = id.is_client_initiated() == (self.role == Role::Client);
        if is_own { id.get() >= self.next_stream } else { id > self.last_peer_stream }
    }

    /// Resets a stream for what the peer did wrong on it, which counts: such errors cost us more than the peer.
    #[cold]
    pub(crate) fn stream_error(&mut self, id: StreamId, reason: Reason) -> Result<Option<Event<'static>>, Error> {
        self.glitch()?;
        self.send_reset(id, reason);
        self.output.count_control();
        Ok(self.end_early(id, reason, false))
    }

    /// Closes a stream whose rest is not wanted; what to report, unless its handler is gone.
    pub(crate) fn end_early(&mut self, id: StreamId, reason: Reason, by_peer: bool) -> Option<Event<'static>> {
        let stream = self.streams.get_mut(id)?;
        if stream.state == State::Closed {
            return None;
        }
        stream.state = State::Closed;
        stream.sent = Sent::Everything;
        if stream.queue.take().is_some() {
            self.queueing -= 1;
        }
        let is_finished = stream.is_finished;
        if is_finished || self.role == Role::Client {
            self.remove(id);
        }
        (!is_finished).then_some(Event::Reset { stream: id, reason, by_peer })
    }

    /// Forgets a stream.
    #[inline]
    pub(crate) fn remove(&mut self, id: StreamId) {
        if self.streams.remove(id).is_some_and(|stream| stream.queue.is_some()) {
            self.queueing -= 1;
        }
    }
}

#[inline]
fn headers_event(block: &Block, kind: HeadersKind) -> Event<'static> {
    let Block { stream, end_stream, is_too_large, memo, .. } = *block;
    if is_too_large {
        Event::HeadersTooLarge { stream, end_stream }
    } else {
        Event::Headers { stream, kind, end_stream, memo }
    }
}
