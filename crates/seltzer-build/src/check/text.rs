//! Mistakes that only the text of a schema shows: the parser underneath reads over them.

use crate::error::Error;
use crate::scan::{self, Token};

/// Looks for the first mistake.
pub(crate) fn check(name: &str, text: &str) -> Result<(), Error> {
    let tokens: Vec<Token<'_>> = scan::tokens(text).collect();
    let mut blocks: Vec<&str> = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        let before = |count: usize| index.checked_sub(count).map_or("", |index| tokens[index].text);
        let next = tokens.get(index + 1).map_or("", |token| token.text);
        let fail = |message: &str, label: &str, hint: &str| {
            Err(Error::new(message).in_file(name, text).mark(token.range.clone(), label).with_hint(hint))
        };
        let is_in_oneof = blocks.last().is_some_and(|block| *block == "oneof");
        match token.text {
            "{" => blocks.push(opened(&tokens, index)),
            "}" if blocks.pop() == Some("extend") && before(1) == "{" => {
                return fail("nothing is extended here", "no field", "write a field, or drop the `extend`");
            }
            ";" if is_in_oneof && matches!(before(1), ";" | "{" | "}") => {
                return fail("expected a field, but found ';'", "no field", "drop the `;`: a oneof has fields only");
            }
            "features" if is_option_name(before(1), next) && blocks.last() != Some(&"value") => {
                let hint = "drop the option, or begin the file with an `edition`";
                return fail("features are for files with an edition", "a feature", hint);
            }
            "uninterpreted_option" if is_option_name(before(1), next) => {
                let hint = "the compiler keeps it for itself: choose another option";
                return fail("`uninterpreted_option` cannot be set", "set here", hint);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether a word is the first of an option's name.
fn is_option_name(before: &str, next: &str) -> bool {
    matches!(before, "option" | "[") && matches!(next, "." | "=")
}

/// What kind of block a brace opens: the first word of its statement.
fn opened<'a>(tokens: &[Token<'a>], index: usize) -> &'a str {
    let statement = tokens[..index].iter().rev().take_while(|token| !matches!(token.text, ";" | "{" | "}"));
    let words: Vec<&str> = statement.map(|token| token.text).collect();
    match words.last() {
        Some(&first) if !words.contains(&"=") => first,
        // The value of an option, or the body of a group.
        _ => "value",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_told_apart() {
        let text =
            "message M { option (x) = { a: 1 }; oneof o { int32 a = 1; } } extend M { optional group G = 1 { } }";
        let tokens: Vec<_> = scan::tokens(text).collect();
        let blocks = tokens.iter().enumerate().filter(|(_, token)| token.text == "{");
        let blocks: Vec<_> = blocks.map(|(index, _)| opened(&tokens, index)).collect();
        assert_eq!(blocks, ["message", "value", "oneof", "extend", "value"]);
        assert_eq!(check("a.proto", text).map_err(|error| error.to_string()), Ok(()));
    }

    #[test]
    fn the_place_is_marked() {
        let text = "message M {}\nextend M { }";
        let error = check("a.proto", text).expect_err("nothing is extended");
        assert_eq!(error.to_string(), "a.proto:2:12: nothing is extended here");
    }
}
