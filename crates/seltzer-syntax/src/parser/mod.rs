//! From tokens to a descriptor, with the place of everything.

mod enumeration;
mod field;
mod file;
mod message;
mod option;
mod reserved;
mod service;
mod value;

use crate::comments::{self, Comments};
use crate::descriptor::{FileDescriptorProto, Location, SourceCodeInfo};
use crate::edition::Edition;
use crate::error::SyntaxError;
use crate::token::{Kind, Token, tokens};

pub(crate) use option::Options;

/// Reads a schema. What it refers to is not looked up: names of types stay as they are written, and options stay
/// uninterpreted.
///
/// ```
/// let file = seltzer_syntax::parse("hello.proto", "edition = \"2023\"; message Hello { string name = 1; }")?;
/// assert_eq!(file.message_type[0].field[0].name(), "name");
/// # Ok::<(), seltzer_syntax::SyntaxError>(())
/// ```
///
/// # Errors
///
/// The text is not of the language. The error says what was expected, and where.
pub fn parse(name: &str, text: &str) -> Result<FileDescriptorProto, SyntaxError> {
    let mut parser = Parser::new(text)?;
    let mut file = FileDescriptorProto { name: Some(name.to_owned()), ..FileDescriptorProto::default() };
    parser.file(&mut file)?;
    file.source_code_info = Some(SourceCodeInfo { location: parser.locations });
    Ok(file)
}

/// Messages may be nested this deep, as with protoc.
const NESTING_DEPTH_MAX: usize = 31;

struct Parser<'a> {
    text: &'a str,
    /// Ends with [`Kind::End`].
    tokens: Vec<Token<'a>>,
    next: usize,
    edition: Edition,
    locations: Vec<Location>,
    /// Comments before the declaration that comes.
    leading: Option<String>,
    detached: Vec<String>,
    depth: usize,
}

/// A location that is being made.
struct Spot {
    index: usize,
    path: Vec<i32>,
    /// The token that it starts with.
    first: usize,
}

impl<'a> Parser<'a> {
    fn new(text: &'a str) -> Result<Self, SyntaxError> {
        let tokens = tokens(text)?;
        let Comments { detached, leading, .. } = comments::between(text, None, &tokens[0]);
        let parser = Parser {
            text,
            tokens,
            next: 0,
            edition: Edition::Proto2,
            locations: Vec::new(),
            leading,
            detached,
            depth: 0,
        };
        Ok(parser)
    }

    fn token(&self) -> Token<'a> {
        self.tokens[self.next]
    }

    /// The token behind the one at hand.
    fn peek(&self) -> Token<'a> {
        self.tokens[(self.next + 1).min(self.tokens.len() - 1)]
    }

    fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn at(&self, text: &str) -> bool {
        let token = self.token();
        token.text == text && token.kind != Kind::String
    }

    fn at_end(&self) -> bool {
        self.token().kind == Kind::End
    }

    /// Takes a token if it is this one.
    fn take(&mut self, text: &str) -> bool {
        let found = self.at(text);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, text: &str) -> Result<(), SyntaxError> {
        if self.take(text) { Ok(()) } else { Err(self.expected(&format!("`{text}`"))) }
    }

    fn identifier(&mut self, what: &str) -> Result<String, SyntaxError> {
        let token = self.token();
        if token.kind != Kind::Identifier {
            return Err(self.expected(what));
        }
        self.advance();
        Ok(token.text.to_owned())
    }

    /// An error about the token at hand.
    fn error(&self, message: impl Into<String>) -> SyntaxError {
        SyntaxError::new(message, self.token().range())
    }

    /// Something else should stand here.
    fn expected(&self, what: &str) -> SyntaxError {
        let token = self.token();
        let Some(previous) = self.next.checked_sub(1).map(|index| self.tokens[index]) else {
            return self.error(format!("expected {what}")).with_hint("is the beginning of the file missing?");
        };
        if token.kind == Kind::End {
            let end = previous.range().end;
            let message = format!("expected {what}, and the file ends");
            return SyntaxError::new(message, end..end).with_hint("is a `}` missing?");
        }
        let found = if token.text.len() > FOUND_BYTES_MAX { "this" } else { token.text };
        let error = self.error(format!("expected {what}, found `{found}`"));
        if what == "`;`" || what == "`;` or options" {
            let end = previous.range().end;
            return SyntaxError::new(error.message(), end..end).with_hint("put a `;` here");
        }
        error.with_hint(format!(
            "look at what stands between `{}` and this",
            previous.text.get(..40).unwrap_or(previous.text)
        ))
    }

    /// Starts a location at the token at hand.
    fn begin(&mut self, parent: &[i32], tail: &[i32]) -> Spot {
        let path = [parent, tail].concat();
        let index = self.locations.len();
        self.locations.push(Location { path: path.clone(), ..Location::default() });
        Spot { index, path, first: self.next }
    }

    /// Ends a location with the token before the one at hand.
    fn end(&mut self, spot: &Spot) {
        self.set_span(spot, spot.first, self.next.saturating_sub(1));
    }

    /// A location of tokens that were read already.
    fn locate(&mut self, parent: &[i32], tail: &[i32], first: usize, last: usize) -> Spot {
        let spot = self.begin(parent, tail);
        self.set_span(&spot, first, last);
        spot
    }

    fn set_span(&mut self, spot: &Spot, first: usize, last: usize) {
        // Nothing at all was read: an empty file.
        let (start, end) = (self.tokens[first].start, self.tokens[last.max(first)].end);
        let location = &mut self.locations[spot.index];
        location.span = vec![start.line, start.column];
        if end.line != start.line {
            location.span.push(end.line);
        }
        location.span.push(end.column);
    }

    /// Reads what ends a declaration, or the head of one: comments around it belong to the location.
    fn take_end(&mut self, text: &str, spot: Option<&Spot>) -> bool {
        if !self.at(text) {
            return false;
        }
        let end = self.token();
        self.advance();
        let Comments { trailing, detached, leading } = comments::between(self.text, Some(&end), &self.token());
        let leading = std::mem::replace(&mut self.leading, leading);
        match spot {
            Some(spot) => {
                let detached = std::mem::replace(&mut self.detached, detached);
                let location = &mut self.locations[spot.index];
                location.leading_comments = leading;
                location.trailing_comments = trailing;
                location.leading_detached_comments = detached;
            }
            None if text == "}" => self.detached = detached,
            None => self.detached.extend(detached),
        }
        true
    }

    fn expect_end(&mut self, text: &str, spot: Option<&Spot>) -> Result<(), SyntaxError> {
        if self.take_end(text, spot) { Ok(()) } else { Err(self.expected(&format!("`{text}`"))) }
    }

    /// A name with a location of its own.
    fn name(&mut self, parent: &[i32], tag: i32, what: &str) -> Result<String, SyntaxError> {
        let spot = self.begin(parent, &[tag]);
        let name = self.identifier(what)?;
        self.end(&spot);
        Ok(name)
    }
}

/// Longer tokens are not repeated in errors: the mark shows them.
const FOUND_BYTES_MAX: usize = 40;

/// The index that the next element of a list will have.
fn index<T>(list: &[T]) -> i32 {
    // A text that has more elements than this is refused by the lexer.
    i32::try_from(list.len()).unwrap_or(i32::MAX)
}
