//! Turns a service into Rust: its descriptor, the trait and server, the client.

mod client;
mod descriptor;
mod model;
mod server;
mod settings;

pub(crate) use model::{Idempotency, Kind, Method, Service, rust_type};
pub(crate) use settings::ServiceSettings;

use proc_macro2::TokenStream;
use quote::quote;

use crate::error::Error;

/// The Rust of one service, without formatting.
pub(crate) fn generate(service: &Service, settings: &ServiceSettings) -> Result<TokenStream, Error> {
    let descriptor = descriptor::generate(service, settings)?;
    let server = if settings.build_server { server::generate(service, settings)? } else { TokenStream::new() };
    let client = if settings.build_client { client::generate(service, settings)? } else { TokenStream::new() };
    Ok(quote! { #descriptor #server #client })
}

/// What generated modules silence, so that they stay quiet in crates with strict lints.
fn silenced() -> TokenStream {
    quote! {
        #![allow(
            dead_code,
            deprecated,
            missing_debug_implementations,
            missing_docs,
            non_camel_case_types,
            unreachable_pub,
            unused_qualifications,
            clippy::all,
            clippy::nursery,
            clippy::pedantic,
            rustdoc::all
        )]
    }
}

/// Doc comments, a line each.
fn docs<S: AsRef<str>>(lines: &[S]) -> TokenStream {
    let lines = lines.iter().map(AsRef::as_ref);
    quote! { #(#[doc = #lines])* }
}
