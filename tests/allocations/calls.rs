//! What a call allocates on the server's thread once everything is warm.
//!
//! A server on this thread's runtime answers a client on a thread of its own, over a unix socket, one call at a time.
//! The client is ours, whose header blocks repeat. Allocations are counted on the server's thread alone.

use std::sync::mpsc;
use std::time::Duration;

use seltzer::services::schemas::grpc::testing::benchmark_service_client::BenchmarkServiceClient;
use seltzer::services::schemas::grpc::testing::benchmark_service_server::BenchmarkServiceServer;
use seltzer::services::schemas::grpc::testing::{Payload, SimpleRequest};
use seltzer::services::testing::BenchmarkServiceHandler;
use seltzer::{Channel, Request, Response, Server, Status};
use seltzer_fixtures::tonic_style::echo::Message;
use seltzer_fixtures::tonic_style::echo::echo_client::EchoClient;
use seltzer_fixtures::tonic_style::echo::echo_server::{Echo, EchoServer};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

/// Enough for every buffer, table and cache to have its size.
const WARM_UP_CALLS: u64 = 300;
const CALLS: u64 = 1_000;
const ROUNDS: usize = 3;

/// A service as tonic generates it, with the shortest handler that there is.
struct TonicEcho;

type Messages = tokio_stream::Empty<Result<Message, Status>>;

#[tonic::async_trait]
impl Echo for TonicEcho {
    async fn unary(&self, request: Request<Message>) -> Result<Response<Message>, Status> {
        Ok(Response::new(request.into_inner()))
    }

    type ServerStreamStream = Messages;

    async fn server_stream(&self, _: Request<Message>) -> Result<Response<Messages>, Status> {
        Err(Status::unimplemented("not called here"))
    }

    async fn client_stream(&self, _: Request<tonic::Streaming<Message>>) -> Result<Response<Message>, Status> {
        Err(Status::unimplemented("not called here"))
    }

    type BidiStream = Messages;

    async fn bidi(&self, _: Request<tonic::Streaming<Message>>) -> Result<Response<Messages>, Status> {
        Err(Status::unimplemented("not called here"))
    }
}

/// What the client says in each call.
#[derive(Debug, Clone, Copy)]
enum Call {
    Plain,
    WithPayload,
    WithHeader,
    WithNewHeader,
    WithDeadline,
    TonicGenerated,
}

/// How many allocations a call may cost.
#[derive(Debug)]
enum Expected {
    Exactly(u64),
    /// On average: more than our own code has its share in it.
    AtMost(u64),
}

#[test]
fn a_steady_unary_call_allocates_what_its_message_holds() {
    let table = [
        (Call::Plain, Expected::Exactly(0)),
        // Its one field, which prost copies twice on its way into a `Vec`.
        (Call::WithPayload, Expected::Exactly(2)),
        // Metadata of its own: the two tables of a `HeaderMap`.
        (Call::WithHeader, Expected::Exactly(2)),
        // A header block that never came before, understood from the beginning.
        (Call::WithNewHeader, Expected::AtMost(24)),
        // Once a second the client writes the time that is left in another way: a header block that never came before.
        (Call::WithDeadline, Expected::AtMost(1)),
        // Fifteen of tonic's own: futures, boxes, buffers, header maps. Ours are the request's headers, which tonic takes
        // for its own, and its body with a box around it. One round in some has calls that got tasks of their own.
        (Call::TonicGenerated, Expected::AtMost(20)),
    ];
    for (call, expected) in table {
        let counted = allocations(call);
        println!("{call:?}: {counted} allocations in {CALLS} calls");
        match expected {
            Expected::Exactly(each) => assert_eq!(counted, each * CALLS, "{call:?}"),
            Expected::AtMost(each) => assert!(counted <= each * CALLS, "{call:?}: {counted}"),
        }
    }
}

struct Client {
    native: BenchmarkServiceClient,
    tonic_style: EchoClient<Channel>,
    number: usize,
}

impl Client {
    async fn connect(address: String) -> Self {
        let channel = Channel::connect(address).await.unwrap();
        Client {
            native: BenchmarkServiceClient::new(channel.clone()),
            tonic_style: EchoClient::new(channel),
            number: 0,
        }
    }

    async fn call(&mut self, call: Call) {
        self.number += 1;
        let mut request = Request::new(SimpleRequest::default());
        match call {
            Call::Plain => {}
            Call::WithPayload => {
                request.get_mut().payload = Some(Payload { body: vec![7; 100], ..Payload::default() });
            }
            Call::WithHeader => {
                request.metadata_mut().insert("x-user", "somebody".parse().unwrap());
            }
            Call::WithNewHeader => {
                request.metadata_mut().insert("x-request", format!("{:08}", self.number).parse().unwrap());
            }
            // So long that the client writes it in whole seconds, and almost always in the same way.
            Call::WithDeadline => request.set_timeout(Duration::from_secs(100 * 3600)),
            Call::TonicGenerated => {
                let message = Message { text: "somebody".to_owned() };
                let answer = self.tonic_style.unary(message.clone()).await.unwrap();
                return assert_eq!(answer.into_inner(), message);
            }
        }
        let answer = self.native.unary_call(request).await.unwrap();
        assert_eq!(answer.get_ref().payload, None);
    }
}

/// How many allocations the server's thread makes in [`CALLS`] calls.
///
/// The least of some rounds: where the thread loses its processor in the middle of a handler, that method counts as long
/// for the next calls, which then get tasks of their own.
fn allocations(call: Call) -> u64 {
    let runtime = runtime();
    let server = Server::builder()
        .add_service(BenchmarkServiceServer::new(BenchmarkServiceHandler))
        .add_service(EchoServer::new(TonicEcho));
    // Not over TCP, where the feature `tonic-compat` that other tests turn on puts an address into every request.
    let folder = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", folder.path().join("socket").display());
    let server = runtime.block_on(server.bind(address.as_str())).unwrap();
    runtime.spawn(server.serve());

    let (begin_round, rounds) = mpsc::channel();
    let client = std::thread::spawn(move || {
        self::runtime().block_on(async {
            let mut client = Client::connect(address).await;
            while let Ok((calls, ended)) = rounds.recv() {
                for _ in 0..calls {
                    client.call(call).await;
                }
                let ended: oneshot::Sender<()> = ended;
                ended.send(()).unwrap();
            }
        });
    });
    let round = |calls| {
        let (end, ended) = oneshot::channel();
        begin_round.send((calls, end)).unwrap();
        allocation_counter::measure(|| runtime.block_on(ended).unwrap()).count_total
    };
    round(WARM_UP_CALLS);
    let least = (0..ROUNDS).map(|_| round(CALLS)).min().unwrap();
    drop(begin_round);
    client.join().unwrap();
    least
}

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}
