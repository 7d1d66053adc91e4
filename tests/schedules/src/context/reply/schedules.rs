//! Early metadata is sent once, and whoever waits for it is woken.

use std::future::poll_fn;

use shuttle::sync::Arc;

use crate::context::reply::Reply;
use crate::metadata::MetadataMap;

#[test]
fn early_metadata_wakes_whoever_waits() {
    crate::schedules::check(|| {
        let reply = Arc::new(Reply::default());
        let senders = [(); 2].map(|()| {
            let reply = Arc::clone(&reply);
            shuttle::thread::spawn(move || reply.send_initial(MetadataMap::new()))
        });
        shuttle::future::block_on(poll_fn(|cx| reply.poll_initial(cx.waker())));
        assert!(reply.initial_is_sent());
        let sent = senders.map(|sender| sender.join().unwrap());
        assert_eq!(sent.iter().filter(|sent| **sent).count(), 1);
    });
}
