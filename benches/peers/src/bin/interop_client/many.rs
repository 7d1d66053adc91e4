//! A thousand calls at once.

use tokio::task::JoinSet;

use crate::check::{self, Result};
use crate::connect::client;
use crate::flags::Flags;
use crate::schemas::{LARGE_RESPONSE, large};

/// How many calls run side by side on one channel.
const CALLS: usize = 1_000;

/// Every one of many large calls has its answer.
pub(crate) async fn large_unary(flags: Flags) -> Result {
    let client = client(&flags).await?;
    let mut calls = JoinSet::new();
    for _ in 0..CALLS {
        let client = client.clone();
        calls.spawn(async move { check::unary(client.unary_call(large()).await, LARGE_RESPONSE).map(drop) });
    }
    while let Some(call) = calls.join_next().await {
        call??;
    }
    Ok(())
}
