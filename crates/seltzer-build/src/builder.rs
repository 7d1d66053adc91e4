//! Every choice about a compilation, and the calls that start it.

use std::path::Path;

use crate::cargo;
use crate::compile;
use crate::error::Error;
use crate::generate::{self, Purpose};
use crate::output;
use crate::resolver::Root;
use crate::schemas::Schemas;
use crate::settings::Settings;

/// Starts a [`Builder`] with the usual settings.
pub fn configure() -> Builder {
    Builder::default()
}

/// How schemas are compiled, and what is generated from them.
///
/// Setters that select messages or fields by a path follow prost's rules: `.` is everything,
/// `.package.Message` with a leading dot a prefix, `Message.field` without one a suffix.
///
/// ```no_run
/// # fn main() -> Result<(), seltzer_build::Error> {
/// seltzer_build::configure()
///     .type_attribute("shop.Item", "#[derive(Eq)]")
///     .bytes("shop.Item.picture")
///     .compile_protos(&["proto/shop.proto"], &["proto"])
/// # }
/// ```
#[derive(Debug, Clone, Default)]
#[must_use = "a builder does nothing before `compile_protos`"]
pub struct Builder {
    pub(crate) settings: Settings,
}

/// The calls that start a compilation.
impl Builder {
    /// Compiles schemas in a build script: Rust goes to `OUT_DIR`, and cargo learns which files
    /// to watch.
    ///
    /// `protos` are the schemas, by their paths or by their import names; what they import comes
    /// along. `includes` are the directories that imports start from, searched in order; the
    /// built-in schemas come last.
    ///
    /// # Errors
    ///
    /// A schema is missing or wrong, its names clash in Rust, a setting does not parse, another
    /// call of the build script has written the same file, or a file cannot be written.
    pub fn compile_protos(&self, protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<(), Error> {
        let directory = output::directory(self.settings.out_dir.as_ref())?;
        let roots = self.roots(includes);
        let schemas = compile::compile(protos, &roots, &self.settings)?;
        if self.settings.emit_rerun_if_changed.unwrap_or_else(cargo::is_build_script) {
            cargo::emit_rerun_if_changed(&schemas, &roots);
        }
        generate::write(&schemas, &self.settings, &directory, Purpose::Build)
    }

    /// Compiles schemas without generating anything: for tools that look at them.
    ///
    /// # Errors
    ///
    /// A schema is missing or wrong.
    pub fn load(&self, protos: &[impl AsRef<Path>], includes: &[impl AsRef<Path>]) -> Result<Schemas, Error> {
        compile::compile(protos, &self.roots(includes), &self.settings)
    }

    /// Generates Rust from loaded schemas into a directory, which is made if need be.
    ///
    /// Nothing is said to cargo, and files there are replaced.
    ///
    /// # Errors
    ///
    /// Names clash in Rust, a setting does not parse, or a file cannot be written.
    pub fn generate_to(&self, schemas: &Schemas, directory: impl AsRef<Path>) -> Result<(), Error> {
        let directory = directory.as_ref();
        generate::write(schemas, &self.settings, directory, Purpose::Tool)
    }

    fn roots(&self, includes: &[impl AsRef<Path>]) -> Vec<Root> {
        let plain = includes.iter().map(|directory| Root::new("", directory.as_ref()));
        self.settings.mapped.iter().cloned().chain(plain).collect()
    }
}

/// Where things are read from and written to.
impl Builder {
    /// Writes to this directory instead of `OUT_DIR`.
    pub fn out_dir(mut self, directory: impl AsRef<Path>) -> Self {
        self.settings.out_dir = Some(directory.as_ref().to_owned());
        self
    }

    /// Also writes a file that includes every generated file in nested modules, one for each part
    /// of a package's name. Schemas without a package are at its root.
    pub fn include_file(mut self, path: impl AsRef<Path>) -> Self {
        self.settings.include_file = Some(path.as_ref().to_owned());
        self
    }

    /// Also writes all schemas as an encoded `google.protobuf.FileDescriptorSet`, imports and
    /// custom options included. A relative path starts in the package's directory.
    pub fn file_descriptor_set_path(mut self, path: impl AsRef<Path>) -> Self {
        self.settings.file_descriptor_set_path = Some(path.as_ref().to_owned());
        self
    }

    /// Keeps comments and positions in descriptor sets, those of generated modules included.
    /// Off by default: they are several times larger with them.
    pub fn include_source_info(mut self, enable: bool) -> Self {
        self.settings.source_info = enable;
        self
    }

    /// Looks up imports that start with `virtual_prefix` in `directory`, before any other
    /// directory: with `("google/api", "third_party/apis")`, `google/api/http.proto` is the file
    /// `third_party/apis/http.proto`.
    pub fn include_mapped(mut self, virtual_prefix: impl AsRef<str>, directory: impl AsRef<Path>) -> Self {
        self.settings.mapped.push(Root::new(virtual_prefix.as_ref(), directory.as_ref()));
        self
    }

    /// Names the module of the listed schemas: `.module("shop")` writes `shop.rs`, which
    /// `include_proto!("shop")` takes in. The schemas must have one package in common, or none;
    /// among several packages the name is for the schemas that have none.
    ///
    /// Schemas without a package need a name as soon as a build script compiles two sets of them.
    pub fn module(mut self, name: impl AsRef<str>) -> Self {
        self.settings.module = Some(name.as_ref().to_owned());
        self
    }

    /// Names the file of schemas without a package, `_` by default, if there are any.
    pub fn default_package_filename(mut self, name: impl AsRef<str>) -> Self {
        name.as_ref().clone_into(&mut self.settings.default_package_filename);
        self
    }

    /// Whether to tell cargo which files and directories to watch. By default that happens in
    /// build scripts.
    pub fn emit_rerun_if_changed(mut self, enable: bool) -> Self {
        self.settings.emit_rerun_if_changed = Some(enable);
        self
    }
}

/// Messages, as prost generates them.
impl Builder {
    /// Adds an attribute to messages, enums and oneofs.
    pub fn type_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.type_attributes.push(pair(path, attribute));
        self
    }

    /// Adds an attribute to messages.
    pub fn message_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.message_attributes.push(pair(path, attribute));
        self
    }

    /// Adds an attribute to enums and oneofs.
    pub fn enum_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.enum_attributes.push(pair(path, attribute));
        self
    }

    /// Adds an attribute to fields.
    pub fn field_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.field_attributes.push(pair(path, attribute));
        self
    }

    /// Puts fields in a `Box`.
    pub fn boxed(mut self, path: impl AsRef<str>) -> Self {
        self.settings.boxed.push(path.as_ref().to_owned());
        self
    }

    /// Uses Rust types that exist already for the schema types under a name:
    /// `(".shop.v1", "::shop_types::v1")`.
    pub fn extern_path(mut self, proto_path: impl AsRef<str>, rust_path: impl AsRef<str>) -> Self {
        self.settings.extern_paths.push(pair(proto_path, rust_path));
        self
    }

    /// Uses `Bytes` for `bytes` fields, which then share the received buffer.
    pub fn bytes(mut self, path: impl AsRef<str>) -> Self {
        self.settings.bytes.push(path.as_ref().to_owned());
        self
    }

    /// Uses `BTreeMap` for map fields, which then have an order.
    pub fn btree_map(mut self, path: impl AsRef<str>) -> Self {
        self.settings.btree_map.push(path.as_ref().to_owned());
        self
    }

    /// Does not implement `Debug` for these types, so that you can.
    pub fn skip_debug(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.settings.skip_debug.extend(paths.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// Leaves out doc comments of messages, fields, services and methods.
    pub fn disable_comments(mut self, paths: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let paths = paths.into_iter().map(|path| path.as_ref().to_owned());
        self.settings.disable_comments.extend(paths);
        self
    }

    /// Generates `google.protobuf` types anew instead of using those of `prost-types`.
    pub fn compile_well_known_types(mut self, enable: bool) -> Self {
        self.settings.compile_well_known_types = enable;
        self
    }

    /// Keeps the enum's name in front of its variants.
    pub fn retain_enum_prefix(mut self) -> Self {
        self.settings.retain_enum_prefix = true;
        self
    }

    /// Implements `prost::Name` for messages.
    pub fn enable_type_names(mut self) -> Self {
        self.settings.enable_type_names = true;
        self
    }

    /// Sets the domain that `prost::Name::type_url` puts in front of these messages' names.
    pub fn type_name_domain(
        mut self,
        paths: impl IntoIterator<Item = impl AsRef<str>>,
        domain: impl AsRef<str>,
    ) -> Self {
        let domain = domain.as_ref();
        let domains = paths.into_iter().map(|path| (path.as_ref().to_owned(), domain.to_owned()));
        self.settings.type_name_domains.extend(domains);
        self
    }

    /// The path of prost in generated code, if it is not the one that seltzer carries.
    pub fn prost_path(mut self, path: impl AsRef<str>) -> Self {
        self.settings.prost_path = Some(path.as_ref().to_owned());
        self
    }

    /// The path of prost-types in generated code, if it is not the one that seltzer carries.
    pub fn prost_types_path(mut self, path: impl AsRef<str>) -> Self {
        self.settings.prost_types_path = Some(path.as_ref().to_owned());
        self
    }
}

/// Services and clients.
impl Builder {
    /// Whether to generate traits and servers.
    pub fn build_server(mut self, enable: bool) -> Self {
        self.settings.service.build_server = enable;
        self
    }

    /// Whether to generate clients.
    pub fn build_client(mut self, enable: bool) -> Self {
        self.settings.service.build_client = enable;
        self
    }

    /// Whether clients get `connect` and seltzer's channel as their default.
    pub fn build_transport(mut self, enable: bool) -> Self {
        self.settings.service.build_transport = enable;
        self
    }

    /// Whether each client also gets a trait with its methods, `GreeterApi` for `GreeterClient`, so
    /// that callers can be generic and be tested with something else in the client's place. Off by
    /// default.
    ///
    /// Requests are whole `Request`s there, of streams where requests stream; an answer that
    /// streams is a `Streaming`, which `Streaming::from_stream` makes of any stream.
    ///
    /// ```ignore
    /// async fn greet(greeter: &impl GreeterApi) -> Result<String, Status> {
    ///     let request = Request::new(HelloRequest { name: "Alice".into() });
    ///     Ok(greeter.say_hello(request).await?.into_inner().message)
    /// }
    ///
    /// struct Mock;
    ///
    /// impl GreeterApi for Mock {
    ///     async fn say_hello(&self, _: Request<HelloRequest>) -> Result<Response<HelloReply>, Status> {
    ///         Ok(Response::new(HelloReply { message: "as told".into() }))
    ///     }
    /// }
    /// ```
    pub fn client_trait(mut self, enable: bool) -> Self {
        self.settings.service.client_trait = enable;
        self
    }

    /// Gives every method of a service's trait a body that answers UNIMPLEMENTED. Streaming
    /// methods then answer with a boxed stream instead of an associated type.
    pub fn generate_default_stubs(mut self, enable: bool) -> Self {
        self.settings.service.default_stubs = enable;
        self
    }

    /// Whether services' names on the wire start with their package.
    pub fn emit_package(mut self, enable: bool) -> Self {
        self.settings.service.emit_package = enable;
        self
    }

    /// Leaves the package out of services' names on the wire.
    pub fn disable_package_emission(self) -> Self {
        self.emit_package(false)
    }

    /// The path of seltzer in generated code, for crates that know it by another name.
    pub fn seltzer_path(mut self, path: impl AsRef<str>) -> Self {
        path.as_ref().clone_into(&mut self.settings.service.seltzer_path);
        self
    }

    /// The path of the codec that services and clients use instead of seltzer's for protobuf.
    pub fn codec_path(mut self, path: impl AsRef<str>) -> Self {
        self.settings.service.codec_path = Some(path.as_ref().to_owned());
        self
    }

    /// Adds an attribute to the module of a server.
    pub fn server_mod_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.service.server_mod.push(path.as_ref(), attribute.as_ref());
        self
    }

    /// Adds an attribute to a server.
    pub fn server_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.service.server_struct.push(path.as_ref(), attribute.as_ref());
        self
    }

    /// Adds an attribute to the trait of a service.
    pub fn trait_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.service.server_trait.push(path.as_ref(), attribute.as_ref());
        self
    }

    /// Adds an attribute to the module of a client.
    pub fn client_mod_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.service.client_mod.push(path.as_ref(), attribute.as_ref());
        self
    }

    /// Adds an attribute to a client.
    pub fn client_attribute(mut self, path: impl AsRef<str>, attribute: impl AsRef<str>) -> Self {
        self.settings.service.client_struct.push(path.as_ref(), attribute.as_ref());
        self
    }
}

fn pair(left: impl AsRef<str>, right: impl AsRef<str>) -> (String, String) {
    (left.as_ref().to_owned(), right.as_ref().to_owned())
}
