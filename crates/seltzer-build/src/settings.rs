//! The choices behind a builder, and prost-build's share of them.

use std::path::PathBuf;

use prost_build::Config;

use crate::resolver::Root;
use crate::service::ServiceSettings;

/// What a builder has been told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) service: ServiceSettings,
    pub(crate) type_attributes: Vec<(String, String)>,
    pub(crate) message_attributes: Vec<(String, String)>,
    pub(crate) enum_attributes: Vec<(String, String)>,
    pub(crate) field_attributes: Vec<(String, String)>,
    pub(crate) boxed: Vec<String>,
    pub(crate) extern_paths: Vec<(String, String)>,
    pub(crate) bytes: Vec<String>,
    pub(crate) btree_map: Vec<String>,
    pub(crate) skip_debug: Vec<String>,
    pub(crate) disable_comments: Vec<String>,
    pub(crate) type_name_domains: Vec<(String, String)>,
    pub(crate) compile_well_known_types: bool,
    pub(crate) retain_enum_prefix: bool,
    pub(crate) enable_type_names: bool,
    pub(crate) default_package_filename: String,
    /// A name for the module of the listed schemas, instead of their package's.
    pub(crate) module: Option<String>,
    pub(crate) prost_path: Option<String>,
    pub(crate) prost_types_path: Option<String>,
    pub(crate) out_dir: Option<PathBuf>,
    pub(crate) include_file: Option<PathBuf>,
    pub(crate) file_descriptor_set_path: Option<PathBuf>,
    pub(crate) source_info: bool,
    pub(crate) emit_rerun_if_changed: Option<bool>,
    /// Include directories with a name of their own, which are searched first.
    pub(crate) mapped: Vec<Root>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            service: ServiceSettings::default(),
            type_attributes: Vec::new(),
            message_attributes: Vec::new(),
            enum_attributes: Vec::new(),
            field_attributes: Vec::new(),
            boxed: Vec::new(),
            extern_paths: Vec::new(),
            bytes: Vec::new(),
            btree_map: Vec::new(),
            skip_debug: Vec::new(),
            disable_comments: Vec::new(),
            type_name_domains: Vec::new(),
            compile_well_known_types: false,
            retain_enum_prefix: false,
            enable_type_names: false,
            default_package_filename: "_".to_owned(),
            module: None,
            prost_path: None,
            prost_types_path: None,
            out_dir: None,
            include_file: None,
            file_descriptor_set_path: None,
            source_info: false,
            emit_rerun_if_changed: None,
            mapped: Vec::new(),
        }
    }
}

impl Settings {
    /// prost-build's configuration for these settings, without a service generator.
    pub(crate) fn prost_config(&self) -> Config {
        let mut config = Config::new();
        config.prost_path(self.runtime_path(self.prost_path.as_ref(), "prost"));
        config.prost_types_path(self.runtime_path(self.prost_types_path.as_ref(), "prost_types"));
        for (path, attribute) in &self.type_attributes {
            config.type_attribute(path, attribute);
        }
        for (path, attribute) in &self.message_attributes {
            config.message_attribute(path, attribute);
        }
        for (path, attribute) in &self.enum_attributes {
            config.enum_attribute(path, attribute);
        }
        for (path, attribute) in &self.field_attributes {
            config.field_attribute(path, attribute);
        }
        for path in &self.boxed {
            config.boxed(path);
        }
        for (proto, rust) in &self.extern_paths {
            config.extern_path(proto, rust);
        }
        for (path, domain) in &self.type_name_domains {
            config.type_name_domain([path], domain);
        }
        config.bytes(&self.bytes).btree_map(&self.btree_map);
        config.skip_debug(&self.skip_debug).disable_comments(&self.disable_comments);
        if self.compile_well_known_types {
            config.compile_well_known_types();
        }
        if self.retain_enum_prefix {
            config.retain_enum_prefix();
        }
        if self.enable_type_names {
            config.enable_type_names();
        }
        config
    }

    /// The schema names whose Rust types come from elsewhere, each with a leading dot.
    pub(crate) fn extern_prefixes(&self) -> Vec<String> {
        let mut prefixes: Vec<String> = self.extern_paths.iter().map(|(proto, _)| proto.clone()).collect();
        if !self.compile_well_known_types {
            prefixes.push(".google.protobuf".to_owned());
        }
        prefixes
    }

    fn runtime_path(&self, chosen: Option<&String>, name: &str) -> String {
        chosen.cloned().unwrap_or_else(|| format!("{}::{name}", self.service.seltzer_path))
    }
}
