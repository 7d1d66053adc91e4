//! Where schemas come from: files, or the server itself.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::arguments::Header;
use crate::arguments::Include;
use crate::arguments::values::header;

/// Where the messages are defined.
#[derive(Debug, Args)]
#[command(next_help_heading = "Schemas (by themselves: the server's own, by reflection, else those built in)")]
pub(crate) struct SchemaSource {
    /// A schema that defines the service. May be repeated
    #[arg(long, value_name = "FILE")]
    pub(crate) proto: Vec<PathBuf>,

    /// Where imports are looked up: a directory, or VIRTUAL=DIR. May be repeated [default: the directory of the schema]
    #[arg(long, short = 'I', value_name = "DIR", requires = "proto")]
    pub(crate) include: Vec<Include>,

    /// A compiled schema, as `seltzer compile --descriptor-set-out --include-imports` writes it. May be repeated
    #[arg(long, visible_alias = "protoset", value_name = "FILE")]
    pub(crate) descriptor_set: Vec<PathBuf>,

    /// Whether the server is asked for its schemas [default: always beside no file, never beside files]
    #[arg(long, value_name = "WHEN")]
    pub(crate) reflection: Option<ReflectionUse>,

    /// Metadata for questions after schemas alone. May be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = header)]
    pub(crate) reflection_header: Vec<Header>,
}

/// Whether the server is asked for its schemas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReflectionUse {
    /// Also for what the files do not have.
    Always,
    /// Only files, or what is built in.
    Never,
}

impl SchemaSource {
    /// Whether there are schemas in files.
    pub(crate) fn has_files(&self) -> bool {
        !self.proto.is_empty() || !self.descriptor_set.is_empty()
    }

    /// Whether the server may be asked.
    pub(crate) fn asks_server(&self) -> bool {
        match self.reflection {
            Some(reflection) => reflection == ReflectionUse::Always,
            None => !self.has_files(),
        }
    }
}
