//! What can be chosen about generated services.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;

use crate::error::Error;
use crate::names;

/// The settings of the service generator, with the paths as the user wrote them.
#[derive(Debug, Clone)]
pub(crate) struct ServiceSettings {
    pub(crate) build_server: bool,
    pub(crate) build_client: bool,
    pub(crate) build_transport: bool,
    pub(crate) client_trait: bool,
    pub(crate) default_stubs: bool,
    pub(crate) emit_package: bool,
    /// Whether the surrounding module has a `FILE_DESCRIPTOR_SET`.
    pub(crate) has_descriptor_set: bool,
    pub(crate) seltzer_path: String,
    pub(crate) codec_path: Option<String>,
    pub(crate) server_mod: Attributes,
    pub(crate) server_struct: Attributes,
    pub(crate) server_trait: Attributes,
    pub(crate) client_mod: Attributes,
    pub(crate) client_struct: Attributes,
}

impl Default for ServiceSettings {
    fn default() -> Self {
        ServiceSettings {
            build_server: true,
            build_client: true,
            build_transport: true,
            client_trait: false,
            default_stubs: false,
            emit_package: true,
            has_descriptor_set: true,
            seltzer_path: "::seltzer".to_owned(),
            codec_path: None,
            server_mod: Attributes::default(),
            server_struct: Attributes::default(),
            server_trait: Attributes::default(),
            client_mod: Attributes::default(),
            client_struct: Attributes::default(),
        }
    }
}

impl ServiceSettings {
    /// The path of the runtime library.
    pub(crate) fn seltzer(&self) -> Result<TokenStream, Error> {
        path(&self.seltzer_path, "seltzer_path")
    }

    /// An expression that makes a codec which receives this type; `own` is the method's choice.
    pub(crate) fn codec(&self, own: Option<&str>, received: &TokenStream) -> Result<TokenStream, Error> {
        let seltzer = self.seltzer()?;
        match own.or(self.codec_path.as_deref()) {
            Some(chosen) => {
                let codec = path(chosen, "codec_path")?;
                Ok(quote! { #codec::default() })
            }
            None => Ok(quote! { #seltzer::codec::ProstCodec::with_shape(#seltzer::codegen::shape_of!(#received)) }),
        }
    }
}

/// Attributes by the services that they belong to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Attributes(Vec<(String, String)>);

impl Attributes {
    pub(crate) fn push(&mut self, pattern: &str, attribute: &str) {
        self.0.push((pattern.to_owned(), attribute.to_owned()));
    }

    /// The attributes for a service or package of this name.
    pub(crate) fn of(&self, full_name: &str) -> Result<TokenStream, Error> {
        let mut all = TokenStream::new();
        for (pattern, attribute) in &self.0 {
            if !names::pattern_selects(pattern, full_name) {
                continue;
            }
            let parsed = syn::Attribute::parse_outer.parse_str(attribute).map_err(|error| {
                Error::new(format!("`{attribute}` is not a Rust attribute: {error}"))
                    .with_hint("write it as in Rust, brackets included: `#[derive(Hash)]`")
            })?;
            all.extend(quote! { #(#parsed)* });
        }
        Ok(all)
    }
}

fn path(text: &str, setting: &str) -> Result<TokenStream, Error> {
    let path: syn::Path = syn::parse_str(text).map_err(|error| {
        Error::new(format!("`{text}` is not a Rust path: {error}"))
            .with_hint(format!("give `{setting}` a path such as `::seltzer` or `crate::Name`"))
    })?;
    Ok(quote! { #path })
}
