//! Callers that are known by a bearer token.

use std::fmt;
use std::future::Future;
use std::hint::black_box;

use crate::service::interceptor::{Authenticator, CallHead};
use crate::status::Status;

/// Asks somebody else about the token of `authorization: Bearer ...`: a function of yours.
///
/// ```
/// use seltzer::Status;
/// use seltzer::server::{Authentication, BearerTokens};
///
/// #[derive(Clone)]
/// struct User(u64);
///
/// async fn look_up(token: &str) -> Option<User> {
///     # (token == "token123").then_some(User(7))
///     // ...
/// }
///
/// let authentication = Authentication::new(BearerTokens::verified_by(|token: String| async move {
///     look_up(&token).await.ok_or_else(|| Status::unauthenticated("the token is not known, or too old"))
/// }));
/// # drop(authentication);
/// ```
#[derive(Clone)]
pub struct BearerTokens<F> {
    verify: F,
}

impl<F, Fut, I> BearerTokens<F>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<I, Status>> + Send,
    I: Clone + Send + Sync + 'static,
{
    /// Asks this function, which gets the token and answers who has it.
    pub fn verified_by(verify: F) -> Self {
        BearerTokens { verify }
    }
}

impl<F, Fut, I> Authenticator for BearerTokens<F>
where
    F: Fn(String) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<I, Status>> + Send,
    I: Clone + Send + Sync + 'static,
{
    type Identity = I;

    async fn authenticate(&self, call: CallHead<'_>) -> Result<I, Status> {
        (self.verify)(call.bearer_token().ok_or_else(no_token)?.to_owned()).await
    }
}

/// Knows tokens that never change, and who has which.
///
/// How long a comparison takes tells nothing of the tokens but their lengths.
///
/// ```
/// use seltzer::server::{Authentication, StaticTokens};
///
/// let tokens = StaticTokens::new().with("token123", "alice").with("token456", "bob");
/// let authentication = Authentication::new(tokens);
/// # drop(authentication);
/// ```
#[derive(Clone)]
pub struct StaticTokens<I> {
    tokens: Vec<(String, I)>,
}

impl<I> StaticTokens<I> {
    /// None yet.
    #[must_use]
    pub fn new() -> Self {
        StaticTokens { tokens: Vec::new() }
    }

    /// Adds one, and who has it. An empty token is nobody's.
    #[must_use]
    pub fn with(mut self, token: impl Into<String>, identity: I) -> Self {
        self.tokens.push((token.into(), identity));
        self
    }

    fn find(&self, token: &str) -> Option<&I> {
        // All of them are compared, wherever the right one stands.
        self.tokens.iter().fold(
            None,
            |found, (known, identity)| {
                if is_equal(known.as_bytes(), token.as_bytes()) { Some(identity) } else { found }
            },
        )
    }
}

impl<I> Default for StaticTokens<I> {
    fn default() -> Self {
        StaticTokens::new()
    }
}

impl<I: Clone + Send + Sync + 'static> Authenticator for StaticTokens<I> {
    type Identity = I;

    async fn authenticate(&self, call: CallHead<'_>) -> Result<I, Status> {
        let token = call.bearer_token().ok_or_else(no_token)?;
        self.find(token).cloned().ok_or_else(|| Status::unauthenticated("this token is not known here"))
    }
}

fn no_token() -> Status {
    Status::unauthenticated("this call needs metadata `authorization: Bearer TOKEN`")
}

/// Compares in a time that depends on the lengths alone.
fn is_equal(known: &[u8], given: &[u8]) -> bool {
    if known.len() != given.len() || known.is_empty() {
        return false;
    }
    let difference =
        known.iter().zip(given).fold(0, |difference, (known, given)| black_box(difference | (known ^ given)));
    black_box(difference) == 0
}

impl<F> fmt::Debug for BearerTokens<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BearerTokens").finish_non_exhaustive()
    }
}

impl<I> fmt::Debug for StaticTokens<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticTokens({})", self.tokens.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_only_whole() {
        let tokens = StaticTokens::new().with("token123", 1).with("", 2).with("token4567", 3);
        let table = [
            ("token123", Some(1)),
            ("token4567", Some(3)),
            ("token124", None),
            ("token12", None),
            ("token1234", None),
            ("Token123", None),
            ("", None),
        ];
        for (token, expected) in table {
            assert_eq!(tokens.find(token).copied(), expected, "{token:?}");
        }
        assert_eq!(format!("{tokens:?}"), "StaticTokens(3)");
    }
}
