//! A server that answers with what it saw: the head of the request, and how its first message travelled.

use std::net::SocketAddr;

use bytes::Bytes;
use prost::Message as _;
use seltzer::services::schemas::grpc::testing::{Payload, SimpleResponse};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::support::raw::framed;

/// A server of raw HTTP/2; ends when it is dropped.
pub(crate) struct Mirror {
    pub(crate) address: SocketAddr,
    serving: JoinHandle<()>,
}

impl Mirror {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let mut connection = h2::server::handshake(stream).await.unwrap();
                    while let Some(Ok((request, respond))) = connection.accept().await {
                        tokio::spawn(reflect(request, respond));
                    }
                });
            }
        });
        Mirror { address, serving }
    }

    pub(crate) fn uri(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn reflect(request: http::Request<h2::RecvStream>, mut respond: h2::server::SendResponse<Bytes>) {
    let (head, mut body) = request.into_parts();
    let mut received = Vec::new();
    while let Some(Ok(data)) = body.data().await {
        received.extend_from_slice(&data);
        let _ = body.flow_control().release_capacity(data.len());
    }
    let mut lines = vec![format!("{} {}", head.method, head.uri)];
    lines.extend(head.headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap_or("?"))));
    lines.push(format!("flag: {}", received.first().copied().unwrap_or_default()));
    let payload = Payload { body: lines.join("\n").into_bytes(), ..Payload::default() };
    let answer = SimpleResponse { payload: Some(payload), ..SimpleResponse::default() };
    let response = http::Response::builder().header("content-type", "application/grpc").body(()).unwrap();
    // The caller may be gone.
    let Ok(mut stream) = respond.send_response(response, false) else { return };
    let _ = stream.send_data(framed(0, &answer.encode_to_vec()).into(), false);
    let _ = stream.send_trailers([("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect());
}
