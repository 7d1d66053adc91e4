//! The `seltzer` command.

fn main() {}
