//! The way to a server, found out where the user left it open.

mod probe;
mod target;

use std::future::Future;
use std::time::Duration;

use seltzer::metadata::MetadataMap;
use seltzer::{Channel, Endpoint};
use tokio::runtime;

use crate::arguments::{ConnectionArguments, Header};
use crate::connection::probe::Spoken;
use crate::error::Failure;
use crate::output::tell;

pub(crate) use self::probe::PREFACE;
pub(crate) use self::target::{check_order, open_question};

/// How many turns the tasks of a connection get after its calls: a reset takes three, from task to task. It is not
/// worth waiting for a peer that does not read.
const FAREWELL_TURNS: usize = 16;

/// Headers that prove who calls, and are not shown to everybody on the way without being told to.
const SECRET_HEADERS: &[&str] = &["authorization", "proxy-authorization", "cookie"];

/// A way to a server.
pub(crate) struct Connection<'a> {
    pub(crate) channel: Channel,
    endpoint: Endpoint,
    headers: &'a [Header],
}

impl<'a> Connection<'a> {
    /// Finds the way to an address. A HOST:PORT with nothing said about TLS is asked what it speaks.
    ///
    /// # Errors
    /// The address cannot be read, a file cannot be, or the server has no TLS and would be told a secret.
    pub(crate) async fn open(
        address: &str,
        arguments: &'a ConnectionArguments,
        is_verbose: bool,
    ) -> Result<Self, Failure> {
        let mut endpoint = target::endpoint(address, arguments)?;
        if let Some(asked) = target::open_question(address, arguments) {
            match speaks_tls(asked, target::connect_timeout(arguments)).await {
                Some(true) => {
                    if is_verbose {
                        tell(format_args!("{address} speaks TLS, so this is https://{address}"));
                    }
                    endpoint = target::encrypted(asked, arguments)?;
                }
                Some(false) => check_secrets(asked, &arguments.header)?,
                // What is wrong shows when a connection for calls is opened.
                None => {}
            }
        }
        Ok(Connection { channel: endpoint.connect_lazy(), endpoint, headers: &arguments.header })
    }

    /// Waits until calls can be made.
    ///
    /// # Errors
    /// They cannot: the step that failed, and what to try.
    pub(crate) async fn ready(&self) -> Result<(), Failure> {
        Ok(self.endpoint.connect().await.map(drop)?)
    }

    /// A channel of one connection, which is open.
    ///
    /// # Errors
    /// It cannot be opened.
    pub(crate) async fn one(&self) -> Result<Channel, Failure> {
        Ok(self.endpoint.clone().connections_max(1).connect().await?)
    }

    /// Adds what every call says.
    pub(crate) fn append_headers(&self, metadata: &mut MetadataMap) {
        for header in self.headers {
            header.append_to(metadata);
        }
    }
}

/// Whether the server at HOST:PORT speaks TLS, found out by asking it; `None` if it does not answer.
pub(crate) async fn speaks_tls(address: &str, timeout: Duration) -> Option<bool> {
    match probe::ask(address, timeout).await {
        Spoken::Tls => Some(true),
        Spoken::Plaintext => Some(false),
        Spoken::HungUp => probe::shakes_hands(address, timeout).await.then_some(true),
        Spoken::Nothing => None,
    }
}

/// Runs to the end, and gives connections the time to say goodbye: a server that is told of a cancelled call knows more
/// than one that sees a connection break.
///
/// # Errors
/// As the task; or the system does not let a runtime start.
pub(crate) fn run<T, E: From<Failure>>(task: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start to make calls: {error}")))?;
    let result = runtime.block_on(async {
        let result = task.await;
        for _ in 0..FAREWELL_TURNS {
            tokio::task::yield_now().await;
        }
        result
    });
    // A name that is still being resolved is not waited for.
    runtime.shutdown_background();
    result
}

/// A server that was found to speak without TLS is told no secret, unless it is on this machine.
fn check_secrets(address: &str, headers: &[Header]) -> Result<(), Failure> {
    let secret = headers.iter().map(Header::name).find(|name| SECRET_HEADERS.contains(name));
    match secret {
        Some(name) if !target::is_on_this_machine(address) => {
            Err(Failure::usage(format!("{address} has no TLS, and everybody on the way could read the header {name}"))
                .with_hint(format!("write http://{address}, or --plaintext, to send it all the same")))
        }
        _ => Ok(()),
    }
}

/// The address among the words of a command, and the names behind it. Where there are schemas in files the address may
/// be left out: a name has no colon, and an address has one.
///
/// # Errors
/// There is neither an address nor a schema.
pub(crate) fn address_and_names(words: &[String], has_files: bool) -> Result<(Option<&str>, &[String]), Failure> {
    match words {
        [] if has_files => Ok((None, words)),
        [first, ..] if has_files && !first.contains(':') => Ok((None, words)),
        [address, names @ ..] => Ok((Some(address), names)),
        [] => Err(Failure::usage("whom to ask? There is no address, and no schema either")
            .with_hint("write HOST:PORT, or name a schema with `--proto FILE`")),
    }
}
