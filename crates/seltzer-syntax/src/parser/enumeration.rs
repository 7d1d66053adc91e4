//! Enums.

use crate::descriptor::{EnumDescriptorProto, EnumValueDescriptorProto, tag};
use crate::error::SyntaxError;
use crate::parser::{Options, Parser, index};

impl Parser<'_> {
    pub(super) fn enumeration(&mut self, path: &[i32]) -> Result<EnumDescriptorProto, SyntaxError> {
        let spot = self.begin(path, &[]);
        self.expect("enum")?;
        let name = self.name(path, tag::NAME, "the name of the enum")?;
        let head = self.next - 1;
        let mut the_enum = EnumDescriptorProto { name: Some(name), ..EnumDescriptorProto::default() };
        self.expect_end("{", Some(&spot))?;
        let mut options = Options::default();
        while !self.take_end("}", None) {
            if self.at_end() {
                return Err(self.unclosed(head));
            }
            self.enum_statement(&mut the_enum, &mut options, path)?;
        }
        the_enum.options = options.into_bytes();
        self.end(&spot);
        Ok(the_enum)
    }

    fn enum_statement(
        &mut self,
        the_enum: &mut EnumDescriptorProto,
        options: &mut Options,
        path: &[i32],
    ) -> Result<(), SyntaxError> {
        if self.take_end(";", None) {
            return Ok(());
        }
        match self.token().text {
            "option" => {
                let spot = self.begin(path, &[tag::enumeration::OPTIONS]);
                self.option_statement(options, &spot)?;
                self.end(&spot);
                Ok(())
            }
            "reserved" => {
                let tags = (tag::enumeration::RESERVED_NAME, tag::enumeration::RESERVED_RANGE);
                self.reserved(path, tags, &mut the_enum.reserved_name, &mut the_enum.reserved_range)
            }
            _ => {
                let value = self.enum_value(path, index(&the_enum.value))?;
                the_enum.value.push(value);
                Ok(())
            }
        }
    }

    fn enum_value(&mut self, path: &[i32], index: i32) -> Result<EnumValueDescriptorProto, SyntaxError> {
        let spot = self.begin(path, &[tag::enumeration::VALUE, index]);
        let name = self.name(&spot.path, tag::NAME, "the name of a value")?;
        self.expect("=")?;
        let number_spot = self.begin(&spot.path, &[tag::value::NUMBER]);
        let number = self.signed_number("the number of the value")?;
        self.end(&number_spot);
        let mut options = Options::default();
        if self.at("[") {
            let path = [&spot.path[..], &[tag::value::OPTIONS]].concat();
            self.bracketed_options(&path, &mut options)?;
        }
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        Ok(EnumValueDescriptorProto { name: Some(name), number: Some(number), options: options.into_bytes() })
    }
}
