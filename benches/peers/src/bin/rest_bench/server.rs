//! The servers: ours, which speaks all protocols on one port, and axum's with the same handler.

use axum::Json;
use axum::routing::post;
use seltzer::connect::Connect;
use seltzer::gateway::Gateway;
use seltzer::{Request, Response, Server, Status, Streaming};
use seltzer_peers::schemas::shop::shop_server::{Shop, ShopServer};
use seltzer_peers::schemas::shop::{Invoice, Order};
use tokio_stream::StreamExt as _;

use crate::{Error, shop};

/// Bodies of this size are taken: more than any order here has.
const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Serves until the process ends.
pub(crate) async fn serve(whose: &str, port: u16) -> Result<(), Error> {
    match whose {
        "seltzer" => serve_seltzer(port).await,
        "axum" => serve_axum(port).await,
        other => Err(format!("there is no server {other}; there are seltzer and axum").into()),
    }
}

async fn serve_seltzer(port: u16) -> Result<(), Error> {
    let service = ShopServer::new(Till).max_decoding_message_size(BODY_BYTES_MAX);
    let server = Server::builder().add_service(service).speak(Connect::new()).speak(Gateway::new());
    Ok(server.serve(([127, 0, 0, 1], port).into()).await?)
}

async fn serve_axum(port: u16) -> Result<(), Error> {
    let priced = async |Json(order): Json<Order>| Json(shop::price(order));
    let limit = axum::extract::DefaultBodyLimit::max(BODY_BYTES_MAX);
    let router = axum::Router::new().route("/v1/price", post(priced)).layer(limit);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    // As our server does.
    let listener = axum::serve::ListenerExt::tap_io(listener, |io| {
        let _ = io.set_nodelay(true);
    });
    Ok(axum::serve(listener, router).await?)
}

struct Till;

impl Shop for Till {
    async fn price(&self, request: Request<Order>) -> Result<Response<Invoice>, Status> {
        Ok(Response::new(shop::price(request.into_inner())))
    }

    type PriceAllStream =
        tokio_stream::adapters::Map<Streaming<Order>, fn(Result<Order, Status>) -> Result<Invoice, Status>>;

    async fn price_all(&self, request: Request<Streaming<Order>>) -> Result<Response<Self::PriceAllStream>, Status> {
        Ok(Response::new(request.into_inner().map(|order| order.map(shop::price))))
    }
}
