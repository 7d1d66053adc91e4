//! The service `helloworld.Greeter`: greets once, or ten times in a stream.

use std::ops::Range;

use tonic::{Request, Response};

use crate::services::schemas::helloworld::greeter_server::Greeter;
use crate::services::schemas::helloworld::{HelloReply, HelloRequest};
use crate::status::Status;

/// Answers `Hello, NAME!`.
#[derive(Debug, Clone, Default)]
pub struct GreeterHandler;

/// Ten greetings, each with its number.
#[derive(Debug)]
pub struct Greetings {
    name: String,
    numbers: Range<u32>,
}

/// How many greetings `SayHelloStreamReply` sends.
const GREETING_COUNT: u32 = 10;

impl Greeter for GreeterHandler {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let message = format!("Hello, {}!", request.get_ref().name);
        Ok(Response::new(HelloReply { message }))
    }

    type SayHelloStreamReplyStream = tokio_stream::Iter<Greetings>;

    async fn say_hello_stream_reply(
        &self,
        request: Request<HelloRequest>,
    ) -> Result<Response<Self::SayHelloStreamReplyStream>, Status> {
        let greetings = Greetings { name: request.into_inner().name, numbers: 0..GREETING_COUNT };
        Ok(Response::new(tokio_stream::iter(greetings)))
    }
}

impl Iterator for Greetings {
    type Item = Result<HelloReply, Status>;

    fn next(&mut self) -> Option<Self::Item> {
        let number = self.numbers.next()?;
        Some(Ok(HelloReply { message: format!("Hello number {number}, {}!", self.name) }))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failed greeting is a failed test.

    use super::*;

    #[test]
    fn ten_greetings_are_counted_from_zero() {
        let greetings = Greetings { name: "you".to_owned(), numbers: 0..GREETING_COUNT };
        let messages: Vec<_> = greetings.map(|greeting| greeting.unwrap().message).collect();
        assert_eq!(messages.len(), 10);
        assert_eq!(messages[0], "Hello number 0, you!");
        assert_eq!(messages[9], "Hello number 9, you!");
    }
}
