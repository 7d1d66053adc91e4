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
    /// Finds the way to an address. A HOST:PORT with nothing said about TLS is asked what it speaks. `others` are headers
    /// that some calls will have.
    ///
    /// # Errors
    /// The address cannot be read, a file cannot be, or the server has no TLS and would be told a secret.
    pub(crate) async fn open(
        address: &str,
        arguments: &'a ConnectionArguments,
        others: &[&[Header]],
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
                Some(false) => check_secrets(asked, arguments.header.iter().chain(others.iter().copied().flatten()))?,
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

/// The way to a server, if a command names one.
///
/// # Errors
/// As [`Connection::open`].
pub(crate) async fn open_if_named<'a>(
    address: Option<&'a str>,
    arguments: &'a ConnectionArguments,
    others: &[&[Header]],
) -> Result<Option<(Connection<'a>, &'a str)>, Failure> {
    match address {
        Some(address) => Ok(Some((Connection::open(address, arguments, others, false).await?, address))),
        None => Ok(None),
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
fn check_secrets<'a>(address: &str, headers: impl Iterator<Item = &'a Header>) -> Result<(), Failure> {
    let mut names = headers.map(Header::name);
    let secret = names.find(|name| SECRET_HEADERS.contains(name));
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

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Words {
        #[command(flatten)]
        connection: ConnectionArguments,
    }

    #[test]
    fn secrets_stay_on_this_machine_where_there_is_no_tls() {
        // (address, header, refused)
        let table = [
            ("127.0.0.1:50051", "authorization: Bearer x", false),
            ("localhost:50051", "cookie: a=b", false),
            ("10.0.0.7:50051", "authorization: Bearer x", true),
            ("shop.example:50051", "cookie: a=b", true),
            ("shop.example:50051", "x-request-id: 7", false),
        ];
        for (address, header, is_refused) in table {
            let words = Words::try_parse_from(["x", "-H", header]).map(|words| words.connection.header);
            let headers = words.unwrap_or_else(|error| panic!("{header}: {error}"));
            let checked = check_secrets(address, headers.iter());
            assert_eq!(checked.is_err(), is_refused, "{address} {header}");
        }
    }
}
