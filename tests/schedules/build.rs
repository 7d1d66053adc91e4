//! Copies the library's sources that tasks share, with another `std::sync` under them.

use std::path::PathBuf;

/// A file of the library, and what stands for `std::sync` and `tokio_util::sync` in it.
const FILES: [(&str, &str); 9] = [
    ("context/cancellation", "crate::weak"),
    ("context/reply", "crate::strong"),
    ("server/shared_body", "crate::strong"),
    ("pace", "crate::strong"),
    ("transport/h2/exchange", "crate::strong"),
    ("transport/h2/ready", "crate::strong"),
    ("transport/h2/memory", "crate::strong"),
    ("transport/h2/task", "crate::strong"),
    ("transport/response_body", "crate::strong"),
];

fn main() {
    let root = PathBuf::from("../../src");
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    for (file, sync) in FILES {
        let path = root.join(file).with_extension("rs");
        println!("cargo::rerun-if-changed={}", path.display());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        // Its own tests are for the real thing; and a file that is included has no documentation of its own.
        let code = text.split("\n#[cfg(test)]\nmod tests {").next().expect("there is a first part");
        let code: String =
            code.lines().filter(|line| !line.starts_with("//!")).map(|line| format!("{line}\n")).collect();
        let code = code.replace("tokio_util::sync", sync).replace("std::sync", sync);
        let name = file.replace('/', "_") + ".rs";
        std::fs::write(out.join(name), code).expect("OUT_DIR can be written");
    }
}
