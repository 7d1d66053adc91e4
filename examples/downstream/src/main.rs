//! A server and a client in one program, by somebody who knows seltzer from its README only.

pub mod hello {
    seltzer::include_proto!("hello");
}

use hello::greeter_client::GreeterClient;
use hello::greeter_server::{Greeter, GreeterServer};
use hello::{HelloReply, HelloRequest};
use seltzer::{Channel, Request, Response, Server, Status};

struct MyGreeter;

impl Greeter for MyGreeter {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let name = &request.get_ref().name;
        if name.is_empty() {
            return Err(Status::invalid_argument("whom shall I greet?"));
        }
        Ok(Response::new(HelloReply { message: format!("Hello, {name}") }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let server = Server::builder().add_service(GreeterServer::new(MyGreeter)).bind("localhost:0").await?;
    let address = server.local_addr().ok_or("it listens on TCP")?;
    tokio::spawn(server.serve());

    let client = GreeterClient::new(Channel::connect(format!("http://{address}")).await?);
    let reply = client.say_hello(HelloRequest { name: "Alice".into() }).await?;
    println!("{}", reply.get_ref().message);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn greets_without_a_socket() {
        let server = Server::builder().add_service(GreeterServer::new(MyGreeter)).serve_in_process().unwrap();
        let client = GreeterClient::new(Channel::in_process(&server));
        let reply = client.say_hello(HelloRequest { name: "Bob".into() }).await.unwrap();
        assert_eq!(reply.get_ref().message, "Hello, Bob");
        let status = client.say_hello(HelloRequest::default()).await.unwrap_err();
        assert_eq!(status.message(), "whom shall I greet?");
    }
}
