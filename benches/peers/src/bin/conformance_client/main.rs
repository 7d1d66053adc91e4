//! The client that Connect's conformance suite judges, started by its runner: reads on standard input which calls to
//! make, and says on standard output what became of each.

#![allow(clippy::print_stderr, reason = "a program says what is wrong")]

mod call;
mod channels;
mod outcome;

use std::process::ExitCode;
use std::sync::Arc;

use prost::Message as _;
use seltzer_peers::conformance::schemas::client_compat_response::Result as Came;
use seltzer_peers::conformance::schemas::{ClientCompatRequest, ClientCompatResponse, ClientErrorResult};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, Semaphore};
use tokio::task::JoinSet;

use crate::channels::Channels;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How many calls run at once. The runner has a limit of its own.
const CALLS_MAX: usize = 32;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let done = runtime.map_err(Error::from).and_then(|runtime| {
        let done = runtime.block_on(serve());
        // Standard input is read by a thread that nobody can interrupt.
        runtime.shutdown_background();
        done
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance_client: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), Error> {
    let mut input = tokio::io::stdin();
    let output = Arc::new(Mutex::new(tokio::io::stdout()));
    let channels = Arc::new(Channels::default());
    let places = Arc::new(Semaphore::new(CALLS_MAX));
    let mut calls = JoinSet::new();
    while let Some(request) = next(&mut input).await? {
        let place = Arc::clone(&places).acquire_owned().await?;
        let (output, channels) = (Arc::clone(&output), Arc::clone(&channels));
        calls.spawn(async move {
            let answer = answer(&channels, request).await.encode_to_vec();
            drop(place);
            let mut output = output.lock().await;
            output.write_all(&u32::try_from(answer.len())?.to_be_bytes()).await?;
            output.write_all(&answer).await?;
            output.flush().await?;
            Ok::<(), Error>(())
        });
        while let Some(call) = calls.try_join_next() {
            call??;
        }
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(())
}

/// The next request; none at the end of the input.
async fn next(input: &mut tokio::io::Stdin) -> Result<Option<ClientCompatRequest>, Error> {
    let length = match input.read_u32().await {
        Ok(length) => length,
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut request = vec![0; usize::try_from(length)?];
    input.read_exact(&mut request).await?;
    Ok(Some(ClientCompatRequest::decode(&*request)?))
}

async fn answer(channels: &Channels, request: ClientCompatRequest) -> ClientCompatResponse {
    let test_name = request.test_name.clone();
    let result = match call::make(channels, request).await {
        Ok(result) => Came::Response(result),
        Err(error) => Came::Error(ClientErrorResult { message: error.to_string() }),
    };
    ClientCompatResponse { test_name, result: Some(result) }
}
