//! `greeter_server`: the trait to implement and the server around it.

use proc_macro2::{Ident, TokenStream};
use quote::{format_ident, quote};

use crate::error::Error;
use crate::service::model::{Method, Service};
use crate::service::{ServiceSettings, docs, silenced};

pub(crate) fn generate(service: &Service, settings: &ServiceSettings) -> Result<TokenStream, Error> {
    let parts = Parts { service, settings, seltzer: settings.seltzer()?, handler: handler_name(service) };
    let full_name = service.full_name();
    let module = service.server_module();
    let module_attributes = settings.server_mod.of(&full_name)?;
    let silenced = silenced();
    let doc = format!(" Generated server side of `{full_name}`.");
    let the_trait = parts.the_trait()?;
    let server = parts.server()?;
    let dispatch = parts.dispatch()?;
    Ok(quote! {
        #[doc = #doc]
        #module_attributes
        pub mod #module {
            #silenced
            #the_trait
            #server
            #dispatch
        }
    })
}

struct Parts<'a> {
    service: &'a Service,
    settings: &'a ServiceSettings,
    seltzer: TokenStream,
    /// The type parameter of the server.
    handler: Ident,
}

impl Parts<'_> {
    fn the_trait(&self) -> Result<TokenStream, Error> {
        let name = self.service.trait_name();
        let server = self.service.server_name();
        let full_name = self.service.full_name();
        let attributes = self.settings.server_trait.of(&full_name)?;
        let methods = self.service.methods.iter().map(|method| self.trait_method(method));
        let documentation = docs(&self.service.docs);
        let separator = (!self.service.docs.is_empty()).then(|| quote! { #[doc = ""] });
        let how = format!(" Implement it for a type of yours, and serve that with [`{server}::new`].");
        let message = format!("`{{Self}}` does not implement the service `{full_name}`");
        let note = format!("write `impl {name} for {{Self}}` with a method for each rpc of the schema");
        Ok(quote! {
            #documentation
            #separator
            #[doc = #how]
            #attributes
            #[diagnostic::on_unimplemented(message = #message, note = #note)]
            pub trait #name: ::core::marker::Send + ::core::marker::Sync + 'static {
                #(#methods)*
            }
        })
    }

    fn trait_method(&self, method: &Method) -> TokenStream {
        let seltzer = &self.seltzer;
        let name = method.ident();
        let documentation = docs(&method.docs);
        let input = &method.input;
        let request = if method.kind.client_streams() {
            quote! { #seltzer::Streaming<#input> }
        } else {
            quote! { #input }
        };
        let (associated, reply) = self.reply(method);
        let body = self.stub(method);
        quote! {
            #associated
            #documentation
            fn #name(
                &self,
                request: #seltzer::Request<#request>,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#seltzer::Response<#reply>, #seltzer::Status>,
            > + ::core::marker::Send #body
        }
    }

    /// The associated type of a streaming answer, if it has one, and the type of the reply.
    fn reply(&self, method: &Method) -> (Option<TokenStream>, TokenStream) {
        let seltzer = &self.seltzer;
        let output = &method.output;
        if !method.kind.server_streams() {
            return (None, quote! { #output });
        }
        let item = quote! { ::core::result::Result<#output, #seltzer::Status> };
        let stream = quote! { #seltzer::codegen::Stream<Item = #item> + ::core::marker::Send };
        if self.settings.default_stubs {
            // An associated type cannot have a default, so a default body needs a named type.
            let boxed = quote! { ::core::pin::Pin<::std::boxed::Box<dyn #stream + 'static>> };
            return (None, boxed);
        }
        let name = method.stream_name();
        let doc = format!(" The stream that [`Self::{}`] answers with.", method.rust_name);
        let associated = quote! {
            #[doc = #doc]
            type #name: #stream + 'static;
        };
        (Some(associated), quote! { Self::#name })
    }

    /// The end of a method's declaration: a semicolon, or a body that refuses the call.
    fn stub(&self, method: &Method) -> TokenStream {
        if !self.settings.default_stubs {
            return quote! { ; };
        }
        let seltzer = &self.seltzer;
        let text = format!("{}/{} is not implemented", self.service.full_name(), method.proto_name);
        quote! {
            {
                async move {
                    let _ = request;
                    ::core::result::Result::Err(#seltzer::Status::unimplemented(#text))
                }
            }
        }
    }

    fn server(&self) -> Result<TokenStream, Error> {
        let (seltzer, handler) = (&self.seltzer, &self.handler);
        let (name, the_trait) = (self.service.server_name(), self.service.trait_name());
        let full_name = self.service.full_name();
        let attributes = self.settings.server_struct.of(&full_name)?;
        let doc = format!(" Answers calls to `{full_name}` with a [`{the_trait}`].");
        let settings = self.setters();
        Ok(quote! {
            #[doc = #doc]
            #attributes
            #[derive(Debug)]
            pub struct #name<#handler> {
                inner: #seltzer::codegen::Arc<#handler>,
                config: #seltzer::codegen::ServiceConfig,
            }
            impl<#handler: self::#the_trait> #name<#handler> {
                /// Serves `inner`.
                pub fn new(inner: #handler) -> Self {
                    Self::from_arc(#seltzer::codegen::Arc::new(inner))
                }
                /// Serves a handler that is shared with other parts of the program.
                pub fn from_arc(inner: #seltzer::codegen::Arc<#handler>) -> Self {
                    Self { inner, config: ::core::default::Default::default() }
                }
                /// Serves `inner`, with an interceptor that sees every call before it.
                pub fn with_interceptor<I>(
                    inner: #handler,
                    interceptor: I,
                ) -> #seltzer::codegen::Intercepted<Self, I>
                where
                    I: #seltzer::Interceptor,
                {
                    #seltzer::codegen::Intercepted::new(Self::new(inner), interceptor)
                }
                #settings
                /// Puts interceptors around the calls that see messages, trailers and statuses, too;
                /// the outermost first.
                pub fn intercept(
                    self,
                    interceptors: impl ::core::convert::Into<#seltzer::codegen::ServerInterceptors>,
                ) -> #seltzer::codegen::Route {
                    #seltzer::codegen::IntoRoute::intercept(self, interceptors)
                }
                /// Turns this into a tower service, for use under other servers.
                pub fn into_tower(self) -> #seltzer::codegen::TowerService<Self> {
                    #seltzer::codegen::TowerService::new(self)
                }
            }
            impl<#handler> ::core::clone::Clone for #name<#handler> {
                fn clone(&self) -> Self {
                    Self {
                        inner: #seltzer::codegen::Arc::clone(&self.inner),
                        config: ::core::clone::Clone::clone(&self.config),
                    }
                }
            }
        })
    }

    fn setters(&self) -> TokenStream {
        let seltzer = &self.seltzer;
        quote! {
            /// Accepts requests compressed with `encoding`.
            #[must_use]
            pub fn accept_compressed(
                mut self,
                encoding: #seltzer::codegen::CompressionEncoding,
            ) -> Self {
                self.config.accept_compressed(encoding);
                self
            }
            /// Compresses replies with `encoding` for callers that accept it.
            #[must_use]
            pub fn send_compressed(
                mut self,
                encoding: #seltzer::codegen::CompressionEncoding,
            ) -> Self {
                self.config.send_compressed(encoding);
                self
            }
            /// Compresses as hard as `level` says, from 0 (fast) to 9 (small).
            #[must_use]
            pub fn compression_level(mut self, level: u32) -> Self {
                self.config.compression_level(level);
                self
            }
            /// Replies shorter than `bytes` bytes are sent as they are.
            #[must_use]
            pub fn compression_minimum_bytes(mut self, bytes: usize) -> Self {
                self.config.compression_minimum_bytes(bytes);
                self
            }
            /// Refuses messages from callers that are larger than `limit` bytes.
            #[must_use]
            pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
                self.config.max_decoding_message_size(limit);
                self
            }
            /// Refuses to send messages that are larger than `limit` bytes.
            #[must_use]
            pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
                self.config.max_encoding_message_size(limit);
                self
            }
        }
    }

    fn dispatch(&self) -> Result<TokenStream, Error> {
        let (seltzer, handler) = (&self.seltzer, &self.handler);
        let (name, the_trait) = (self.service.server_name(), self.service.trait_name());
        let descriptor = self.service.descriptor_module();
        let full_name = self.service.full_name();
        let arms = self
            .service
            .methods
            .iter()
            .enumerate()
            .map(|(index, method)| self.arm(index, method, &method.kind.function()))
            .collect::<Result<Vec<_>, _>>()?;
        let call_unary = self.call_unary()?;
        Ok(quote! {
            impl<#handler: self::#the_trait> #seltzer::codegen::Service for #name<#handler> {
                fn descriptor(&self) -> &'static #seltzer::codegen::ServiceDescriptor {
                    &super::#descriptor::SERVICE
                }
                fn config(&self) -> &#seltzer::codegen::ServiceConfig {
                    &self.config
                }
                fn call(
                    &self,
                    method: usize,
                    call: #seltzer::codegen::ServerCall,
                ) -> #seltzer::codegen::ReplyFuture {
                    match method {
                        #(#arms)*
                        _ => call.unimplemented(),
                    }
                }
                #call_unary
            }
            /// The service's full name.
            pub const SERVICE_NAME: &str = #full_name;
            impl<#handler> #seltzer::codegen::NamedService for #name<#handler> {
                const NAME: &'static str = SERVICE_NAME;
            }
        })
    }

    /// The short way of unary calls whose message has arrived; nothing for a service that has none.
    fn call_unary(&self) -> Result<TokenStream, Error> {
        let seltzer = &self.seltzer;
        let unary = self.service.methods.iter().enumerate().filter(|(_, method)| method.kind.is_unary());
        let arms = unary
            .map(|(index, method)| self.arm(index, method, &format_ident!("answer")))
            .collect::<Result<Vec<_>, _>>()?;
        if arms.is_empty() {
            return Ok(TokenStream::new());
        }
        Ok(quote! {
            fn call_unary(
                &self,
                method: usize,
                call: #seltzer::codegen::UnaryCall<'_>,
            ) -> #seltzer::codegen::UnaryReply {
                match method {
                    #(#arms)*
                    _ => call.go_the_long_way(self, method),
                }
            }
        })
    }

    fn arm(&self, index: usize, method: &Method, function: &Ident) -> Result<TokenStream, Error> {
        let (seltzer, handler) = (&self.seltzer, &self.handler);
        let the_trait = self.service.trait_name();
        let index = proc_macro2::Literal::usize_unsuffixed(index);
        let codec = self.settings.codec(method.codec_path.as_deref(), &method.input)?;
        let name = method.ident();
        Ok(quote! {
            #index => {
                let inner = #seltzer::codegen::Arc::clone(&self.inner);
                call.#function(#codec, move |request| async move {
                    <#handler as self::#the_trait>::#name(&inner, request).await
                })
            }
        })
    }
}

/// A name for the type parameter that is not the trait's.
fn handler_name(service: &Service) -> Ident {
    if service.rust_name == "T" { format_ident!("Handler") } else { format_ident!("T") }
}
