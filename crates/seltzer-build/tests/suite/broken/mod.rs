//! Broken schemas, each with the exact words of its error.

mod meaning;
mod names;
mod rules;
mod syntax;

use crate::support::Workspace;

/// One broken schema: `a.proto`, and further files after lines like `=== b.proto`.
struct Broken {
    name: &'static str,
    schema: &'static str,
    /// The whole line that `Display` prints.
    says: &'static str,
    /// Empty if there is no hint. `DIR` is the include directory.
    hint: &'static str,
}

fn check(table: &[Broken]) {
    let mut wrong = Vec::new();
    for broken in table {
        let workspace = Workspace::new(broken.schema);
        let (says, hint) = match workspace.generate(&seltzer_build::configure()) {
            Ok(_) => ("compiles".to_owned(), String::new()),
            Err(error) => {
                let hint = workspace.without_directory(error.hint().unwrap_or_default());
                (workspace.without_directory(&error.to_string()), hint)
            }
        };
        if (says.as_str(), hint.as_str()) != (broken.says, broken.hint) {
            wrong.push(format!("{}:\n  says: {says}\n  hint: {hint}", broken.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn all() -> impl Iterator<Item = &'static Broken> {
    [syntax::SYNTAX, meaning::MEANING, rules::RULES, names::NAMES].into_iter().flatten()
}

#[test]
fn grammar() {
    check(syntax::SYNTAX);
}

#[test]
fn meaning() {
    check(meaning::MEANING);
}

#[test]
fn rules_and_imports() {
    check(rules::RULES);
}

#[test]
fn names_in_rust() {
    check(names::NAMES);
}

#[test]
fn there_are_enough_of_them() {
    let count = all().count();
    assert!(count >= 90, "{count}");
}

#[test]
fn nesting_is_limited() {
    let brackets = format!("option (x) = {}{};\n", "{a ".repeat(120), "}".repeat(120));
    let messages = format!("{}{}\n", "message M {".repeat(40), "}".repeat(40));
    for (schema, says) in [
        (brackets, "a.proto:1:314: brackets are nested deeper than 100 levels"),
        (messages, "a.proto:1:342: reached maximum recursion limit for nested messages"),
    ] {
        let workspace = Workspace::new(&schema);
        let error = workspace.generate(&seltzer_build::configure()).unwrap_err();
        assert_eq!(workspace.without_directory(&error.to_string()), says);
    }
}

/// A name that clashes with and without the enum's prefix is checked against the settings at hand.
#[test]
fn enum_values_may_keep_their_prefix() {
    let schema = "syntax = \"proto3\";\nenum Color {\n  COLOR_RedHot = 0;\n  RED_HOT = 1;\n}\n";
    let workspace = Workspace::new(schema);
    let rust = workspace.generate(&seltzer_build::configure().retain_enum_prefix()).unwrap();
    assert!(rust.text("_.rs").contains("ColorRedHot = 0"));
}

/// What a build script prints, to the letter.
#[test]
fn the_report_shows_the_schema() {
    let workspace = Workspace::new("// First.\nedition = \"2022\";\n");
    let error = workspace.generate(&seltzer_build::configure()).unwrap_err();
    let expected = r#"
  × edition `2022` is not known
   ╭─[a.proto:2:11]
 1 │ // First.
 2 │ edition = "2022";
   ·           ───┬──
   ·              ╰── here
   ╰────
  help: editions are "2023" and "2024"
"#;
    assert_eq!(workspace.without_directory(&format!("{error:?}")), expected);
    assert_eq!(error.line(), Some(2));
    assert_eq!(error.column(), Some(11));
    assert!(error.file().unwrap().ends_with("a.proto"));
    assert!(error.report(true).contains("\u{1b}["), "colors on request");
}

#[test]
fn the_readme_shows_a_true_report() {
    let schema = "syntax = \"proto3\";\n\npackage hello;\n\nmessage HelloRequest {\n  Strin name = 1;\n}\n";
    let workspace = Workspace::new("");
    workspace.write("proto/hello.proto", schema.as_bytes());
    let proto = workspace.path("proto/hello.proto");
    let error = seltzer_build::configure().load(&[proto], &[workspace.path("proto")]).unwrap_err();
    let report = workspace.without_directory(&error.report(false));
    assert!(include_str!("../../../README.md").contains(&report), "{report}");
}

/// Every report of the tables can be printed, and quotes what its marks point at.
#[test]
fn every_error_has_a_report() {
    for broken in all() {
        let workspace = Workspace::new(broken.schema);
        let error = workspace.generate(&seltzer_build::configure()).unwrap_err();
        let report = workspace.without_directory(&format!("{error:?}"));
        let (place, _) = broken.says.split_once(": ").unwrap();
        assert!(report.contains(&format!("[{place}]")), "{}: {report}", broken.name);
    }
}
