//! The options of `seltzer completions` and `seltzer man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Print a script that completes this command's words in a shell
#[derive(Debug, Args)]
#[command(after_help = COMPLETIONS_HELP)]
pub(crate) struct CompletionsArguments {
    /// Which shell
    #[arg(value_name = "SHELL")]
    pub(crate) shell: Shell,
}

/// Print this command's manual page, or write those of all commands
#[derive(Debug, Args)]
#[command(after_help = MAN_HELP)]
pub(crate) struct ManArguments {
    /// The command whose page is wanted [default: seltzer itself]
    #[arg(value_name = "COMMAND", conflicts_with = "out")]
    pub(crate) command: Option<String>,

    /// Write a page for every command into this directory
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
}

const COMPLETIONS_HELP: &str = "\
Examples:
  seltzer completions bash > ~/.local/share/bash-completion/completions/seltzer
  seltzer completions zsh > ~/.zfunc/_seltzer
  seltzer completions fish > ~/.config/fish/completions/seltzer.fish";

const MAN_HELP: &str = "\
Examples:
  seltzer man | man -l -
  seltzer man call | man -l -
  seltzer man --out ~/.local/share/man/man1";
