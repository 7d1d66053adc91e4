//! The service `grpc.channelz.v1.Channelz`.

use tonic::{Request, Response};

use crate::channelz::message;
use crate::channelz::pb;
use crate::channelz::registry::Channelz;
use crate::status::Status;

/// How many results a page has, at most, whatever was asked for.
pub const RESULTS_MAX: usize = 100;

/// Shows callers what is in a [`Channelz`].
#[derive(Debug, Clone)]
pub struct ChannelzHandler {
    channelz: Channelz,
}

impl ChannelzHandler {
    pub(super) fn new(channelz: Channelz) -> Self {
        ChannelzHandler { channelz }
    }
}

/// How many results were asked for.
///
/// # Errors
/// INVALID_ARGUMENT for numbers below zero.
fn page(start: i64, max_results: i64) -> Result<usize, Status> {
    let below_zero = |what| Status::invalid_argument(format!("{what} is below zero"));
    if start < 0 {
        return Err(below_zero("the first number"));
    }
    match usize::try_from(max_results) {
        Ok(0) => Ok(RESULTS_MAX),
        Ok(max) => Ok(max.min(RESULTS_MAX)),
        Err(_) => Err(below_zero("max_results")),
    }
}

fn not_found(what: &str, id: i64) -> Status {
    Status::not_found(format!("there is no {what} {id}"))
}

impl pb::channelz_server::Channelz for ChannelzHandler {
    async fn get_top_channels(
        &self,
        request: Request<pb::GetTopChannelsRequest>,
    ) -> Result<Response<pb::GetTopChannelsResponse>, Status> {
        let pb::GetTopChannelsRequest { start_channel_id, max_results } = request.into_inner();
        let number = page(start_channel_id, max_results)?;
        #[cfg(feature = "client")]
        let (channel, end) = {
            let (channels, end) = self.channelz.channels(start_channel_id, number);
            (channels.iter().map(|channel| message::channel(channel)).collect(), end)
        };
        // A program without channels has all of none.
        #[cfg(not(feature = "client"))]
        let (channel, end) = (Vec::new(), number > 0);
        Ok(Response::new(pb::GetTopChannelsResponse { channel, end }))
    }

    async fn get_servers(
        &self,
        request: Request<pb::GetServersRequest>,
    ) -> Result<Response<pb::GetServersResponse>, Status> {
        let pb::GetServersRequest { start_server_id, max_results } = request.into_inner();
        let (servers, end) = self.channelz.servers(start_server_id, page(start_server_id, max_results)?);
        let server = servers.iter().map(|server| message::server(server)).collect();
        Ok(Response::new(pb::GetServersResponse { server, end }))
    }

    async fn get_server(
        &self,
        request: Request<pb::GetServerRequest>,
    ) -> Result<Response<pb::GetServerResponse>, Status> {
        let id = request.into_inner().server_id;
        let server = self.channelz.server(id).ok_or_else(|| not_found("server", id))?;
        Ok(Response::new(pb::GetServerResponse { server: Some(message::server(&server)) }))
    }

    async fn get_server_sockets(
        &self,
        request: Request<pb::GetServerSocketsRequest>,
    ) -> Result<Response<pb::GetServerSocketsResponse>, Status> {
        let pb::GetServerSocketsRequest { server_id, start_socket_id, max_results } = request.into_inner();
        let number = page(start_socket_id, max_results)?;
        let server = self.channelz.server(server_id).ok_or_else(|| not_found("server", server_id))?;
        let (sockets, end) = server.connections(start_socket_id, number);
        let socket_ref = sockets.iter().map(|socket| message::socket_ref(socket)).collect();
        Ok(Response::new(pb::GetServerSocketsResponse { socket_ref, end }))
    }

    async fn get_channel(
        &self,
        request: Request<pb::GetChannelRequest>,
    ) -> Result<Response<pb::GetChannelResponse>, Status> {
        let id = request.into_inner().channel_id;
        #[cfg(feature = "client")]
        if let Some(channel) = self.channelz.channel(id) {
            return Ok(Response::new(pb::GetChannelResponse { channel: Some(message::channel(&channel)) }));
        }
        Err(not_found("channel", id))
    }

    async fn get_subchannel(
        &self,
        request: Request<pb::GetSubchannelRequest>,
    ) -> Result<Response<pb::GetSubchannelResponse>, Status> {
        let id = request.into_inner().subchannel_id;
        #[cfg(feature = "client")]
        if let Some(subchannel) = self.channelz.subchannel(id) {
            let subchannel = Some(message::subchannel(&subchannel));
            return Ok(Response::new(pb::GetSubchannelResponse { subchannel }));
        }
        Err(not_found("subchannel", id))
    }

    async fn get_socket(
        &self,
        request: Request<pb::GetSocketRequest>,
    ) -> Result<Response<pb::GetSocketResponse>, Status> {
        let id = request.into_inner().socket_id;
        let socket = self.channelz.socket(id).ok_or_else(|| not_found("socket", id))?;
        Ok(Response::new(pb::GetSocketResponse { socket: Some(message::socket(&socket)) }))
    }
}
