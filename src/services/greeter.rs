//! The service `Greeter` (no package): greets in lower case.

use tonic::{Request, Response};

use crate::services::schemas::greeter::greeter_server::Greeter;
use crate::services::schemas::greeter::{HelloReply, HelloRequest};
use crate::status::Status;

/// Answers `hello NAME`, to `SayHelloAgain` as well.
#[derive(Debug, Clone, Default)]
pub struct GreeterHandler;

impl Greeter for GreeterHandler {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(greet(&request.get_ref().name)))
    }

    async fn say_hello_again(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(greet(&request.get_ref().name)))
    }
}

fn greet(name: &str) -> HelloReply {
    HelloReply { message: format!("hello {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_is_in_lower_case() {
        assert_eq!(greet("world").message, "hello world");
        assert_eq!(greet("").message, "hello ");
    }
}
