//! Options, which stay uninterpreted.

use prost_types::UninterpretedOption;
use prost_types::uninterpreted_option::NamePart;

use crate::descriptor::tag;
use crate::error::SyntaxError;
use crate::options;
use crate::parser::{Parser, Spot};
use crate::token::Kind;

/// The options of one thing, so far.
#[derive(Default)]
pub(crate) struct Options {
    uninterpreted: Vec<UninterpretedOption>,
}

impl Options {
    /// Encoded, if there are any.
    pub(crate) fn into_bytes(self) -> Option<Vec<u8>> {
        (!self.uninterpreted.is_empty()).then(|| options::encode(&self.uninterpreted))
    }

    /// Those of a map that hold for its keys and values too.
    pub(crate) fn propagated(&self) -> Vec<u8> {
        let features = self.uninterpreted.iter().filter(|option| {
            option.name.first().is_some_and(|part| !part.is_extension && part.name_part == "features")
        });
        options::encode(features)
    }
}

impl Parser<'_> {
    /// `option name = value;` at a location that has begun.
    pub(super) fn option_statement(&mut self, options: &mut Options, spot: &Spot) -> Result<(), SyntaxError> {
        let location =
            self.begin(&spot.path, &[tag::UNINTERPRETED_OPTION, crate::parser::index(&options.uninterpreted)]);
        self.expect("option").map_err(|error| error.with_hint("only options can stand here"))?;
        options.uninterpreted.push(self.assignment()?);
        self.expect_end(";", Some(&location))?;
        self.end(&location);
        Ok(())
    }

    /// `name = value`
    pub(super) fn option(&mut self, options: &mut Options, path: &[i32]) -> Result<(), SyntaxError> {
        let location = self.begin(path, &[tag::UNINTERPRETED_OPTION, crate::parser::index(&options.uninterpreted)]);
        options.uninterpreted.push(self.assignment()?);
        self.end(&location);
        Ok(())
    }

    /// `[name = value, ...]`
    pub(super) fn bracketed_options(&mut self, path: &[i32], options: &mut Options) -> Result<(), SyntaxError> {
        let spot = self.begin(path, &[]);
        self.expect("[")?;
        loop {
            self.option(options, path)?;
            if !self.take(",") {
                break;
            }
        }
        self.expect("]")?;
        self.end(&spot);
        Ok(())
    }

    fn assignment(&mut self) -> Result<UninterpretedOption, SyntaxError> {
        let mut option = UninterpretedOption::default();
        loop {
            option.name.push(self.name_part()?);
            if !self.take(".") {
                break;
            }
        }
        self.expect("=")?;
        self.option_value(&mut option)?;
        Ok(option)
    }

    fn name_part(&mut self) -> Result<NamePart, SyntaxError> {
        if !self.take("(") {
            let name_part = self.identifier("the name of an option")?;
            return Ok(NamePart { name_part, is_extension: false });
        }
        let mut name_part = String::new();
        if self.take(".") {
            name_part.push('.');
        }
        name_part.push_str(&self.identifier("the name of an extension")?);
        while self.take(".") {
            name_part.push('.');
            name_part.push_str(&self.identifier("a part of the extension's name")?);
        }
        self.expect(")")?;
        Ok(NamePart { name_part, is_extension: true })
    }

    fn option_value(&mut self, option: &mut UninterpretedOption) -> Result<(), SyntaxError> {
        let is_negative = self.take("-");
        let token = self.token();
        match token.kind {
            Kind::Identifier if !is_negative => {
                option.identifier_value = Some(token.text.to_owned());
                self.advance();
            }
            Kind::Identifier if matches!(token.text, "inf" | "nan") => {
                option.double_value = Some(if token.text == "inf" { f64::NEG_INFINITY } else { -f64::NAN });
                self.advance();
            }
            Kind::Integer | Kind::Float => self.option_number(option, is_negative)?,
            Kind::String if !is_negative => option.string_value = Some(self.string("a string")?.0),
            Kind::Symbol if token.text == "{" && !is_negative => option.aggregate_value = Some(self.aggregate()?),
            _ if is_negative => return Err(self.expected("a number").with_hint("only numbers can be negative")),
            _ => return Err(self.expected("the value of the option")),
        }
        Ok(())
    }

    fn option_number(&mut self, option: &mut UninterpretedOption, is_negative: bool) -> Result<(), SyntaxError> {
        let token = self.token();
        let integer = (token.kind == Kind::Integer).then(|| crate::parser::value::integer(token.text)).flatten();
        match integer {
            Some(value) if !is_negative => option.positive_int_value = Some(value),
            Some(value) if value <= 1 << 63 => {
                option.negative_int_value = Some(0_i64.wrapping_sub_unsigned(value));
            }
            _ => {
                let value = self.float_of(&token)?;
                option.double_value = Some(if is_negative { -value } else { value });
            }
        }
        self.advance();
        Ok(())
    }

    /// The text between braces, which stays as it is written.
    fn aggregate(&mut self) -> Result<String, SyntaxError> {
        let head = self.next;
        self.expect("{")?;
        let start = self.tokens[head].range().end;
        let mut depth = 1_usize;
        loop {
            let token = self.token();
            match (token.kind, token.text) {
                (Kind::End, _) => {
                    return Err(SyntaxError::new(
                        "the file ends, and the value is still open",
                        self.tokens[head].range(),
                    )
                    .with_hint("is a `}` missing?"));
                }
                (Kind::Symbol, "{") => depth += 1,
                (Kind::Symbol, "}") => depth -= 1,
                _ => {}
            }
            self.advance();
            if depth == 0 {
                return Ok(without_comments(self.text, start, token.offset, &self.tokens[head + 1..self.next - 1]));
            }
        }
    }
}

/// A text whose comments became blanks: in the language of values they start with another sign.
fn without_comments(text: &str, start: usize, end: usize, tokens: &[crate::token::Token<'_>]) -> String {
    let mut out = String::with_capacity(end - start);
    let mut last = start;
    for token in tokens {
        if token.offset > last {
            out.push(' ');
        }
        out.push_str(token.text);
        last = token.range().end;
    }
    let _ = text;
    out
}
