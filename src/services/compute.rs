//! The service `compute.Compute`: measures a text.

use tonic::{Request, Response};

use crate::services::schemas::compute::compute_server::Compute;
use crate::services::schemas::compute::{HelloReply, HelloRequest};
use crate::status::Status;

/// Answers how many characters a text has.
#[derive(Debug, Clone, Default)]
pub struct ComputeHandler;

impl Compute for ComputeHandler {
    async fn say_hello(&self, request: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
        let result = character_count(&request.get_ref().helloworld).to_string();
        Ok(Response::new(HelloReply { result }))
    }
}

/// Unicode scalar values, which is what Python's `len` counts too; neither bytes nor what a reader takes for
/// one character.
fn character_count(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_are_unicode_scalar_values() {
        let table = [("", 0), ("hello", 5), ("你好，世界", 5), ("e\u{301}", 2), ("👩‍🚀", 3), ("🇳🇿", 2)];
        for (text, count) in table {
            assert_eq!(character_count(text), count, "{text:?}");
        }
    }
}
