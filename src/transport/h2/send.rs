//! What a connection's calls have made, handed to the engine.

use std::sync::Arc;

use http::StatusCode;
use seltzer_h2::limits::SEND_HIGH_WATER;
use seltzer_h2::{HeaderField, Reason, StreamId, Token};

use crate::metadata;
use crate::status::{Code, Status};
use crate::transport::h2::Answer;
use crate::transport::h2::exchange::Outbound;
use crate::transport::h2::fields::fields_of;
use crate::transport::h2::receive::Call;
use crate::transport::h2::server::ServerConnection;

impl<A: Answer> ServerConnection<A> {
    /// Sends what calls on tasks of their own have made meanwhile.
    pub(super) fn send_ready(&mut self) {
        let mut announced = std::mem::take(&mut self.announced);
        self.ready.take(&mut announced);
        for stream in announced.drain(..) {
            self.send_call(stream);
        }
        self.announced = announced;
    }

    /// Sends more of the streams that had to wait for the peer.
    pub(super) fn send_more(&mut self) {
        while let Some(stream) = self.engine.take_writable() {
            self.send_call(stream);
        }
    }

    /// Sends what one call has made, as far as the peer takes it.
    pub(super) fn send_call(&mut self, stream: StreamId) {
        let exchange = match self.calls.get(stream) {
            Some(Call::Running { exchange, .. }) => Arc::clone(exchange),
            Some(Call::Writing(writing)) => Arc::clone(&writing.exchange),
            _ => return,
        };
        let credit = exchange.take_credit();
        if credit > 0 {
            self.engine.release(stream, credit);
        }
        if let Some(Call::Writing(_)) = self.calls.get(stream) {
            return self.go_on_writing(stream);
        }
        // Above this the engine tells when there is room again.
        while self.engine.queued_bytes(stream) <= SEND_HIGH_WATER {
            let Some(piece) = exchange.take_outbound() else { return };
            match piece {
                Outbound::Finished => return self.end_call(stream),
                // The peer is to see the server go, and not a call that failed.
                Outbound::Stopped => {
                    self.ended.get_or_insert(Ok(()));
                    return;
                }
                _ => {}
            }
            if !self.send_piece(stream, piece) {
                exchange.close(Status::cancelled("the stream is gone"));
            }
        }
    }

    /// Sends a piece of an answer. `false`: the stream is gone, and the handler need not go on.
    pub(super) fn send_piece(&mut self, stream: StreamId, piece: Outbound) -> bool {
        let sent = match piece {
            Outbound::Head { head, is_end } => {
                let status = head.status;
                let fields = std::iter::once(HeaderField::new(b":status", status.as_str().as_bytes()));
                self.engine.send_headers(stream, fields.chain(fields_of(&head.headers)), is_end)
            }
            Outbound::Data(bytes) => self.engine.send_data(stream, bytes, false),
            Outbound::Trailers(trailers) => self.engine.send_headers(stream, fields_of(&trailers), true),
            Outbound::End => self.engine.send_data(stream, bytes::Bytes::new(), true),
            Outbound::Broken => {
                self.engine.reset(stream, Reason::InternalError);
                Ok(())
            }
            Outbound::Finished | Outbound::Stopped => Ok(()),
        };
        if sent.is_err() {
            // Gone, or the peer takes no such headers.
            self.engine.reset(stream, Reason::InternalError);
        }
        sent.is_ok()
    }

    /// Answers a request whose headers are larger than we take, or cannot be said.
    pub(super) fn refuse_headers(&mut self, stream: StreamId) {
        let is_grpc = self.engine.fields().get(Token::ContentType).is_some_and(metadata::is_grpc_bytes);
        if !is_grpc {
            return self.answer_at_once(stream, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        }
        let code = (Code::ResourceExhausted as i32).to_string();
        let fields = [
            HeaderField::new(b":status", b"200"),
            HeaderField::new(b"content-type", b"application/grpc"),
            HeaderField::new(b"grpc-status", code.as_bytes()),
            HeaderField::new(
                b"grpc-message",
                b"the metadata of the call is larger than this server takes: send less of it",
            ),
        ];
        let _ = self.engine.send_headers(stream, fields, true);
        self.engine.finish(stream);
    }

    /// Answers with nothing but an HTTP status.
    pub(super) fn answer_at_once(&mut self, stream: StreamId, status: StatusCode) {
        let fields = [HeaderField::new(b":status", status.as_str().as_bytes())];
        // A stream that is gone needs no answer.
        let _ = self.engine.send_headers(stream, fields, true);
        self.engine.finish(stream);
    }
}
