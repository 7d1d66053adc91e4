//! What a call waits for, so that it can say so when its time is up.

use std::sync::atomic::{AtomicU8, Ordering};

use crate::client::backend::Backend;
use crate::client::connectivity::ConnectivityState;
use crate::status::Status;
use crate::transport::h2::client::{ANSWER, deadline_status};

/// How far a call has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Stage {
    /// It looks for a connection, and for a place on it.
    Connection,
    /// It is on its way.
    Answer,
}

/// The same, seen from beside the call.
#[derive(Debug)]
pub(super) struct StageCell(AtomicU8);

impl StageCell {
    pub(super) fn new() -> Self {
        StageCell(AtomicU8::new(Stage::Connection as u8))
    }

    pub(super) fn set(&self, stage: Stage) {
        self.0.store(stage as u8, Ordering::Relaxed);
    }

    pub(super) fn stage(&self) -> Stage {
        if self.0.load(Ordering::Relaxed) == Stage::Connection as u8 { Stage::Connection } else { Stage::Answer }
    }
}

/// What a channel's task knows of its target.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) backends: Vec<Backend>,
    /// Why the target cannot be resolved.
    pub(super) failure: Option<Status>,
}

impl Known {
    /// What a call ends with whose time was up at this stage, on a channel to this target.
    pub(super) fn late(&self, stage: Stage, target: &str) -> Status {
        match stage {
            Stage::Answer => deadline_status(ANSWER),
            Stage::Connection if self.backends.iter().any(|one| one.state() == ConnectivityState::Ready) => {
                deadline_status(&format!(
                    "a place on a connection to {target}, whose server permits no more calls at once"
                ))
            }
            Stage::Connection if self.backends.is_empty() => {
                deadline_status(&explained(format!("the name resolution of {target}"), self.failure.as_ref()))
            }
            Stage::Connection => {
                let failure = self.backends.iter().find_map(Backend::last_failure);
                deadline_status(&explained(format!("a connection to {target}"), failure.as_ref()))
            }
        }
    }
}

fn explained(what: String, failure: Option<&Status>) -> String {
    match failure {
        Some(failure) => format!("{what} (last failure: {})", failure.message()),
        None => what,
    }
}

/// What a call ends with that had no time when it began.
pub(super) fn too_late() -> Status {
    Status::deadline_exceeded("the deadline passed before the call began")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::resolve::ResolvedEndpoint;
    use crate::transport::address::Address;

    fn backend(state: ConnectivityState, failure: Option<&str>) -> Backend {
        let endpoint = ResolvedEndpoint::new(Address::InProcess);
        let backend = Backend::new(endpoint, std::sync::Arc::default());
        backend.set_state(state, failure.map(Status::unavailable));
        backend
    }

    #[test]
    fn a_late_call_says_what_it_waited_for() {
        use ConnectivityState::{Connecting, Ready, TransientFailure};
        let with = |backends| Known { backends, failure: None };
        let unresolved = Known { backends: Vec::new(), failure: Some(Status::unavailable("no such name")) };
        let table = [
            (with(vec![]), Stage::Connection, "the name resolution of http://a"),
            (unresolved, Stage::Connection, "the name resolution of http://a (last failure: no such name)"),
            (with(vec![backend(Connecting, None)]), Stage::Connection, "a connection to http://a"),
            (
                with(vec![backend(Connecting, None), backend(TransientFailure, Some("refused"))]),
                Stage::Connection,
                "a connection to http://a (last failure: refused)",
            ),
            (
                with(vec![backend(Ready, None)]),
                Stage::Connection,
                "a place on a connection to http://a, whose server permits no more calls at once",
            ),
            (with(vec![]), Stage::Answer, "the server's answer"),
        ];
        for (known, stage, expected) in table {
            let status = known.late(stage, "http://a");
            assert_eq!(status.message(), format!("the deadline passed while the call waited for {expected}"));
            assert_eq!(status.code(), crate::Code::DeadlineExceeded);
        }
    }

    #[test]
    fn a_stage_is_as_it_was_set() {
        let stages = StageCell::new();
        assert_eq!(stages.stage(), Stage::Connection);
        for stage in [Stage::Answer, Stage::Connection] {
            stages.set(stage);
            assert_eq!(stages.stage(), stage);
        }
    }
}
