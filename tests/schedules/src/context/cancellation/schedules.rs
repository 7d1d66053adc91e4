//! Whoever waits for the end of a call hears of it, even where both happen at once.

use loom::sync::Arc;

use crate::context::cancellation::Cancellation;

const PREEMPTIONS: usize = 2;

#[test]
fn whoever_waits_hears_of_it() {
    let mut model = loom::model::Builder::new();
    // All that three threads can see of each other takes minutes; what a few preemptions do, seconds.
    model.preemption_bound = if crate::schedules::is_long() { None } else { Some(PREEMPTIONS) };
    model.check(|| {
        let cancellation = Arc::new(Cancellation::default());
        let waiters = [(); 2].map(|()| {
            let cancellation = Arc::clone(&cancellation);
            loom::thread::spawn(move || cancellation.token().clone())
        });
        cancellation.cancel();
        for waiter in waiters {
            assert!(waiter.join().unwrap().is_cancelled(), "it was not told");
        }
        assert!(cancellation.has_come());
    });
}
