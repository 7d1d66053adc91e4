//! Services and their methods.

use crate::descriptor::{MethodDescriptorProto, ServiceDescriptorProto, tag};
use crate::error::SyntaxError;
use crate::parser::{Options, Parser, index};

impl Parser<'_> {
    pub(super) fn service(&mut self, path: &[i32]) -> Result<ServiceDescriptorProto, SyntaxError> {
        let spot = self.begin(path, &[]);
        self.expect("service")?;
        let name = self.name(path, tag::NAME, "the name of the service")?;
        let head = self.next - 1;
        let mut service = ServiceDescriptorProto { name: Some(name), ..ServiceDescriptorProto::default() };
        self.expect_end("{", Some(&spot))?;
        let mut options = Options::default();
        while !self.take_end("}", None) {
            if self.at_end() {
                return Err(self.unclosed(head));
            }
            if self.take_end(";", None) {
                continue;
            }
            if self.at("option") {
                let option = self.begin(path, &[tag::service::OPTIONS]);
                self.option_statement(&mut options, &option)?;
                self.end(&option);
            } else {
                let method = self.method(path, index(&service.method))?;
                service.method.push(method);
            }
        }
        service.options = options.into_bytes();
        self.end(&spot);
        Ok(service)
    }

    fn method(&mut self, path: &[i32], index: i32) -> Result<MethodDescriptorProto, SyntaxError> {
        let spot = self.begin(path, &[tag::service::METHOD, index]);
        let path = &spot.path;
        if !self.take("rpc") {
            return Err(self.expected("`rpc` or `option`"));
        }
        let name = self.name(path, tag::NAME, "the name of the method")?;
        let head = self.next - 1;
        let (client_streaming, input) = self.side(path, tag::method::CLIENT_STREAMING, tag::method::INPUT)?;
        self.expect("returns")?;
        let (server_streaming, output) = self.side(path, tag::method::SERVER_STREAMING, tag::method::OUTPUT)?;
        let mut options = Options::default();
        // A body makes options, even if there are none in it.
        let has_body = self.take_end("{", Some(&spot));
        if has_body {
            while !self.take_end("}", None) {
                if self.at_end() {
                    return Err(self.unclosed(head));
                }
                if self.take_end(";", None) {
                    continue;
                }
                let option = self.begin(path, &[tag::method::OPTIONS]);
                self.option_statement(&mut options, &option)?;
                self.end(&option);
            }
        } else {
            self.expect_end(";", Some(&spot))?;
        }
        self.end(&spot);
        Ok(MethodDescriptorProto {
            name: Some(name),
            input_type: Some(input),
            output_type: Some(output),
            options: options.into_bytes().or(has_body.then(Vec::new)),
            client_streaming,
            server_streaming,
        })
    }

    /// `(stream Type)`
    fn side(&mut self, path: &[i32], stream: i32, side: i32) -> Result<(Option<bool>, String), SyntaxError> {
        self.expect("(")?;
        let is_stream = self.at("stream");
        if is_stream {
            self.modifier(&[path, &[stream]].concat());
        }
        let spot = self.begin(path, &[side]);
        let name = self.type_name("a message")?;
        self.end(&spot);
        self.expect(")")?;
        Ok((is_stream.then_some(true), name))
    }
}
