//! The service `hello.Greeter`: greets politely.

use tonic::{Request, Response};

use crate::services::schemas::hello::greeter_server::Greeter;
use crate::services::schemas::hello::{HelloReply, HelloRequest};
use crate::status::Status;

/// Answers `Hello, NAME`.
#[derive(Debug, Clone, Default)]
pub struct GreeterHandler;

impl Greeter for GreeterHandler {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        Ok(Response::new(greet(&request.get_ref().name)))
    }
}

fn greet(name: &str) -> HelloReply {
    HelloReply { message: format!("Hello, {name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_greeting_has_a_comma_and_no_mark() {
        assert_eq!(greet("Alice").message, "Hello, Alice");
    }
}
