//! How names of a schema become names in Rust, the same way as prost does it.

use heck::{ToSnakeCase, ToUpperCamelCase};

/// The name of a field, a method or a module: `lower_snake`, escaped if it is a keyword.
pub(crate) fn snake(name: &str) -> String {
    escape(name.to_snake_case())
}

/// The name of a type or a variant: `UpperCamel`, escaped if it is a keyword.
pub(crate) fn upper_camel(name: &str) -> String {
    escape(name.to_upper_camel_case())
}

/// A variant's name without the name of its enum in front, if something usable is left.
pub(crate) fn strip_enum_prefix(enum_name: &str, variant: &str) -> String {
    match variant.strip_prefix(enum_name) {
        Some(rest) if rest.starts_with(char::is_uppercase) => escape(rest.to_owned()),
        _ => escape(variant.to_owned()),
    }
}

/// The stem of the modules `stem_server`, `stem_client` and `stem_descriptor` of a service, as
/// tonic derives it from the UpperCamel name: every capital starts a word.
pub(crate) fn service_stem(rust_name: &str) -> String {
    let mut stem = String::with_capacity(rust_name.len() + 4);
    for (index, letter) in rust_name.chars().enumerate() {
        if index > 0 && letter.is_uppercase() {
            stem.push('_');
        }
        stem.extend(letter.to_lowercase());
    }
    stem
}

/// The associated type of an rpc that answers with a stream: the name as it stands, like tonic's,
/// unless that would not look like a type.
pub(crate) fn stream_type(rpc: &str) -> String {
    if rpc.starts_with(char::is_uppercase) { format!("{rpc}Stream") } else { format!("{}Stream", upper_camel(rpc)) }
}

/// A name without the mark of a raw identifier, for file names and compound names.
pub(crate) fn unraw(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Whether `pattern` selects `full_name` (without a leading dot), by prost's rules: `.` is
/// everything, `.a.b` a prefix, `b.C` a suffix, always in whole segments.
pub(crate) fn pattern_selects(pattern: &str, full_name: &str) -> bool {
    if pattern == "." {
        return true;
    }
    let path: Vec<&str> = full_name.split('.').collect();
    match pattern.strip_prefix('.') {
        Some(prefix) => {
            let prefix: Vec<&str> = prefix.split('.').collect();
            path.starts_with(&prefix)
        }
        None => {
            let suffix: Vec<&str> = pattern.split('.').collect();
            !pattern.is_empty() && path.ends_with(&suffix)
        }
    }
}

fn escape(name: String) -> String {
    match name.as_str() {
        // Keywords that may not be raw identifiers.
        "_" | "super" | "self" | "Self" | "extern" | "crate" => format!("{name}_"),
        keyword if is_keyword(keyword) => format!("r#{name}"),
        number if number.starts_with(char::is_numeric) => format!("_{name}"),
        _ => name,
    }
}

/// Keywords of all editions, those reserved for later included.
fn is_keyword(name: &str) -> bool {
    const KEYWORDS: &[&str] = &[
        "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else", "enum",
        "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move",
        "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait", "true", "try", "type",
        "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
    ];
    KEYWORDS.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_prost() {
        for (name, expected) in [
            ("GetFeature", "get_feature"),
            ("HTTPServer", "http_server"),
            ("type", "r#type"),
            ("gen", "r#gen"),
            ("self", "self_"),
            ("field_name17__", "field_name17"),
        ] {
            assert_eq!(snake(name), expected);
        }
        for (name, expected) in [("FOO_BAR", "FooBar"), ("fuzzBuster", "FuzzBuster"), ("self", "Self_"), ("_1", "_1")] {
            assert_eq!(upper_camel(name), expected);
        }
    }

    #[test]
    fn enum_prefixes_are_stripped_only_when_a_name_is_left() {
        for (enum_name, variant, expected) in [
            ("Foo", "FooBar", "Bar"),
            ("Foo", "Foobar", "Foobar"),
            ("Foo", "Foo", "Foo"),
            ("Foo", "Foo1", "Foo1"),
            ("Foo", "FooSelf", "Self_"),
        ] {
            assert_eq!(strip_enum_prefix(enum_name, variant), expected);
        }
    }

    #[test]
    fn streams_are_types_called_like_their_rpc() {
        for (rpc, expected) in [
            ("ListFeatures", "ListFeaturesStream"),
            ("GetHTTPInfo", "GetHTTPInfoStream"),
            ("sendStatus", "SendStatusStream"),
            ("self", "Self_Stream"),
        ] {
            assert_eq!(stream_type(rpc), expected);
        }
    }

    #[test]
    fn every_capital_of_a_service_starts_a_word() {
        for (name, expected) in [("Greeter", "greeter"), ("RouteGuide", "route_guide"), ("AB", "a_b")] {
            assert_eq!(service_stem(name), expected);
        }
    }

    #[test]
    fn patterns_select_by_whole_segments() {
        for (pattern, name, selected) in [
            (".", "a.B", true),
            (".a", "a.B", true),
            (".a.B", "a.B", true),
            (".a.B.c", "a.B", false),
            ("B", "a.B", true),
            ("a.B", "a.B", true),
            (".A", "a.B", false),
            ("", "a.B", false),
        ] {
            assert_eq!(pattern_selects(pattern, name), selected, "{pattern} on {name}");
        }
    }
}
