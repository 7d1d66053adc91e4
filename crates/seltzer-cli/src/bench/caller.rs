//! One call, of whatever kind.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use seltzer::client::Client;
use seltzer::codec::Codec;
use seltzer::metadata::MetadataMap;
use seltzer::service::MethodDescriptor;
use seltzer::{Channel, MethodKind, Request, Status, Streaming};

use crate::bench::payload::Payload;
use crate::bench::recorder::Ended;

/// Makes calls of one method over one channel.
#[derive(Clone)]
pub(super) struct Caller {
    client: Client<Channel>,
    shared: Arc<Shared>,
}

/// What all calls have in common.
pub(super) struct Shared {
    pub(super) method: &'static MethodDescriptor,
    pub(super) payload: Payload,
    pub(super) metadata: MetadataMap,
    pub(super) timeout: Option<Duration>,
    /// How often the messages of a stream are sent.
    pub(super) stream_repeat: u64,
}

/// Sends bytes as they are, and counts those that it receives.
#[derive(Clone)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = u64;

    fn encode(&mut self, message: &Bytes, buffer: &mut BytesMut) -> Result<(), Status> {
        buffer.extend_from_slice(message);
        Ok(())
    }

    fn decode(&mut self, message: Bytes) -> Result<u64, Status> {
        Ok(message.len() as u64)
    }

    fn decode_slice(&mut self, message: &[u8]) -> Result<u64, Status> {
        Ok(message.len() as u64)
    }
}

impl Caller {
    pub(super) fn new(channel: Channel, shared: Arc<Shared>) -> Self {
        Caller { client: Client::new(channel), shared }
    }

    /// Makes the call of this number to its end.
    pub(super) async fn call(&self, number: u64) -> Ended {
        let mut ended =
            Ended { status: Status::ok(""), messages_sent: 0, messages_received: 0, bytes_sent: 0, bytes_received: 0 };
        let result = match self.shared.method.kind {
            MethodKind::Unary => self.unary(number, &mut ended).await,
            MethodKind::ServerStreaming => self.server_streaming(number, &mut ended).await,
            MethodKind::ClientStreaming => self.client_streaming(number, &mut ended).await,
            MethodKind::BidiStreaming => self.bidi_streaming(number, &mut ended).await,
        };
        if let Err(status) = result {
            ended.status = status;
        }
        ended
    }

    async fn unary(&self, number: u64, ended: &mut Ended) -> Result<(), Status> {
        let message = self.one(number, ended)?;
        let bytes = self.client.unary(self.shared.method, Raw, self.request(message)).await?.into_inner();
        received(ended, bytes);
        Ok(())
    }

    async fn server_streaming(&self, number: u64, ended: &mut Ended) -> Result<(), Status> {
        let message = self.one(number, ended)?;
        let answered = self.client.server_streaming(self.shared.method, Raw, self.request(message)).await?;
        all(answered.into_inner(), ended).await
    }

    async fn client_streaming(&self, number: u64, ended: &mut Ended) -> Result<(), Status> {
        let messages = self.many(number, ended)?;
        let bytes = self.client.client_streaming(self.shared.method, Raw, self.request(messages)).await?.into_inner();
        received(ended, bytes);
        Ok(())
    }

    async fn bidi_streaming(&self, number: u64, ended: &mut Ended) -> Result<(), Status> {
        let messages = self.many(number, ended)?;
        let answered = self.client.bidi_streaming(self.shared.method, Raw, self.request(messages)).await?;
        all(answered.into_inner(), ended).await
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        if !self.shared.metadata.is_empty() {
            *request.metadata_mut() = self.shared.metadata.clone();
        }
        if let Some(timeout) = self.shared.timeout {
            request.set_timeout(timeout);
        }
        request
    }

    /// The message of a call that takes one.
    fn one(&self, number: u64, ended: &mut Ended) -> Result<Bytes, Status> {
        let index = usize::try_from(number).unwrap_or_default();
        let message = self.shared.payload.message(index, number)?;
        ended.messages_sent += 1;
        ended.bytes_sent += message.len() as u64;
        Ok(message)
    }

    /// The messages of a call that takes a stream.
    fn many(&self, number: u64, ended: &mut Ended) -> Result<Messages, Status> {
        let payload = &self.shared.payload;
        let round = (0..payload.len()).map(|index| payload.message(index, number)).collect::<Result<Vec<_>, _>>()?;
        let bytes: u64 = round.iter().map(|message| message.len() as u64).sum();
        ended.messages_sent += round.len() as u64 * self.shared.stream_repeat;
        ended.bytes_sent += bytes * self.shared.stream_repeat;
        Ok(Messages { next: 0, rounds_left: self.shared.stream_repeat, round })
    }
}

fn received(ended: &mut Ended, bytes: u64) {
    ended.messages_received += 1;
    ended.bytes_received += bytes;
}

async fn all(mut messages: Streaming<u64>, ended: &mut Ended) -> Result<(), Status> {
    while let Some(bytes) = messages.message().await? {
        received(ended, bytes);
    }
    Ok(())
}

/// The messages of a stream, several times over.
struct Messages {
    round: Vec<Bytes>,
    next: usize,
    rounds_left: u64,
}

impl Stream for Messages {
    type Item = Bytes;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.rounds_left == 0 {
            return Poll::Ready(None);
        }
        let message = self.round[self.next].clone();
        self.next += 1;
        if self.next == self.round.len() {
            self.next = 0;
            self.rounds_left -= 1;
        }
        Poll::Ready(Some(message))
    }
}
