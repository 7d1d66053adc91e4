//! `greeter_client`: the methods to call.

use proc_macro2::{Ident, TokenStream};
use quote::quote;

use crate::error::Error;
use crate::service::model::{Method, Service};
use crate::service::{ServiceSettings, docs, silenced};

pub(crate) fn generate(service: &Service, settings: &ServiceSettings) -> Result<TokenStream, Error> {
    let seltzer = settings.seltzer()?;
    let full_name = service.full_name();
    let module = service.client_module();
    let name = service.client_name();
    let mod_attributes = settings.client_mod.of(&full_name)?;
    let struct_attributes = settings.client_struct.of(&full_name)?;
    let documentation = docs(&service.docs);
    let connect = settings.build_transport.then(|| connect(service, &seltzer));
    let default_channel = settings.build_transport.then(|| quote! { = #seltzer::Channel });
    let client_trait = settings.client_trait.then(|| client_trait(service, &seltzer));
    let constructors = constructors(service, &seltzer);
    let setters = setters(&seltzer);
    let methods = service
        .methods
        .iter()
        .enumerate()
        .map(|(index, method)| call(service, method, index, settings))
        .collect::<Result<Vec<_>, _>>()?;
    let silenced = silenced();
    let doc = format!(" Generated client side of `{full_name}`.");
    Ok(quote! {
        #[doc = #doc]
        #mod_attributes
        pub mod #module {
            #silenced
            #documentation
            #struct_attributes
            #[derive(Debug, Clone)]
            pub struct #name<C #default_channel> {
                inner: #seltzer::codegen::Client<C>,
            }
            #connect
            #client_trait
            impl<C: #seltzer::codegen::GrpcService> #name<C> {
                #constructors
                #setters
                #(#methods)*
            }
        }
    })
}

fn connect(service: &Service, seltzer: &TokenStream) -> TokenStream {
    let name = service.client_name();
    quote! {
        impl #name<#seltzer::Channel> {
            /// Opens a channel to `target`, such as `http://127.0.0.1:50051`, for this client alone.
            pub async fn connect<D>(
                target: D,
            ) -> ::core::result::Result<Self, #seltzer::transport::Error>
            where
                D: ::core::convert::TryInto<#seltzer::transport::Endpoint>,
                D::Error: ::core::convert::Into<#seltzer::codegen::StdError>,
            {
                #seltzer::Channel::connect(target).await.map(Self::new)
            }
        }
    }
}

fn constructors(service: &Service, seltzer: &TokenStream) -> TokenStream {
    let name = service.client_name();
    quote! {
        /// Makes calls through `channel`.
        pub fn new(channel: C) -> Self {
            Self { inner: #seltzer::codegen::Client::new(channel) }
        }
        /// Makes calls through `channel`, as if to `origin`.
        pub fn with_origin(channel: C, origin: #seltzer::codegen::http::Uri) -> Self {
            Self { inner: #seltzer::codegen::Client::with_origin(channel, origin) }
        }
        /// Makes calls through `channel`, with an interceptor that sees every call before it.
        pub fn with_interceptor<I>(
            channel: C,
            interceptor: I,
        ) -> #name<#seltzer::codegen::InterceptedService<C, I>>
        where
            I: #seltzer::Interceptor + ::core::clone::Clone,
            #seltzer::codegen::InterceptedService<C, I>: #seltzer::codegen::GrpcService,
        {
            #name::new(#seltzer::codegen::InterceptedService::new(channel, interceptor))
        }
        /// Makes calls through `channel`, with interceptors that see messages, trailers and
        /// statuses too.
        pub fn with_interceptors(
            channel: C,
            interceptors: impl ::core::convert::Into<#seltzer::codegen::Interceptors>,
        ) -> #name<#seltzer::codegen::InterceptedChannel<C>> {
            #name::new(#seltzer::codegen::InterceptedChannel::new(channel, interceptors))
        }
    }
}

/// The methods as a trait, and the client as one that has it.
fn client_trait(service: &Service, seltzer: &TokenStream) -> TokenStream {
    let (name, api) = (service.client_name(), service.client_trait_name());
    let doc = format!(
        " What can be called of `{}`: by [`{name}`], or by whatever stands in for it in a test.",
        service.full_name()
    );
    let signatures = service.methods.iter().map(|method| {
        let Signature { documentation, deprecated, function, request, reply } = signature(service, method, seltzer);
        quote! {
            #documentation
            #deprecated
            fn #function(
                &self,
                request: #seltzer::Request<#request>,
            ) -> impl ::core::future::Future<
                Output = ::core::result::Result<#seltzer::Response<#reply>, #seltzer::Status>,
            > + ::core::marker::Send;
        }
    });
    let calls = service.methods.iter().map(|method| {
        let Signature { function, request, reply, .. } = signature(service, method, seltzer);
        quote! {
            async fn #function(
                &self,
                request: #seltzer::Request<#request>,
            ) -> ::core::result::Result<#seltzer::Response<#reply>, #seltzer::Status> {
                // The client's own method goes first.
                Self::#function(self, request).await
            }
        }
    });
    quote! {
        #[doc = #doc]
        pub trait #api: ::core::marker::Send + ::core::marker::Sync {
            #(#signatures)*
        }
        impl<C: #seltzer::codegen::GrpcService + ::core::marker::Sync> #api for #name<C> {
            #(#calls)*
        }
    }
}

/// A method of a client's trait.
struct Signature {
    documentation: TokenStream,
    deprecated: Option<TokenStream>,
    function: Ident,
    request: TokenStream,
    reply: TokenStream,
}

fn signature(service: &Service, method: &Method, seltzer: &TokenStream) -> Signature {
    let (input, output) = (&method.input, &method.output);
    let request = if method.kind.client_streams() {
        quote! {
            impl #seltzer::codegen::Stream<Item = #input> + ::core::marker::Send + 'static
        }
    } else {
        quote! { #input }
    };
    let reply = if method.kind.server_streams() {
        quote! { #seltzer::Streaming<#output> }
    } else {
        quote! { #output }
    };
    Signature {
        documentation: docs(&method.docs),
        deprecated: (method.deprecated || service.deprecated).then(|| quote! { #[deprecated] }),
        function: method.client_ident(),
        request,
        reply,
    }
}

fn setters(seltzer: &TokenStream) -> TokenStream {
    quote! {
        /// Compresses requests with `encoding`. The server must support it.
        #[must_use]
        pub fn send_compressed(
            mut self,
            encoding: #seltzer::codegen::CompressionEncoding,
        ) -> Self {
            self.inner.send_compressed(encoding);
            self
        }
        /// Accepts replies compressed with `encoding`.
        #[must_use]
        pub fn accept_compressed(
            mut self,
            encoding: #seltzer::codegen::CompressionEncoding,
        ) -> Self {
            self.inner.accept_compressed(encoding);
            self
        }
        /// Compresses as hard as `level` says, from 0 (fast) to 9 (small).
        #[must_use]
        pub fn compression_level(mut self, level: u32) -> Self {
            self.inner.compression_level(level);
            self
        }
        /// Requests shorter than `bytes` bytes are sent as they are.
        #[must_use]
        pub fn compression_minimum_bytes(mut self, bytes: usize) -> Self {
            self.inner.compression_minimum_bytes(bytes);
            self
        }
        /// Refuses messages from the server that are larger than `limit` bytes.
        #[must_use]
        pub fn max_decoding_message_size(mut self, limit: usize) -> Self {
            self.inner.max_decoding_message_size(limit);
            self
        }
        /// Refuses to send messages that are larger than `limit` bytes.
        #[must_use]
        pub fn max_encoding_message_size(mut self, limit: usize) -> Self {
            self.inner.max_encoding_message_size(limit);
            self
        }
    }
}

fn call(service: &Service, method: &Method, index: usize, settings: &ServiceSettings) -> Result<TokenStream, Error> {
    let seltzer = settings.seltzer()?;
    let descriptor = service.descriptor_module();
    let index = proc_macro2::Literal::usize_unsuffixed(index);
    let codec = settings.codec(method.codec_path.as_deref(), &method.output)?;
    let documentation = docs(&method.docs);
    let deprecated = (method.deprecated || service.deprecated).then(|| quote! { #[deprecated] });
    let name = method.client_ident();
    let function = method.kind.function();
    let (input, output) = (&method.input, &method.output);
    let (request, into_request) = if method.kind.client_streams() {
        (
            quote! { impl #seltzer::IntoStreamingRequest<Message = #input> },
            quote! { #seltzer::IntoStreamingRequest::into_streaming_request(request) },
        )
    } else {
        (quote! { impl #seltzer::IntoRequest<#input> }, quote! { #seltzer::IntoRequest::into_request(request) })
    };
    let reply = if method.kind.server_streams() {
        quote! { #seltzer::Streaming<#output> }
    } else {
        quote! { #output }
    };
    Ok(quote! {
        #documentation
        #deprecated
        pub async fn #name(
            &self,
            request: #request,
        ) -> ::core::result::Result<#seltzer::Response<#reply>, #seltzer::Status> {
            self.inner
                .#function(&super::#descriptor::METHODS[#index], #codec, #into_request)
                .await
        }
    })
}
