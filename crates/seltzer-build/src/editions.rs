//! Schemas of editions: read by a parser of ours, compiled in a disguise that the compiler underneath takes, and lowered
//! to what generators know. What they were before that is kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use prost::Message;
use prost_reflect::{DescriptorError, DescriptorPool};
use protox::file::File;
use seltzer_syntax::descriptor::{FileDescriptorProto, FileDescriptorSet, SourceCodeInfo};
use seltzer_syntax::{DESCRIPTOR_FILE, RuleError, SyntaxError};

use crate::check::range_in;
use crate::error::Error;
use crate::resolver::{Seen, Source};

/// A schema of an edition that was read.
#[derive(Debug, Clone)]
pub(crate) struct Parsed {
    file: FileDescriptorProto,
    /// What the compiler got to see.
    disguised: Vec<u8>,
}

/// Reads a schema of an edition.
pub(crate) fn open(name: &str, source: &Source) -> Result<Parsed, Error> {
    let file = seltzer_syntax::parse(name, &source.text).map_err(|error| syntax_error(&error, name, source))?;
    let disguised = seltzer_syntax::disguise(&file, &source.text).encode_to_vec();
    Ok(Parsed { file, disguised })
}

impl Parsed {
    /// What the compiler takes.
    pub(crate) fn to_file(&self) -> File {
        File::decode_file_descriptor_proto(self.disguised.as_slice()).expect("it was encoded a moment ago")
    }
}

fn syntax_error(error: &SyntaxError, name: &str, source: &Source) -> Error {
    let told = Error::new(error.message()).in_file(source.display_name(name), &source.text).mark(error.range(), "here");
    match error.hint() {
        Some(hint) => told.with_hint(hint),
        None => told,
    }
}

/// Compiled schemas, those of editions lowered.
#[derive(Debug)]
pub(crate) struct Lowered {
    pub(crate) pool: DescriptorPool,
    /// What files of editions were before, encoded, by import name.
    pub(crate) originals: HashMap<String, Vec<u8>>,
}

/// Checks the rules of editions and lowers their files, if there are any. `listed` are the names of the files that were
/// asked for: what they do not need, directly or by others, is dropped.
pub(crate) fn lower(pool: DescriptorPool, listed: &HashSet<String>, seen: &Seen) -> Result<Lowered, Error> {
    if seen.parsed.is_empty() {
        return Ok(Lowered { pool, originals: HashMap::new() });
    }
    let compiled: Vec<FileDescriptorProto> = pool.files().map(|file| decode(&file.encode_to_vec())).collect();
    let mut places: HashMap<String, Option<SourceCodeInfo>> = HashMap::new();
    let file = compiled.into_iter().map(|file| match seen.parsed.get(file.name()) {
        Some(parsed) => {
            places.insert(file.name().to_owned(), file.source_code_info.clone());
            seltzer_syntax::undisguise(file, &parsed.file)
        }
        None => file,
    });
    let set = FileDescriptorSet { file: file.collect() };
    seltzer_syntax::check(&set).map_err(|error| rule_error(&error, &places, seen))?;
    let set = needed(set, listed);
    let mut lowered = seltzer_syntax::lower(&set).map_err(|error| rule_error(&error, &places, seen))?;
    for file in &mut lowered.file {
        if let Some(info) = places.get(file.name()) {
            file.source_code_info.clone_from(info);
        }
    }
    let pool = DescriptorPool::decode(lowered.encode_to_vec().as_slice()).map_err(|error| unexpected(&error, seen))?;
    let originals = set.file.iter().filter(|file| seen.parsed.contains_key(file.name()));
    let originals = originals.map(|file| (file.name().to_owned(), file.encode_to_vec())).collect();
    Ok(Lowered { pool, originals })
}

fn decode(bytes: &[u8]) -> FileDescriptorProto {
    FileDescriptorProto::decode(bytes).expect("the compiler encodes valid descriptors")
}

/// A set without the definitions of features, if only the disguise has imported them.
fn needed(mut set: FileDescriptorSet, listed: &HashSet<String>) -> FileDescriptorSet {
    let imports: BTreeMap<&str, Vec<&str>> = set
        .file
        .iter()
        .map(|file| {
            let imports = file.dependency.iter().chain(&file.option_dependency).map(String::as_str);
            (file.name(), imports.collect())
        })
        .collect();
    let mut open: Vec<&str> = listed.iter().map(String::as_str).collect();
    let mut wanted = HashSet::new();
    while let Some(name) = open.pop() {
        if wanted.insert(name.to_owned()) {
            open.extend(imports.get(name).into_iter().flatten());
        }
    }
    set.file.retain(|file| file.name() != DESCRIPTOR_FILE || wanted.contains(file.name()));
    set
}

fn rule_error(error: &RuleError, places: &HashMap<String, Option<SourceCodeInfo>>, seen: &Seen) -> Error {
    let told = Error::new(error.message()).with_hint(error.hint());
    let Some(source) = seen.sources.get(error.file()) else {
        return told;
    };
    let info = places.get(error.file()).and_then(Option::as_ref);
    let range = info.and_then(|info| range_in(info, error.path(), &source.text));
    told.in_file(source.display_name(error.file()), &source.text).mark(range.unwrap_or(0..0), "here")
}

/// Lowered schemas are valid, with one exception: names that are the same in JSON, which editions may allow.
fn unexpected(error: &DescriptorError, seen: &Seen) -> Error {
    let told = Error::new(format!("this edition cannot be lowered: {error}"));
    let told = told.with_hint("rename what it complains about, or write proto3 or proto2 instead of the edition");
    let place = error.file().zip(error.path());
    let Some(((name, _), source)) = place.and_then(|place| Some((place, seen.sources.get(place.0)?))) else {
        return told;
    };
    told.in_file(source.display_name(name), &source.text)
}

/// What the compiler complains about in a file of an edition, once more and with the text at hand.
pub(crate) fn complaint(error: &protox::Error, mut pool: DescriptorPool, seen: &Seen) -> Option<DescriptorError> {
    if error.is_file_not_found() {
        return None;
    }
    let name = error.file()?;
    let parsed = seen.parsed.get(name)?;
    let complaint = pool.decode_file_descriptor_proto(parsed.disguised.as_slice()).err()?;
    Some(complaint.with_source_code(&seen.sources.get(name)?.text))
}
