//! Errors of handlers, and what callers are told of them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::metadata;
use crate::service::interceptor::{Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::Status;

/// Which status an error becomes, by its type: handlers let their errors go with `.or_status()?`
/// ([`OrStatus`](crate::OrStatus)), and one place says what callers are told.
///
/// It looks at the source of each status that a handler ends with, and at the sources of that. The first type of the
/// table that is among them decides; a status without one stays as it is. Metadata that the status had goes along. The
/// sources of statuses do not cross the border to services that tonic generated.
///
/// ```
/// use seltzer::server::ErrorTable;
/// use seltzer::{OrStatus as _, Request, Response, Status};
///
/// async fn read(request: Request<String>) -> Result<Response<String>, Status> {
///     Ok(Response::new(std::fs::read_to_string(request.get_ref()).or_status()?))
/// }
///
/// let errors = ErrorTable::new()
///     .map(|error: &std::io::Error| match error.kind() {
///         std::io::ErrorKind::NotFound => Status::not_found("there is no such file"),
///         _ => Status::internal("the file cannot be read"),
///     })
///     .map(|_: &std::num::ParseIntError| Status::invalid_argument("that is no number"));
/// let error = std::fs::read("/nowhere").or_status().expect_err("it is not there");
/// assert_eq!(errors.status(error).message(), "there is no such file");
/// # #[cfg(feature = "server")]
/// # drop(
/// seltzer::Server::builder().intercept(errors)
/// # );
/// # ;
/// ```
#[derive(Clone, Default)]
pub struct ErrorTable {
    rows: Vec<Row>,
}

/// One type: the status of an error, if it is of this type.
type Row = Arc<dyn Fn(&(dyn Error + 'static)) -> Option<Status> + Send + Sync>;

/// So far sources of sources are followed; no honest error has more.
const SOURCES_MAX: usize = 32;

impl ErrorTable {
    /// One that changes nothing.
    #[must_use]
    pub fn new() -> Self {
        ErrorTable::default()
    }

    /// Adds a type; for each error the types are tried in the order in which they were added.
    #[must_use]
    pub fn map<E: Error + 'static>(mut self, status: impl Fn(&E) -> Status + Send + Sync + 'static) -> Self {
        self.rows.push(Arc::new(move |error| error.downcast_ref::<E>().map(&status)));
        self
    }

    /// What a status becomes.
    #[must_use]
    pub fn status(&self, status: Status) -> Status {
        let Some(mut found) = status.source().and_then(|source| self.find(source)) else { return status };
        let own = std::mem::take(found.metadata_mut());
        *found.metadata_mut() = status.metadata().clone();
        metadata::merge(found.metadata_mut(), own);
        found
    }

    /// The status of an error, if it or what caused it is in the table.
    #[must_use]
    pub fn find(&self, error: &(dyn Error + 'static)) -> Option<Status> {
        let causes = std::iter::successors(Some(error), |error: &&(dyn Error + 'static)| (*error).source());
        causes.take(SOURCES_MAX).find_map(|error| self.rows.iter().find_map(|row| row(error)))
    }
}

impl ServerInterceptor for ErrorTable {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let reply = next.run(call).await.map_err(|status| self.status(status))?;
        let table = self.clone();
        reply.map_end(move |end| end.map_err(|status| table.status(status)))
    }
}

impl fmt::Debug for ErrorTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ErrorTable({} types)", self.rows.len())
    }
}
