//! Runs protox over schemas and turns what it says into our errors.

use std::cell::RefCell;
use std::collections::HashSet;
use std::path::Path;
use std::rc::Rc;

use protox::Compiler;

use crate::check::rules;
use crate::diagnostic;
use crate::editions;
use crate::error::Error;
use crate::input;
use crate::panics;
use crate::resolver::{DescriptorSets, Resolver, Root, Seen};
use crate::schemas::{SchemaFile, Schemas};
use crate::settings::Settings;

/// Compiles the listed schemas and everything they import.
pub(crate) fn compile(protos: &[impl AsRef<Path>], roots: &[Root], settings: &Settings) -> Result<Schemas, Error> {
    if protos.is_empty() {
        return Err(
            Error::new("no schemas were given").with_hint("list at least one .proto file in the first argument")
        );
    }
    let names = protos.iter().map(|path| input::import_name(path.as_ref(), roots)).collect::<Result<Vec<_>, _>>()?;
    let schemas = compile_names(&names, roots, DescriptorSets::default())?;
    Ok(schemas.with_source_info(settings.source_info))
}

/// Compiles schemas by their import names, with everything they import.
pub(crate) fn compile_names(names: &[String], roots: &[Root], sets: DescriptorSets) -> Result<Schemas, Error> {
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut compiler = Compiler::with_file_resolver(Resolver::new(roots.to_vec(), sets, seen.clone()));
    compiler.include_imports(true).include_source_info(true);
    let mut errors = Vec::new();
    for name in names {
        let opened = panics::caught(|| compiler.open_file(name).map(drop)).map_err(|panic| {
            Error::new(format!("the schema compiler failed on `{name}`: {panic}"))
                .with_hint("this is a defect of the compiler, not of your schema: please report it")
        })?;
        errors.extend(opened.err().map(|error| explain(&error, &compiler, &mut seen.borrow_mut(), roots)));
    }
    first_with_others(errors)?;
    let seen = seen.borrow();
    let listed = compiler.files().filter(|file| !file.is_import()).map(|file| file.name().to_owned()).collect();
    let lowered = editions::lower(compiler.descriptor_pool(), &listed, &seen)?;
    let kept = compiler.files().filter(|file| lowered.pool.get_file_by_name(file.name()).is_some());
    let files = kept.map(|file| {
        let source = seen.sources.get(file.name()).cloned();
        SchemaFile::new(file.name(), file.is_import(), source)
    });
    let files = files.collect();
    let schemas = Schemas::new(lowered.pool, files).with_originals(lowered.originals);
    first_with_others(rules::check(&schemas))?;
    Ok(schemas)
}

/// The first of several errors, the others behind it. A file that several others import is complained about once.
fn first_with_others(errors: Vec<Error>) -> Result<(), Error> {
    let mut said = HashSet::new();
    let mut errors = errors.into_iter().filter(|error| said.insert(error.to_string()));
    match errors.next() {
        Some(first) => Err(first.with_related(errors)),
        None => Ok(()),
    }
}

/// An error of the compiler in our words. In a file of an edition it has not seen the text: it is asked once more.
fn explain(error: &protox::Error, compiler: &Compiler, seen: &mut Seen, roots: &[Root]) -> Error {
    match editions::complaint(error, compiler.descriptor_pool(), seen) {
        Some(complaint) => diagnostic::translate_complaint(&complaint, seen),
        None => diagnostic::translate(error, seen, roots),
    }
}
