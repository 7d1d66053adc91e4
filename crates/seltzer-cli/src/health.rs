//! `seltzer health`: how a server is doing.

use seltzer::health::pb::health_check_response::ServingStatus;
use seltzer::health::pb::health_client::HealthClient;
use seltzer::health::pb::{HealthCheckRequest, HealthListRequest};
use seltzer::{Code, Request, Status, StatusOrigin};

use crate::arguments::HealthArguments;
use crate::call::outcome;
use crate::connection::{self, Connection};
use crate::error::Failure;
use crate::output::{Lines, Reader, tell};
use crate::signals::Signals;

/// What was asked does not serve (`EX_UNAVAILABLE` of sysexits).
const EXIT_NOT_SERVING: u8 = 69;

/// What came of asking.
enum Answered {
    /// The last answer; none if the server stopped before its first.
    Serving(Option<ServingStatus>),
    Listed,
    Refused(Status),
}

/// Asks; gives the exit status.
///
/// # Errors
/// The arguments make no sense, or answers cannot be written.
pub(crate) fn run(arguments: &HealthArguments) -> Result<u8, Failure> {
    match connection::run(ask(arguments))? {
        Answered::Serving(Some(ServingStatus::Serving)) | Answered::Listed => Ok(0),
        Answered::Serving(_) => Ok(EXIT_NOT_SERVING),
        Answered::Refused(status) => {
            let code = outcome::report(&status, None, None, 0);
            if status.is_from_peer() && status.code() == Code::Unimplemented {
                tell("  hint: the server does not say how it is doing; it has no grpc.health.v1.Health");
            }
            Ok(code)
        }
    }
}

async fn ask(arguments: &HealthArguments) -> Result<Answered, Failure> {
    let mut signals = Signals::listen()?;
    let connection = Connection::open(&arguments.address, &arguments.connection, &[], false).await?;
    let lines = Lines::to_stdout();
    let mut last = None;
    let answered = tokio::select! {
        answered = answers(arguments, &connection, &lines, &mut last) => answered,
        // Who watches ends it so.
        _ = signals.next() => Ok(None),
    };
    if lines.finish().await? == Reader::Gone {
        return Ok(Answered::Serving(last));
    }
    Ok(match answered {
        Ok(Some(answered)) => answered,
        Ok(None) => Answered::Serving(last),
        Err(status) => Answered::Refused(status),
    })
}

/// Asks and prints; `None` when the answers have come to their end.
async fn answers(
    arguments: &HealthArguments,
    connection: &Connection<'_>,
    lines: &Lines,
    last: &mut Option<ServingStatus>,
) -> Result<Option<Answered>, Status> {
    let client = HealthClient::new(connection.channel.clone());
    let question = HealthCheckRequest { service: arguments.service.clone() };
    if arguments.list {
        let list = client.list(request(arguments, connection, HealthListRequest {})).await?.into_inner();
        let mut statuses: Vec<_> = list.statuses.into_iter().collect();
        statuses.sort_by(|one, other| one.0.cmp(&other.0));
        for (service, answer) in statuses {
            let service = if service.is_empty() { "(the server)" } else { &service };
            if lines.write(format!("{service} {}", answer.status().as_str_name())).await.is_err() {
                break;
            }
        }
        return Ok(Some(Answered::Listed));
    }
    if !arguments.watch {
        let answer = client.check(request(arguments, connection, question)).await?.into_inner();
        *last = Some(answer.status());
        // Whether anybody reads it changes nothing of the exit status.
        let _ = lines.write(answer.status().as_str_name().to_owned()).await;
        return Ok(None);
    }
    let mut answers = client.watch(request(arguments, connection, question)).await?.into_inner();
    while let Some(answer) = answers.message().await? {
        *last = Some(answer.status());
        if lines.write(answer.status().as_str_name().to_owned()).await.is_err() {
            break;
        }
    }
    Ok(None)
}

fn request<T>(arguments: &HealthArguments, connection: &Connection<'_>, message: T) -> Request<T> {
    let mut request = Request::new(message);
    connection.append_headers(request.metadata_mut());
    if let Some(timeout) = arguments.timeout {
        request.set_timeout(timeout);
    }
    request
}
