//! `seltzer serve`: the demo services, health and reflection, until told to stop.

mod contradictions;
mod limits;

use std::io::{self, Write};
use std::pin::pin;
use std::time::Duration;

use seltzer::channelz::Channelz;
use seltzer::connect::Connect;
use seltzer::gateway::Gateway;
use seltzer::health::HealthReporter;
use seltzer::openapi::OpenApi;
use seltzer::reflection::Reflection;
use seltzer::services::{self, Settings};
use seltzer::telemetry::{Otlp, OtlpExporter, Telemetry, Tracing};
use seltzer::transport::{ListenAddress, ListenSocket, ServerTlsReload};
use seltzer::web::GrpcWeb;
use seltzer::{BoundServer, Server};
use tokio::runtime;
use tokio::sync::oneshot;

use crate::arguments::ServeArguments;
use crate::error::Failure;
use crate::signals::{Hangups, Signals};
use crate::tls::ServerIdentities;
use crate::token::TokenCheck;
use crate::{banner, inherited, log, output};

/// Serves until Ctrl-C or SIGTERM; reads certificates again on SIGHUP.
///
/// # Errors
/// A certificate cannot be used, or an address cannot be bound.
pub(crate) fn run(arguments: &ServeArguments) -> Result<u8, Failure> {
    contradictions::check(arguments)?;
    log::start(arguments.verbose);
    let mut builder = runtime::Builder::new_multi_thread();
    if arguments.workers.is_some() {
        // The server has threads of its own then; this one accepts.
        builder.worker_threads(1);
    }
    let runtime = builder
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start the threads that serve: {error}")))?;
    let result = runtime.block_on(serve(arguments));
    // Calls that outlived the drain are not waited for.
    runtime.shutdown_background();
    result
}

async fn serve(arguments: &ServeArguments) -> Result<u8, Failure> {
    // First of all, so that whoever has read the first line can stop the server.
    let mut signals = Signals::listen()?;
    let passed_on = inherited::sockets()?;
    let addresses = arguments.addresses(!passed_on.is_empty());
    let identities = ServerIdentities::new(&arguments.tls, &addresses)?;
    let mut hangups = identities.as_ref().filter(|it| it.has_files()).map(|_| Hangups::listen()).transpose()?;
    let measured = Measured::begin(arguments).await?;
    let server = bind(arguments, measured.as_ref(), identities.as_ref(), passed_on, addresses).await?;
    let reload = server.tls_reload();
    let addresses = server.addresses();
    // Both as one write each: a script may close its end after the first line.
    print(&banner::listening(&addresses));
    print(&banner::usage(&addresses, arguments)?);
    let exporter = measured.and_then(Measured::show);
    tell_manager(Standing::Ready);

    let (stop, stopped) = oneshot::channel::<()>();
    let mut serving = pin!(server.serve_with_shutdown(async {
        // A dropped sender means the same.
        let _ = stopped.await;
    }));
    loop {
        tokio::select! {
            ended = serving.as_mut() => return Ok(ended.map(|()| 0)?),
            _ = signals.next() => break,
            () = next(&mut hangups) => read_again(identities.as_ref(), reload.as_ref()),
        }
    }
    output::tell(format_args!(
        "stopping: calls may go on for {:?}; a second Ctrl-C or SIGTERM ends them at once",
        arguments.drain_grace
    ));
    tell_manager(Standing::Stopping);
    drop(stop);
    tokio::select! {
        ended = async {
            let ended = serving.await;
            send_last(exporter).await;
            ended
        } => Ok(ended.map(|()| 0)?),
        code = signals.next() => Ok(code),
    }
}

/// Sends what was measured of the last calls.
async fn send_last(exporter: Option<OtlpExporter>) {
    let Some(exporter) = exporter else { return };
    if let Err(status) = exporter.shutdown(OTLP_WITHIN).await {
        output::tell(format_args!("what was measured last is lost: {}", status.message()));
    }
}

/// The next SIGHUP; never, if nobody listens for it.
async fn next(hangups: &mut Option<Hangups>) {
    match hangups {
        Some(hangups) => hangups.next().await,
        None => std::future::pending().await,
    }
}

/// Connections are served by other threads meanwhile.
fn read_again(identities: Option<&ServerIdentities<'_>>, reload: Option<&ServerTlsReload>) {
    let (Some(identities), Some(reload)) = (identities, reload) else { return };
    match identities.reload(reload) {
        Ok(()) => output::tell("reloaded the certificates: new connections use them, those that are open go on"),
        Err(failure) => output::tell(format_args!(
            "cannot reload the certificates, those from before stay in use: {}",
            failure.line()
        )),
    }
}

/// How long a collector has for what was measured last, when the server has ended.
const OTLP_WITHIN: Duration = Duration::from_secs(5);

/// What is measured of calls, where it is shown and where it is sent.
struct Measured {
    telemetry: Telemetry,
    page: Option<BoundServer>,
    exporter: Option<OtlpExporter>,
}

impl Measured {
    async fn begin(arguments: &ServeArguments) -> Result<Option<Self>, Failure> {
        // The page at `/` shows how often methods were called.
        if arguments.metrics.is_none() && arguments.otlp.is_none() && !arguments.protocols.has_docs() {
            return Ok(None);
        }
        let mut builder = Telemetry::builder().service_name("seltzer").retry_metrics(true);
        if arguments.otlp.is_some() {
            builder = builder.tracing(Tracing::new());
        }
        let telemetry = builder.build();
        let page = match &arguments.metrics {
            Some(address) => Some(telemetry.bind_prometheus(address.clone()).await?),
            None => None,
        };
        let exporter = match &arguments.otlp {
            Some(endpoint) => Some(telemetry.export_otlp(Otlp::from_environment()?.endpoint(endpoint))?),
            None => None,
        };
        Ok(Some(Measured { telemetry, page, exporter }))
    }

    /// Says where it is, and shows it. What remains is to be sent when the server has ended.
    fn show(self) -> Option<OtlpExporter> {
        if let Some(page) = self.page {
            for address in page.addresses() {
                let scheme = if address.starts_with("unix:") { "" } else { "http://" };
                output::tell(format_args!("metrics at {scheme}{address}/metrics"));
            }
            // Until the process ends: collectors see calls that finish while the server stops, too.
            tokio::spawn(page.serve());
        }
        self.exporter
    }
}

async fn bind(
    arguments: &ServeArguments,
    measured: Option<&Measured>,
    identities: Option<&ServerIdentities<'_>>,
    passed_on: Vec<ListenSocket>,
    addresses: Vec<ListenAddress>,
) -> Result<BoundServer, Failure> {
    let mut server = server(arguments, identities)?;
    if let Some(Measured { telemetry, .. }) = measured {
        server = server.telemetry(telemetry);
    }
    let (mut passed_on, mut addresses) = (passed_on.into_iter(), addresses.into_iter());
    let mut bound = match (passed_on.next(), addresses.next()) {
        (Some(socket), None) => server.listen_on(socket)?,
        (Some(socket), Some(address)) => server.listen_on(socket)?.bind_also(address).await?,
        (None, Some(address)) => server.bind(address).await?,
        (None, None) => return Err(Failure::usage("there is no address to listen on")),
    };
    for socket in passed_on {
        bound = bound.listen_also_on(socket)?;
    }
    for address in addresses {
        bound = bound.bind_also(address).await?;
    }
    Ok(bound)
}

fn server(arguments: &ServeArguments, identities: Option<&ServerIdentities<'_>>) -> Result<Server, Failure> {
    let mut settings = Settings::default();
    if let Some(interval) = arguments.task_interval {
        settings.task_interval = interval;
    }
    let mut server = services::add_to(Server::builder(), &settings)
        .health(&HealthReporter::new())
        .reflection(&Reflection::new())
        .limits(limits::limits(arguments))
        .drain_grace(arguments.drain_grace)
        .workers(arguments.workers.map(usize::from))
        .carrier(arguments.carrier.into());
    if arguments.channelz {
        server = server.channelz(&Channelz::new());
    }
    server = speak(server, arguments);
    if let Some(token) = &arguments.token {
        let check = TokenCheck::new(token);
        server = server.interceptor(move |request| check.check(request));
    }
    if let Some(encoding) = arguments.compression {
        server = server.send_compressed(encoding);
    }
    for interceptors in limits::interceptors(arguments)? {
        server = server.intercept(interceptors);
    }
    match identities {
        Some(identities) => Ok(server.tls_config(identities.config()?)?),
        None => Ok(server),
    }
}

/// Has the server speak all protocols that it was not told to leave. Pages come first, and what stands for methods without
/// a rule leaves to Connect what says that it is Connect's.
fn speak(mut server: Server, arguments: &ServeArguments) -> Server {
    let protocols = &arguments.protocols;
    let gateway = Gateway::new();
    if protocols.has_docs() {
        let docs = OpenApi::new().gateway(&gateway).title("Seltzer's demo services").version(env!("CARGO_PKG_VERSION"));
        server = server.speak(docs.bearer_auth(arguments.token.is_some()));
    }
    if !protocols.no_grpc_web {
        server = server.speak(GrpcWeb::new());
    }
    if !protocols.no_rest {
        server = server.speak(gateway);
    }
    if !protocols.no_connect {
        server = server.speak(Connect::new());
    }
    server
}

/// How far the server is.
#[derive(Clone, Copy)]
enum Standing {
    Ready,
    Stopping,
}

/// Tells systemd, where it started this process and wants to know. It finds out by itself if it does not hear it.
#[cfg(unix)]
fn tell_manager(standing: Standing) {
    let state = match standing {
        Standing::Ready => sd_notify::NotifyState::Ready,
        Standing::Stopping => sd_notify::NotifyState::Stopping,
    };
    let _ = sd_notify::notify(&[state]);
}

#[cfg(not(unix))]
fn tell_manager(_: Standing) {}

/// Prints on standard output. A server serves on whether or not somebody reads.
fn print(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}
