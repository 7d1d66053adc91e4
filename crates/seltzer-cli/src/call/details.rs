//! The details of a status (`grpc-status-details-bin`), in JSON.

use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor, Value};
use seltzer::Status;
use seltzer::dynamic::message_to_json;

use crate::catalogue::NO_INCLUDES;

/// The schemas of `google.rpc.Status` and the usual details.
const GOOGLE_RPC: &[&str] = &["google/rpc/status.proto", "google/rpc/error_details.proto"];

/// A line for each detail: its type, and its content if the type is known.
pub(crate) fn lines(status: &Status, types: Option<&DescriptorPool>) -> Vec<String> {
    if status.details().is_empty() {
        return Vec::new();
    }
    let Ok(schemas) = seltzer_build::configure().load(GOOGLE_RPC, NO_INCLUDES) else { return Vec::new() };
    // The service's own schema may define details as well.
    let mut pools: Vec<DescriptorPool> = types.into_iter().cloned().collect();
    pools.push(schemas.descriptor_pool());
    match read(status.details(), &pools) {
        Some(lines) => lines,
        None => vec![format!("details of {} bytes that are no google.rpc.Status", status.details().len())],
    }
}

fn read(details: &[u8], pools: &[DescriptorPool]) -> Option<Vec<String>> {
    let status = DynamicMessage::decode(known("google.rpc.Status", pools)?, details).ok()?;
    let list = status.get_field_by_name("details")?;
    Some(list.as_list()?.iter().filter_map(Value::as_message).map(|any| line(any, pools)).collect())
}

/// One `google.protobuf.Any`: `google.rpc.BadRequest {"fieldViolations": [...]}`.
fn line(any: &DynamicMessage, pools: &[DescriptorPool]) -> String {
    let url = any.get_field_by_name("type_url");
    let url = url.as_deref().and_then(Value::as_str).unwrap_or_default();
    let name = url.rsplit('/').next().unwrap_or_default();
    let value = any.get_field_by_name("value");
    let bytes = value.as_deref().and_then(Value::as_bytes).cloned().unwrap_or_default();
    let length = bytes.len();
    let message = known(name, pools).and_then(|descriptor| DynamicMessage::decode(descriptor, bytes).ok());
    match message.and_then(|message| message_to_json(&message).ok()) {
        Some(json) => format!("{name} {json}"),
        None => format!("{name} ({length} bytes of a type that the schemas do not have)"),
    }
}

fn known(name: &str, pools: &[DescriptorPool]) -> Option<MessageDescriptor> {
    pools.iter().find_map(|pool| pool.get_message_by_name(name))
}

#[cfg(test)]
mod tests {
    use seltzer::Code;
    use seltzer::error_details::{ErrorDetails, StatusExt};

    use super::*;
    use crate::catalogue;

    fn lines_of(status: &Status) -> Vec<String> {
        let schemas = catalogue::demo_services().expect("they are built in");
        lines(status, Some(schemas.method("Calculator/Add").expect("it is built in").parent_pool()))
    }

    #[test]
    fn known_details_are_shown_in_json() {
        let mut details = ErrorDetails::with_bad_request_violation("name", "must not be empty");
        details.set_request_info("7", "");
        let lines = lines_of(&Status::with_error_details(Code::InvalidArgument, "bad", details));
        assert_eq!(lines.len(), 2, "{lines:?}");
        let violation =
            r#"google.rpc.BadRequest {"fieldViolations":[{"field":"name","description":"must not be empty""#;
        assert!(lines.iter().any(|line| line.starts_with(violation)), "{lines:?}");
        assert!(lines.iter().any(|line| line.starts_with(r#"google.rpc.RequestInfo {"requestId":"7""#)), "{lines:?}");
        assert!(lines_of(&Status::not_found("no details")).is_empty());
    }

    #[test]
    fn what_cannot_be_shown_is_said() {
        // google.rpc.Status { details: [Any { type_url: "x/a.B", value: [1, 2, 3] }] }
        let unknown = b"\x1a\x0c\x0a\x05x/a.B\x12\x03\x01\x02\x03";
        let status = Status::with_details(Code::Aborted, "", unknown.to_vec().into());
        assert_eq!(lines_of(&status), ["a.B (3 bytes of a type that the schemas do not have)"]);
        let status = Status::with_details(Code::Aborted, "", vec![0xff].into());
        assert_eq!(lines_of(&status), ["details of 1 bytes that are no google.rpc.Status"]);
    }
}
