//! What arrives on a connection, handed to its calls.

use std::sync::Arc;

use bytes::BytesMut;
use http::response::Parts;
use http::{StatusCode, Version};
use seltzer_h2::{Event, FieldList, HeadersKind, Memo, Reason, StreamId, Token, TokenSet};
use tokio::time::Instant;

use crate::metadata;
use crate::status::{Status, drop_garbled_details};
use crate::transport::h2::client::call::{Block, Call, End, Head, Lost, Trailers, Unary, UnaryEnd};
use crate::transport::h2::client::state::{ANSWER, Closing, State, deadline_status, reset_status};
use crate::transport::h2::fields::header_map;
use crate::transport::h2::message::{Refused, check, collect};
use crate::transport::progress::Progress;

/// Messages up to this size lie side by side until their callers take them.
const SMALL_BYTES_MAX: usize = 4 * 1024;

/// The memory that small messages share: enough for what one read brings of the smallest, and little for one that is
/// forgotten.
const ARENA_BYTES: usize = 32 * 1024;

/// What is remembered of a header block beside its memo: whether it is plain in the two lowest bits, and above them the
/// tag of what it is in the words of the `http` crate.
const PLAIN: u32 = 1;
const NOT_PLAIN: u32 = 2;
const PLAINNESS: u32 = 3;
const PLAINNESS_BITS: u32 = 2;

/// What the head of a plain answer may hold.
const PLAIN_HEAD: TokenSet =
    TokenSet::of(&[Token::Status, Token::ContentType, Token::GrpcEncoding, Token::GrpcAcceptEncoding]);

/// What plain trailers may hold.
const PLAIN_TRAILERS: TokenSet = TokenSet::of(&[Token::GrpcStatus]);

impl State {
    /// Takes everything out of the input that is complete.
    pub(super) fn receive(&mut self, input: &mut &[u8], now: Instant) {
        self.read_at = now;
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
        self.expire();
        self.receive(&mut &[][..], now);
    }

    fn take_event(&mut self, event: Event<'_>) {
        match event {
            Event::Data { stream, bytes, end_stream } => self.take_data(stream, bytes, end_stream),
            Event::Headers { stream, kind: HeadersKind::Response, end_stream, memo } => {
                self.take_response(stream, memo, end_stream);
            }
            Event::Headers { stream, kind: HeadersKind::Trailers, memo, .. } => self.take_trailers(stream, memo),
            Event::HeadersTooLarge { stream, .. } => {
                let status = Status::resource_exhausted(format!(
                    "the metadata of the answer is larger than {} bytes, the limit for receiving",
                    self.header_list_bytes_max
                ));
                self.end_call(stream, End::Lost(Lost { status, progress: Progress::Final }));
            }
            Event::Reset { stream, reason, by_peer } => self.resets.push((stream, reason, by_peer)),
            Event::GoAway { reason, .. } => {
                if reason == Reason::EnhanceYourCalm {
                    self.keepalive.take_complaint(self.engine.go_away_text());
                }
                if self.closing == Closing::Open {
                    self.closing = Closing::GoingAway(Some(reason));
                }
            }
            Event::SettingsChanged => self.has_said_settings = true,
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
            let has_head = self.calls.get(stream).is_some_and(Call::has_head);
            let is_refused = by_peer && reason == Reason::RefusedStream && !has_head;
            let progress = if is_refused { Progress::Refused } else { Progress::Sent };
            let status = match self.calls.get(stream) {
                // A server that resets a call because its time is up may be heard before the timer here.
                Some(Call::Unary(call)) if reason == Reason::Cancel && call.is_overdue() => deadline_status(ANSWER),
                _ => reset_status(reason, by_peer),
            };
            self.end_call(stream, End::Lost(Lost { status, progress }));
        }
    }

    fn take_response(&mut self, stream: StreamId, memo: Memo, end_stream: bool) {
        self.has_answered = true;
        let is_plain = !end_stream && self.is_plain(memo, is_plain_head);
        if is_plain && let Some(Call::Unary(call)) = self.calls.get_mut(stream) {
            call.head = Some(Head::Plain);
            return;
        }
        let Some(head) = self.block(memo) else { return self.refuse_headers(stream) };
        match self.calls.get_mut(stream) {
            Some(Call::Unary(call)) => call.head = Some(Head::Full(Box::new(Arc::unwrap_or_clone(head)))),
            Some(Call::General(call)) => {
                call.has_head = true;
                call.head = Some(head);
                self.woken.extend(call.reader.take());
            }
            None => {}
        }
        if end_stream {
            self.end_call(stream, End::Complete(None));
        }
    }

    fn take_trailers(&mut self, stream: StreamId, memo: Memo) {
        if self.is_plain(memo, is_plain_trailers) && matches!(self.calls.get(stream), Some(Call::Unary(_))) {
            return self.end_unary(stream, UnaryEnd::Complete(Trailers::Plain));
        }
        match self.block(memo) {
            Some(trailers) => self.end_call(stream, End::Complete(Some(trailers))),
            None => self.refuse_headers(stream),
        }
    }

    /// Whether the header block that just came is a plain one: remembered for blocks that the engine has seen before.
    #[inline]
    fn is_plain(&mut self, memo: Memo, look: fn(&FieldList) -> bool) -> bool {
        let tag = self.engine.memo_tag(memo);
        match tag & PLAINNESS {
            PLAIN => true,
            NOT_PLAIN => false,
            _ => {
                let is_plain = look(self.engine.fields());
                self.engine.set_memo_tag(memo, tag | if is_plain { PLAIN } else { NOT_PLAIN });
                is_plain
            }
        }
    }

    /// The header block that just came, in the words of the `http` crate: the same for blocks that came before.
    #[inline]
    fn block(&mut self, memo: Memo) -> Option<Block> {
        let tag = self.engine.memo_tag(memo);
        if let Some(known) = self.heads.get(tag >> PLAINNESS_BITS) {
            return Some(Arc::clone(known));
        }
        let block = Arc::new(head_of(self.engine.fields())?);
        if !memo.is_none() {
            let kept = self.heads.keep(Arc::clone(&block));
            self.engine.set_memo_tag(memo, (tag & PLAINNESS) | (kept << PLAINNESS_BITS));
        }
        Some(block)
    }

    fn refuse_headers(&mut self, stream: StreamId) {
        let status = Status::internal("the metadata of the answer is malformed");
        self.end_call(stream, End::Lost(Lost { status, progress: Progress::Final }));
    }

    fn take_data(&mut self, stream: StreamId, bytes: &[u8], end_stream: bool) {
        match self.calls.get_mut(stream) {
            Some(Call::Unary(call)) => match take_message(call, &mut self.arena, bytes) {
                // A message that is collected is as good as taken.
                Ok(()) if !end_stream => self.engine.release(stream, bytes.len()),
                Ok(()) => {}
                Err(refused) => return self.end_unary(stream, UnaryEnd::Refused(refused)),
            },
            Some(Call::General(call)) => {
                call.inbound.push(bytes);
                self.woken.extend(call.reader.take());
            }
            None => self.engine.release(stream, bytes.len()),
        }
        if end_stream {
            self.end_call(stream, End::Complete(None));
        }
    }
}

/// Adds a piece of the one message that a unary call waits for.
fn take_message(call: &mut Unary, arena: &mut BytesMut, bytes: &[u8]) -> Result<(), Refused> {
    if call.end.is_some() || bytes.is_empty() {
        return Ok(());
    }
    if !call.body.is_empty() || bytes.len() > SMALL_BYTES_MAX {
        return collect(&mut call.body, bytes, call.bytes_max);
    }
    check(bytes, call.bytes_max)?;
    if arena.capacity() < bytes.len() {
        // The memory is used again if nobody holds a part of it any more.
        arena.reserve(ARENA_BYTES);
    }
    arena.extend_from_slice(bytes);
    call.body = arena.split();
    Ok(())
}

/// A header block in the words of the `http` crate. Trailers have no status of HTTP; responses without one do not come
/// so far.
#[cold]
fn head_of(fields: &FieldList) -> Option<Parts> {
    let (mut head, ()) = http::Response::new(()).into_parts();
    if let Some(status) = fields.get(Token::Status) {
        head.status = StatusCode::from_bytes(status).ok()?;
    }
    head.version = Version::HTTP_2;
    head.headers = header_map(fields)?;
    drop_garbled_details(&mut head.headers);
    Some(head)
}

fn is_plain_head(fields: &FieldList) -> bool {
    fields.iter().all(|field| PLAIN_HEAD.contains(field.token))
        && fields.repeated().is_empty()
        && fields.get(Token::Status) == Some(b"200")
        && fields.get(Token::ContentType).is_some_and(metadata::is_grpc_bytes)
        && fields.get(Token::GrpcEncoding).is_none_or(|encoding| encoding == b"identity")
}

fn is_plain_trailers(fields: &FieldList) -> bool {
    fields.iter().all(|field| PLAIN_TRAILERS.contains(field.token)) && fields.get(Token::GrpcStatus) == Some(b"0")
}
