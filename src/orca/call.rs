//! The report of one call.

use prost::Message as _;

use crate::context;
use crate::metadata::MetadataValue;
use crate::service::{LOAD_REPORT, OrcaLoadReport};
use crate::status::Status;

/// Changes the report that goes with the running call's trailers. It may be called often, by anybody in the call: each
/// finds what those before have left.
///
/// # Errors
/// INTERNAL outside of a call.
///
/// ```
/// # fn example() -> Result<(), seltzer::Status> {
/// seltzer::orca::record(|report| {
///     report.request_cost.insert("rows".into(), 120.0);
///     report.named_metrics.insert("queue".into(), 3.0);
/// })?;
/// # Ok(())
/// # }
/// ```
pub fn record(change: impl FnOnce(&mut OrcaLoadReport)) -> Result<(), Status> {
    let recorded = context::current().change_trailing(|trailing| {
        let mut report = OrcaLoadReport::of(trailing).unwrap_or_default();
        change(&mut report);
        trailing.insert_bin(LOAD_REPORT, MetadataValue::from_bytes(&report.encode_to_vec()));
    });
    recorded.ok_or_else(|| Status::internal("a load report was recorded outside of a call"))
}
