//! Schemas in a directory of their own, and what is generated from them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use seltzer_build::{Builder, Error};
use tempfile::TempDir;

/// A directory with schemas.
pub(crate) struct Workspace {
    directory: TempDir,
}

/// Generated files by their names.
#[derive(Debug)]
pub(crate) struct Generated(BTreeMap<String, Vec<u8>>);

impl Workspace {
    /// Writes `a.proto`, and further files that follow lines like `=== sub/b.proto`.
    pub(crate) fn new(schema: &str) -> Self {
        let workspace = Workspace { directory: tempfile::tempdir().unwrap() };
        let mut name = "a.proto";
        let mut text = String::new();
        for line in schema.split_inclusive('\n') {
            if let Some(next) = line.strip_prefix("=== ") {
                workspace.write(name, text.as_bytes());
                (name, text) = (next.trim(), String::new());
            } else {
                text.push_str(line);
            }
        }
        workspace.write(name, text.as_bytes());
        workspace
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn root(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    /// Loads `a.proto` and generates its Rust.
    pub(crate) fn generate(&self, builder: &Builder) -> Result<Generated, Error> {
        self.generate_from(builder, &["a.proto"])
    }

    pub(crate) fn generate_from(&self, builder: &Builder, protos: &[&str]) -> Result<Generated, Error> {
        let protos: Vec<PathBuf> = protos.iter().map(|name| self.path(name)).collect();
        let schemas = builder.load(&protos, &[self.root()])?;
        let out = self.path("out");
        builder.generate_to(&schemas, &out)?;
        Ok(Generated::read(&out))
    }

    /// A text without this directory's path, which is another one in each run.
    pub(crate) fn without_directory(&self, text: &str) -> String {
        let root = self.root().display().to_string();
        let text = text.replace(&format!("{root}{}", std::path::MAIN_SEPARATOR), "").replace(&root, "DIR");
        // The tables are written with one separator.
        if cfg!(windows) { text.replace('\\', "/") } else { text }
    }
}

impl Generated {
    pub(crate) fn read(directory: &Path) -> Self {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let files = entries.map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, fs::read(path).unwrap())
        });
        Generated(files.collect())
    }

    pub(crate) fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    pub(crate) fn bytes(&self, name: &str) -> &[u8] {
        self.0.get(name).unwrap_or_else(|| panic!("no {name} among {:?}", self.names()))
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        std::str::from_utf8(self.bytes(name)).unwrap()
    }
}
