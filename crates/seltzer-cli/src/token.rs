//! `--token`: who may call.

use std::hint::black_box;

use seltzer::{Request, Status};

/// Lets calls through that carry `authorization: Bearer TOKEN`.
#[derive(Clone)]
pub(crate) struct TokenCheck {
    expected: String,
}

impl TokenCheck {
    pub(crate) fn new(token: &str) -> Self {
        TokenCheck { expected: format!("Bearer {token}") }
    }

    /// # Errors
    /// UNAUTHENTICATED, with what to send.
    pub(crate) fn check(&self, request: Request<()>) -> Result<Request<()>, Status> {
        match request.metadata().get("authorization") {
            Some(value) if is_same(value.as_bytes(), self.expected.as_bytes()) => Ok(request),
            Some(value) if value.as_bytes().starts_with(b"Bearer ") => Err(refused("this token is not accepted here")),
            Some(_) => Err(refused("the metadata `authorization` is not of the form `Bearer TOKEN`")),
            None => Err(refused("the call carries no token")),
        }
    }
}

fn refused(why: &str) -> Status {
    Status::unauthenticated(format!("{why}: send the metadata `authorization: Bearer TOKEN`"))
}

/// Compares in a time that does not tell how much of a guess was right.
fn is_same(left: &[u8], right: &[u8]) -> bool {
    let difference = left.iter().zip(right).fold(0, |difference, (a, b)| black_box(difference | (a ^ b)));
    left.len() == right.len() && difference == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_lets_a_call_through() {
        let table = [
            (Some("Bearer token123"), None),
            (Some("Bearer token124"), Some("not accepted")),
            (Some("Bearer token1234"), Some("not accepted")),
            (Some("Bearer token12"), Some("not accepted")),
            (Some("bearer token123"), Some("not of the form")),
            (Some("token123"), Some("not of the form")),
            (None, Some("no token")),
        ];
        for (sent, refusal) in table {
            let mut request = Request::new(());
            if let Some(sent) = sent {
                request.metadata_mut().insert("authorization", sent.parse().expect("ascii"));
            }
            let answer = TokenCheck::new("token123").check(request).map_err(|status| status.message().to_owned()).err();
            match (answer, refusal) {
                (None, None) => {}
                (Some(message), Some(part)) => assert!(message.contains(part), "{sent:?}: {message}"),
                (answer, refusal) => panic!("{sent:?}: {answer:?} instead of {refusal:?}"),
            }
        }
    }
}
