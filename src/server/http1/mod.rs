//! Connections that hyper serves: those that speak HTTP/1.1, and all of them under `Carrier::Hyper`.

use std::sync::Arc;

use seltzer_h2::Limits;

use crate::context::Peer;
use crate::server::accept::Shared;
use crate::server::connection::Served;
use crate::transport::hyper::server::{ConnectionSettings, serve_connection};
use crate::transport::io::Io;

/// Serves a connection of which `head` was read already.
pub(crate) async fn serve(io: Io, head: Vec<u8>, peer: Arc<Peer>, shared: &Shared) -> Served {
    let dispatcher = shared.dispatcher.clone();
    let handler = move |request| dispatcher.answer(request, &peer);
    let memory = shared.settings.shared_by_calls(shared.budget.as_ref());
    serve_connection(io.with_head(head), &settings(&shared.settings.limits), handler, shared.drain(), memory).await
}

/// Limits in hyper's words, as far as it knows them.
fn settings(limits: &Limits) -> ConnectionSettings {
    ConnectionSettings {
        stream_window_bytes: limits.stream_window_bytes,
        connection_window_bytes: limits.connection_window_bytes,
        concurrent_streams_max: limits.concurrent_streams_max,
        header_list_bytes_max: u32::try_from(limits.header_list_bytes_max).unwrap_or(u32::MAX),
        frame_bytes_max: limits.frame_bytes_max,
        keepalive_interval: limits.keepalive_interval,
        keepalive_timeout: limits.keepalive_timeout,
        header_read_timeout: limits.header_block_timeout,
    }
}
