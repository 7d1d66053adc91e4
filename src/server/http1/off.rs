//! Connections that speak HTTP/1.1, without the feature `http1`: they are told so.

use std::sync::Arc;

use crate::context::Peer;
use crate::server::accept::Shared;
use crate::server::connection::Served;
use crate::transport::http2_alone;
use crate::transport::io::Io;

/// Turns a client away of whose request `head` was read already.
pub(crate) async fn serve(io: Io, head: Vec<u8>, peer: Arc<Peer>, shared: &Shared) -> Served {
    let peer = peer.remote_addr.map(tracing::field::display);
    tracing::debug!(peer, "a client speaks HTTP/1.1, which seltzer has with the feature `http1`");
    Ok(http2_alone::refuse(io, &head, shared.drain()).await?)
}
