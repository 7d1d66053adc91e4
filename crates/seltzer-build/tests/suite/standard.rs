//! The library's standard services: their Rust is checked in, so that nobody who uses them runs a schema compiler for
//! it. Here it is compared with what this crate generates.
//!
//! `SELTZER_WRITE_GENERATED=1 cargo test -p seltzer-build standard` writes it anew.

use std::fs;
use std::path::{Path, PathBuf};

use seltzer_build::{Builder, configure};

use crate::support::Generated;

/// Set, the files are written instead of compared.
const WRITE_VARIABLE: &str = "SELTZER_WRITE_GENERATED";

/// A schema of the library, and the types that the library has already, by their names in schemas.
type Standard = (&'static str, &'static [(&'static str, &'static str)]);

const STANDARD: &[Standard] = &[
    ("grpc/channelz/v1/channelz.proto", &[]),
    ("grpc/health/v1/health.proto", &[]),
    ("grpc/reflection/v1/reflection.proto", &[]),
    // The same messages under another name.
    ("grpc/reflection/v1alpha/reflection.proto", &[(".grpc.reflection.v1alpha", "::seltzer::reflection::pb::v1")]),
    // One module holds them all, and they find each other there.
    ("opentelemetry/proto/collector/metrics/v1/metrics_service.proto", &[]),
    ("opentelemetry/proto/collector/trace/v1/trace_service.proto", &[]),
    ("xds/service/orca/v3/orca.proto", &[(".xds.data.orca.v3", "::seltzer::orca")]),
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Clients need a channel, which is a feature of its own.
fn builder(elsewhere: &[(&str, &str)]) -> Builder {
    let builder = configure().client_mod_attribute(".", "#[cfg(feature = \"client\")]");
    elsewhere.iter().fold(builder, |builder, (proto, rust)| builder.extern_path(proto, rust))
}

#[test]
fn the_standard_services_are_up_to_date() {
    let directory = repository().join("src/generated");
    let generated = tempfile::tempdir().unwrap();
    for (schema, elsewhere) in STANDARD {
        let builder = builder(elsewhere);
        let schemas = builder.load(&[schema], &[repository().join("proto")]).unwrap();
        builder.generate_to(&schemas, generated.path()).unwrap();
    }
    let generated = Generated::read(generated.path());
    let is_writing = std::env::var_os(WRITE_VARIABLE).is_some();
    for name in generated.names() {
        let path = directory.join(name);
        if is_writing {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, generated.bytes(name)).unwrap();
        }
        let is_kept = fs::read(&path).is_ok_and(|kept| kept == generated.bytes(name));
        assert!(is_kept, "src/generated/{name} is not what {WRITE_VARIABLE}=1 would write");
    }
    assert_eq!(Generated::read(&directory).names(), generated.names(), "nothing else lies in src/generated/");
}
