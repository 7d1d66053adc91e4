//! The channels to the suite's servers: one each, for all calls to it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use seltzer::Channel;
use seltzer::connect::ConnectClient;
use seltzer::transport::{Carrier, Certificate, ClientTlsConfig, Endpoint, Identity};
use seltzer::web::GrpcWebClient;
use seltzer_peers::conformance::schemas::conformance_service_descriptor::SERVICE;
use seltzer_peers::conformance::schemas::{ClientCompatRequest, Codec, HttpVersion, Protocol};

use crate::Error;

/// How many connections a channel may have to a server over HTTP/1.1: as many as there are calls at once.
const HTTP1_CONNECTIONS_MAX: usize = crate::CALLS_MAX;

/// Channels by server, by what is shown to it, and by what is spoken.
#[derive(Debug, Default)]
pub(crate) struct Channels(Mutex<HashMap<Key, Channel>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    address: String,
    trusted: Vec<u8>,
    shown: Vec<u8>,
    protocol: Protocol,
    http_version: HttpVersion,
    codec: Codec,
    use_get: bool,
}

impl Channels {
    /// The channel for a call.
    pub(crate) fn get(&self, request: &ClientCompatRequest) -> Result<Channel, Error> {
        let key = Key {
            address: format!("{}:{}", request.host, request.port),
            trusted: request.server_tls_cert.clone(),
            shown: request.client_tls_creds.as_ref().map(|creds| creds.cert.clone()).unwrap_or_default(),
            protocol: request.protocol(),
            http_version: request.http_version(),
            codec: request.codec(),
            use_get: request.use_get_http_method,
        };
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(&key) {
            return Ok(channel.clone());
        }
        let channel = open(request, &key)?;
        channels.insert(key, channel.clone());
        Ok(channel)
    }
}

fn open(request: &ClientCompatRequest, key: &Key) -> Result<Channel, Error> {
    let scheme = if key.trusted.is_empty() { "http" } else { "https" };
    let mut endpoint = Channel::from_shared(format!("{scheme}://{}", key.address))?;
    if !key.trusted.is_empty() {
        let mut tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(&key.trusted));
        if let Some(creds) = &request.client_tls_creds {
            tls = tls.identity(Identity::from_pem(&creds.cert, &creds.key));
        }
        endpoint = endpoint.tls_config(tls)?;
    }
    let carrier = match std::env::var("SELTZER_CARRIER").as_deref() {
        Err(_) | Ok("" | "engine") => Carrier::Engine,
        Ok("hyper") => Carrier::Hyper,
        Ok(other) => return Err(format!("there is no carrier {other}; there are engine and hyper").into()),
    };
    let endpoint = match key.http_version {
        HttpVersion::HttpVersion1 => endpoint.http1_only().connections_max(HTTP1_CONNECTIONS_MAX),
        HttpVersion::HttpVersion2 => endpoint.carrier(carrier),
        other => return Err(format!("{} is not spoken here", other.as_str_name()).into()),
    };
    Ok(speaking(endpoint, key)?.connect_lazy())
}

fn speaking(endpoint: Endpoint, key: &Key) -> Result<Endpoint, Error> {
    let is_json = key.codec == Codec::Json;
    match (key.protocol, is_json) {
        (Protocol::Grpc, false) => Ok(endpoint),
        (Protocol::GrpcWeb, false) => Ok(endpoint.speak(GrpcWebClient::new())),
        (Protocol::Connect, _) => {
            let connect = ConnectClient::new().use_get(key.use_get).json(is_json);
            Ok(endpoint.speak(connect.schemas(SERVICE.file_descriptor_set)?))
        }
        (other, _) => Err(format!("{} is not spoken here in {}", other.as_str_name(), key.codec.as_str_name()).into()),
    }
}
