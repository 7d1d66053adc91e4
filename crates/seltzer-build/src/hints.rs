//! What to do about the compiler's most frequent complaints, where it does not say so itself.

use crate::builtin;
use crate::scan;

/// A clearer wording of a message, where the compiler's own is misleading.
pub(crate) fn reword(message: &str, help: Option<&str>) -> Option<String> {
    if let Some((left, right)) =
        between(message, "camel-case name of field '", "'").zip(between(message, "conflicts with field '", "'"))
    {
        return Some(if left == right {
            format!("field `{left}` is defined twice")
        } else {
            format!("fields `{left}` and `{right}` have the same name in JSON")
        });
    }
    if let Some((name, _)) = between(message, "'", "' resolves to '")
        .zip(between(message, "' resolves to '", "', which is not defined"))
        .filter(|(name, found)| name == found)
    {
        return Some(format!("name '{name}' is not defined"));
    }
    if message.starts_with("a field with JSON name '") {
        return Some("two fields have the same name in JSON".to_owned());
    }
    if message == "invalid group name" && help.is_some_and(|help| help.starts_with("imports")) {
        return Some("invalid import path".to_owned());
    }
    None
}

/// A hint for a message about `text`, the mark being at `offset`.
pub(crate) fn hint(message: &str, text: &str, offset: Option<usize>) -> Option<String> {
    if let Some(name) = between(message, "name '", "' is not defined") {
        return Some(undefined(name, text));
    }
    let is_name_twice = message.starts_with("name '") && message.ends_with("is defined twice");
    if is_name_twice && offset.is_some_and(|at| is_enum_value(text, at)) {
        return Some(
            "values of an enum are names of the scope around it: put the enum's name in front of \
             each"
                .to_owned(),
        );
    }
    if message.starts_with("option field '") && message.ends_with("is not defined") {
        return Some("is it misspelt? Options of your own are written in parentheses".to_owned());
    }
    if message.starts_with("fields must have a label") && !has_syntax(text) {
        return Some("is this proto3? A file without `syntax = \"proto3\";` on top is proto2".into());
    }
    if message.ends_with("is not a message or enum type") {
        return Some("a field's type is a scalar, a message or an enum: is it misspelt?".to_owned());
    }
    if message.ends_with("is not a message type") {
        return Some("name a message here".to_owned());
    }
    let (_, hint) = HINTS.iter().find(|(start, _)| message.starts_with(start))?;
    Some((*hint).to_owned())
}

/// Hints by how messages start. Order matters: the first that fits is taken.
const HINTS: &[(&str, &str)] = &[
    ("expected '}', but reached end", "close the block with `}`"),
    ("expected 'to', ',' or ';'", "a range is written `2 to 5`, and ends with `;`"),
    ("expected 'public', 'weak'", "an import is written `import \"path/file.proto\";`"),
    ("expected a string literal, 'public'", "an import is written `import \"path/file.proto\";`"),
    ("expected a positive integer or string", "reserve numbers and ranges, as in `2, 5 to 9`, or names in quotes"),
    ("expected 'rpc'", "a service has methods: `rpc Name(Request) returns (Response);`"),
    ("expected 'option', '}'", "only options stand here"),
    ("expected 'stream' or a type", "name a message: `google.protobuf.Empty` if there is nothing to say"),
    ("expected '.' or ')'", "a method takes one message: `rpc Name(Request) returns (Response);`"),
    ("expected '('", "a method is written `rpc Name(Request) returns (Response);`"),
    ("expected ',', but found '>'", "a map is written `map<Key, Value>`"),
    ("expected '.' or '>'", "a map's value cannot be a map: put that in a message of its own"),
    ("expected ',' or ']'", "options are separated by commas: `[a = 1, b = 2]`"),
    ("expected an identifier or '('", "write an option, or drop the comma before this"),
    ("expected an extension to type", "the option is for something else: see where it is defined"),
    ("expected a constant", "write a value: a number, a string, `true` or `false`"),
    ("expected '{' or '['", "a group is written `group Name = number { ... }`"),
    ("expected '{'", "a block starts with `{`"),
    ("expected an integer", "write a whole number"),
    ("expected a string", "put it in quotes"),
    ("expected string terminator", "a string ends with the quote that it starts with"),
    ("expected an identifier", "a name is missing here"),
    ("expected '.' or an identifier", "a name is missing here: names are written without quotes"),
    ("expected a value of type 'bool'", "write `true` or `false`, without quotes"),
    ("expected a value of type 'string'", "write a string, in quotes"),
    ("expected a value of type", "see the definition of the option for the values that it takes"),
    ("invalid value of type", "see the definition of the message for its fields"),
    ("cannot set field for option", "the option has no fields: set it as a whole"),
    ("option field '", "drop one of the two"),
    ("option '", "see where the option is defined"),
    ("invalid default value", "write a value of the field's type; that of an enum is one of its names"),
    ("repeated fields may not", "drop the default: a list starts empty"),
    ("message fields may not", "drop the default: a message that is absent has no value"),
    ("map fields are not allowed in a oneof", "put the map in a message of its own, and that in the oneof"),
    ("map fields are not allowed", "put the map in a message of its own"),
    ("extension fields may not be required", "write `optional`"),
    ("import '", "drop one of the two"),
    ("invalid string escape", "write `\\\\` for a backslash"),
    ("invalid string character", "write it as an escape, such as `\\n`"),
    ("string is not valid", "use a field of type `bytes`, or a string in UTF-8"),
    ("nested block comments", "end the comment before this, or use `//`"),
    ("'#' comments", "start the comment with `//`"),
    ("'f' suffix", "drop the `f`"),
    ("whitespace is required", "put a space between the number and the word"),
    ("integer is too large", "no number of the language has more than 64 bits"),
    ("identifiers may not be negative", "drop the `-`"),
    ("enum numbers must", "choose a number of 32 bits"),
    ("reached maximum recursion", "define messages side by side instead of in each other"),
    ("unknown syntax", "write `syntax = \"proto3\";`, or `syntax = \"proto2\";`"),
    ("multiple syntax", "keep one `syntax` statement"),
    ("expected ';'", "is a `;` missing before this?"),
    ("expected comment terminator", "close the comment with `*/`"),
    ("expected 'returns'", "write `rpc Name(Request) returns (Response);`"),
    ("expected '='", "a field is written `type name = number;`"),
    ("expected a message field", "is a `}` missing, or one too many?"),
    ("expected 'enum', 'extend'", "only these stand outside of messages: is a `}` too many above?"),
    ("expected value to be", "the default must be a value of the field's type"),
    ("expected a positive integer or string", "reserved names stand in quotes; only editions have them without"),
    ("invalid default value", "the default must be a value of the field's type"),
    ("expected a value of type", "look at what the option's definition allows"),
    ("option field '", "keep one of the two"),
    ("invalid token", "names consist of ASCII letters, digits and `_`"),
    ("unterminated string", "a string ends on the line on which it starts"),
    ("required fields are not allowed", "drop `required`: in proto3 every field may be absent"),
    ("default values are not allowed", "drop the default: an absent field reads as zero or empty"),
    ("groups are not allowed", "write a message, and a field of its type"),
    ("fields must have a label", "put `optional` in front of the field"),
    ("the first value for proto3 enums", "add a first value such as `UNSPECIFIED = 0;`: it stands for an absent field"),
    ("enums must have", "add a value such as `UNSPECIFIED = 0;`"),
    ("enum number '", "if both names are meant, write `option allow_alias = true;` in the enum"),
    ("a map field key", "use an integer, `bool` or `string` as the key"),
    ("map fields cannot", "drop the label: a map has many entries anyway"),
    ("oneof fields cannot", "put the list in a message of its own, and that in the oneof"),
    ("a oneof must have", "add a field, or drop the oneof"),
    ("multiple package names", "keep one `package` statement"),
    ("two fields have", "rename one of them"),
    ("fields `", "rename one of them"),
    ("field `", "rename one of them"),
    ("field number '", "choose a number that no field has, or has had"),
    ("message numbers must", "choose a number that no field has, or has had"),
    ("name '", "rename one of them"),
    ("message '", "use a number from the message's `extensions` ranges"),
];

fn undefined(name: &str, text: &str) -> String {
    let plain = name.trim_start_matches('.');
    if let Some(file) = builtin::defining(plain) {
        return format!("add `import \"{file}\";`");
    }
    if let Some(well_known) = builtin::well_known_type(plain) {
        let file = builtin::defining(&well_known).unwrap_or_default();
        return format!("did you mean `{well_known}`, which needs `import \"{file}\";`?");
    }
    match similar(plain, text) {
        Some(similar) => format!("did you mean `{similar}`?"),
        None => "is it misspelt, or is the `import` of its file missing?".to_owned(),
    }
}

/// A scalar type, or a type of this file, that is a slip or two away.
fn similar<'a>(name: &str, text: &'a str) -> Option<&'a str> {
    const SCALARS: &[&str] = &[
        "bool", "bytes", "double", "fixed32", "fixed64", "float", "int32", "int64", "sfixed32", "sfixed64", "sint32",
        "sint64", "string", "uint32", "uint64",
    ];
    let mut previous = "";
    let declared = scan::tokens(text).filter_map(|token| {
        let is_name = matches!(previous, "message" | "enum");
        previous = token.text;
        is_name.then_some(token.text)
    });
    let candidates = SCALARS.iter().copied().chain(declared);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 2 && distance * 2 < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters have to be put in, left out or changed, case aside.
fn distance(left: &str, right: &str) -> usize {
    let (left, right) = (left.to_lowercase(), right.to_lowercase());
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = index + 1;
        for (column, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

/// A value of an enum starts its statement and is followed by `=`.
fn is_enum_value(text: &str, offset: usize) -> bool {
    let mut before = "";
    for token in scan::tokens(text).take_while(|token| token.range.start <= offset) {
        if token.range.start == offset {
            let starts_statement = matches!(before, "{" | "}" | ";");
            return starts_statement && text[token.range.end..].trim_start().starts_with('=');
        }
        before = token.text;
    }
    false
}

fn has_syntax(text: &str) -> bool {
    scan::tokens(text).next().is_some_and(|token| token.text == "syntax")
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_counted() {
        for (left, right, expected) in
            [("strin", "string", 1), ("int23", "int32", 2), ("String", "string", 0), ("", "ab", 2)]
        {
            assert_eq!(distance(left, right), expected);
        }
    }

    #[test]
    fn a_near_name_is_found() {
        let text = "message Person {} enum Kind { A = 0; }";
        assert_eq!(similar("Strin", text), Some("string"));
        assert_eq!(similar("Persn", text), Some("Person"));
        assert_eq!(similar("Kinds", text), Some("Kind"));
        assert_eq!(similar("Address", text), None);
    }
}
