//! protoc's command line, which has a grammar of its own: `-IDIR`, `--NAME_out=PARAMETER:DIR`, `@FILE`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use seltzer_build::protoc::SetContents;

use crate::protoc::problem::Problem;

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    pub(crate) inputs: Vec<String>,
    /// Virtual path, empty for an ordinary directory, and path on disk.
    pub(crate) proto_path: Vec<(String, PathBuf)>,
    pub(crate) descriptor_set_in: Vec<PathBuf>,
    pub(crate) descriptor_set_out: Option<PathBuf>,
    pub(crate) contents: SetContents,
    pub(crate) dependency_out: Option<PathBuf>,
    pub(crate) direct_dependencies: Option<Vec<String>>,
    pub(crate) direct_dependencies_violation: Option<String>,
    pub(crate) error_format: Option<ErrorFormat>,
    pub(crate) fatal_warnings: bool,
    pub(crate) unsafe_allow_out_dir_escape: bool,
    pub(crate) print_free_field_numbers: bool,
    /// Executables by the names of the plugins.
    pub(crate) plugins: BTreeMap<String, PathBuf>,
    pub(crate) outputs: Vec<Output>,
    /// From `--NAME_opt`, by `NAME`.
    pub(crate) parameters: BTreeMap<String, String>,
}

/// What to do with the schemas.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Write descriptors and what plugins generate.
    #[default]
    Compile,
    Encode(String),
    Decode(String),
    DecodeRaw,
    Help,
    Version,
    Notices,
}

/// How errors are printed; without a choice of the user's, as gcc with the place quoted below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ErrorFormat {
    Gcc,
    Msvs,
}

/// One `--NAME_out`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) name: String,
    pub(crate) parameter: String,
    pub(crate) location: String,
}

/// Flags that stand alone.
const WITHOUT_VALUE: &[&str] = &[
    "-h",
    "--help",
    "--version",
    "--decode_raw",
    "--deterministic_output",
    "--disallow_services",
    "--enable_codegen_trace",
    "--experimental_allow_proto3_optional",
    "--experimental_editions",
    "--fatal_warnings",
    "--include_imports",
    "--include_source_info",
    "--notices",
    "--print_free_field_numbers",
    "--retain_options",
    "--unsafe_allow_out_dir_escape",
];

/// Flags that take a value, besides `--NAME_out` and `--NAME_opt`.
const WITH_VALUE: &[&str] = &[
    "-I",
    "-o",
    "--decode",
    "--dependency_out",
    "--descriptor_set_in",
    "--descriptor_set_out",
    "--direct_dependencies",
    "--direct_dependencies_violation_msg",
    "--encode",
    "--error_format",
    "--option_dependencies",
    "--option_dependencies_violation_msg",
    "--plugin",
    "--proto_path",
];

/// What separates the parts of a list of paths.
const LIST_SEPARATOR: char = if cfg!(windows) { ';' } else { ':' };

impl Options {
    /// Reads the words of a command line, `@FILE`s expanded.
    pub(crate) fn read(words: impl IntoIterator<Item = String>) -> Result<Self, Problem> {
        let mut options = Options::default();
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let (flag, value) = split(&word);
            if flag.is_empty() {
                options.inputs.push(word);
                continue;
            }
            if WITHOUT_VALUE.contains(&flag) {
                if value.is_some() {
                    return Err(Problem::new(format!("{flag} does not take a parameter.")));
                }
                options.switch(flag);
                continue;
            }
            if !WITH_VALUE.contains(&flag) && generator(flag).is_none() {
                return Err(unknown(flag));
            }
            let value = match value {
                Some(value) => value.to_owned(),
                None => words
                    .next()
                    .filter(|next| !next.starts_with('-'))
                    .ok_or_else(|| Problem::new(format!("Missing value for flag: {flag}")))?,
            };
            options.set(flag, value)?;
        }
        options.check()?;
        Ok(options)
    }

    fn switch(&mut self, flag: &str) {
        match flag {
            "-h" | "--help" => self.mode = Mode::Help,
            "--version" => self.mode = Mode::Version,
            "--notices" => self.mode = Mode::Notices,
            "--decode_raw" => self.mode = Mode::DecodeRaw,
            "--include_imports" => self.contents.imports = true,
            "--include_source_info" => self.contents.source_info = true,
            "--retain_options" => self.contents.source_retention = true,
            "--fatal_warnings" => self.fatal_warnings = true,
            "--print_free_field_numbers" => self.print_free_field_numbers = true,
            "--unsafe_allow_out_dir_escape" => self.unsafe_allow_out_dir_escape = true,
            // What is left asks for nothing that is not so anyway: maps are always ordered when they are encoded, and
            // the rest is about generators that are built into protoc.
            _ => {}
        }
    }

    fn set(&mut self, flag: &str, value: String) -> Result<(), Problem> {
        match flag {
            "-I" | "--proto_path" => self.proto_path.extend(proto_path(&value)?),
            "-o" | "--descriptor_set_out" => once(&mut self.descriptor_set_out, value.into(), flag)?,
            "--dependency_out" => once(&mut self.dependency_out, value.into(), flag)?,
            "--descriptor_set_in" => {
                if !self.descriptor_set_in.is_empty() {
                    return Err(
                        twice(flag).with_hint(format!("separate the files by `{LIST_SEPARATOR}` in one {flag}"))
                    );
                }
                self.descriptor_set_in = list(&value).map(PathBuf::from).collect();
            }
            "--direct_dependencies" => {
                once(&mut self.direct_dependencies, list(&value).map(str::to_owned).collect(), flag)?;
            }
            "--direct_dependencies_violation_msg" => self.direct_dependencies_violation = Some(value),
            // About `import option`, which no schema that compiles here has, so that none can violate it.
            "--option_dependencies" | "--option_dependencies_violation_msg" => {}
            "--error_format" => {
                self.error_format = Some(match value.as_str() {
                    "gcc" => ErrorFormat::Gcc,
                    "msvs" => ErrorFormat::Msvs,
                    _ => {
                        return Err(
                            Problem::new(format!("Unknown error format: {value}")).with_hint("it is `gcc` or `msvs`")
                        );
                    }
                });
            }
            "--encode" => self.transcode(Mode::Encode(value))?,
            "--decode" => self.transcode(Mode::Decode(value))?,
            "--plugin" => {
                let (name, path) = match value.split_once('=') {
                    Some((name, path)) => (name.to_owned(), path),
                    None => (file_stem(&value), value.as_str()),
                };
                self.plugins.insert(name, path.into());
            }
            _ => self.generate(flag, &value),
        }
        Ok(())
    }

    fn transcode(&mut self, mode: Mode) -> Result<(), Problem> {
        if self.mode != Mode::Compile {
            return Err(Problem::new("Only one of --encode and --decode can be specified."));
        }
        self.mode = mode;
        Ok(())
    }

    /// `--NAME_out` or `--NAME_opt`.
    fn generate(&mut self, flag: &str, value: &str) {
        let Some((name, is_output)) = generator(flag) else { return };
        if !is_output {
            let parameter = self.parameters.entry(name.to_owned()).or_default();
            if !parameter.is_empty() {
                parameter.push(',');
            }
            parameter.push_str(value);
            return;
        }
        // A drive letter of Windows is no parameter.
        let is_drive = cfg!(windows) && value.get(1..2) == Some(":") && value.as_bytes()[0].is_ascii_alphabetic();
        let (parameter, location) = value.split_once(':').filter(|_| !is_drive).unwrap_or(("", value));
        self.outputs.push(Output {
            name: name.to_owned(),
            parameter: parameter.to_owned(),
            location: location.to_owned(),
        });
    }

    /// What does not go together.
    fn check(&mut self) -> Result<(), Problem> {
        let has_output = !self.outputs.is_empty() || self.descriptor_set_out.is_some();
        match self.mode {
            Mode::DecodeRaw if !self.inputs.is_empty() => {
                return Err(Problem::new("When using --decode_raw, no input files should be given."));
            }
            Mode::DecodeRaw | Mode::Encode(_) | Mode::Decode(_) if has_output => {
                return Err(Problem::new(
                    "Cannot use --encode or --decode and generate code or descriptors at the same time.",
                )
                .with_hint("call twice, once for each"));
            }
            Mode::Help | Mode::Version | Mode::Notices | Mode::DecodeRaw => return Ok(()),
            _ => {}
        }
        if self.proto_path.is_empty() && self.descriptor_set_in.is_empty() {
            self.proto_path.push((String::new(), PathBuf::from(".")));
        }
        if self.inputs.is_empty() {
            return Err(Problem::new("Missing input file.").with_hint("name the .proto files; --help tells the rest"));
        }
        if self.mode == Mode::Compile && !has_output && !self.print_free_field_numbers {
            return Err(Problem::new("Missing output directives.")
                .with_hint("say what to write: --descriptor_set_out=FILE, or --NAME_out=DIR with a plugin"));
        }
        if self.dependency_out.is_some() && self.inputs.len() > 1 {
            return Err(Problem::new("Can only process one input file when using --dependency_out=FILE."));
        }
        let has_set = self.descriptor_set_out.is_some();
        for (is_set, flag) in
            [(self.contents.imports, "--include_imports"), (self.contents.source_info, "--include_source_info")]
        {
            if is_set && !has_set {
                return Err(Problem::new(format!("{flag} only makes sense when combined with --descriptor_set_out.")));
            }
        }
        Ok(())
    }
}

/// A flag and the value in the same word; no flag if the word is a file.
fn split(word: &str) -> (&str, Option<&str>) {
    if word.starts_with("--") {
        return word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
    }
    if word.starts_with('-') && word.len() > 1 {
        let end = word.char_indices().nth(2).map_or(word.len(), |(at, _)| at);
        let (flag, value) = word.split_at(end);
        // `-o=FILE` is taken as `-oFILE`.
        let value = value.strip_prefix('=').unwrap_or(value);
        return (flag, Some(value).filter(|value| !value.is_empty()));
    }
    ("", None)
}

/// The name in `--NAME_out` (true) or `--NAME_opt` (false).
fn generator(flag: &str) -> Option<(&str, bool)> {
    let name = flag.strip_prefix("--")?;
    let (name, is_output) = match name.strip_suffix("_out") {
        Some(name) => (name, true),
        None => (name.strip_suffix("_opt")?, false),
    };
    (!name.is_empty()).then_some((name, is_output))
}

fn proto_path(value: &str) -> Result<Vec<(String, PathBuf)>, Problem> {
    if value.is_empty() {
        return Err(Problem::new("--proto_path passed empty directory name.  (Use \".\" for current directory.)"));
    }
    let parts = list(value).map(|part| {
        let (virtual_path, disk) = part.split_once('=').unwrap_or(("", part));
        if disk.is_empty() {
            let message = "--proto_path passed empty directory name.  (Use \".\" for current directory.)";
            return Err(Problem::new(message));
        }
        Ok((virtual_path.to_owned(), PathBuf::from(disk)))
    });
    parts.collect()
}

fn list(value: &str) -> impl Iterator<Item = &str> {
    value.split(LIST_SEPARATOR).filter(|part| !part.is_empty())
}

fn file_stem(path: &str) -> String {
    let name = path.rsplit(['/', std::path::MAIN_SEPARATOR]).next().unwrap_or(path);
    name.strip_suffix(".exe").unwrap_or(name).to_owned()
}

fn once<T>(slot: &mut Option<T>, value: T, flag: &str) -> Result<(), Problem> {
    if slot.replace(value).is_some() {
        return Err(twice(flag));
    }
    Ok(())
}

fn twice(flag: &str) -> Problem {
    Problem::new(format!("{flag} may only be passed once."))
}

fn unknown(flag: &str) -> Problem {
    let near = WITH_VALUE
        .iter()
        .chain(WITHOUT_VALUE)
        .map(|known| (strsim::damerau_levenshtein(known, flag), known))
        .filter(|(distance, _)| *distance <= 3)
        .min();
    let problem = Problem::new(format!("Unknown flag: {flag}"));
    match near {
        Some((_, known)) => problem.with_hint(format!("did you mean `{known}`?")),
        None => problem.with_hint("--help lists the flags"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, Problem> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn every_spelling_of_a_flag() {
        for words in [
            &["-Ia", "-o", "x", "f"][..],
            &["-I", "a", "-ox", "f"],
            &["--proto_path=a", "-o=x", "f"],
            &["--proto_path", "a", "--descriptor_set_out=x", "f"],
        ] {
            let options = read(words).expect("valid");
            assert_eq!(options.proto_path, [(String::new(), PathBuf::from("a"))], "{words:?}");
            assert_eq!((options.descriptor_set_out, options.inputs.len()), (Some("x".into()), 1), "{words:?}");
        }
    }

    #[test]
    fn lists_and_mappings() {
        let separator = LIST_SEPARATOR;
        let options = read(&[&format!("-Ia{separator}b=c"), "-Id", "-ox", "f"]).expect("valid");
        let expected = [("", "a"), ("b", "c"), ("", "d")].map(|(name, disk)| (name.to_owned(), PathBuf::from(disk)));
        assert_eq!(options.proto_path, expected);
    }

    #[test]
    fn outputs_have_parameters_from_two_sides() {
        let options = read(&["--go_opt=a", "--go_out=p=1,q:out", "--go_opt=b", "--x-y_out=.", "f"]).expect("valid");
        let output = |name: &str, parameter: &str, location: &str| Output {
            name: name.to_owned(),
            parameter: parameter.to_owned(),
            location: location.to_owned(),
        };
        assert_eq!(options.outputs, [output("go", "p=1,q", "out"), output("x-y", "", ".")]);
        assert_eq!(options.parameters["go"], "a,b");
    }

    #[test]
    fn mistakes_are_named() {
        let table: &[(&[&str], &str)] = &[
            (&[], "Missing input file."),
            (&["f"], "Missing output directives."),
            (&["--bogus", "f"], "Unknown flag: --bogus"),
            (&["--include_import", "f"], "Unknown flag: --include_import"),
            (&["-o"], "Missing value for flag: -o"),
            (&["-o", "-I.", "f"], "Missing value for flag: -o"),
            (&["-ox", "-oy", "f"], "-o may only be passed once."),
            (&["--version=1"], "--version does not take a parameter."),
            (&["--error_format=xml", "f"], "Unknown error format: xml"),
            (&["--include_imports", "--a_out=.", "f"], "--include_imports only makes sense"),
            (&["--decode_raw", "f"], "When using --decode_raw, no input files"),
            (&["--encode=A", "--decode=A", "f"], "Only one of --encode and --decode"),
            (&["--encode=A", "-ox", "f"], "Cannot use --encode or --decode and generate"),
            (&["--dependency_out=d", "-ox", "f", "g"], "Can only process one input file"),
            (&["-I=", "-ox", "f"], "Missing value for flag: -I"),
            (&["--proto_path=", "-ox", "f"], "--proto_path passed empty directory name."),
        ];
        for (words, expected) in table {
            let problem = format!("{:?}", read(words).expect_err("a mistake"));
            assert!(problem.contains(expected), "{words:?}: {problem}");
        }
    }
}
