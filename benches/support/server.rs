//! A server on a thread of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Runs a server on one thread, so that it and its client use a processor each. `serve` is given what to call
    /// once the address is known, and what to wait for.
    pub(crate) fn start<F>(serve: impl FnOnce(Ready, oneshot::Receiver<()>) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()>,
    {
        let (ready, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let thread = thread::spawn(move || runtime().block_on(serve(Ready(ready), stopped)));
        let address = address.recv().expect("the server listens");
        Running { address, stop: Some(stop), thread: Some(thread) }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || !matches!(ended, Some(Err(_))), "the server panicked");
    }
}

/// Tells that a server listens.
#[derive(Debug)]
pub(crate) struct Ready(mpsc::Sender<SocketAddr>);

impl Ready {
    pub(crate) fn at(self, address: SocketAddr) {
        self.0.send(address).expect("somebody waits for the server");
    }
}

/// One thread: what the numbers say is then one core of a server against one core of a client.
pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().expect("a runtime can be had")
}
