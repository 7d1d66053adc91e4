//! Ranges of numbers, and names and numbers that nobody may use.

use crate::descriptor::{EnumReservedRange, ReservedRange, tag};
use crate::error::SyntaxError;
use crate::parser::{Parser, index};
use crate::token::Kind;

/// Reserved numbers of messages and enums differ in their ends.
pub(super) trait Range: Sized {
    /// Whether numbers may be negative.
    const IS_SIGNED: bool;
    /// Makes a range; without an end it goes up to the greatest number.
    fn new(start: i32, end: Option<i32>) -> Self;
}

impl Range for ReservedRange {
    const IS_SIGNED: bool = false;
    fn new(start: i32, end: Option<i32>) -> Self {
        // What stands for the greatest number is put in when the message is complete.
        ReservedRange { start: Some(start), end: Some(end.map_or(-1, |end| end.saturating_add(1))) }
    }
}

impl Range for EnumReservedRange {
    const IS_SIGNED: bool = true;
    fn new(start: i32, end: Option<i32>) -> Self {
        EnumReservedRange { start: Some(start), end: Some(end.unwrap_or(i32::MAX)) }
    }
}

impl Parser<'_> {
    /// `reserved` with names or with numbers; `tags` are the fields of the two in the descriptor.
    pub(super) fn reserved<R: Range>(
        &mut self,
        path: &[i32],
        tags: (i32, i32),
        names: &mut Vec<String>,
        ranges: &mut Vec<R>,
    ) -> Result<(), SyntaxError> {
        let is_name = matches!(self.peek().kind, Kind::String | Kind::Identifier);
        let spot = self.begin(path, &[if is_name { tags.0 } else { tags.1 }]);
        self.expect("reserved")?;
        loop {
            if is_name {
                let name = self.begin(&spot.path, &[index(names)]);
                names.push(self.reserved_name()?);
                self.end(&name);
            } else {
                let range = self.begin(&spot.path, &[index(ranges)]);
                let (start, end) =
                    if R::IS_SIGNED { self.signed_range(&range.path)? } else { self.range(&range.path)? };
                ranges.push(R::new(start, end));
                self.end(&range);
            }
            if !self.take(",") {
                break;
            }
        }
        self.expect_end(";", Some(&spot))?;
        self.end(&spot);
        Ok(())
    }

    fn reserved_name(&mut self) -> Result<String, SyntaxError> {
        let token = self.token();
        let unquoted = token.text.trim_matches(['"', '\'']);
        match (token.kind, self.edition.has_features()) {
            (Kind::String, true) => Err(self
                .error("reserved names are written without quotes in editions")
                .with_hint(format!("write `{unquoted}`"))),
            (Kind::Identifier, false) => Err(self
                .error("reserved names are written in quotes")
                .with_hint(format!("write `\"{unquoted}\"`; only editions have them without"))),
            (Kind::Identifier, true) => self.identifier("a name"),
            (Kind::String, false) => {
                let (name, range) = self.string("a name in quotes")?;
                String::from_utf8(name)
                    .map_err(|_| SyntaxError::new("a name must be UTF-8", range).with_hint("drop the escape"))
            }
            _ => Err(self.expected("a reserved name")),
        }
    }

    /// `1`, `1 to 5` or `1 to max`: both ends included, and no end for `max`.
    pub(super) fn range(&mut self, path: &[i32]) -> Result<(i32, Option<i32>), SyntaxError> {
        self.range_of(path, |parser| parser.field_number("a number"))
    }

    fn signed_range(&mut self, path: &[i32]) -> Result<(i32, Option<i32>), SyntaxError> {
        self.range_of(path, |parser| parser.signed_number("a number"))
    }

    fn range_of(
        &mut self,
        path: &[i32],
        number: impl Fn(&mut Self) -> Result<i32, SyntaxError>,
    ) -> Result<(i32, Option<i32>), SyntaxError> {
        let first = self.next;
        let start_spot = self.begin(path, &[tag::range::START]);
        let start = number(self)?;
        self.end(&start_spot);
        if !self.take("to") {
            self.locate(path, &[tag::range::END], first, self.next - 1);
            return Ok((start, Some(start)));
        }
        let end_spot = self.begin(path, &[tag::range::END]);
        let end = if self.take("max") { None } else { Some(number(self)?) };
        self.end(&end_spot);
        Ok((start, end))
    }
}
