//! Runs plugins: finds the program, hands it the request, reads its answer.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use prost::Message;
use prost_types::compiler::CodeGeneratorResponse;
use prost_types::compiler::code_generator_response::Feature;
use seltzer_build::protoc::Compiled;

use crate::protoc::options::{Options, Output};
use crate::protoc::outputs::OutputFiles;
use crate::protoc::problem::Problem;
use crate::protoc::version;

/// Generators that are part of protoc itself.
const BUILT_INTO_PROTOC: &[&str] =
    &["cpp", "csharp", "java", "kotlin", "objc", "php", "pyi", "python", "ruby", "rust", "upb", "upbdefs"];

/// Runs the plugin of every `--NAME_out`; gives what is to be written, a place each.
///
/// # Errors
/// A plugin is missing, fails, complains, or its files do not fit together with those of others.
pub(crate) fn run_all(options: &Options, compiled: &Compiled) -> Result<Vec<OutputFiles>, Problem> {
    let mut places: Vec<(String, OutputFiles)> = Vec::new();
    for output in &options.outputs {
        let response = run(options, output, compiled).map_err(|problem| problem.of_flag(&output.name))?;
        let index = match places.iter().position(|(location, _)| *location == output.location) {
            Some(index) => index,
            None => {
                let files = OutputFiles::new(&output.location, options.unsafe_allow_out_dir_escape);
                places.push((output.location.clone(), files));
                places.len() - 1
            }
        };
        places[index].1.add(response.file).map_err(|problem| problem.of_flag(&output.name))?;
    }
    Ok(places.into_iter().map(|(_, files)| files).collect())
}

fn run(options: &Options, output: &Output, compiled: &Compiled) -> Result<CodeGeneratorResponse, Problem> {
    let plugin = format!("protoc-gen-{}", output.name);
    let program = match options.plugins.get(&plugin) {
        Some(path) => path.clone(),
        None => in_path(&plugin).ok_or_else(|| missing(&output.name, &plugin))?,
    };
    let more = options.parameters.get(&output.name).map_or("", String::as_str);
    let separator = if output.parameter.is_empty() || more.is_empty() { "" } else { "," };
    let parameter = format!("{}{separator}{more}", output.parameter);
    let answer = ask(&program, &plugin, compiled.generator_request(&parameter, version::PLUGIN))?;
    let response = CodeGeneratorResponse::decode(answer.as_slice()).map_err(|error| {
        Problem::new(format!("{plugin}: Plugin output is unparseable: {error}"))
            .with_hint("a plugin writes a CodeGeneratorResponse to standard output, and nothing else")
    })?;
    if let Some(error) = response.error.as_ref().filter(|error| !error.is_empty()) {
        return Err(Problem::new(error.clone()));
    }
    let knows_optional = response.supported_features() & Feature::Proto3Optional as u64 != 0;
    if let Some(file) = compiled.with_proto3_optional().next().filter(|_| !knows_optional) {
        return Err(Problem::new(format!(
            "{file} is a proto3 file that contains optional fields, but code generator {plugin} hasn't been updated \
             to support optional fields in proto3."
        ))
        .with_hint("install a newer version of the plugin"));
    }
    Ok(response)
}

/// Gives a program its request and reads its whole answer.
fn ask(program: &Path, plugin: &str, request: Vec<u8>) -> Result<Vec<u8>, Problem> {
    let mut child = Command::new(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(|error| {
        Problem::new(format!("{plugin}: cannot run {}: {error}", program.display()))
            .with_hint("is it there, and may it be executed?")
    })?;
    let mut stdin = child.stdin.take().expect("it was asked for");
    // On a thread of its own: a plugin may answer before it has read everything. One that does not read at all fails
    // in a way of its own, so that a broken pipe here does not matter.
    let writer = thread::spawn(move || {
        let _ = stdin.write_all(&request);
    });
    let output = child.wait_with_output();
    let _ = writer.join();
    let output = output.map_err(|error| Problem::new(format!("{plugin}: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(match output.status.code() {
        Some(code) => Problem::new(format!("{plugin}: Plugin failed with status code {code}.")),
        None => Problem::new(format!("{plugin}: Plugin killed: {}.", output.status)),
    })
}

/// A program in one of the directories of `PATH`.
fn in_path(name: &str) -> Option<PathBuf> {
    let name = format!("{name}{}", env::consts::EXE_SUFFIX);
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|directory| directory.join(&name)).find(|program| is_executable(program))
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

fn missing(name: &str, plugin: &str) -> Problem {
    let problem = Problem::new(format!("{plugin}: program not found or is not executable"));
    if BUILT_INTO_PROTOC.contains(&name) {
        return problem.with_hint(format!(
            "the generator of --{name}_out is part of protoc itself, and no program of its own: this command has \
             none. It runs any plugin: put one called {plugin} into PATH, or name it with --plugin={plugin}=PATH. \
             `seltzer compile --rust-out` generates Rust"
        ));
    }
    problem.with_hint(format!("put it into PATH, or name it with --plugin={plugin}=PATH"))
}
