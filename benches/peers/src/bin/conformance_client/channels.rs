//! The channels to the suite's servers: one each, for all calls to it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use seltzer::Channel;
use seltzer::transport::{Carrier, Certificate, ClientTlsConfig, Identity};
use seltzer_peers::conformance::schemas::ClientCompatRequest;

use crate::Error;

/// Channels by server, and by what is shown to it.
#[derive(Debug, Default)]
pub(crate) struct Channels(Mutex<HashMap<Key, Channel>>);

#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    address: String,
    trusted: Vec<u8>,
    shown: Vec<u8>,
}

impl Channels {
    /// The channel for a call.
    pub(crate) fn get(&self, request: &ClientCompatRequest) -> Result<Channel, Error> {
        let key = Key {
            address: format!("{}:{}", request.host, request.port),
            trusted: request.server_tls_cert.clone(),
            shown: request.client_tls_creds.as_ref().map(|creds| creds.cert.clone()).unwrap_or_default(),
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
    Ok(endpoint.carrier(carrier).connect_lazy())
}
