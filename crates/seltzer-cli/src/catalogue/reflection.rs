//! The schemas that a server tells of itself, by gRPC's reflection: v1, or v1alpha where it has only that.

use std::collections::{BTreeMap, VecDeque};

use prost_reflect::DescriptorPool;
use prost_reflect::prost::Message;
use prost_reflect::prost_types::FileDescriptorProto;
use seltzer::Deadline;
use seltzer::reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use seltzer::reflection::pb::v1::server_reflection_request::MessageRequest as Question;
use seltzer::reflection::pb::v1::server_reflection_response::MessageResponse as Answer;
use seltzer::reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
use seltzer::reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient as ServerReflectionClientAlpha;
use seltzer::{Code, Request, Status, StatusOrigin};

use crate::arguments::Header;
use crate::catalogue::NO_INCLUDES;
use crate::connection::Connection;
use crate::error::Failure;

/// The largest answer that is read, in bytes. Schemas of large systems go beyond gRPC's usual 4 MiB.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How many schemas one name may need. A server that always has another would never come to an end.
const FILES_MAX: usize = 10_000;

/// Asks a server.
pub(crate) struct Reflection<'a> {
    connection: &'a Connection<'a>,
    headers: &'a [Header],
    deadline: Option<Deadline>,
    /// Which one the server has, once it has answered. v1 is asked first.
    version: Option<Version>,
}

/// Why a server does not tell.
pub(crate) enum Untold {
    /// It cannot be asked, or fails.
    Call(Status),
    /// It has no reflection.
    NoReflection,
    /// It answers with an error: NOT_FOUND where it does not know a name.
    Refused(Status),
    /// Its schemas are of no use.
    Broken(Failure),
}

/// The two services; their messages are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1,
    V1Alpha,
}

impl<'a> Reflection<'a> {
    /// Asks over this connection, with these headers beside those of every call.
    pub(crate) fn new(connection: &'a Connection<'a>, headers: &'a [Header], deadline: Option<Deadline>) -> Self {
        Reflection { connection, headers, deadline, version: None }
    }

    /// The names of all services, in the order of the alphabet.
    ///
    /// # Errors
    /// The server does not tell.
    pub(crate) async fn services(&mut self) -> Result<Vec<String>, Untold> {
        match self.ask(Question::ListServices("*".to_owned())).await? {
            Answer::ListServicesResponse(list) => {
                let mut names: Vec<String> = list.service.into_iter().map(|service| service.name).collect();
                names.sort();
                names.dedup();
                Ok(names)
            }
            other => Err(strange(&other)),
        }
    }

    /// The schemas that a name needs, those that they import included.
    ///
    /// # Errors
    /// The server does not tell, or not all that is needed.
    pub(crate) async fn schemas_of(&mut self, symbol: &str) -> Result<DescriptorPool, Untold> {
        let question = Question::FileContainingSymbol(symbol.to_owned());
        let mut files = Files::default();
        files.add(self.files(question).await?)?;
        while let Some(name) = files.next_missing() {
            let answered = match self.files(Question::FileByFilename(name.clone())).await {
                Ok(answered) => answered,
                // Some servers leave out what everybody has.
                Err(Untold::Refused(status)) => {
                    vec![built_in(&name).ok_or_else(|| incomplete(symbol, &name, &status))?]
                }
                Err(other) => return Err(other),
            };
            files.add(answered)?;
        }
        files.into_pool(symbol)
    }

    async fn files(&mut self, question: Question) -> Result<Vec<Vec<u8>>, Untold> {
        match self.ask(question).await? {
            Answer::FileDescriptorResponse(files) => Ok(files.file_descriptor_proto),
            other => Err(strange(&other)),
        }
    }

    /// Asks one question, each in a call of its own: a proxy that keeps answers until a call ends lets these through.
    async fn ask(&mut self, question: Question) -> Result<Answer, Untold> {
        let versions: &[Version] = match self.version {
            Some(Version::V1) => &[Version::V1],
            Some(Version::V1Alpha) => &[Version::V1Alpha],
            None => &[Version::V1, Version::V1Alpha],
        };
        let mut first_failure = None;
        for version in versions {
            match self.call(*version, question.clone()).await {
                Ok(Answer::ErrorResponse(error)) => {
                    self.version = Some(*version);
                    return Err(Untold::Refused(Status::new(Code::from_i32(error.error_code), error.error_message)));
                }
                Ok(answer) => {
                    self.version = Some(*version);
                    return Ok(answer);
                }
                // Another question on a connection that does not come about is lost time.
                Err(status) if !status.is_from_peer() => return Err(Untold::Call(status)),
                // A proxy may say anything of a service that it does not know.
                Err(status) => drop(first_failure.get_or_insert(status)),
            }
        }
        match first_failure {
            Some(status) if status.code() != Code::Unimplemented => Err(Untold::Call(status)),
            _ => Err(Untold::NoReflection),
        }
    }

    async fn call(&self, version: Version, question: Question) -> Result<Answer, Status> {
        let (channel, request) = (self.connection.channel.clone(), self.request(question));
        let answered = match version {
            Version::V1 => {
                let client = ServerReflectionClient::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
                client.server_reflection_info(request).await
            }
            Version::V1Alpha => {
                let client = ServerReflectionClientAlpha::new(channel).max_decoding_message_size(ANSWER_BYTES_MAX);
                client.server_reflection_info(request).await
            }
        };
        match answered?.into_inner().message().await? {
            Some(ServerReflectionResponse { message_response: Some(answer), .. }) => Ok(answer),
            _ => Err(Status::internal("the server's reflection ended without an answer")),
        }
    }

    fn request(&self, question: Question) -> Request<tokio_stream::Once<ServerReflectionRequest>> {
        let question = ServerReflectionRequest { host: String::new(), message_request: Some(question) };
        let mut request = Request::new(tokio_stream::once(question));
        self.connection.append_headers(request.metadata_mut());
        for header in self.headers {
            header.append_to(request.metadata_mut());
        }
        if let Some(deadline) = &self.deadline {
            request.set_timeout(deadline.remaining());
        }
        request
    }
}

/// An answer to another question.
fn strange(answer: &Answer) -> Untold {
    let what = match answer {
        Answer::FileDescriptorResponse(_) => "schemas",
        Answer::AllExtensionNumbersResponse(_) => "numbers of extensions",
        Answer::ListServicesResponse(_) => "a list of services",
        Answer::ErrorResponse(_) => "an error",
    };
    broken(&format!("its reflection answers another question than it was asked, with {what}"))
}

fn incomplete(symbol: &str, file: &str, status: &Status) -> Untold {
    broken(&format!("its schema of {symbol} needs {file}, which it does not tell ({})", status.message()))
}

fn broken(what: &str) -> Untold {
    let failure = Failure::new(format!("the server's schemas cannot be used: {what}"));
    Untold::Broken(failure.with_hint("`--proto FILE` or `--descriptor-set FILE` takes them from files"))
}

/// A schema that this program has by itself.
fn built_in(name: &str) -> Option<Vec<u8>> {
    let schemas = seltzer_build::configure().emit_rerun_if_changed(false).load(&[name], NO_INCLUDES).ok()?;
    let pool = schemas.descriptor_pool();
    Some(pool.get_file_by_name(name)?.file_descriptor_proto().encode_to_vec())
}

/// Schemas as they come, until none is missing.
#[derive(Default)]
struct Files {
    /// By their names, as they were sent: nothing is lost of their options.
    known: BTreeMap<String, Vec<u8>>,
    missing: VecDeque<String>,
}

impl Files {
    fn add(&mut self, answered: Vec<Vec<u8>>) -> Result<(), Untold> {
        for bytes in answered {
            let file = FileDescriptorProto::decode(&*bytes)
                .map_err(|error| broken(&format!("what it sends is no FileDescriptorProto: {error}")))?;
            self.missing.extend(file.dependency.iter().cloned());
            self.known.insert(file.name().to_owned(), bytes);
        }
        match self.known.len() {
            ..=FILES_MAX => Ok(()),
            more => Err(broken(&format!("one name led to {more} files, and there is no end of it"))),
        }
    }

    fn next_missing(&mut self) -> Option<String> {
        loop {
            let name = self.missing.pop_front()?;
            if !self.known.contains_key(&name) {
                return Some(name);
            }
        }
    }

    fn into_pool(self, symbol: &str) -> Result<DescriptorPool, Untold> {
        let mut set = Vec::new();
        for file in self.known.values() {
            // FileDescriptorSet has one field: `repeated FileDescriptorProto file = 1`.
            prost_reflect::prost::encoding::bytes::encode(1, file, &mut set);
        }
        let senseless = |error: &dyn std::fmt::Display| broken(&format!("that of {symbol} makes no sense: {error}"));
        let set = seltzer_syntax::lower_encoded(&set).map_err(|error| senseless(&error))?;
        DescriptorPool::decode(&*set).map_err(|error| senseless(&error))
    }
}
