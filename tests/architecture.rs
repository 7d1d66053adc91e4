//! The house: a folder is a layer, and arrows point down.
//!
//! This reads `src/` as text. Write full paths (`crate::status::Status`), or it cannot see where an arrow points.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The layers from the bottom up. Modules of one layer may use each other only where that makes no cycle;
/// `server` and `client` never do.
const LAYERS: &[&[&str]] = &[
    &["status", "metadata", "deadline", "either", "pace", "tally", "meter", "trace", "observe", "context", "task"],
    &["codec", "json"],
    &["transport", "service"],
    &["server", "client"],
    &[
        "dynamic",
        "health",
        "reflection",
        "orca",
        "channelz",
        "telemetry",
        "gateway",
        "openapi",
        "web",
        "connect",
        "fuzzing",
    ],
    &["services"],
];

/// Modules that must not know each other although they share a layer.
const STRANGERS: &[(&str, &str)] = &[("server", "client"), ("transport", "service")];

/// What only `transport` may touch: sockets, files, other people's HTTP and TLS.
const INPUT_OUTPUT: &[&str] = &[
    "tokio::net",
    "std::net::Tcp",
    "std::net::Udp",
    "std::os::unix::net",
    "std::fs",
    "tokio::fs",
    "hyper::",
    "hyper_util::",
    "h2::",
    "tokio_rustls::",
];

/// Handlers may keep their data in files.
const MAY_USE_FILES: &[&str] = &["services"];

/// Schemas without a service, or whose services are others' to implement.
const SCHEMAS_WITHOUT_HANDLER: &[&str] = &["addressbook"];

struct Source {
    path: PathBuf,
    module: String,
    text: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources() -> Vec<Source> {
    let mut sources = Vec::new();
    let mut folders = vec![root().join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // What is generated answers to its schema.
                if !path.ends_with("src/generated") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let inside = path.strip_prefix(root().join("src")).unwrap();
                let module = inside.components().next().unwrap().as_os_str().to_str().unwrap();
                let module = module.trim_end_matches(".rs").to_owned();
                sources.push(Source { module, text: fs::read_to_string(&path).unwrap(), path });
            }
        }
    }
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// The lines of a file that are code of the library: no comments, and nothing after its tests begin.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .text
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .take_while(|(_, line)| !line.starts_with("mod tests {"))
        .filter(|(_, line)| !line.starts_with("//"))
}

fn layer(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The top modules that a line names as `crate::module`.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").filter(|(at, _)| !line[..*at].ends_with('$')).map(|(at, found)| {
        let rest = &line[at + found.len()..];
        &rest[..rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len())]
    })
}

#[test]
fn every_module_has_a_layer() {
    // lib.rs and codegen.rs are the front door: they name what is inside and hold nothing themselves.
    for source in sources() {
        let known = matches!(source.module.as_str(), "lib" | "codegen") || layer(&source.module).is_some();
        assert!(known, "{} belongs to no layer of tests/architecture.rs", source.path.display());
    }
}

#[test]
fn arrows_point_down() {
    let mut wrong = Vec::new();
    for source in sources() {
        let Some(own) = layer(&source.module) else { continue };
        for (number, line) in code(&source) {
            for import in imports(line) {
                let is_stranger = STRANGERS.iter().any(|(one, other)| {
                    (source.module == *one && import == *other) || (source.module == *other && import == *one)
                });
                if layer(import).is_some_and(|other| other > own) || is_stranger {
                    wrong.push(format!("{}:{number}: {} must not use {import}", source.path.display(), source.module));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn modules_make_no_cycle() {
    let mut arrows: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for source in sources() {
        for (_, line) in code(&source) {
            for import in imports(line) {
                if layer(&source.module).is_some() && layer(import).is_some() && import != source.module {
                    arrows.entry(source.module.clone()).or_default().insert(import.to_owned());
                }
            }
        }
    }
    // Take away what depends on nothing that is left; a cycle is what cannot be taken away.
    loop {
        let left: BTreeSet<String> = arrows.keys().cloned().collect();
        let free: Vec<String> =
            arrows.iter().filter(|(_, to)| to.is_disjoint(&left)).map(|(from, _)| from.clone()).collect();
        if free.is_empty() {
            break;
        }
        for module in free {
            arrows.remove(&module);
        }
    }
    assert!(arrows.is_empty(), "these modules use each other in a circle: {arrows:?}");
}

#[test]
fn input_and_output_live_in_transport() {
    let mut wrong = Vec::new();
    for source in sources() {
        if source.module == "transport" || source.module == "lib" {
            continue;
        }
        for (number, line) in code(&source) {
            for what in INPUT_OUTPUT {
                let is_file = what.ends_with("fs");
                if is_file && MAY_USE_FILES.contains(&source.module.as_str()) {
                    continue;
                }
                let found = line.match_indices(what).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != ':')
                });
                if found {
                    wrong.push(format!("{}:{number}: {what} belongs in transport", source.path.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whether a line begins a function, whoever may call it and however.
fn opens_function(line: &str) -> bool {
    let mut rest = line;
    if let Some(visible) = line.strip_prefix("pub") {
        rest = match visible.strip_prefix('(').and_then(|scope| scope.split_once(')')) {
            Some((_, rest)) => rest,
            None => visible,
        }
        .trim_start();
    }
    loop {
        let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
        rest = match word {
            "fn" => return true,
            "default" | "const" | "async" | "unsafe" | "safe" | "extern" => after,
            // The language that calls it.
            name if name.starts_with('"') && name.ends_with('"') => after,
            _ => return false,
        };
    }
}

#[test]
fn functions_are_seen_however_they_are_written() {
    let functions = [
        "fn a() {",
        "pub fn a() {",
        "pub(crate) fn a() {",
        "pub(super) async fn a() {",
        "pub(in crate::client) const fn a() {",
        "async fn a<T>(",
        "const unsafe fn a() {",
        "unsafe extern \"C\" fn a() {",
        "pub extern fn a() {",
        "default fn a() {",
    ];
    for line in functions {
        assert!(opens_function(line), "{line}");
    }
    for line in
        ["fnord();", "const A: fn() = b;", "let a = || {", "published.fn_count()", "type A = fn();", "", "async {"]
    {
        assert!(!opens_function(line), "{line}");
    }
}

#[test]
fn no_file_and_no_function_outgrows_a_reader() {
    const FILE_LINES_MAX: usize = 800;
    const FUNCTION_LINES_MAX: usize = 70;
    let mut wrong = Vec::new();
    for source in sources() {
        let lines: Vec<_> = source.text.lines().collect();
        if lines.len() > FILE_LINES_MAX {
            wrong.push(format!("{}: {} lines", source.path.display(), lines.len()));
        }
        for (start, line) in lines.iter().enumerate() {
            let words = line.trim_start();
            if !opens_function(words) {
                continue;
            }
            // rustfmt closes a function at the column where it opened.
            let indent = line.len() - words.len();
            let end = lines[start..].iter().position(|line| *line == format!("{}}}", " ".repeat(indent)));
            if let Some(length) = end
                && length > FUNCTION_LINES_MAX
            {
                wrong.push(format!("{}:{}: a function of {length} lines", source.path.display(), start + 1));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_schema_has_its_handler_and_its_test() {
    let tests = fs::read_to_string(root().join("tests/services.rs")).unwrap();
    for entry in fs::read_dir(root().join("proto")).unwrap() {
        let path = entry.unwrap().path();
        let Some(name) = path.file_stem().and_then(|stem| stem.to_str()) else { continue };
        if path.is_dir() || SCHEMAS_WITHOUT_HANDLER.contains(&name) {
            continue;
        }
        let handler = root().join(format!("src/services/{name}.rs"));
        assert!(handler.is_file(), "proto/{name}.proto has no handler src/services/{name}.rs");
        assert!(tests.contains(&format!("{name}::")), "proto/{name}.proto has no test in tests/services.rs");
    }
}
