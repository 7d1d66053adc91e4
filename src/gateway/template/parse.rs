//! From a template's text to its parts.

use std::fmt;

use crate::gateway::template::{Reserved, Segment, Template, Variable, percent_decode};

/// How long a template may be; the longest ones of public APIs have about two hundred characters.
const TEMPLATE_BYTES_MAX: usize = 4096;

/// How many parts a template may have.
const SEGMENTS_MAX: usize = 128;

/// Why a text is no path template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError {
    text: String,
    column: usize,
    what: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is no path template: {} (column {})", self.text, self.what, self.column)
    }
}

impl std::error::Error for TemplateError {}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The text does not follow the grammar of `google.api.http`.
    pub(crate) fn parse(text: &str) -> Result<Template, TemplateError> {
        let mut parser = Parser { text, at: 0, segments: Vec::new(), variables: Vec::new() };
        match parser.template() {
            Ok(verb) => {
                let Parser { segments, variables, .. } = parser;
                Ok(Template { segments, variables, verb, text: text.to_owned() })
            }
            Err(what) => {
                const SHOWN: usize = 200;
                let shown = text.chars().take(SHOWN).collect();
                let column = text.get(..parser.at).map_or(parser.at, |before| before.chars().count()) + 1;
                Err(TemplateError { text: shown, column, what })
            }
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    segments: Vec<Segment>,
    variables: Vec<Variable>,
}

impl Parser<'_> {
    /// `"/" Segments [ Verb ]`
    fn template(&mut self) -> Result<Option<String>, String> {
        if self.text.len() > TEMPLATE_BYTES_MAX {
            return Err(format!("it is longer than {TEMPLATE_BYTES_MAX} bytes"));
        }
        if !self.take('/') {
            return Err("it must begin with a slash".to_owned());
        }
        // The root has no segment.
        let verb = match self.rest() {
            "" => None,
            _ => {
                self.segments(false)?;
                if self.take(':') { Some(self.verb()?) } else { None }
            }
        };
        match self.rest().chars().next() {
            None => Ok(verb),
            Some('}') => Err("a brace is closed that was not opened".to_owned()),
            Some(other) => Err(format!("{other:?} is not expected here")),
        }
    }

    /// `Segment { "/" Segment }`
    fn segments(&mut self, within_variable: bool) -> Result<(), String> {
        loop {
            self.segment(within_variable)?;
            if self.segments.len() > SEGMENTS_MAX {
                return Err(format!("it has more than {SEGMENTS_MAX} segments"));
            }
            let before = self.at;
            if !self.take('/') {
                return Ok(());
            }
            if self.segments.last() == Some(&Segment::Rest) {
                self.at = before;
                return Err("`**` must be the last segment".to_owned());
            }
        }
    }

    /// `"*" | "**" | LITERAL | Variable`
    fn segment(&mut self, within_variable: bool) -> Result<(), String> {
        let begin = self.at;
        if self.take('{') {
            if within_variable {
                self.at = begin;
                return Err("a variable cannot stand within another".to_owned());
            }
            return self.variable();
        }
        let length = self.literal_length(within_variable);
        let literal = &self.text[begin..begin + length];
        let segment = match literal {
            "*" => Segment::One,
            "**" => Segment::Rest,
            "" => return Err("a segment is empty".to_owned()),
            _ if literal.contains('*') => {
                return Err("`*` and `**` stand for whole segments: there must be nothing beside them".to_owned());
            }
            _ => Segment::Literal(decoded_literal(literal)?),
        };
        self.at += length;
        self.segments.push(segment);
        Ok(())
    }

    /// `"{" FieldPath [ "=" Segments ] "}"`, behind the brace.
    fn variable(&mut self) -> Result<(), String> {
        let path = self.field_path()?;
        let start = self.segments.len();
        if self.take('=') {
            self.segments(true)?;
        } else {
            self.segments.push(Segment::One);
        }
        if !self.take('}') {
            return Err(match self.rest().chars().next() {
                None => "a brace is not closed".to_owned(),
                Some(other) => format!("{other:?} is not expected in a variable"),
            });
        }
        if !matches!(self.rest().chars().next(), None | Some('/' | ':')) {
            return Err("a variable stands for whole segments: a slash or a verb must follow".to_owned());
        }
        if self.variables.iter().any(|other| other.path == path) {
            return Err(format!("the variable {} is there twice", path.join(".")));
        }
        self.variables.push(Variable { path, start, end: self.segments.len() });
        Ok(())
    }

    /// `IDENT { "." IDENT }`
    fn field_path(&mut self) -> Result<Vec<String>, String> {
        let mut path = Vec::new();
        loop {
            let rest = self.rest();
            let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            let name = &rest[..length];
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
                return Err("the name of a field is expected here".to_owned());
            }
            path.push(name.to_owned());
            self.at += length;
            if !self.take('.') {
                return Ok(path);
            }
        }
    }

    /// `LITERAL` behind the last colon.
    fn verb(&mut self) -> Result<String, String> {
        let rest = self.rest();
        if rest.is_empty() {
            return Err("the verb behind the colon is empty".to_owned());
        }
        if let Some(at) = rest.find(['/', '{', '}', '*', ':']) {
            let character = rest[at..].chars().next().unwrap_or_default();
            self.at += at;
            return Err(format!("{character:?} is not expected in a verb"));
        }
        let verb = decoded_literal(rest)?;
        self.at = self.text.len();
        Ok(verb)
    }

    /// How long the segment is that begins here. The last colon of a template is its verb's; others are characters.
    fn literal_length(&self, within_variable: bool) -> usize {
        let rest = self.rest();
        let end = rest.find(['/', '{', '}']).unwrap_or(rest.len());
        if within_variable || end < rest.len() {
            return end;
        }
        rest.rfind(':').unwrap_or(end)
    }

    fn take(&mut self, character: char) -> bool {
        let found = self.rest().starts_with(character);
        if found {
            self.at += character.len_utf8();
        }
        found
    }

    fn rest(&self) -> &str {
        &self.text[self.at..]
    }
}

fn decoded_literal(literal: &str) -> Result<String, String> {
    if let Some(wrong) = literal.chars().find(|c| matches!(c, '?' | '#' | '=') || c.is_control()) {
        return Err(format!("{wrong:?} cannot stand in a path: write it percent-encoded"));
    }
    let decoded = percent_decode(literal, Reserved::Decoded).map_err(str::to_owned)?;
    if decoded == "." || decoded == ".." {
        return Err("dot segments never arrive: clients take them out of paths".to_owned());
    }
    Ok(decoded.into_owned())
}
