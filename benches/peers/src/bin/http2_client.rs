//! Makes one HTTP request over a channel, for judges of HTTP/2 clients.
//!
//! ```text
//! http2_client GET|POST URL
//! ```
//!
//! Says what came, and stays until the server has left or the time is up: a judge may have more to say after its
//! answer. Any certificate is taken. The exit status is 0 when there was an answer, 1 when not.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program says what it found")]

use std::process::ExitCode;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use seltzer::Channel;
use seltzer::client::ConnectivityState;
use seltzer::transport::ClientTlsConfig;
use seltzer_peers::arguments::Arguments;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tower_service::Service as _;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long all of it may take: h2specd waits three seconds for its clients.
const TIMEOUT: Duration = Duration::from_millis(2_500);

/// What a POST sends.
const BODY: &[u8] = b"five bytes and a few more";

fn main() -> ExitCode {
    match run() {
        Ok(status) => {
            println!("{status}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("http2_client: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<http::StatusCode, Error> {
    let mut arguments = Arguments::of_this_process();
    let method: http::Method = arguments.word("GET or POST")?;
    let url: http::Uri = arguments.word("URL")?;
    arguments.end()?;
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let deadline = Instant::now() + TIMEOUT;
        let authority = url.authority().ok_or("the URL has no host")?;
        let mut endpoint = Channel::from_shared(format!("{}://{authority}", url.scheme_str().unwrap_or("http")))?;
        if url.scheme_str() == Some("https") {
            endpoint = endpoint.tls_config(ClientTlsConfig::new().danger_accept_invalid_certificates(true))?;
        }
        let channel = endpoint.connect_lazy();
        let outcome = timeout_at(deadline, request(channel.clone(), method, url)).await;
        stay(&channel, deadline).await;
        outcome.map_err(|_| "there was no answer in time")?
    })
}

async fn request(mut channel: Channel, method: http::Method, url: http::Uri) -> Result<http::StatusCode, Error> {
    let body =
        if method == http::Method::POST { Body::new(Full::new(Bytes::from_static(BODY))) } else { Body::empty() };
    let request = http::Request::builder().method(method).uri(url).body(body)?;
    let response = channel.call(request).await?;
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    println!("{} bytes", body.len());
    Ok(head.status)
}

/// Waits until the connection is gone.
async fn stay(channel: &Channel, deadline: Instant) {
    let mut state = channel.watch_state();
    let gone =
        async { while *state.borrow_and_update() == ConnectivityState::Ready && state.changed().await.is_ok() {} };
    // The connection may be there to stay.
    let _ = timeout_at(deadline, gone).await;
}
