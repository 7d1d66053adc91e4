//! The service `user.User`: a small table of users, and errors of its own that become statuses.
//!
//! The handler's logic knows nothing of gRPC: it fails with a [`UserError`], an ordinary Rust error. One place,
//! `From<UserError> for Status`, says which status each error is for a caller.

use std::error::Error;
use std::fmt;

use tonic::{Request, Response};

use crate::services::schemas::user::user_server::User;
use crate::services::schemas::user::{Details, GetUserReply, GetUserRequest};
use crate::status::Status;

/// Looks users up by their number.
#[derive(Debug, Clone, Default)]
pub struct UserHandler;

/// Why a user could not be looked up.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UserError {
    /// Nobody has this number.
    UnknownId(i32),
}

impl fmt::Display for UserError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UserError::UnknownId(id) => write!(f, "no user has the id {id}"),
        }
    }
}

impl Error for UserError {}

impl From<UserError> for Status {
    fn from(error: UserError) -> Self {
        match error {
            UserError::UnknownId(_) => Status::not_found(error.to_string()),
        }
    }
}

impl User for UserHandler {
    async fn get_user(&self, request: Request<GetUserRequest>) -> Result<Response<GetUserReply>, Status> {
        let details = look_up(request.get_ref().id)?;
        Ok(Response::new(GetUserReply { details: Some(details) }))
    }
}

const NAMES_BY_ID: [(i32, &str); 3] = [(1, "guest"), (2, "twtrubiks"), (3, "administrator")];

fn look_up(id: i32) -> Result<Details, UserError> {
    let (id, name) = NAMES_BY_ID.iter().find(|(known, _)| *known == id).ok_or(UserError::UnknownId(id))?;
    Ok(Details { id: *id, value: (*name).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status::Code;

    #[test]
    fn known_ids_have_names() {
        let details = look_up(2).expect("the table has it");
        assert_eq!((details.id, details.value.as_str()), (2, "twtrubiks"));
    }

    #[test]
    fn unknown_ids_are_not_found_and_named() {
        for id in [0, -1, 99, i32::MIN] {
            let error = look_up(id).expect_err("the table does not have it");
            assert_eq!(error, UserError::UnknownId(id));
            let status = Status::from(error);
            assert_eq!(status.code(), Code::NotFound);
            assert_eq!(status.message(), format!("no user has the id {id}"));
        }
    }
}
