//! Runs prost-build over compiled schemas, with our service generator inside.

use std::cell::RefCell;
use std::rc::Rc;

use proc_macro2::TokenStream;
use prost_build::{Config, Module};
use prost_types::DescriptorProto;
use prost_types::field_descriptor_proto::Label;

use crate::comments;
use crate::error::Error;
use crate::names;
use crate::output::OutputFile;
use crate::panics;
use crate::schemas::Schemas;
use crate::service::{self, Idempotency, Kind, Method, Service, ServiceSettings, rust_type};
use crate::settings::Settings;
use crate::shapes;
use crate::stem::Stems;

/// The generated files of one package.
#[derive(Debug)]
pub(crate) struct Generated {
    pub(crate) module: Module,
    /// The name of the `.rs` file without its ending.
    pub(crate) stem: String,
    pub(crate) files: Vec<OutputFile>,
}

/// Generates the Rust of every package among the schemas.
pub(crate) fn generate(schemas: &Schemas, settings: &Settings) -> Result<Vec<Generated>, Error> {
    let failures = Rc::new(RefCell::new(Vec::new()));
    let mut config = settings.prost_config();
    config.format(false);
    if settings.service.build_server || settings.service.build_client {
        config.service_generator(Box::new(Generator {
            settings: settings.service.clone(),
            extern_paths: settings.extern_prefixes(),
            disable_comments: settings.disable_comments.clone(),
            failures: failures.clone(),
        }));
    }
    let modules = run(&mut config, schemas)?;
    if let Some(failure) = failures.borrow_mut().pop() {
        return Err(failure);
    }
    let stems = Stems::new(schemas, settings)?;
    let has_services = settings.service.build_server || settings.service.build_client;
    let seltzer = if has_services { Some(settings.service.seltzer()?) } else { None };
    let mut generated = Vec::new();
    for (module, text) in with_listed(modules, schemas) {
        generated.push(finish(module, &text, schemas, &stems, seltzer.as_ref())?);
    }
    generated.sort_by(|left, right| left.module.cmp(&right.module));
    Ok(generated)
}

/// The Rust module of a schema's package.
pub(crate) fn module_of(package: &str) -> Module {
    Module::from_protobuf_package_name(package)
}

fn run(config: &mut Config, schemas: &Schemas) -> Result<Vec<(Module, String)>, Error> {
    let requests = schemas.pool().file_descriptor_protos().map(|file| {
        let mut file = file.clone();
        if let Some(info) = &mut file.source_code_info {
            comments::tame(info);
        }
        required_is_not_optional(&mut file.message_type);
        (module_of(file.package()), file)
    });
    let requests = requests.collect();
    let modules = panics::caught(|| config.generate(requests)).map_err(|panic| {
        Error::new(format!("prost-build cannot generate these messages: {panic}"))
            .with_hint("rename what it names in the schema")
    })?;
    let modules = modules.map_err(|error| {
        Error::new(format!("the settings do not fit together: {error}"))
            .with_hint("look at the paths given to `extern_path`; well-known types have theirs already, unless `compile_well_known_types(true)` is set")
    })?;
    Ok(modules.into_iter().collect())
}

/// A required field of an edition may be in a file that was lowered to proto3: descriptors say that it has presence by
/// marking it optional too, which prost-build takes for the whole truth.
fn required_is_not_optional(messages: &mut [DescriptorProto]) {
    for message in messages {
        for field in message.field.iter_mut().filter(|field| field.label() == Label::Required) {
            field.proto3_optional = None;
        }
        required_is_not_optional(&mut message.nested_type);
    }
}

/// Adds an empty module for a listed schema without messages, so that its file can be included.
fn with_listed(mut modules: Vec<(Module, String)>, schemas: &Schemas) -> Vec<(Module, String)> {
    for file in schemas.pool().files() {
        let module = module_of(file.package_name());
        let listed = schemas.file(file.name()).is_some_and(|file| !file.is_import());
        if listed && modules.iter().all(|(known, _)| *known != module) {
            modules.push((module, String::new()));
        }
    }
    modules
}

/// Adds the descriptor set to a module's text, and the shapes of its messages where there is a library that uses them;
/// makes all of it ready to be written.
fn finish(
    module: Module,
    text: &str,
    schemas: &Schemas,
    stems: &Stems,
    seltzer: Option<&TokenStream>,
) -> Result<Generated, Error> {
    let stem = stems.of(&module);
    let set_name = format!("{stem}.fds.bin");
    let text = format!(
        "{text}\n\
         /// The schemas of this module, encoded as a `google.protobuf.FileDescriptorSet`,\n\
         /// imports and custom options included.\n\
         #[allow(dead_code)]\n\
         pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!({set_name:?});\n"
    );
    let with_shapes = |file: &mut syn::File| {
        if let Some(seltzer) = seltzer {
            shapes::add(&mut file.items, seltzer);
        }
    };
    let rust = format_changed(&text, with_shapes).map_err(|error| {
        Error::new(format!("what was generated for `{stem}` is not Rust: {error}"))
            .with_hint("look at the attributes and paths given to the builder, `type_attribute` and its like")
    })?;
    let set = schemas.closure(|file| module_of(file.package_name()) == module);
    let files = vec![
        OutputFile { name: format!("{stem}.rs"), content: rust.into_bytes() },
        OutputFile { name: set_name, content: set },
    ];
    Ok(Generated { module, stem, files })
}

/// Formats generated Rust, with a line on top that says where it comes from.
pub(crate) fn format_rust(text: &str) -> Result<String, String> {
    format_changed(text, |_| {})
}

fn format_changed(text: &str, change: impl FnOnce(&mut syn::File)) -> Result<String, String> {
    let mut file = syn::parse_file(text).map_err(|error| error.to_string())?;
    change(&mut file);
    let formatted = panics::caught(|| prettyplease::unparse(&file))?;
    Ok(format!("// @generated by seltzer-build\n{formatted}"))
}

/// Our side of prost-build's generator interface, which has no way to report an error.
struct Generator {
    settings: ServiceSettings,
    /// Schema names whose Rust types are given from outside.
    extern_paths: Vec<String>,
    disable_comments: Vec<String>,
    failures: Rc<RefCell<Vec<Error>>>,
}

impl prost_build::ServiceGenerator for Generator {
    fn generate(&mut self, service: prost_build::Service, buf: &mut String) {
        let generated = self.service(&service).and_then(|service| service::generate(&service, &self.settings));
        match generated {
            Ok(tokens) => buf.push_str(&tokens.to_string()),
            Err(error) => {
                self.failures.borrow_mut().push(error);
                // prost-build panics if nothing at all comes of a file with a service.
                buf.push('\n');
            }
        }
    }
}

impl Generator {
    fn service(&self, service: &prost_build::Service) -> Result<Service, Error> {
        let package = if self.settings.emit_package { service.package.clone() } else { String::new() };
        let full_name = if service.package.is_empty() {
            service.proto_name.clone()
        } else {
            format!("{}.{}", service.package, service.proto_name)
        };
        let methods = service.methods.iter().map(|method| self.method(method, &full_name));
        Ok(Service {
            rust_name: service.name.clone(),
            proto_name: service.proto_name.clone(),
            package,
            docs: self.docs(&service.comments, &full_name),
            deprecated: service.options.deprecated(),
            methods: methods.collect::<Result<Vec<_>, _>>()?,
        })
    }

    fn method(&self, method: &prost_build::Method, service: &str) -> Result<Method, Error> {
        let full_name = format!("{service}.{}", method.proto_name);
        Ok(Method {
            rust_name: method.name.clone(),
            proto_name: method.proto_name.clone(),
            docs: self.docs(&method.comments, &full_name),
            input: self.rust_type(&method.input_type, &method.input_proto_type)?,
            output: self.rust_type(&method.output_type, &method.output_proto_type)?,
            messages: Some((
                method.input_proto_type.trim_start_matches('.').to_owned(),
                method.output_proto_type.trim_start_matches('.').to_owned(),
            )),
            kind: Kind::of(method.client_streaming, method.server_streaming),
            deprecated: method.options.deprecated(),
            idempotency: idempotency(&method.options),
            codec_path: None,
        })
    }

    fn rust_type(&self, resolved: &str, proto_type: &str) -> Result<proc_macro2::TokenStream, Error> {
        let name = proto_type.trim_start_matches('.');
        let is_extern = self.extern_paths.iter().any(|path| names::pattern_selects(path, name));
        rust_type(resolved, is_extern)
    }

    /// The lines of a comment as prost-build writes them, without the slashes.
    fn docs(&self, comments: &prost_build::Comments, full_name: &str) -> Vec<String> {
        if self.disable_comments.iter().any(|path| names::pattern_selects(path, full_name)) {
            return Vec::new();
        }
        let mut text = String::new();
        comments.append_with_indent(0, &mut text);
        text.lines().filter_map(|line| line.strip_prefix("///")).map(str::to_owned).collect()
    }
}

fn idempotency(options: &prost_types::MethodOptions) -> Idempotency {
    use prost_types::method_options::IdempotencyLevel;
    match options.idempotency_level() {
        IdempotencyLevel::IdempotencyUnknown => Idempotency::Unknown,
        IdempotencyLevel::NoSideEffects => Idempotency::NoSideEffects,
        IdempotencyLevel::Idempotent => Idempotency::Idempotent,
    }
}
