//! Calls with one request and one response.

use crate::check::{self, Result, equal};
use crate::connect::client;
use crate::flags::Flags;
use crate::schemas::{Empty, LARGE_RESPONSE, SimpleRequest, large};

/// How many calls `pick_first_unary` makes.
const CALLS: usize = 20;

/// An empty request has an empty response.
pub(crate) async fn empty(flags: Flags) -> Result {
    let response = client(&flags).await?.empty_call(Empty {}).await?;
    equal("the response", response.get_ref(), &Empty {})
}

/// A large request has a large response.
pub(crate) async fn one_large(flags: Flags) -> Result {
    check::unary(client(&flags).await?.unary_call(large()).await, LARGE_RESPONSE)?;
    Ok(())
}

/// All calls reach the same server.
pub(crate) async fn pick_first(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let mut server = String::new();
    for number in 0..CALLS {
        let request = SimpleRequest { fill_server_id: true, ..SimpleRequest::default() };
        let response = client.unary_call(request).await?.into_inner();
        check::ensure(!response.server_id.is_empty(), "the server does not name itself")?;
        if number > 0 {
            equal("the server", &response.server_id, &server)?;
        }
        server = response.server_id;
    }
    Ok(())
}
