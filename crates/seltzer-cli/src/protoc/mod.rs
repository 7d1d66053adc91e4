//! `seltzer protoc` and `seltzer-protoc`: protoc's work with descriptors and plugins, under protoc's own flags.
//!
//! Needs nothing of the rest of the command line, so that `seltzer-protoc` is a small program.

mod archive;
mod argument_files;
mod canonical;
mod free_numbers;
mod help;
mod manifest;
mod options;
mod outputs;
mod plugin;
mod problem;
mod text_format;
mod transcode;
mod version;

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use seltzer_build::protoc::{Compiled, Sources};

use self::options::{Mode, Options};
use self::problem::{Failure, Kind, Problem, tell, tell_about};

/// Runs a command line without its first word; `program` is what that was.
pub(crate) fn main(program: &str, words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let mut words: Vec<String> = words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    if words.is_empty() {
        words.push("--help".to_owned());
    }
    let options = argument_files::expand(words).and_then(Options::read);
    let options = match options {
        Ok(options) => options,
        Err(problem) => {
            Failure::from(problem).tell(None);
            return ExitCode::FAILURE;
        }
    };
    match run(program, &options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(options.error_format);
            ExitCode::FAILURE
        }
    }
}

fn run(program: &str, options: &Options) -> Result<(), Failure> {
    match &options.mode {
        Mode::Help => return transcode::write(help::page(program).as_bytes()),
        Mode::Version => return transcode::write(format!("{}\n", version::LINE).as_bytes()),
        Mode::Notices => return transcode::write(help::NOTICES.as_bytes()),
        Mode::DecodeRaw => return transcode::decode_raw(),
        Mode::Compile | Mode::Encode(_) | Mode::Decode(_) => {}
    }
    let sources = sources(options)?;
    let compiled = sources.compile(&options.inputs)?;
    let has_warned = warn(options, &compiled);
    check_direct_dependencies(options, &compiled)?;
    match &options.mode {
        Mode::Encode(type_name) => transcode::encode(&compiled.descriptor_pool(), type_name),
        Mode::Decode(type_name) => transcode::decode(&compiled.descriptor_pool(), type_name),
        _ => write_outputs(options, &sources, &compiled),
    }?;
    // What was asked for is written all the same, as protoc does it.
    if options.fatal_warnings && has_warned { Err(Failure::Told) } else { Ok(()) }
}

/// Where schemas come from.
fn sources(options: &Options) -> Result<Sources, Failure> {
    let mut sources = Sources::default();
    for (virtual_path, disk) in &options.proto_path {
        if !disk.exists() {
            tell(&format!("{}: warning: directory does not exist.", disk.display()));
        }
        sources.include(virtual_path, disk);
    }
    for path in &options.descriptor_set_in {
        let shown = path.display().to_string();
        let set = fs::read(path).map_err(|error| Problem::new(format!("{shown}: {error}")))?;
        sources.descriptor_set(&shown, &set)?;
    }
    Ok(sources)
}

/// Prints the warnings; whether one of them counts for `--fatal_warnings`.
fn warn(options: &Options, compiled: &Compiled) -> bool {
    let warnings = compiled.warnings();
    for warning in &warnings {
        tell_about(&warning.error, Kind::Warning, options.error_format);
    }
    warnings.iter().any(|warning| warning.can_be_fatal)
}

/// `--direct_dependencies`: the only files that those on the command line may import.
fn check_direct_dependencies(options: &Options, compiled: &Compiled) -> Result<(), Failure> {
    let Some(allowed) = &options.direct_dependencies else { return Ok(()) };
    let pool = compiled.descriptor_pool();
    let mut is_violated = false;
    for file in compiled.listed().iter().filter_map(|name| pool.get_file_by_name(name)) {
        for import in file.dependencies().filter(|import| !allowed.iter().any(|name| name == import.name())) {
            is_violated = true;
            let message = match &options.direct_dependencies_violation {
                Some(message) => message.replace("%s", import.name()),
                None => format!("File is imported but not declared in --direct_dependencies: {}", import.name()),
            };
            tell(&format!("{}: {message}", file.name()));
        }
    }
    if is_violated { Err(Failure::Told) } else { Ok(()) }
}

/// Plugins first: nothing is written if one of them fails.
fn write_outputs(options: &Options, sources: &Sources, compiled: &Compiled) -> Result<(), Failure> {
    let places = plugin::run_all(options, compiled)?;
    for place in &places {
        place.write()?;
    }
    if let Some(path) = &options.descriptor_set_out {
        write_file(path, &compiled.descriptor_set(options.contents))?;
    }
    if let Some(path) = &options.dependency_out {
        let set = options.descriptor_set_out.iter().map(|path| path.display().to_string());
        let targets: Vec<String> = places.iter().flat_map(outputs::OutputFiles::paths).chain(set).collect();
        write_file(path, manifest::of(&targets, compiled, sources)?.as_bytes())?;
    }
    if options.print_free_field_numbers {
        transcode::write(free_numbers::of(&compiled.descriptor_pool(), compiled.listed()).as_bytes())?;
    }
    Ok(())
}

fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    fs::write(path, bytes).map_err(|error| Problem::new(format!("{}: {error}", path.display())).into())
}
