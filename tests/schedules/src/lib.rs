//! What tasks share, under every order of events that a scheduler can think of.
//!
//! The library's own sources, with shuttle's locks and atomics under them (or loom's, where what counts is what one
//! thread sees of another's memory). shuttle runs a test many times and decides at each lock who goes on; a waker that is
//! lost shows as a deadlock. loom tries all that there is. `scripts/schedules.sh` runs all of it for long.

#![allow(dead_code, reason = "only what the tests need is called")]
#![allow(missing_docs, missing_debug_implementations, unreachable_pub, reason = "sources of the library, included")]
#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test says what is wrong by failing"))]

/// Locks of shuttle, which decides who gets them.
pub mod strong {
    pub use shuttle::sync::*;
    pub use std::sync::{PoisonError, TryLockError};
}

/// Atomics of loom, which knows what a thread may see of another's memory.
pub mod weak;

/// What the sources import from the rest of the library.
pub mod status {
    pub use tonic::Status;
}

pub mod metadata {
    pub use tonic::metadata::MetadataMap;
}

pub mod context {
    //! A context that only remembers whether it was cancelled.

    use crate::strong::Arc;
    use crate::strong::atomic::{AtomicBool, Ordering};

    pub(crate) mod cancellation {
        include!(concat!(env!("OUT_DIR"), "/context_cancellation.rs"));

        #[cfg(test)]
        mod schedules;
    }

    pub(crate) mod reply {
        include!(concat!(env!("OUT_DIR"), "/context_reply.rs"));

        #[cfg(test)]
        mod schedules;
    }

    #[derive(Clone, Default)]
    pub(crate) struct Context(Arc<AtomicBool>);

    pub(crate) struct Entered;

    impl Context {
        pub(crate) fn enter(&self) -> Entered {
            Entered
        }

        pub(crate) fn cancel(&self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

pub mod server {
    pub(crate) mod shared_body {
        include!(concat!(env!("OUT_DIR"), "/server_shared_body.rs"));

        #[cfg(test)]
        mod schedules;
    }
}

pub(crate) mod pace {
    include!(concat!(env!("OUT_DIR"), "/pace.rs"));

    #[cfg(test)]
    mod schedules;
}

pub mod codec {
    pub use seltzer_h2::Rope;

    #[derive(Debug, Clone, Copy)]
    pub(crate) struct Quota {
        pub(crate) bytes: usize,
        pub(crate) messages: usize,
    }

    pub(crate) const PACKED_MESSAGES_MAX: usize = 128;
    pub(crate) const GROWTH: usize = 8;
    pub(crate) const PREFIX_BYTES: usize = 5;
}

pub mod transport {
    pub(crate) mod response_body {
        include!(concat!(env!("OUT_DIR"), "/transport_response_body.rs"));
    }

    pub mod h2 {
        pub(crate) mod memory {
            include!(concat!(env!("OUT_DIR"), "/transport_h2_memory.rs"));
        }

        pub(crate) mod exchange {
            include!(concat!(env!("OUT_DIR"), "/transport_h2_exchange.rs"));

            #[cfg(test)]
            mod schedules;
        }

        pub(crate) mod ready {
            include!(concat!(env!("OUT_DIR"), "/transport_h2_ready.rs"));
        }

        pub(crate) mod task {
            include!(concat!(env!("OUT_DIR"), "/transport_h2_task.rs"));

            #[cfg(test)]
            mod schedules;
        }

        /// An answer on its way.
        pub(crate) type AnswerFuture = std::pin::Pin<
            Box<dyn std::future::Future<Output = http::Response<crate::transport::response_body::ResponseBody>> + Send>,
        >;
    }
}

/// How long shuttle goes on with each test.
#[cfg(test)]
pub(crate) mod schedules {
    /// A first look; `SELTZER_SCHEDULES=100000` takes a long one.
    const COUNT_DEFAULT: usize = 1_000;

    /// Where a thread is torn away at the worst moments, so often in one run.
    const PREEMPTIONS: usize = 3;

    fn count() -> Option<usize> {
        std::env::var("SELTZER_SCHEDULES").ok()?.parse().ok()
    }

    /// Lets others go on for a number of steps that the schedule decides, so that what comes next can meet them
    /// anywhere.
    pub(crate) fn wait_a_little() {
        use shuttle::rand::Rng as _;
        for _ in 0..shuttle::rand::thread_rng().gen_range(0..16) {
            step();
        }
    }

    /// A moment at which another may go on. `yield_now` would not do: it wakes its own task besides, and so hides that
    /// nobody else does.
    pub(crate) fn step() {
        shuttle::sync::atomic::AtomicBool::new(false).load(std::sync::atomic::Ordering::SeqCst);
    }

    /// Whether somebody asked for a long look.
    pub(crate) fn is_long() -> bool {
        count().is_some_and(|count| count > COUNT_DEFAULT)
    }

    /// Runs a test under so many schedules: half of them random, half with a few preemptions anywhere.
    pub(crate) fn check(test: fn()) {
        let count = count().unwrap_or(COUNT_DEFAULT);
        shuttle::check_random(test, count / 2);
        shuttle::check_pct(test, count / 2, PREEMPTIONS);
    }
}
