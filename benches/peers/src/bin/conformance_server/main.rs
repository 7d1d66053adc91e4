//! The server that Connect's conformance suite judges, started by its runner: reads on standard input what it has to
//! be, says on standard output where it is, and serves until it is stopped.

#![allow(clippy::print_stderr, reason = "a program says what is wrong")]

mod answers;
mod service;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use prost::Message as _;
use seltzer::Server;
use seltzer::codec::CompressionEncoding;
use seltzer::connect::Connect;
use seltzer::transport::{Carrier, Certificate, Identity, ServerTlsConfig};
use seltzer::web::GrpcWeb;
use seltzer_peers::conformance::schemas::conformance_service_server::ConformanceServiceServer;
use seltzer_peers::conformance::schemas::{ServerCompatRequest, ServerCompatResponse};

use crate::service::Conformance;

type Error = Box<dyn std::error::Error>;

/// The address that the runner's certificate is for.
const HOST: &str = "127.0.0.1";

fn main() -> ExitCode {
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("conformance_server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve() -> Result<(), Error> {
    let mut length = [0; 4];
    std::io::stdin().read_exact(&mut length)?;
    let mut request = vec![0; u32::from_be_bytes(length) as usize];
    std::io::stdin().read_exact(&mut request)?;
    let request = ServerCompatRequest::decode(&*request)?;

    let mut server = configured(Server::builder())?
        .add_service(ConformanceServiceServer::new(Conformance))
        .send_compressed(CompressionEncoding::Gzip)
        .speak(Connect::new())
        .speak(GrpcWeb::new());
    if request.message_receive_limit > 0 {
        server = server.max_decoding_message_size(request.message_receive_limit as usize);
    }
    let mut response = ServerCompatResponse { host: HOST.to_owned(), ..ServerCompatResponse::default() };
    if request.use_tls {
        let identity = request.server_creds.ok_or("TLS is wanted, but there is no certificate")?;
        let mut tls = ServerTlsConfig::new().identity(Identity::from_pem(&identity.cert, &identity.key));
        if !request.client_tls_cert.is_empty() {
            tls = tls.client_ca_root(Certificate::from_pem(&request.client_tls_cert));
        }
        server = server.tls_config(tls)?;
        response.pem_cert = identity.cert;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let server = server.bind(format!("{HOST}:0")).await?;
        response.port = server.local_addr().ok_or("it listens on TCP")?.port().into();
        let response = response.encode_to_vec();
        let mut output = std::io::stdout().lock();
        output.write_all(&(response.len() as u32).to_be_bytes())?;
        output.write_all(&response)?;
        output.flush()?;
        drop(output);
        server.serve().await.map_err(Into::into)
    })
}

/// The carrier that `SELTZER_CARRIER` names.
fn configured(server: Server) -> Result<Server, Error> {
    match std::env::var("SELTZER_CARRIER").as_deref() {
        Err(_) | Ok("") => Ok(server),
        Ok("engine") => Ok(server.carrier(Carrier::Engine)),
        Ok("hyper") => Ok(server.carrier(Carrier::Hyper)),
        Ok(other) => Err(format!("there is no carrier {other}; there are engine and hyper").into()),
    }
}
