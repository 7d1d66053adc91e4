//! What gRPC means does not depend on what carries it: the tests of calls run over both carriers.

use std::process::Command;

use crate::support::CARRIER_VARIABLE;

/// The modules whose tests are about calls rather than about one carrier.
const SEMANTICS: [&str; 9] = [
    "calls::",
    "compression::",
    "deadlines::",
    "hedging::",
    "interception::",
    "lifecycle::",
    "retries::",
    "tonic_style::",
    "wire::",
];

#[test]
fn calls_are_the_same_over_hyper() {
    if std::env::var_os(CARRIER_VARIABLE).is_some() {
        return; // this is the second time round
    }
    let program = std::env::current_exe().unwrap();
    let again = Command::new(program).args(SEMANTICS).env(CARRIER_VARIABLE, "hyper").output().unwrap();
    let output = String::from_utf8_lossy(&again.stdout);
    assert!(again.status.success(), "over hyper:\n{output}");
    assert!(output.contains("test wire::") && output.contains("test calls::"), "nothing ran:\n{output}");
}
