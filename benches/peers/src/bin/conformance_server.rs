//! The server that Connect's conformance suite judges.

fn main() {}
