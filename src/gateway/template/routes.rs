//! Which of many templates a path matches: a tree of their segments.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use crate::gateway::template::{Reserved, Segment, Template, percent_decode};

/// Templates with HTTP methods, and what is to be found by them.
///
/// A literal comes before a single segment, and that before the rest of the path, segment by segment from the left;
/// what has a verb comes before what has none, and a method by name before any method. So what is found does not depend
/// on the order in which it was added. A template that does not have the method is passed over for the next best.
#[derive(Debug)]
pub(crate) struct Routes<T> {
    root: Node<T>,
}

#[derive(Debug)]
struct Node<T> {
    literals: HashMap<String, Node<T>>,
    one: Option<Box<Node<T>>>,
    /// Behind `**` there is nothing more.
    rest: Vec<End<T>>,
    ends: Vec<End<T>>,
}

/// The end of templates that differ in their variables alone.
#[derive(Debug)]
struct End<T> {
    verb: Option<String>,
    /// `*` is any method.
    methods: Vec<(String, T)>,
}

/// What matched a path.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found<'a, T> {
    /// This did.
    Match(&'a T),
    /// Templates did, but for these methods alone.
    OtherMethods(Vec<(&'a str, &'a T)>),
    /// None did.
    Nothing,
}

/// Any method.
pub(crate) const ANY_METHOD: &str = "*";

impl<T> Default for Node<T> {
    fn default() -> Self {
        Node { literals: HashMap::new(), one: None, rest: Vec::new(), ends: Vec::new() }
    }
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Routes { root: Node::default() }
    }
}

impl<T> Routes<T> {
    /// Adds a template for a method.
    ///
    /// # Errors
    /// Another one has the same method and matches the same paths.
    pub(crate) fn add(&mut self, method: &str, template: &Template, value: T) -> Result<(), &T> {
        let mut node = &mut self.root;
        let mut is_rest = false;
        for segment in template.segments() {
            match segment {
                Segment::Literal(literal) => node = node.literals.entry(literal.clone()).or_default(),
                Segment::One => node = node.one.get_or_insert_default(),
                Segment::Rest => is_rest = true,
            }
        }
        let ends = if is_rest { &mut node.rest } else { &mut node.ends };
        let at = match ends.iter().position(|end| end.verb.as_deref() == template.verb()) {
            Some(at) => at,
            None => {
                ends.push(End { verb: template.verb().map(str::to_owned), methods: Vec::new() });
                ends.len() - 1
            }
        };
        let methods = &mut ends[at].methods;
        match methods.iter().position(|(other, _)| other == method) {
            Some(taken) => Err(&methods[taken].1),
            None => {
                methods.push((method.to_owned(), value));
                Ok(())
            }
        }
    }

    /// What a path matches. Each node of the tree is looked at once at most, whatever the path is.
    pub(crate) fn find(&self, method: &str, path: &Path<'_>) -> Found<'_, T> {
        let mut search = Search { method, others: Vec::new() };
        let with_verb = path.verb.as_ref().and_then(|(segments, verb)| search.find(&self.root, segments, Some(verb)));
        match with_verb.or_else(|| search.find(&self.root, &path.segments, None)) {
            Some(found) => Found::Match(found),
            None if search.others.is_empty() => Found::Nothing,
            None => {
                search.others.sort_by_key(|(method, _)| *method);
                search.others.dedup_by_key(|(method, _)| *method);
                Found::OtherMethods(search.others)
            }
        }
    }
}

struct Search<'a, 'b, T> {
    method: &'b str,
    others: Vec<(&'a str, &'a T)>,
}

impl<'a, T> Search<'a, '_, T> {
    fn find(&mut self, node: &'a Node<T>, segments: &[Part<'_>], verb: Option<&str>) -> Option<&'a T> {
        if let Some((first, behind)) = segments.split_first() {
            if let Some(next) = first.decoded.as_deref().and_then(|literal| node.literals.get(literal))
                && let Some(found) = self.find(next, behind, verb)
            {
                return Some(found);
            }
            if let (Some(next), false) = (&node.one, first.range.is_empty())
                && let Some(found) = self.find(next, behind, verb)
            {
                return Some(found);
            }
        } else if let Some(found) = self.end(&node.ends, verb) {
            return Some(found);
        }
        self.end(&node.rest, verb)
    }

    fn end(&mut self, ends: &'a [End<T>], verb: Option<&str>) -> Option<&'a T> {
        let end = ends.iter().find(|end| end.verb.as_deref() == verb)?;
        let with = |wanted: &str| end.methods.iter().find(|(method, _)| method == wanted).map(|(_, value)| value);
        let found = with(self.method).or_else(|| with(ANY_METHOD));
        if found.is_none() {
            self.others.extend(end.methods.iter().map(|(method, value)| (method.as_str(), value)));
        }
        found
    }
}

/// The path of a request, taken apart.
#[derive(Debug)]
pub(crate) struct Path<'a> {
    text: &'a str,
    segments: Vec<Part<'a>>,
    /// The same less what stands behind the last colon of the last one, and that.
    verb: Option<(Vec<Part<'a>>, Cow<'a, str>)>,
}

/// A segment.
#[derive(Debug, Clone)]
struct Part<'a> {
    range: Range<usize>,
    /// None if its encoding is wrong: no literal is like it.
    decoded: Option<Cow<'a, str>>,
}

impl<'a> Path<'a> {
    /// Takes a path apart; nothing for what is none, such as the `*` of `OPTIONS *`.
    pub(crate) fn new(text: &'a str) -> Option<Path<'a>> {
        let inside = text.strip_prefix('/')?;
        let part = |range: Range<usize>| {
            let decoded = percent_decode(&text[range.clone()], Reserved::Decoded).ok();
            Part { range, decoded }
        };
        let mut segments = Vec::new();
        if !inside.is_empty() {
            let mut start = 1;
            for segment in inside.split('/') {
                segments.push(part(start..start + segment.len()));
                start += segment.len() + 1;
            }
        }
        let verb = segments.last().and_then(|last| {
            let range = last.range.clone();
            let colon = range.start + text[range.clone()].rfind(':')?;
            let verb = percent_decode(&text[colon + 1..range.end], Reserved::Decoded).ok()?;
            let mut before = segments.clone();
            before.pop();
            before.push(part(range.start..colon));
            Some((before, verb))
        });
        Some(Path { text, segments, verb })
    }

    /// Whether a segment says `.` or `..`, encoded or not, or would where an encoded slash is taken for one; also in
    /// front of the verb of a template that matched.
    pub(crate) fn has_dot_segment(&self, template: &Template) -> bool {
        let is_dots = |part: &Part<'_>| {
            part.decoded.as_deref().is_some_and(|text| text.split('/').any(|segment| matches!(segment, "." | "..")))
        };
        self.segments.iter().chain(self.before_verb(template)).any(is_dots)
    }

    /// The segments without the verb, if the template has one.
    fn before_verb(&self, template: &Template) -> &[Part<'a>] {
        match (&self.verb, template.verb()) {
            (Some((segments, _)), Some(_)) => segments,
            _ => &[],
        }
    }

    /// What the variables of a template that matched are, in their order.
    ///
    /// # Errors
    /// What a variable holds is wrongly encoded: the variable's name, and what is wrong.
    pub(crate) fn variables(&self, template: &Template, reserved: Reserved) -> Result<Vec<String>, String> {
        let segments = match self.before_verb(template) {
            [] => &self.segments,
            segments => segments,
        };
        let value = |variable: &crate::gateway::template::Variable| {
            let is_rest = template.variable_segments(variable).last() == Some(&Segment::Rest);
            let end = if is_rest { segments.len() } else { variable.end };
            let parts = segments.get(variable.start..end).unwrap_or_default();
            let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(String::new()) };
            let reserved = if template.is_multi(variable) { reserved } else { Reserved::Decoded };
            percent_decode(&self.text[first.range.start..last.range.end], reserved)
                .map(Cow::into_owned)
                .map_err(|what| format!("{}: {what}", variable.path.join(".")))
        };
        template.variables().iter().map(value).collect()
    }
}
