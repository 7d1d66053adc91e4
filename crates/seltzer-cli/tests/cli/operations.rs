//! `docs/operations.md` says what the program does: every option with its default, and every setting of the library.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use crate::program::run;

/// What help itself takes.
const OF_CLAP: &[&str] = &["--help"];

/// Steps of making a server that are no settings: what is served, and what stands around it.
const NO_SETTINGS: &[&str] = &[
    "accept_http1",
    "add_optional_service",
    "add_service",
    "cors",
    "fallback",
    "health",
    "intercept",
    "interceptor",
    "layer",
    "layer_errors",
    "load_reports",
    "reflection",
    "speak",
    "telemetry",
    "tls_config",
];

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: &str) -> String {
    let path = repository().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The rows of all tables, as the text of their cells.
fn rows(document: &str) -> Vec<Vec<&str>> {
    let is_row = |line: &&str| line.starts_with("| ") && !line.starts_with("|---");
    document.lines().filter(is_row).map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

/// What stands between backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// The options of `seltzer serve`, each with its default.
fn options() -> BTreeMap<String, String> {
    let help = run(&["serve", "--help"]).stdout;
    let (_, help) = help.split_once("Options:").unwrap();
    let mut options = BTreeMap::new();
    let mut current = String::new();
    let mut text = String::new();
    let mut end = |name: &mut String, text: &mut String| {
        if !name.is_empty() {
            let joined = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let default = joined.split_once("[default: ").and_then(|(_, rest)| rest.split_once(']'));
            options.insert(std::mem::take(name), default.map_or("—", |(default, _)| default).to_owned());
        }
        text.clear();
    };
    for line in help.lines() {
        let words = line.trim_start();
        let indent = line.len() - words.len();
        if (indent == 2 || indent == 6) && words.starts_with('-') {
            end(&mut current, &mut text);
            current = words.split([' ', ',', '.']).find(|word| word.starts_with("--")).unwrap().to_owned();
            text = words.to_owned();
        } else if indent == 0 && !words.is_empty() {
            end(&mut current, &mut text);
        } else {
            text = text + " " + words;
        }
    }
    end(&mut current, &mut text);
    options
}

#[test]
fn every_option_is_there_with_its_default() {
    let document = read("docs/operations.md");
    let mut documented = BTreeMap::new();
    for row in rows(&document) {
        let [option, _, default, _, why] = row[..] else { continue };
        let Some(option) = quoted(option).into_iter().next().filter(|option| option.starts_with("--")) else {
            continue;
        };
        assert!(documented.insert(option.to_owned(), default.to_owned()).is_none(), "{option} stands there twice");
        assert!(!why.is_empty() || option.starts_with("--tls"), "{option}: why?");
    }
    let mut options = options();
    options.retain(|name, _| !OF_CLAP.contains(&name.as_str()));
    // As many as there are, so that a help that is read wrongly does not pass.
    assert!(options.len() > 50, "{options:?}");
    let names = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<BTreeSet<_>>();
    assert_eq!(names(&documented), names(&options), "docs/operations.md (left) has a row for each option (right)");
    for (name, default) in &options {
        assert_eq!(&documented[name], default, "docs/operations.md (left): the default of {name} (right)");
    }
}

#[test]
fn no_option_is_named_that_does_not_exist() {
    let options = options();
    for path in ["docs/operations.md", "docs/deploy/README.md"] {
        let document = read(path);
        for text in
            quoted(&document).into_iter().filter(|text| !text.starts_with("systemctl") && !text.starts_with("curl"))
        {
            let named = text.split([' ', '=']).filter(|word| word.starts_with("--") && word.len() > 2);
            for option in named.map(|word| word.trim_end_matches(['.', ',', ':'])) {
                let of_call = ["--tls-ca", "--max-calls"].contains(&option);
                let is_known = options.contains_key(option) || of_call;
                assert!(is_known, "{path}: `seltzer serve` has no {option}");
            }
        }
    }
}

/// The names of public fields, or of functions that take a server and give it back.
fn names_in(source: &str, before: &str, is_meant: impl Fn(&str) -> bool) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let found = source.lines().filter_map(|line| line.strip_prefix("    ")?.strip_prefix(before));
    let named = found.filter_map(|rest| {
        let end = rest.find(|c| !is_name(c))?;
        is_meant(&rest[end..]).then(|| rest[..end].to_owned())
    });
    named.collect()
}

#[test]
fn every_setting_of_the_library_is_there_and_no_other() {
    let document = read("docs/operations.md");
    let named = |prefix: &str| -> BTreeSet<String> {
        let names = quoted(&document).into_iter().filter_map(|text| text.strip_prefix(prefix));
        names.map(|name| name.split('(').next().unwrap().to_owned()).collect()
    };
    let http2 = names_in(&read("crates/seltzer-h2/src/limits.rs"), "pub ", |rest| rest.starts_with(':'));
    assert!(http2.len() > 20, "{http2:?}");
    assert_eq!(named("Http2Limits::"), http2, "fields of Http2Limits");

    let limits = names_in(&read("src/server/limits.rs"), "pub ", |rest| rest.starts_with(':'));
    let mut documented = named("Limits::");
    documented.insert("http2".to_owned());
    assert_eq!(documented, limits, "fields of Limits");

    let mut methods = BTreeSet::new();
    for entry in fs::read_dir(repository().join("src/server")).unwrap() {
        let path = entry.unwrap().path();
        // Folders hold what is no setting.
        let source = if path.is_dir() { String::new() } else { fs::read_to_string(path).unwrap() };
        // What else stands in such a file is no setting of a server.
        for settings in source.split("\nimpl Server {").skip(1).filter_map(|rest| rest.split("\n}\n").next()) {
            methods.extend(names_in(settings, "pub fn ", |rest| rest.contains("mut self") || rest.contains("(self")));
        }
    }
    // Those of the standard services stand with these.
    methods.insert("channelz".to_owned());
    for name in NO_SETTINGS.iter().chain(&["listen_on", "serve_in_process"]) {
        methods.remove(*name);
    }
    let mut documented = named("Server::");
    for name in ["bind", "serve_with_shutdown"] {
        assert!(documented.remove(name), "{name}");
    }
    assert_eq!(documented, methods, "settings of Server");
}
