//! Compiles schemas and writes their descriptors, comments included, as `protoc -o` does:
//! `descriptor_set OUT INCLUDE PROTO...`

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [out, include, protos @ ..] = &arguments[..] else {
        eprintln!("usage: descriptor_set OUT INCLUDE PROTO...");
        return ExitCode::from(2);
    };
    let schemas = seltzer_build::configure().include_source_info(true).load(protos, &[Path::new(include)]);
    let written = match schemas {
        Ok(schemas) => std::fs::write(out, schemas.descriptor_set()).map_err(|error| error.to_string()),
        Err(error) => Err(error.report(false)),
    };
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
