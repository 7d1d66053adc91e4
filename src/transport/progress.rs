//! How far a call had come when it was lost.

use tonic::body::Body;

use crate::status::Status;

/// A request that was not answered.
#[derive(Debug)]
pub(crate) struct Unanswered {
    pub(crate) status: Status,
    pub(crate) progress: Progress,
    /// The request itself, where the server has surely done nothing for it and it can be had back.
    pub(crate) request: Option<http::Request<Body>>,
}

/// How far a call had come when it was lost: what decides whether it may be made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing of it has left.
    Unsent,
    /// The server has said that it did nothing for it.
    Refused,
    /// The server may have done something for it, or anything.
    Sent,
    /// However far it had come, it is not to be made again: the answer had begun, or this side has ended it.
    Final,
}

impl Progress {
    /// Whether the server has surely done nothing for the call.
    pub(crate) fn is_unprocessed(self) -> bool {
        matches!(self, Progress::Unsent | Progress::Refused)
    }
}
