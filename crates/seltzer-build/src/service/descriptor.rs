//! `greeter_descriptor`: what a service is called and which methods it has.

use proc_macro2::TokenStream;
use quote::quote;

use crate::error::Error;
use crate::service::model::{Idempotency, Kind, Method, Service};
use crate::service::{ServiceSettings, silenced};

/// The version of the agreement between generated code and runtime.
const CONTRACT_VERSION: u32 = 1;

pub(crate) fn generate(service: &Service, settings: &ServiceSettings) -> Result<TokenStream, Error> {
    let seltzer = settings.seltzer()?;
    let module = service.descriptor_module();
    let name = service.full_name();
    let methods = service.methods.iter().map(|method| entry(method, &name, &seltzer));
    let schemas = if settings.has_descriptor_set {
        quote! { super::FILE_DESCRIPTOR_SET }
    } else {
        quote! { &[] }
    };
    let silenced = silenced();
    let doc = format!(" What `{name}` is called and which methods it has.");
    let version = proc_macro2::Literal::u32_unsuffixed(CONTRACT_VERSION);
    Ok(quote! {
        #[doc = #doc]
        pub mod #module {
            #silenced
            /// The service's full name.
            pub const NAME: &str = #name;
            /// The service's methods, in the order of the schema.
            pub static METHODS: &[#seltzer::codegen::MethodDescriptor] = &[#(#methods),*];
            /// The service, with the schemas that describe it.
            pub static SERVICE: #seltzer::codegen::ServiceDescriptor =
                #seltzer::codegen::ServiceDescriptor::new(NAME, METHODS, #schemas);
            const _: () = #seltzer::codegen::assert_version(#version);
        }
    })
}

fn entry(method: &Method, service: &str, seltzer: &TokenStream) -> TokenStream {
    let path = format!("/{service}/{}", method.proto_name);
    let kind = match method.kind {
        Kind::Unary => quote! { Unary },
        Kind::ClientStreaming => quote! { ClientStreaming },
        Kind::ServerStreaming => quote! { ServerStreaming },
        Kind::BidiStreaming => quote! { BidiStreaming },
    };
    let messages = method.messages.as_ref().map(|(input, output)| {
        quote! { .with_messages(#input, #output) }
    });
    let idempotency = match method.idempotency {
        Idempotency::Unknown => None,
        Idempotency::NoSideEffects => Some(quote! { NoSideEffects }),
        Idempotency::Idempotent => Some(quote! { Idempotent }),
    };
    let idempotency = idempotency.map(|level| {
        quote! { .with_idempotency(#seltzer::codegen::Idempotency::#level) }
    });
    let deprecated = method.deprecated.then(|| quote! { .with_deprecated(true) });
    quote! {
        #seltzer::codegen::MethodDescriptor::new(#path, #seltzer::codegen::MethodKind::#kind)
            #messages #idempotency #deprecated
    }
}
