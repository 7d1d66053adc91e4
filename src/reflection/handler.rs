//! The service `ServerReflection`, of v1 and of v1alpha alike.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tonic::{Request, Response};

use crate::codec::Streaming;
use crate::reflection::index::Sent;
use crate::reflection::pb::v1::server_reflection_request::MessageRequest;
use crate::reflection::pb::v1::server_reflection_response::MessageResponse;
use crate::reflection::pb::v1::{
    ErrorResponse, ExtensionNumberResponse, FileDescriptorResponse, ListServiceResponse, ServerReflectionRequest,
    ServerReflectionResponse, ServiceResponse,
};
use crate::reflection::pb::{v1, v1alpha};
use crate::reflection::registry::{Reflection, Told};
use crate::status::Status;

/// Tells callers what a [`Reflection`] knows.
#[derive(Debug, Clone)]
pub struct ReflectionHandler {
    reflection: Reflection,
}

impl ReflectionHandler {
    pub(super) fn new(reflection: Reflection) -> Self {
        ReflectionHandler { reflection }
    }

    fn answers(&self, request: Request<Streaming<ServerReflectionRequest>>) -> Response<Answers> {
        let reflection = self.reflection.clone();
        Response::new(Answers { questions: request.into_inner(), reflection, sent: Sent::default() })
    }
}

impl v1::server_reflection_server::ServerReflection for ReflectionHandler {
    type ServerReflectionInfoStream = Answers;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Answers>, Status> {
        Ok(self.answers(request))
    }
}

impl v1alpha::server_reflection_server::ServerReflection for ReflectionHandler {
    type ServerReflectionInfoStream = Answers;

    async fn server_reflection_info(
        &self,
        request: Request<Streaming<ServerReflectionRequest>>,
    ) -> Result<Response<Answers>, Status> {
        Ok(self.answers(request))
    }
}

/// An answer to each question of a call, in their order. A file that one of them has sent is not sent again with
/// those that import it, only if it is asked for by itself.
pub struct Answers {
    questions: Streaming<ServerReflectionRequest>,
    reflection: Reflection,
    sent: Sent,
}

impl Stream for Answers {
    type Item = Result<ServerReflectionResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        let question = ready!(Pin::new(&mut this.questions).poll_next(cx));
        Poll::Ready(question.map(|question| {
            let question = question?;
            let answer = answer(&this.reflection.told(), question.message_request.as_ref(), &mut this.sent);
            Ok(ServerReflectionResponse {
                valid_host: question.host.clone(),
                original_request: Some(question),
                message_response: Some(answer.unwrap_or_else(|status| {
                    MessageResponse::ErrorResponse(ErrorResponse {
                        error_code: status.code().into(),
                        error_message: status.message().to_owned(),
                    })
                })),
            })
        }))
    }
}

fn answer(told: &Told, question: Option<&MessageRequest>, sent: &mut Sent) -> Result<MessageResponse, Status> {
    let index = &told.index;
    let files = match question {
        Some(MessageRequest::FileByFilename(name)) => index.by_filename(name, sent)?,
        Some(MessageRequest::FileContainingSymbol(symbol)) => index.by_symbol(symbol, sent)?,
        Some(MessageRequest::FileContainingExtension(extension)) => {
            index.by_extension(&extension.containing_type, extension.extension_number, sent)?
        }
        Some(MessageRequest::AllExtensionNumbersOfType(message)) => {
            return Ok(MessageResponse::AllExtensionNumbersResponse(ExtensionNumberResponse {
                base_type_name: message.clone(),
                extension_number: index.extension_numbers(message)?,
            }));
        }
        Some(MessageRequest::ListServices(_)) => {
            let service = told.services().map(|name| ServiceResponse { name: name.to_owned() }).collect();
            return Ok(MessageResponse::ListServicesResponse(ListServiceResponse { service }));
        }
        None => return Err(Status::invalid_argument("the request asks for nothing that is known here")),
    };
    let file_descriptor_proto = files.into_iter().map(Vec::from).collect();
    Ok(MessageResponse::FileDescriptorResponse(FileDescriptorResponse { file_descriptor_proto }))
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answers").field("sent", &self.sent.len()).finish_non_exhaustive()
    }
}
