//! What stands within all interceptors: the call itself.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use tonic::{Request, Response};

use crate::client::GrpcService;
use crate::client::call::Client;
use crate::client::interceptor::call::Requests;
use crate::client::interceptor::reply::Typed;
use crate::client::interceptor::{ClientCall, ClientReply, Interceptors, Next};
use crate::client::options::CallOptions;
use crate::client::request::CallTarget;
use crate::client::response::{CallResponse, Single, cardinality};
use crate::codec::{Codec, MessageReader, Streaming};
use crate::context::{self, Context};
use crate::deadline::Deadline;
use crate::either::{Either, either};
use crate::metadata::{self, GRPC_TIMEOUT};
use crate::service::{AnyCodec, Message, MethodKind, PollReplies, Replies, ReplyPart, failure};
use crate::status::Status;

/// The call itself, with all types forgotten.
pub(super) trait Terminal: Send + Sync {
    fn call(&self, call: ClientCall) -> Pin<Box<dyn Future<Output = Result<ClientReply, Status>> + Send>>;
}

/// A call that interceptors stand around.
pub(crate) struct Intercepting<C, D> {
    pub(crate) client: Client<C>,
    pub(crate) codec: D,
    pub(crate) target: CallTarget,
    pub(crate) kind: MethodKind,
    pub(crate) interceptors: Interceptors,
}

impl<C, D> Intercepting<C, D>
where
    C: GrpcService,
    D: Codec + Clone,
    D::Encode: Sync,
    D::Decode: Sync,
{
    /// Makes a call that is answered with one message.
    pub(crate) async fn single(self, request: Request<RequestMessages>) -> Result<Response<D::Decode>, Status> {
        let path = self.target.path().to_owned();
        let ClientReply { mut metadata, extensions, messages } = self.run(request, true).await?;
        let (message, trailers) = messages.into_single(|came| cardinality(&path, came)).await?;
        metadata::merge(&mut metadata, trailers);
        Ok(Response::from_parts(metadata, message.into_type("an answer")?, extensions))
    }

    /// Makes a call that is answered with a stream.
    pub(crate) async fn streaming(
        self,
        request: Request<RequestMessages>,
    ) -> Result<Response<Streaming<D::Decode>>, Status> {
        let ClientReply { metadata, extensions, messages } = self.run(request, false).await?;
        Ok(Response::from_parts(metadata, Streaming::read_by(Typed::new(messages)), extensions))
    }

    async fn run(self, request: Request<RequestMessages>, answers_once: bool) -> Result<ClientReply, Status> {
        let Intercepting { client, codec, target, kind, interceptors } = self;
        let (metadata, extensions, RequestMessages(requests)) = request.into_parts();
        let mut call = ClientCall { target, kind, metadata, extensions, requests };
        let current = context::current();
        let deadline = settle_deadline(&mut call, &current);
        let terminal =
            Arc::new(TheCall { parts: Mutex::new((client, AnyCodec::new(codec, "a request"))), answers_once });
        let next = Next { interceptors, passed: 0, terminal };
        within(deadline, &current, next.run(call)).await.map_err(failure)
    }
}

/// The requests of a call, of any type.
pub(crate) struct RequestMessages(Requests);

impl RequestMessages {
    pub(crate) fn one<T: Send + Sync + 'static>(message: T) -> Self {
        RequestMessages(Requests::One(Message::new(message)))
    }

    pub(crate) fn many<T, S>(messages: S) -> Self
    where
        T: Send + Sync + 'static,
        S: futures_core::Stream<Item = T> + Send + 'static,
    {
        RequestMessages(Requests::Many(Box::pin(tokio_stream::StreamExt::map(messages, Message::new))))
    }
}

/// Makes one point in time of all that limits the call, so that it holds however often the call is made.
fn settle_deadline(call: &mut ClientCall, current: &Context) -> Option<Deadline> {
    let options = CallOptions::of(&call.extensions);
    let own = options.own_timeout(call.metadata.as_ref()).map(Deadline::after);
    let deadline = Deadline::earlier(Deadline::earlier(own, options.own_deadline()), current.deadline())?;
    call.metadata.remove(GRPC_TIMEOUT.as_str());
    call.options_mut().settle(deadline);
    Some(deadline)
}

/// Runs something until the call must be over.
async fn within<T>(
    deadline: Option<Deadline>,
    current: &Context,
    work: impl Future<Output = Result<T, Status>>,
) -> Result<T, Status> {
    let over = async {
        let timer = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.tokio_instant()).await,
                None => std::future::pending().await,
            }
        };
        match either(timer, current.cancelled()).await {
            Either::First(()) => Status::deadline_exceeded("the deadline passed while the call was with interceptors"),
            Either::Second(()) => Status::cancelled("the call that this one was made for is over"),
        }
    };
    // The work goes first: when both are at their end, it knows better what it was waiting for.
    match either(work, over).await {
        Either::First(done) => done,
        Either::Second(status) => Err(status),
    }
}

struct TheCall<C, D> {
    /// The lock is held for as long as a clone takes; it only makes the type `Sync`.
    parts: Mutex<(Client<C>, AnyCodec<D>)>,
    answers_once: bool,
}

impl<C, D> Terminal for TheCall<C, D>
where
    C: GrpcService,
    D: Codec + Clone,
    D::Encode: Sync,
    D::Decode: Sync,
{
    fn call(&self, call: ClientCall) -> Pin<Box<dyn Future<Output = Result<ClientReply, Status>> + Send>> {
        let (client, codec) = self.parts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let ClientCall { target, metadata, extensions, requests, .. } = call;
        let request = Request::from_parts(metadata, extensions, requests.into_stream());
        let path = self.answers_once.then(|| target.path().to_owned());
        let response = client.open_alone(target, codec, request);
        Box::pin(async move {
            let response = response.await?;
            let Some(path) = path else {
                let CallResponse { metadata, extensions, reader } = response;
                return Ok(ClientReply { metadata, extensions, messages: Replies::Many(Box::pin(Read(reader))) });
            };
            let Single { metadata, message, trailers, extensions } = response.single(&path).await?;
            Ok(ClientReply { metadata, extensions, messages: Replies::One { message, trailers } })
        })
    }
}

/// A stream of messages as they arrive.
struct Read<D>(MessageReader<D>);

impl<D: Codec<Decode = Message>> PollReplies for Read<D> {
    fn poll_reply(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<ReplyPart> {
        self.0.poll_next_message(cx).map(|message| match message {
            Some(Ok(mut message)) => {
                message.was_compressed = self.0.last_was_compressed();
                ReplyPart::Message(message)
            }
            Some(Err(status)) => ReplyPart::End(Err(status)),
            None => ReplyPart::End(Ok(self.0.take_trailers().unwrap_or_default())),
        })
    }
}
