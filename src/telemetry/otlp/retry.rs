//! Whether something is sent again that a collector has not taken, and when.

use std::time::Duration;

use tokio::time::Instant;
use tonic_types::StatusExt as _;

use crate::status::{Code, Status};

/// The pause before the second attempt.
const PAUSE_FIRST: Duration = Duration::from_secs(1);

/// Pauses grow up to this.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// After so long something that nobody takes is given up.
const TRIED_FOR: Duration = Duration::from_secs(60);

/// What a failure means for what was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It is not wanted.
    Final,
    /// It may be sent again, after so long at least if the collector said so.
    Again(Option<Duration>),
}

/// The attempts at sending one thing.
pub(super) struct Attempts {
    begin: Instant,
    pause: Duration,
}

impl Attempts {
    pub(super) fn new() -> Self {
        Attempts { begin: Instant::now(), pause: PAUSE_FIRST }
    }

    /// After which pause it is sent again, if it is.
    pub(super) fn after(&mut self, failure: &Status) -> Option<Duration> {
        let Verdict::Again(asked) = verdict(failure) else { return None };
        let pause = asked.unwrap_or_else(|| {
            // Many that lost the same collector should not all come back at once.
            let jittered = self.pause.mul_f64(0.5 + fastrand::f64());
            self.pause = (self.pause * 2).min(PAUSE_MAX);
            jittered.min(PAUSE_MAX)
        });
        (self.begin.elapsed() + pause <= TRIED_FOR).then_some(pause)
    }
}

/// What the specification says of a status.
fn verdict(failure: &Status) -> Verdict {
    let asked = failure.get_details_retry_info().map(|info| info.retry_delay.unwrap_or_default());
    match failure.code() {
        Code::Cancelled
        | Code::DeadlineExceeded
        | Code::Aborted
        | Code::OutOfRange
        | Code::Unavailable
        | Code::DataLoss => Verdict::Again(asked),
        // It may pass only where the collector says when.
        Code::ResourceExhausted if asked.is_some() => Verdict::Again(asked),
        _ => Verdict::Final,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::ErrorDetails;

    use super::*;

    fn failure(code: Code, retry_after: Option<u64>) -> Status {
        let Some(seconds) = retry_after else { return Status::new(code, "as told") };
        let details = ErrorDetails::with_retry_info(Some(Duration::from_secs(seconds)));
        Status::with_error_details(code, "as told", details)
    }

    #[test]
    fn what_the_specification_names_is_sent_again() {
        use Code::*;
        for code in [Cancelled, DeadlineExceeded, Aborted, OutOfRange, Unavailable, DataLoss] {
            assert_eq!(verdict(&failure(code, None)), Verdict::Again(None), "{code:?}");
            assert_eq!(verdict(&failure(code, Some(7))), Verdict::Again(Some(Duration::from_secs(7))), "{code:?}");
        }
        let codes = [
            Unknown,
            InvalidArgument,
            NotFound,
            AlreadyExists,
            PermissionDenied,
            FailedPrecondition,
            Unimplemented,
            Internal,
            Unauthenticated,
        ];
        for code in codes {
            assert_eq!(verdict(&failure(code, Some(7))), Verdict::Final, "{code:?}");
        }
        assert_eq!(verdict(&failure(ResourceExhausted, None)), Verdict::Final);
        assert_eq!(verdict(&failure(ResourceExhausted, Some(7))), Verdict::Again(Some(Duration::from_secs(7))));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_it_is_given_up() {
        let (mut attempts, mut pauses) = (Attempts::new(), Vec::new());
        while let Some(pause) = attempts.after(&failure(Code::Unavailable, None)) {
            pauses.push(pause);
            tokio::time::sleep(pause).await;
            assert!(pauses.len() < 100, "it is never given up");
        }
        let bounds = [(500, 1500), (1000, 3000), (2000, 6000), (4000, 12000)];
        for (pause, (least, most)) in pauses.iter().zip(bounds) {
            assert!((least..=most).contains(&pause.as_millis()), "{pauses:?}");
        }
        assert!(pauses.len() >= 4 && pauses.iter().sum::<Duration>() <= TRIED_FOR, "{pauses:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_collector_says_when_to_come_back() {
        let mut attempts = Attempts::new();
        assert_eq!(attempts.after(&failure(Code::Unavailable, Some(20))), Some(Duration::from_secs(20)));
        tokio::time::sleep(Duration::from_secs(20)).await;
        assert_eq!(attempts.after(&failure(Code::Unavailable, Some(41))), None, "that is too late");
        assert_eq!(attempts.after(&failure(Code::Unavailable, Some(40))), Some(Duration::from_secs(40)));
    }
}
