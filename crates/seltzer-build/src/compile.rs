//! Runs protox over schemas and turns what it says into our errors.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use protox::Compiler;

use crate::check::rules;
use crate::diagnostic;
use crate::error::Error;
use crate::input;
use crate::panics;
use crate::resolver::{Resolver, Root, Seen};
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
    let seen = Rc::new(RefCell::new(Seen::default()));
    let mut compiler = Compiler::with_file_resolver(Resolver::new(roots.to_vec(), seen.clone()));
    compiler.include_imports(true).include_source_info(true);
    for name in &names {
        let opened = panics::caught(|| compiler.open_file(name).map(drop)).map_err(|panic| {
            Error::new(format!("the schema compiler failed on `{name}`: {panic}"))
                .with_hint("this is a defect of the compiler, not of your schema: please report it")
        })?;
        opened.map_err(|error| diagnostic::translate(&error, &mut seen.borrow_mut(), roots))?;
    }
    let sources = std::mem::take(&mut seen.borrow_mut().sources);
    let files = compiler.files().map(|file| {
        let source = sources.get(file.name()).cloned();
        SchemaFile::new(file.name(), file.is_import(), source)
    });
    let schemas = Schemas::new(compiler.descriptor_pool(), files.collect());
    rules::check(&schemas)?;
    Ok(schemas.with_source_info(settings.source_info))
}
