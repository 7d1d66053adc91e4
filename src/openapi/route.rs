//! What documents need to know of the ways in which methods are called over HTTP.

use prost_reflect::MethodDescriptor;

/// One way to call a method over HTTP.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    /// `GET`, `POST` and so on, another kind, or `*` for any.
    pub(crate) verb: String,
    pub(crate) path: RoutePath,
    pub(crate) body: RouteBody,
    /// The field of the response that is the answer; `None`: all of it.
    pub(crate) response_body: Option<String>,
    pub(crate) method: MethodDescriptor,
}

/// What of a request message is the request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RouteBody {
    None,
    Whole,
    /// A field of the message, by its name in the schema.
    Field(String),
}

/// A path template as OpenAPI can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoutePath {
    /// With a `{name}` for each parameter.
    pub(crate) path: String,
    pub(crate) parameters: Vec<PathParameter>,
    /// The fields that stand in the path, those among them that callers do not choose, as the template writes them.
    pub(crate) fields: Vec<String>,
}

/// A part of a path that callers choose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PathParameter {
    /// Between its braces.
    pub(crate) name: String,
    /// The field that it goes to, as a path of the schema's names; `None` for a wildcard outside of any variable.
    pub(crate) field: Option<String>,
    /// The template of that field, where this is not all of it: `shelves/*`.
    pub(crate) part_of: Option<String>,
    /// Whether it may be several segments, with slashes between them.
    pub(crate) is_rest: bool,
}

impl RoutePath {
    /// Reads a template of `google.api.http` that is known to be a valid one.
    ///
    /// OpenAPI's parameters are single segments. So the literal parts of a variable stand in the path by themselves, and
    /// each of its wildcards is a parameter: `/v1/{name=shelves/*}` is `/v1/shelves/{name}`.
    pub(crate) fn new(template: &str) -> Self {
        let mut reader = Reader { path: String::new(), parameters: Vec::new(), fields: Vec::new(), anonymous: 0 };
        let mut rest = template;
        while let Some(open) = rest.find('{') {
            let close = rest[open..].find('}').map_or(rest.len(), |length| open + length);
            reader.plain(&rest[..open]);
            reader.variable(&rest[open + 1..close]);
            rest = rest.get(close + 1..).unwrap_or_default();
        }
        reader.plain(rest);
        RoutePath { path: reader.path, parameters: reader.parameters, fields: reader.fields }
    }

    /// The path without the names of its parameters: two that are equal match the same requests.
    pub(crate) fn shape(&self) -> String {
        let mut shape = String::new();
        for (index, part) in self.path.split('{').enumerate() {
            shape.push_str(if index == 0 { part } else { part.split_once('}').map_or("", |(_, rest)| rest) });
            shape.push('{');
        }
        shape
    }
}

struct Reader {
    path: String,
    parameters: Vec<PathParameter>,
    fields: Vec<String>,
    /// How many wildcards stand outside of any variable.
    anonymous: usize,
}

impl Reader {
    /// What stands outside of variables.
    fn plain(&mut self, text: &str) {
        for (index, segment) in text.split('/').enumerate() {
            if index > 0 {
                self.path.push('/');
            }
            let (wildcard, verb) = segment.split_once(':').map_or((segment, None), |(it, verb)| (it, Some(verb)));
            if matches!(wildcard, "*" | "**") {
                self.anonymous += 1;
                let name = format!("segment{}", self.anonymous);
                self.parameter(name, None, None, wildcard == "**");
                if let Some(verb) = verb {
                    self.path.push(':');
                    self.path.push_str(verb);
                }
            } else {
                self.path.push_str(segment);
            }
        }
    }

    /// What stands between the braces of one.
    fn variable(&mut self, text: &str) {
        let (field, pattern) = text.split_once('=').unwrap_or((text, "*"));
        self.fields.push(field.to_owned());
        let segments: Vec<_> = pattern.split('/').collect();
        let is_wildcard = |segment: &str| matches!(segment, "*" | "**");
        let wildcards = segments.iter().filter(|segment| is_wildcard(segment)).count();
        let part_of = (segments.len() > 1).then(|| pattern.to_owned());
        let mut number = 0;
        for (index, segment) in segments.iter().enumerate() {
            if index > 0 {
                self.path.push('/');
            }
            if !is_wildcard(segment) {
                self.path.push_str(segment);
                continue;
            }
            number += 1;
            let name = if wildcards == 1 { field.to_owned() } else { format!("{field}.{number}") };
            self.parameter(name, Some(field.to_owned()), part_of.clone(), *segment == "**");
        }
    }

    fn parameter(&mut self, name: String, field: Option<String>, part_of: Option<String>, is_rest: bool) {
        self.path.push('{');
        self.path.push_str(&name);
        self.path.push('}');
        self.parameters.push(PathParameter { name, field, part_of, is_rest });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_paths_with_parameters() {
        // (the template, its path, its parameters as name = field, with `...` for many segments)
        let table = [
            ("/v1/hello", "/v1/hello", ""),
            ("/v1/{id}", "/v1/{id}", "id=id"),
            ("/v1/{id}:cancel", "/v1/{id}:cancel", "id=id"),
            ("/v1/{book.id}/pages/{page}", "/v1/{book.id}/pages/{page}", "book.id=book.id page=page"),
            ("/v1/{name=shelves/*}", "/v1/shelves/{name}", "name=name(shelves/*)"),
            (
                "/v1/{name=shelves/*/books/*}:read",
                "/v1/shelves/{name.1}/books/{name.2}:read",
                "name.1=name(shelves/*/books/*) name.2=name(shelves/*/books/*)",
            ),
            ("/v1/{path=**}", "/v1/{path}", "path=path..."),
            ("/v1/{path=files/**}", "/v1/files/{path}", "path=path(files/**)..."),
            ("/v1/{kind=fixed}", "/v1/fixed", ""),
            ("/*/items/**:all", "/{segment1}/items/{segment2}:all", "segment1=- segment2=-..."),
        ];
        for (template, path, parameters) in table {
            let route = RoutePath::new(template);
            assert_eq!(route.path, path, "{template}");
            let shown: Vec<_> = route
                .parameters
                .iter()
                .map(|it| {
                    let part = it.part_of.as_ref().map(|part| format!("({part})")).unwrap_or_default();
                    let rest = if it.is_rest { "..." } else { "" };
                    format!("{}={}{part}{rest}", it.name, it.field.as_deref().unwrap_or("-"))
                })
                .collect();
            assert_eq!(shown.join(" "), parameters, "{template}");
        }
    }

    #[test]
    fn shapes_forget_names() {
        assert_eq!(RoutePath::new("/v1/{a}/b").shape(), RoutePath::new("/v1/{c.d=*}/b").shape());
        assert_ne!(RoutePath::new("/v1/{a}/b").shape(), RoutePath::new("/v1/{a}").shape());
        assert_ne!(RoutePath::new("/v1/{a}:b").shape(), RoutePath::new("/v1/{a}").shape());
    }
}
