//! Which templates there are, and what they match: after the specification of `google.api.http`, and where that is
//! silent, as gateways commonly do.

use crate::gateway::template::{Found, Path, Reserved, Routes, Template};

#[test]
fn templates_are_read() {
    // (template, its segments, its variables with theirs, its verb)
    for (text, segments, variables, verb) in [
        ("/", "", "", ""),
        ("/v1", "v1", "", ""),
        ("/v1/books", "v1 books", "", ""),
        ("/*", "*", "", ""),
        ("/**", "**", "", ""),
        ("/v1/*/books/**", "v1 * books **", "", ""),
        ("/v1/{name}", "v1 *", "name=*", ""),
        ("/{name}", "*", "name=*", ""),
        ("/v1/{name=*}", "v1 *", "name=*", ""),
        ("/v1/{name=**}", "v1 **", "name=**", ""),
        ("/v1/{name=shelves/*}", "v1 shelves *", "name=shelves *", ""),
        ("/v1/{name=shelves/*/books/*}", "v1 shelves * books *", "name=shelves * books *", ""),
        ("/v1/{name=shelves/**}", "v1 shelves **", "name=shelves **", ""),
        ("/v1/{name=shelves}", "v1 shelves", "name=shelves", ""),
        ("/v1/{book.name}", "v1 *", "book.name=*", ""),
        ("/v1/{a.b.c_d1=x/*}/y", "v1 x * y", "a.b.c_d1=x *", ""),
        ("/v1/{a}/{b}", "v1 * *", "a=* b=*", ""),
        ("/v1/{a}/to/{b=**}", "v1 * to **", "a=* b=**", ""),
        ("/v1/{_a}", "v1 *", "_a=*", ""),
        ("/v1:verb", "v1", "", "verb"),
        ("/v1/*:verb", "v1 *", "", "verb"),
        ("/v1/**:verb", "v1 **", "", "verb"),
        ("/v1/{name}:verb", "v1 *", "name=*", "verb"),
        ("/v1/{name=**}:verb", "v1 **", "name=**", "verb"),
        ("/v1/{name=a/*}:verb", "v1 a *", "name=a *", "verb"),
        ("/v1/a:b:c", "v1 a:b", "", "c"),
        ("/v1/a:b/c", "v1 a:b c", "", ""),
        ("/v1/{name=a:b/*}", "v1 a:b *", "name=a:b *", ""),
        ("/v1/a%20b", "v1 a b", "", ""),
        ("/v1/a%2Fb", "v1 a/b", "", ""),
        ("/v1/a:b%3Ac", "v1 a", "", "b:c"),
        ("/v1/é", "v1 é", "", ""),
        ("/v1/%C3%A9", "v1 é", "", ""),
        ("/v1/a-b_c.d~e!$&'()+,;@", "v1 a-b_c.d~e!$&'()+,;@", "", ""),
        ("/...", "...", "", ""),
    ] {
        let template = Template::parse(text).unwrap_or_else(|error| panic!("{error}"));
        let shown = |segments: &[super::Segment]| {
            let shown: Vec<_> = segments
                .iter()
                .map(|segment| match segment {
                    super::Segment::Literal(literal) => literal.as_str(),
                    super::Segment::One => "*",
                    super::Segment::Rest => "**",
                })
                .collect();
            shown.join(" ")
        };
        let of = |variable: &super::Variable| {
            format!("{}={}", variable.path.join("."), shown(template.variable_segments(variable)))
        };
        assert_eq!(shown(template.segments()), segments, "{text}");
        assert_eq!(template.variables().iter().map(of).collect::<Vec<_>>().join(" "), variables, "{text}");
        assert_eq!(template.verb().unwrap_or_default(), verb, "{text}");
        assert_eq!(template.to_string(), text);
    }
}

/// (text, column, what is wrong there)
const REFUSED: &[(&str, usize, &str)] = &[
    ("", 1, "begin with a slash"),
    ("v1", 1, "begin with a slash"),
    ("*", 1, "begin with a slash"),
    ("//", 2, "a segment is empty"),
    ("/v1/", 5, "a segment is empty"),
    ("/v1//a", 5, "a segment is empty"),
    ("/:verb", 2, "a segment is empty"),
    ("/v1/:verb", 5, "a segment is empty"),
    ("/v1:", 5, "verb behind the colon is empty"),
    ("/v1/{name}:", 12, "verb behind the colon is empty"),
    ("/v1/{name}:a/b", 13, "'/' is not expected in a verb"),
    ("/v1/{name}:a:b", 13, "':' is not expected in a verb"),
    ("/v1/a*", 5, "stand for whole segments"),
    ("/v1/*a", 5, "stand for whole segments"),
    ("/v1/***", 5, "stand for whole segments"),
    ("/v1/a**b", 5, "stand for whole segments"),
    ("/v1/**/a", 7, "must be the last segment"),
    ("/v1/**/**", 7, "must be the last segment"),
    ("/v1/{a=**}/b", 11, "must be the last segment"),
    ("/v1/{a=**/b}", 10, "must be the last segment"),
    ("/v1/{", 6, "the name of a field"),
    ("/v1/{}", 6, "the name of a field"),
    ("/v1/{=a}", 6, "the name of a field"),
    ("/v1/{a", 7, "a brace is not closed"),
    ("/v1/{a=", 8, "a segment is empty"),
    ("/v1/{a=b", 9, "a brace is not closed"),
    ("/v1/{a=}", 8, "a segment is empty"),
    ("/v1/{a=b/}", 10, "a segment is empty"),
    ("/v1/{a.}", 8, "the name of a field"),
    ("/v1/{.a}", 6, "the name of a field"),
    ("/v1/{a..b}", 8, "the name of a field"),
    ("/v1/{1a}", 6, "the name of a field"),
    ("/v1/{a-b}", 7, "'-' is not expected in a variable"),
    ("/v1/{a b}", 7, "' ' is not expected in a variable"),
    ("/v1/{*}", 6, "the name of a field"),
    ("/v1/{a=b={c}}", 8, "'=' cannot stand in a path"),
    ("/v1/{a={b}}", 8, "within another"),
    ("/v1/{a=b/{c}}", 10, "within another"),
    ("/v1/{a}b", 8, "whole segments"),
    ("/v1/a{b}", 6, "'{' is not expected"),
    ("/v1/{a}{b}", 8, "whole segments"),
    ("/v1/{a}/{a}", 12, "there twice"),
    ("/v1/{a.b}/{a.b}", 16, "there twice"),
    ("/v1/a}", 6, "closed that was not opened"),
    ("/v1/{a}}", 8, "whole segments"),
    ("/v1/}", 5, "a segment is empty"),
    ("/v1/a?b", 5, "'?' cannot stand in a path"),
    ("/v1/a#b", 5, "'#' cannot stand in a path"),
    ("/v1/a=b", 5, "'=' cannot stand in a path"),
    ("/v1/a\nb", 5, "cannot stand in a path"),
    ("/v1/%", 5, "two hexadecimal digits"),
    ("/v1/%4", 5, "two hexadecimal digits"),
    ("/v1/%zz", 5, "two hexadecimal digits"),
    ("/v1/%ff", 5, "not UTF-8"),
    ("/v1/.", 5, "dot segments"),
    ("/v1/../a", 5, "dot segments"),
    ("/v1/%2e%2E", 5, "dot segments"),
    ("/é/{", 5, "the name of a field"),
];

#[test]
fn what_is_no_template_is_refused_with_its_column() {
    for (text, column, said) in REFUSED {
        let error = Template::parse(text).expect_err(text).to_string();
        assert!(error.contains(said) && error.ends_with(&format!("(column {column})")), "{text}: {error}");
    }
    let many = "/a".repeat(200);
    assert!(Template::parse(&many).expect_err("too many").to_string().contains("more than 128 segments"));
    let long = format!("/{}", "a".repeat(5000));
    assert!(Template::parse(&long).expect_err("too long").to_string().contains("longer than 4096 bytes"));
}

/// What a path comes to among templates: `TEMPLATE a|b` with the values of its variables, or `-`, or the methods that
/// there are instead.
fn found(templates: &[&str], request: &str) -> String {
    let mut routes = Routes::default();
    for template in templates {
        let (method, text) =
            if template.starts_with('/') { ("GET", *template) } else { template.split_once(' ').unwrap() };
        let parsed = Template::parse(text).unwrap();
        routes.add(method, &parsed, (*template, parsed.clone())).unwrap();
    }
    let (method, path) = request.split_once(' ').unwrap_or(("GET", request));
    let Some(path) = Path::new(path) else { return "-".to_owned() };
    match routes.find(method, &path) {
        Found::Match((name, template)) => match path.variables(template, Reserved::SlashKept) {
            Ok(values) if values.is_empty() => (*name).to_owned(),
            Ok(values) => format!("{name} {}", values.join("|")),
            Err(error) => error,
        },
        Found::OtherMethods(methods) => methods.into_iter().map(|(method, _)| method).collect::<Vec<_>>().join(","),
        Found::Nothing => "-".to_owned(),
    }
}

/// (template, path, what comes of it)
const MATCHES: &[(&str, &str, &str)] = &[
    ("/", "/", "/"),
    ("/", "", "-"),
    ("/", "/a", "-"),
    ("/", "*", "-"),
    ("/v1", "/v1", "/v1"),
    ("/v1", "/v1/", "-"),
    ("/v1", "/V1", "-"),
    ("/v1", "//v1", "-"),
    ("/v1", "/v1/a", "-"),
    ("/v1", "/v", "-"),
    ("/v1", "/%761", "/v1"),
    ("/a%20b", "/a%20b", "/a%20b"),
    ("/a b", "/a%20b", "/a b"),
    ("/a%2Fb", "/a%2fb", "/a%2Fb"),
    ("/a%2Fb", "/a/b", "-"),
    ("/é", "/%C3%A9", "/é"),
    ("/*", "/a", "/*"),
    ("/*", "/", "-"),
    ("/*", "/a/b", "-"),
    ("/*/b", "/a/b", "/*/b"),
    ("/*/b", "//b", "-"),
    ("/**", "/", "/**"),
    ("/**", "/a", "/**"),
    ("/**", "/a/b/c", "/**"),
    ("/**", "/a//b/", "/**"),
    ("/v1/**", "/v1", "/v1/**"),
    ("/v1/**", "/v1/", "/v1/**"),
    ("/v1/**", "/v1/a/b", "/v1/**"),
    ("/v1/**", "/v2/a", "-"),
    ("/{a}", "/x", "/{a} x"),
    ("/{a}", "/x%20y", "/{a} x y"),
    ("/{a}", "/x%2Fy", "/{a} x/y"),
    ("/{a}", "/x+y", "/{a} x+y"),
    ("/{a}", "/x%2By", "/{a} x+y"),
    ("/{a}", "/x%25y", "/{a} x%y"),
    ("/{a}", "/x%252Fy", "/{a} x%2Fy"),
    ("/{a}", "/%E4%BD%A0", "/{a} 你"),
    ("/{a}", "/%", "a: a percent sign is not followed by two hexadecimal digits"),
    ("/{a}", "/%4", "a: a percent sign is not followed by two hexadecimal digits"),
    ("/{a}", "/%4g", "a: a percent sign is not followed by two hexadecimal digits"),
    ("/{a}", "/%ff", "a: what is percent-encoded is not UTF-8"),
    ("/{a}", "/%c0%af", "a: what is percent-encoded is not UTF-8"),
    ("/{a}", "/x:y", "/{a} x:y"),
    ("/{a}", "/:", "/{a} :"),
    ("/{a}", "/{a}", "/{a} {a}"),
    ("/{a=b}", "/b", "/{a=b} b"),
    ("/{a=b}", "/c", "-"),
    ("/{a=b/*}", "/b/c", "/{a=b/*} b/c"),
    ("/{a=b/*}", "/b/c%2Fd", "/{a=b/*} b/c%2Fd"),
    ("/{a=b/*}", "/b/c%2fd", "/{a=b/*} b/c%2fd"),
    ("/{a=b/*}", "/b/c%20d%3F", "/{a=b/*} b/c d?"),
    ("/{a=b/*}", "/b/", "-"),
    ("/{a=b/*}", "/b", "-"),
    ("/{a=b/*}", "/b/c/d", "-"),
    ("/{a=**}", "/", "/{a=**} "),
    ("/{a=**}", "/x", "/{a=**} x"),
    ("/{a=**}", "/x/y", "/{a=**} x/y"),
    ("/{a=**}", "/x%2Fy/z", "/{a=**} x%2Fy/z"),
    ("/{a=**}", "/x/", "/{a=**} x/"),
    ("/{a=**}", "/x//y", "/{a=**} x//y"),
    ("/v/{a=b/**}", "/v/b", "/v/{a=b/**} b"),
    ("/v/{a=b/**}", "/v/b/c/d", "/v/{a=b/**} b/c/d"),
    ("/v/{a=b/**}", "/v/c", "-"),
    ("/{a}/{b}", "/x/y", "/{a}/{b} x|y"),
    ("/{a}/to/{b=**}", "/x/to/y/z", "/{a}/to/{b=**} x|y/z"),
    ("/{a=s/*}/books/{b}", "/s/1/books/2", "/{a=s/*}/books/{b} s/1|2"),
    ("/{a}:v", "/x:v", "/{a}:v x"),
    ("/{a}:v", "/x", "-"),
    ("/{a}:v", "/x:w", "-"),
    ("/{a}:v", "/x:V", "-"),
    ("/{a}:v", "/x:y:v", "/{a}:v x:y"),
    ("/{a}:v", "/:v", "-"),
    ("/{a}:v", "/x:v/", "-"),
    ("/{a}:v", "/x%3Av", "-"),
    ("/{a}:v", "/x:%76", "/{a}:v x"),
    ("/{a=**}:v", "/x/y:v", "/{a=**}:v x/y"),
    ("/{a=**}:v", "/:v", "/{a=**}:v "),
    ("/{a=b/*}:v", "/b/x:v", "/{a=b/*}:v b/x"),
    ("/a:v", "/a:v", "/a:v"),
    ("/a:v", "/a", "-"),
    ("/a:b:c", "/a:b:c", "/a:b:c"),
    ("/a:b/c", "/a:b/c", "/a:b/c"),
];

#[test]
fn paths_match_templates_or_not() {
    for (template, path, expected) in MATCHES {
        assert_eq!(found(&[template], path), *expected, "{template} and {path}");
    }
}

#[test]
fn the_most_special_template_is_found_whatever_the_order() {
    type Row<'a> = (&'a [&'a str], &'a str, &'a str);
    let rows: &[Row<'_>] = &[
        (&["/v1/{a}", "/v1/books"], "/v1/books", "/v1/books"),
        (&["/v1/{a}", "/v1/books"], "/v1/others", "/v1/{a} others"),
        (&["/v1/{a=**}", "/v1/{a}"], "/v1/x", "/v1/{a} x"),
        (&["/v1/{a=**}", "/v1/{a}"], "/v1/x/y", "/v1/{a=**} x/y"),
        (&["/v1/{a=**}", "/v1/{a}"], "/v1", "/v1/{a=**} "),
        (&["/{a}/b", "/a/{b}"], "/a/b", "/a/{b} b"),
        (&["/{a}/b", "/a/{b}"], "/x/b", "/{a}/b x"),
        // What goes wrong further on leads back.
        (&["/a/b/c", "/{x}/b/d"], "/a/b/d", "/{x}/b/d a"),
        (&["/a/{y}/c", "/{x}/b/d", "/{x=**}"], "/a/b/d", "/{x}/b/d a"),
        (&["/a/{y}/c", "/{x}/b/d", "/{x=**}"], "/a/b/e", "/{x=**} a/b/e"),
        (&["/a/**", "/{x}/b"], "/a/b", "/a/**"),
        (&["/**", "/a/**", "/a/b/**"], "/a/b", "/a/b/**"),
        (&["/**", "/a/**", "/a/b/**"], "/a/c", "/a/**"),
        (&["/**", "/a/**", "/a/b/**"], "/c", "/**"),
        // Verbs before names with colons.
        (&["/{a}", "/{a}:v"], "/x:v", "/{a}:v x"),
        (&["/{a}", "/{a}:v"], "/x:w", "/{a} x:w"),
        (&["/{a}", "/{a=**}:v"], "/x:v", "/{a=**}:v x"),
        (&["/x:v:w", "/{a}:w"], "/x:v:w", "/x:v:w"),
        (&["/x:v:w", "/{a}:w"], "/x:y:w", "/{a}:w x:y"),
        (&["/{a}:v", "/{a}:w"], "/x:w", "/{a}:w x"),
        // Methods.
        (&["GET /a", "POST /a"], "POST /a", "POST /a"),
        (&["GET /a", "* /a"], "GET /a", "GET /a"),
        (&["GET /a", "* /a"], "BREW /a", "* /a"),
        (&["GET /a", "POST /a"], "PUT /a", "GET,POST"),
        (&["POST /a", "GET /{x}"], "GET /a", "GET /{x} a"),
        (&["POST /a", "GET /{x}"], "PUT /a", "GET,POST"),
        (&["POST /a", "* /{x=**}"], "PUT /a", "* /{x=**} a"),
        (&["POST /a/{b}", "GET /a/{b=**}"], "GET /a/x", "GET /a/{b=**} x"),
        (&["GET /{a}", "POST /{a}:v"], "GET /x:v", "GET /{a} x:v"),
        (&["GET /{a}", "POST /{a}:v"], "PUT /x:v", "GET,POST"),
        (&["get /a", "GET /a"], "GET /a", "GET /a"),
        (&["GET /a"], "GET /b", "-"),
    ];
    for (templates, request, expected) in rows {
        let mut templates = templates.to_vec();
        for _ in 0..templates.len() {
            templates.rotate_left(1);
            assert_eq!(found(&templates, request), *expected, "{templates:?} and {request}");
        }
        templates.reverse();
        assert_eq!(found(&templates, request), *expected, "{templates:?} and {request}");
    }
}

#[test]
fn templates_that_match_the_same_conflict() {
    for (one, other, is_conflict) in [
        ("GET /a", "GET /a", true),
        ("GET /a", "POST /a", false),
        ("GET /a", "* /a", false),
        ("* /a", "* /a", true),
        ("GET /{a}", "GET /{b}", true),
        ("GET /{a}", "GET /*", true),
        ("GET /{a=**}", "GET /**", true),
        ("GET /{a=x/*}", "GET /x/{b}", true),
        ("GET /{a}", "GET /{a=**}", false),
        ("GET /{a}", "GET /a", false),
        ("GET /{a}:v", "GET /{b}:v", true),
        ("GET /{a}:v", "GET /{a}:w", false),
        ("GET /{a}:v", "GET /{a}", false),
        ("GET /a%20b", "GET /a b", true),
        ("GET /a", "GET /A", false),
    ] {
        let mut routes = Routes::default();
        let mut add = |row: &'static str| {
            let (method, text) = row.split_once(' ').unwrap();
            routes.add(method, &Template::parse(text).unwrap(), row).map_err(|other| *other)
        };
        add(one).unwrap();
        let second = add(other);
        assert_eq!(second, if is_conflict { Err(one) } else { Ok(()) }, "{one} and {other}");
    }
}

#[test]
fn slashes_are_decoded_where_that_is_wanted() {
    for (template, path, expected) in
        [("/{a=**}", "/x%2Fy/z", "x/y/z"), ("/{a=b/*}", "/b/c%2fd", "b/c/d"), ("/{a}", "/x%2Fy", "x/y")]
    {
        let template = Template::parse(template).unwrap();
        let values = Path::new(path).unwrap().variables(&template, Reserved::Decoded).unwrap();
        assert_eq!(values, [expected], "{template} and {path}");
    }
}

#[test]
fn dot_segments_are_seen_however_they_are_written() {
    let (plain, verb) = (Template::parse("/{name=**}").unwrap(), Template::parse("/{name=**}:read").unwrap());
    for (path, has) in [
        ("/a/b", false),
        ("/a/./b", true),
        ("/a/..", true),
        ("/%2e/a", true),
        ("/a/%2E%2e/b", true),
        ("/a/.%2e", true),
        ("/a/...", false),
        ("/.a/b.", false),
        ("/a%2F..%2Fb", true),
        ("/a%2F.b", false),
        ("/a/..:go", false),
    ] {
        assert_eq!(Path::new(path).unwrap().has_dot_segment(&plain), has, "{path}");
    }
    for (path, has) in [("/a/..:read", true), ("/a/%2e%2E:read", true), ("/a/b:read", false)] {
        assert_eq!(Path::new(path).unwrap().has_dot_segment(&verb), has, "{path}");
    }
}
