//! Finds a schema by its import name: include directories, descriptor sets, then built-in schemas.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use prost_types::FileDescriptorProto;
use protox::file::{File, FileResolver, GoogleFileResolver};

use crate::builtin;
use crate::check::text;
use crate::editions::{self, Parsed};
use crate::error::Error;
use crate::mend::{self, Mended};
use crate::scan;

/// Messages and option values may be nested this deep: a hundred levels are more than any schema
/// has, and the compiler recurses once a level.
const NESTING_DEPTH_MAX: usize = 100;

/// A directory in which imports are looked up.
#[derive(Debug, Clone)]
pub(crate) struct Root {
    /// What import names under this directory start with; empty for an ordinary directory.
    pub(crate) prefix: String,
    pub(crate) directory: PathBuf,
}

impl Root {
    pub(crate) fn new(prefix: &str, directory: &Path) -> Self {
        Root { prefix: prefix.trim_matches('/').to_owned(), directory: directory.to_owned() }
    }

    /// The path that an import name has under this directory.
    pub(crate) fn path_of(&self, name: &str) -> Option<PathBuf> {
        if self.prefix.is_empty() {
            // What the working directory holds is called as the user calls it.
            let is_working_directory = self.directory == Path::new(".");
            return Some(if is_working_directory { name.into() } else { self.directory.join(name) });
        }
        // A single file can be mapped too.
        if self.prefix == name {
            return Some(self.directory.clone());
        }
        let rest = name.strip_prefix(&self.prefix)?.strip_prefix('/')?;
        Some(self.directory.join(rest))
    }

    /// The import name of a file under this directory.
    pub(crate) fn name_of(&self, path: &Path) -> Option<String> {
        let relative = relative_to(path, &self.directory)?;
        if !self.prefix.is_empty() && relative.as_os_str().is_empty() {
            return Some(self.prefix.clone());
        }
        let mut parts = Vec::new();
        if !self.prefix.is_empty() {
            parts.push(self.prefix.clone());
        }
        for component in relative.components() {
            match component {
                Component::Normal(part) => parts.push(part.to_str()?.to_owned()),
                Component::CurDir => {}
                _ => return None,
            }
        }
        Some(parts.join("/"))
    }
}

/// A schema that was read.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// Where it lies on disk; a built-in schema lies nowhere.
    pub(crate) path: Option<PathBuf>,
    pub(crate) text: String,
}

impl Source {
    /// What errors call it.
    pub(crate) fn display_name(&self, name: &str) -> String {
        match &self.path {
            Some(path) => path.display().to_string(),
            None => format!("{name} (built in)"),
        }
    }
}

/// What the resolver has seen: shared with the code that drives the compiler, because the
/// compiler owns the resolver.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) sources: BTreeMap<String, Source>,
    /// An error of ours that the compiler can only pass on as text.
    pub(crate) failure: Option<Error>,
    /// What the parser read in place of the file that it complains about.
    pub(crate) mended: Option<Mended>,
    /// The last name that was found nowhere.
    pub(crate) missing: Option<String>,
    /// Schemas of editions.
    pub(crate) parsed: BTreeMap<String, Parsed>,
}

/// Schemas that were compiled before: the encoded `FileDescriptorProto` of each by its import name.
#[derive(Debug, Clone, Default)]
pub(crate) struct DescriptorSets {
    files: BTreeMap<String, Vec<u8>>,
}

impl DescriptorSets {
    /// Adds a schema. The first of a name stays.
    pub(crate) fn add(&mut self, name: String, file: Vec<u8>) {
        self.files.entry(name).or_insert(file);
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.files.contains_key(name)
    }
}

/// The compiler's way to its files.
#[derive(Debug)]
pub(crate) struct Resolver {
    roots: Vec<Root>,
    sets: DescriptorSets,
    seen: Rc<RefCell<Seen>>,
    well_known: GoogleFileResolver,
}

impl Resolver {
    pub(crate) fn new(roots: Vec<Root>, sets: DescriptorSets, seen: Rc<RefCell<Seen>>) -> Self {
        Resolver { roots, sets, seen, well_known: GoogleFileResolver::new() }
    }

    fn source(&self, name: &str) -> Result<Option<Source>, Error> {
        for root in &self.roots {
            if let Some(path) = root.path_of(name).filter(|path| path.is_file()) {
                return Ok(Some(Source { text: read(&path)?, path: Some(path) }));
            }
        }
        Ok(None)
    }

    /// A schema of a descriptor set.
    fn compiled(&self, name: &str) -> Option<Result<File, Error>> {
        let file = File::decode_file_descriptor_proto(self.sets.files.get(name)?.as_slice());
        Some(file.map_err(|error| {
            Error::new(format!("the descriptor of `{name}` is damaged: {error}"))
                .with_hint("write the descriptor set again, from its .proto files")
        }))
    }

    fn open(&self, name: &str) -> Result<Option<File>, protox::Error> {
        let source = match self.source(name) {
            Ok(Some(source)) => source,
            Ok(None) => match (self.compiled(name), builtin::text(name)) {
                (Some(file), _) => return file.map(Some).map_err(|error| self.fail(error)),
                (None, Some(text)) => Source { path: None, text: text.to_owned() },
                (None, None) => return Ok(None),
            },
            Err(error) => return Err(self.fail(error)),
        };
        if let Err(error) = check_text(&source.display_name(name), &source.text) {
            return Err(self.fail(error));
        }
        if scan::edition(&source.text).is_some() || builtin::needs_own_parser(name) {
            let parsed = editions::open(name, &source).map_err(|error| self.fail(error))?;
            let file = parsed.to_file();
            let mut seen = self.seen.borrow_mut();
            seen.sources.insert(name.to_owned(), source);
            seen.parsed.insert(name.to_owned(), parsed);
            return Ok(Some(file));
        }
        let parsed = match mend::mend(&source.text) {
            None => File::from_source(name, &source.text),
            Some(mended) => match File::from_source(name, &mended.text) {
                Ok(file) => {
                    let mut descriptor = FileDescriptorProto::from(file);
                    mended.set_positions(&mut descriptor, &source.text);
                    Ok(File::from(descriptor))
                }
                Err(error) => {
                    self.seen.borrow_mut().mended = Some(mended);
                    Err(error)
                }
            },
        };
        self.seen.borrow_mut().sources.insert(name.to_owned(), source);
        parsed.map(Some)
    }

    fn fail(&self, error: Error) -> protox::Error {
        let stand_in = protox::Error::new(error.message().to_owned());
        self.seen.borrow_mut().failure = Some(error);
        stand_in
    }
}

impl FileResolver for Resolver {
    fn open_file(&self, name: &str) -> Result<File, protox::Error> {
        if let Some(file) = self.open(name)? {
            return Ok(file);
        }
        self.well_known.open_file(name).inspect_err(|error| {
            if error.is_file_not_found() {
                self.seen.borrow_mut().missing = Some(name.to_owned());
            }
        })
    }
}

/// Reads a schema, which must be UTF-8.
fn read(path: &Path) -> Result<String, Error> {
    let name = path.display().to_string();
    let bytes = fs::read(path).map_err(|cause| Error::new(format!("cannot read `{name}`")).caused_by(cause))?;
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        Error::new("the file is not UTF-8")
            .in_file(name, &text)
            .mark(offset..offset + '\u{fffd}'.len_utf8(), "not UTF-8 from here")
            .with_hint("save the file as UTF-8, the only encoding that schemas have")
    })
}

/// What has to be said before the compiler sees the text.
fn check_text(name: &str, text: &str) -> Result<(), Error> {
    if let Some(range) = scan::nested_deeper_than(text, NESTING_DEPTH_MAX) {
        return Err(Error::new(format!("brackets are nested deeper than {NESTING_DEPTH_MAX} levels"))
            .in_file(name, text)
            .mark(range, "one level too many")
            .with_hint("put what is inside into messages, or options, of their own"));
    }
    // The parser of editions looks itself.
    if scan::edition(text).is_some() { Ok(()) } else { text::check(name, text) }
}

/// `path` without `directory` in front: as written, or else after resolving links and dots.
fn relative_to(path: &Path, directory: &Path) -> Option<PathBuf> {
    let (plain_path, plain_directory) = (without_dots(path), without_dots(directory));
    let relative = plain_path.strip_prefix(&plain_directory).ok();
    if let Some(relative) = relative.filter(|path| !path.components().any(|part| part == Component::ParentDir)) {
        return Some(relative.to_owned());
    }
    let (path, directory) = (path.canonicalize().ok()?, directory.canonicalize().ok()?);
    path.strip_prefix(directory).ok().map(Path::to_owned)
}

fn without_dots(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}
