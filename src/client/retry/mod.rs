//! Calls that are made again (gRFC A6): transparently, by a retry policy, or by hedging.

mod attempt;
mod hedging;
mod pushback;
mod retries;
mod sizes;
mod throttle;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};

use crate::transport::progress::Progress;

pub(super) use self::attempt::{Attempts, code_of_head};
pub(super) use self::retries::Retries;
pub(super) use self::sizes::{AnswerLimit, TooLarge, limit_answer, limit_request};
pub(super) use self::throttle::RetryThrottle;

/// Tells the server how many attempts went before.
const PREVIOUS_ATTEMPTS: HeaderName = HeaderName::from_static("grpc-previous-rpc-attempts");

/// Notes among a call's headers how many attempts went before. Transparent ones do not count.
pub(super) fn note_attempts(headers: &mut HeaderMap, before: u32) {
    if before > 0 {
        headers.insert(PREVIOUS_ATTEMPTS, HeaderValue::from(before));
    }
}

/// Whether a call may be made again because nothing was done for it, without a policy.
#[derive(Debug, Default)]
pub(super) struct Transparent {
    was_refused: bool,
}

impl Transparent {
    /// A call that never left is sent as often as need be: nobody has any work with it, and it stops when its
    /// connections are opened no more. One that the server refused is sent once more: that there is a race now and then
    /// is normal, and more would be load.
    #[inline]
    pub(super) fn permits(&mut self, progress: Progress) -> bool {
        match progress {
            Progress::Unsent => true,
            Progress::Refused => !std::mem::replace(&mut self.was_refused, true),
            Progress::Sent | Progress::Final => false,
        }
    }
}
