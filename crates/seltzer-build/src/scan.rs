//! A look at a schema's tokens before the compiler sees it: editions, imports, nesting.

use std::ops::Range;

/// One token, with its place in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    pub(crate) range: Range<usize>,
}

/// Splits a schema into words, strings and single punctuation marks. Comments and white space are
/// left out. It never fails: what is no token of the language comes out as single characters.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = Token<'_>> {
    let mut offset = 0;
    std::iter::from_fn(move || {
        offset += blank_length(&text[offset..]);
        let length = token_length(&text[offset..]);
        if length == 0 {
            return None;
        }
        let range = offset..offset + length;
        offset += length;
        Some(Token { text: &text[range.clone()], range })
    })
}

/// The `edition = "..."` statement of a schema, if it has one.
pub(crate) fn edition(text: &str) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    let mut starts_statement = true;
    let mut tokens = tokens(text).peekable();
    while let Some(token) = tokens.next() {
        let follows = tokens.peek().map(|next| next.text);
        if starts_statement && depth == 0 && token.text == "edition" && follows == Some("=") {
            let end =
                tokens.take_while(|token| token.text != ";").last().map_or(token.range.end, |last| last.range.end);
            return Some(token.range.start..end);
        }
        match token.text {
            "{" => depth += 1,
            "}" => depth = depth.saturating_sub(1),
            _ => {}
        }
        starts_statement = matches!(token.text, ";" | "}");
    }
    None
}

/// The string in `import "name";`, quotes included.
pub(crate) fn import(text: &str, name: &str) -> Option<Range<usize>> {
    let mut in_import = false;
    for token in tokens(text) {
        match token.text {
            "import" => in_import = true,
            ";" => in_import = false,
            quoted if in_import && unquote(quoted) == Some(name) => return Some(token.range),
            _ => {}
        }
    }
    None
}

/// The first bracket that is nested deeper than `limit`.
pub(crate) fn nested_deeper_than(text: &str, limit: usize) -> Option<Range<usize>> {
    let mut depth = 0_usize;
    for token in tokens(text) {
        match token.text {
            "{" | "[" | "<" | "(" => depth += 1,
            "}" | "]" | ">" | ")" => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return Some(token.range);
        }
    }
    None
}

fn unquote(token: &str) -> Option<&str> {
    let quote = token.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    token.strip_prefix(quote)?.strip_suffix(quote)
}

/// The bytes of white space and comments at the start of `text`.
fn blank_length(text: &str) -> usize {
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let next = if trimmed.starts_with("//") {
            trimmed.find('\n').map_or("", |end| &trimmed[end..])
        } else if let Some(comment) = trimmed.strip_prefix("/*") {
            comment.find("*/").map_or("", |end| &comment[end + 2..])
        } else {
            return text.len() - trimmed.len();
        };
        rest = next;
    }
}

/// The bytes of the token at the start of `text`; 0 at the end.
fn token_length(text: &str) -> usize {
    let Some(first) = text.chars().next() else {
        return 0;
    };
    match first {
        '"' | '\'' => string_length(text, first),
        word if is_word(word) => text.find(|c| !is_word(c)).unwrap_or(text.len()),
        other => other.len_utf8(),
    }
}

/// A string ends at its quote, or at the end of the line if the quote is missing.
fn string_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (offset, letter) in text.char_indices().skip(1) {
        match letter {
            '\n' => return offset,
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if letter == quote => return offset + 1,
            _ => {}
        }
    }
    text.len()
}

fn is_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).map(|token| token.text).collect()
    }

    #[test]
    fn comments_and_strings_are_skipped_whole() {
        assert_eq!(texts("a/* edition = */ = 'b; \\' c' // d\n;\u{feff}e"), ["a", "=", "'b; \\' c'", ";", "e"]);
        assert_eq!(texts("\"open\nx /* open"), ["\"open", "x"]);
        assert_eq!(texts("é;"), ["é", ";"]);
        assert!(texts("").is_empty());
    }

    #[test]
    fn an_edition_is_found_only_where_a_statement_starts() {
        for (text, found) in [
            ("edition = \"2023\";", Some("edition = \"2023\"")),
            ("// edition = \"2023\";\nsyntax = \"proto3\";", None),
            ("/* x */ package a; edition='2024';", Some("edition='2024'")),
            ("message A { string edition = 1; }", None),
            ("message A { optional edition edition = 1; }", None),
            ("option x = \"edition = 1\";", None),
            ("edition =", Some("edition =")),
            ("edition", None),
        ] {
            assert_eq!(edition(text).map(|range| &text[range]), found, "{text}");
        }
    }

    #[test]
    fn an_import_is_found_by_its_name() {
        let text = "import public 'b.proto'; // import \"a.proto\"\nimport \"a.proto\";";
        assert_eq!(import(text, "a.proto"), Some(52..61));
        assert_eq!(import(text, "c.proto"), None);
    }

    #[test]
    fn deep_nesting_is_found() {
        assert_eq!(nested_deeper_than("{{[]}}", 3), None);
        assert_eq!(nested_deeper_than("{{[<", 3), Some(3..4));
    }
}
