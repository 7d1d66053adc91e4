//! Requests that are checked before their handler sees them.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, OnceLock};

use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

use crate::service::Message;
use crate::service::interceptor::{Next, ServerCall, ServerInterceptor, ServerReply};
use crate::status::{Code, Status};

/// What a message must be like, as the message itself says it. See [`Validation`].
///
/// ```
/// use seltzer::server::{Validate, Validation, Violations};
///
/// struct HelloRequest {
///     name: String,
/// }
///
/// impl Validate for HelloRequest {
///     fn validate(&self, violations: &mut Violations) {
///         violations.require(!self.name.is_empty(), "name", "must not be empty");
///     }
/// }
///
/// let validation = Validation::new().of::<HelloRequest>();
/// # drop(validation);
/// ```
pub trait Validate {
    /// Names the fields that are not as they must be.
    fn validate(&self, violations: &mut Violations);
}

/// The fields of a message that are not as they must be.
#[derive(Debug, Default)]
pub struct Violations(Vec<FieldViolation>);

impl Violations {
    /// Adds one: the path of the field (`address.city`), and what is wrong with it in words for the caller.
    pub fn add(&mut self, field: impl Into<String>, description: impl Into<String>) {
        self.0.push(FieldViolation::new(field, description));
    }

    /// Adds one unless a condition holds.
    pub fn require(&mut self, holds: bool, field: impl Into<String>, description: impl Into<String>) {
        if !holds {
            self.add(field, description);
        }
    }

    /// INVALID_ARGUMENT with all of them as `google.rpc.BadRequest`, if there are any.
    ///
    /// # Errors
    /// There are.
    fn into_result(self) -> Result<(), Status> {
        let Some(first) = self.0.first() else { return Ok(()) };
        let more = match self.0.len() {
            1 => String::new(),
            count => format!(" (and {} more)", count - 1),
        };
        let message = format!("{}: {}{more}", first.field, first.description);
        Err(Status::with_error_details(Code::InvalidArgument, message, ErrorDetails::with_bad_request(self.0)))
    }
}

/// Checks each request of the types that it knows, those of streams one by one, and ends calls with INVALID_ARGUMENT
/// and the fields that are wrong, as `google.rpc.BadRequest` among its details.
///
/// A handler that takes one message is not called with a wrong one. In a stream such a message is an error, the last
/// thing that the handler gets, and the call ends with it whatever the handler makes of that.
///
/// ```
/// use seltzer::server::Validation;
///
/// struct HelloRequest {
///     name: String,
/// }
///
/// let validation = Validation::new().check(|request: &HelloRequest, violations| {
///     violations.require(!request.name.is_empty(), "name", "must not be empty");
///     violations.require(request.name.len() <= 100, "name", "must have at most 100 bytes");
/// });
/// # #[cfg(feature = "server")]
/// # drop(
/// seltzer::Server::builder().intercept(validation)
/// # );
/// # ;
/// ```
#[derive(Clone, Default)]
pub struct Validation {
    checks: Arc<HashMap<TypeId, Vec<Check>>>,
}

type Check = Arc<dyn Fn(&dyn Any, &mut Violations) + Send + Sync>;

impl Validation {
    /// One that lets everything pass.
    #[must_use]
    pub fn new() -> Self {
        Validation::default()
    }

    /// Checks messages of a type, after what is checked of it already.
    #[must_use]
    pub fn check<M: 'static>(mut self, check: impl Fn(&M, &mut Violations) + Send + Sync + 'static) -> Self {
        let check = move |message: &dyn Any, violations: &mut Violations| {
            if let Some(message) = message.downcast_ref::<M>() {
                check(message, violations);
            }
        };
        Arc::make_mut(&mut self.checks).entry(TypeId::of::<M>()).or_default().push(Arc::new(check));
        self
    }

    /// Checks messages that say by themselves what they must be like.
    #[must_use]
    pub fn of<M: Validate + 'static>(self) -> Self {
        self.check(|message: &M, violations| message.validate(violations))
    }

    fn verdict(&self, message: &Message) -> Result<(), Status> {
        let message = message.as_any();
        let Some(checks) = self.checks.get(&message.type_id()) else { return Ok(()) };
        let mut violations = Violations::default();
        for check in checks {
            check(message, &mut violations);
        }
        violations.into_result()
    }
}

impl ServerInterceptor for Validation {
    async fn intercept(&self, call: ServerCall, next: Next) -> Result<ServerReply, Status> {
        let (this, verdict) = (self.clone(), Arc::new(OnceLock::new()));
        let noted = Arc::clone(&verdict);
        let call = call.map_requests(move |message| match this.verdict(&message) {
            Ok(()) => Ok(message),
            Err(status) => Err(noted.get_or_init(|| status).clone()),
        });
        let reply = next.run(call).await;
        if let Some(status) = verdict.get() {
            return Err(Status::clone(status));
        }
        reply?.map_end(move |end| verdict.get().map_or(end, |status| Err(Status::clone(status))))
    }
}

impl fmt::Debug for Validation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Validation({} types)", self.checks.len())
    }
}
