//! Threads that overtake each other shift when something is measured, and break nothing.

use std::time::Duration;

use shuttle::sync::Arc;

use crate::pace::{COUNT, LONG, LONG_POLL, Pace, STRIKES_MAX, TRIED_AGAIN_AFTER, strikes};

#[test]
fn a_method_is_tried_again_whatever_threads_did_to_it() {
    crate::schedules::check(|| {
        let pace = Arc::new(Pace::default());
        let threads = [1, 2, 3].map(|number| {
            let pace = Arc::clone(&pace);
            shuttle::thread::spawn(move || {
                for round in 0..6 {
                    if !pace.is_long() && pace.is_measured() {
                        let is_long = (round + number) % 3 == 0;
                        pace.record(if is_long { LONG_POLL * 2 } else { Duration::ZERO });
                    }
                }
            })
        });
        for thread in threads {
            thread.join().unwrap();
        }
        let state = pace.state.load(std::sync::atomic::Ordering::SeqCst);
        assert!(strikes(state) <= STRIKES_MAX, "{state:x}");
        assert!(state & LONG == 0 || strikes(state) > 0, "{state:x}: long without a reason");
        assert!(state & COUNT <= 6 * 3, "{state:x}: more calls than there were");
        let moved = (0..).find(|_| !pace.is_long()).unwrap();
        assert!(moved <= TRIED_AGAIN_AFTER << STRIKES_MAX, "{moved}");
    });
}
