//! How generated files are called.

use std::collections::{BTreeMap, BTreeSet};

use prost_build::Module;

use crate::error::Error;
use crate::messages::module_of;
use crate::names;
use crate::schemas::Schemas;
use crate::settings::Settings;

/// The names of generated files, without their endings.
#[derive(Debug)]
pub(crate) struct Stems {
    default: String,
    /// The module that `.module(..)` is about, and its name.
    chosen: Option<(Module, String)>,
}

impl Stems {
    /// # Errors
    ///
    /// The chosen name is of no use, or two files would have one name.
    pub(crate) fn new(schemas: &Schemas, settings: &Settings) -> Result<Self, Error> {
        let chosen = match &settings.module {
            Some(name) => Some((chosen_module(name, schemas)?, name.clone())),
            None => None,
        };
        let stems = Stems { default: settings.default_package_filename.clone(), chosen };
        stems.check(schemas)?;
        Ok(stems)
    }

    /// The chosen name, or the package in snake case, or the default for no package.
    pub(crate) fn of(&self, module: &Module) -> String {
        match &self.chosen {
            Some((chosen, name)) if chosen == module => name.clone(),
            _ if module.is_empty() => self.default.clone(),
            _ => module.parts().map(names::unraw).collect::<Vec<_>>().join("."),
        }
    }

    /// Some file systems do not tell upper from lower case.
    fn check(&self, schemas: &Schemas) -> Result<(), Error> {
        let modules: BTreeSet<Module> = schemas.pool().files().map(|file| module_of(file.package_name())).collect();
        let mut taken: BTreeMap<String, &Module> = BTreeMap::new();
        for module in &modules {
            let stem = self.of(module);
            if !is_file_stem(&stem) {
                return Err(Error::new(format!("`{stem}` cannot be the name of a file"))
                    .with_hint("use letters, digits, `_` and single dots"));
            }
            if let Some(other) = taken.insert(stem.to_lowercase(), module) {
                let (left, right) = (in_words(other), in_words(module));
                return Err(Error::new(format!("{left} and {right} would both go to `{stem}.rs`"))
                    .with_hint("choose another name with `.module(\"name\")`"));
            }
        }
        Ok(())
    }
}

/// The module that is meant by `.module(..)`.
fn chosen_module(name: &str, schemas: &Schemas) -> Result<Module, Error> {
    let listed: BTreeSet<Module> = schemas
        .pool()
        .files()
        .filter(|file| schemas.file(file.name()).is_some_and(|file| !file.is_import()))
        .map(|file| module_of(file.package_name()))
        .collect();
    let nameless = listed.iter().find(|module| module.is_empty());
    match (listed.len(), nameless) {
        (1, _) => Ok(listed.into_iter().next().expect("there is one")),
        (_, Some(module)) => Ok(module.clone()),
        _ => {
            let packages: Vec<String> = listed.iter().map(in_words).collect();
            Err(Error::new(format!("`.module({name:?})` fits none of {}", packages.join(", "))).with_hint(
                "list schemas of one package in a call, or leave `.module(..)` out: each \
                     package has a file of its own",
            ))
        }
    }
}

fn is_file_stem(stem: &str) -> bool {
    let is_part = |part: &str| !part.is_empty() && part.chars().all(|letter| letter.is_alphanumeric() || letter == '_');
    stem.split('.').all(is_part)
}

fn in_words(module: &Module) -> String {
    if module.is_empty() {
        "schemas without a package".to_owned()
    } else {
        format!("package `{}`", module.to_string().replace("::", "."))
    }
}
