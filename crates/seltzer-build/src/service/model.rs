//! What the generator knows about a service, wherever it came from.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote};

use crate::error::Error;
use crate::names;

/// A service to generate.
#[derive(Debug, Clone)]
pub(crate) struct Service {
    /// In Rust: `RouteGuide`.
    pub(crate) rust_name: String,
    /// In the schema, as it stands on the wire.
    pub(crate) proto_name: String,
    /// Empty if the schema has none, or if it shall not appear on the wire.
    pub(crate) package: String,
    pub(crate) docs: Vec<String>,
    pub(crate) deprecated: bool,
    pub(crate) methods: Vec<Method>,
}

/// A method to generate.
#[derive(Debug, Clone)]
pub(crate) struct Method {
    /// In Rust: `get_feature`.
    pub(crate) rust_name: String,
    /// In the schema, as it stands on the wire.
    pub(crate) proto_name: String,
    pub(crate) docs: Vec<String>,
    /// As seen from inside a generated module.
    pub(crate) input: TokenStream,
    pub(crate) output: TokenStream,
    /// The full names of both messages in the schema; `None` if they are not protobuf.
    pub(crate) messages: Option<(String, String)>,
    pub(crate) kind: Kind,
    pub(crate) deprecated: bool,
    pub(crate) idempotency: Idempotency,
    /// A codec for this method alone.
    pub(crate) codec_path: Option<String>,
}

/// Which sides of a method stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Unary,
    ClientStreaming,
    ServerStreaming,
    BidiStreaming,
}

/// What the schema's `idempotency_level` promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Idempotency {
    #[default]
    Unknown,
    NoSideEffects,
    Idempotent,
}

impl Service {
    /// The name on the wire: `package.Service`.
    pub(crate) fn full_name(&self) -> String {
        if self.package.is_empty() { self.proto_name.clone() } else { format!("{}.{}", self.package, self.proto_name) }
    }

    pub(crate) fn server_module(&self) -> Ident {
        self.module("server")
    }

    pub(crate) fn client_module(&self) -> Ident {
        self.module("client")
    }

    pub(crate) fn descriptor_module(&self) -> Ident {
        self.module("descriptor")
    }

    pub(crate) fn server_name(&self) -> Ident {
        format_ident!("{}Server", self.rust_name)
    }

    pub(crate) fn client_name(&self) -> Ident {
        format_ident!("{}Client", self.rust_name)
    }

    pub(crate) fn client_trait_name(&self) -> Ident {
        format_ident!("{}Api", self.rust_name)
    }

    pub(crate) fn trait_name(&self) -> Ident {
        Ident::new(&self.rust_name, Span::call_site())
    }

    fn module(&self, role: &str) -> Ident {
        format_ident!("{}_{}", names::service_stem(&self.rust_name), role)
    }
}

impl Method {
    pub(crate) fn ident(&self) -> Ident {
        ident(&self.rust_name)
    }

    /// The method of the generated client, which has names of its own to keep free.
    pub(crate) fn client_ident(&self) -> Ident {
        if CLIENT_METHODS.contains(&self.rust_name.as_str()) {
            return format_ident!("{}_", self.rust_name);
        }
        self.ident()
    }

    /// The associated type that a streaming answer has: `ListFeaturesStream`.
    pub(crate) fn stream_name(&self) -> Ident {
        Ident::new(&names::stream_type(&self.proto_name), Span::call_site())
    }
}

impl Kind {
    pub(crate) fn of(client_streaming: bool, server_streaming: bool) -> Self {
        match (client_streaming, server_streaming) {
            (false, false) => Kind::Unary,
            (true, false) => Kind::ClientStreaming,
            (false, true) => Kind::ServerStreaming,
            (true, true) => Kind::BidiStreaming,
        }
    }

    pub(crate) fn is_unary(self) -> bool {
        matches!(self, Kind::Unary)
    }

    pub(crate) fn client_streams(self) -> bool {
        matches!(self, Kind::ClientStreaming | Kind::BidiStreaming)
    }

    pub(crate) fn server_streams(self) -> bool {
        matches!(self, Kind::ServerStreaming | Kind::BidiStreaming)
    }

    /// The function of the runtime that makes or answers such a call.
    pub(crate) fn function(self) -> Ident {
        format_ident!(
            "{}",
            match self {
                Kind::Unary => "unary",
                Kind::ClientStreaming => "client_streaming",
                Kind::ServerStreaming => "server_streaming",
                Kind::BidiStreaming => "bidi_streaming",
            }
        )
    }
}

/// A Rust type as it reads inside a generated module, which is one level deeper than the messages.
///
/// # Errors
///
/// The text is no type.
pub(crate) fn rust_type(resolved: &str, is_extern: bool) -> Result<TokenStream, Error> {
    let absolute = is_extern || resolved.starts_with("::") || resolved.starts_with("crate::");
    let deeper =
        if absolute && !resolved.starts_with("super::") { resolved.to_owned() } else { format!("super::{resolved}") };
    let parsed: syn::Type = syn::parse_str(&deeper).map_err(|error| {
        Error::new(format!("`{resolved}` is not a Rust type: {error}"))
            .with_hint("check the Rust paths given to `extern_path`")
    })?;
    Ok(quote! { #parsed })
}

/// The identifier of a name that may be escaped already.
fn ident(name: &str) -> Ident {
    match name.strip_prefix("r#") {
        Some(keyword) => Ident::new_raw(keyword, Span::call_site()),
        None => Ident::new(name, Span::call_site()),
    }
}

/// What every generated client has besides the methods of its service.
const CLIENT_METHODS: &[&str] = &[
    "accept_compressed",
    "compression_level",
    "compression_minimum_bytes",
    "connect",
    "max_decoding_message_size",
    "max_encoding_message_size",
    "new",
    "send_compressed",
    "with_interceptor",
    "with_interceptors",
    "with_origin",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_seen_from_one_module_deeper() {
        for (resolved, is_extern, expected) in [
            ("HelloRequest", false, "super :: HelloRequest"),
            ("super::other::Message", false, "super :: super :: other :: Message"),
            ("r#type::Fn", false, "super :: r#type :: Fn"),
            ("::prost_types::Any", true, ":: prost_types :: Any"),
            ("()", true, "()"),
            ("super::own::Message", true, "super :: super :: own :: Message"),
        ] {
            let tokens = rust_type(resolved, is_extern).expect("a type");
            assert_eq!(tokens.to_string(), expected);
        }
        assert!(rust_type("not a type", true).is_err());
    }
}
