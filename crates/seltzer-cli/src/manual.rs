//! `seltzer completions` and `seltzer man`: what shells and `man` want to know of this command line.

use std::fs;

use clap::{Command, CommandFactory as _};
use clap_mangen::Man;

use crate::arguments::{Arguments, CompletionsArguments, ManArguments};
use crate::error::Failure;
use crate::output;

/// What this program is called.
const NAME: &str = "seltzer";

/// Prints the script of a shell; gives the exit status.
///
/// # Errors
/// It cannot be written.
pub(crate) fn completions(arguments: &CompletionsArguments) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), NAME, &mut script);
    output::write_file("-".as_ref(), &script)?;
    Ok(0)
}

/// Prints a page, or writes all of them; gives the exit status.
///
/// # Errors
/// There is no such command, or a page cannot be written.
pub(crate) fn man(arguments: &ManArguments) -> Result<u8, Failure> {
    let mut whole = Arguments::command();
    // Subcommands learn what they are called in full.
    whole.build();
    let Some(directory) = &arguments.out else {
        let command = match &arguments.command {
            Some(name) => find(&whole, name)?,
            None => &whole,
        };
        output::write_file("-".as_ref(), &page(command)?)?;
        return Ok(0);
    };
    fs::create_dir_all(directory)
        .map_err(|error| Failure::new(format!("cannot make the directory {}: {error}", directory.display())))?;
    for command in std::iter::once(&whole).chain(whole.get_subcommands()) {
        let name = command.get_display_name().unwrap_or(command.get_name());
        output::write_file(&directory.join(format!("{name}.1")), &page(command)?)?;
    }
    Ok(0)
}

fn find<'a>(whole: &'a Command, name: &str) -> Result<&'a Command, Failure> {
    whole.find_subcommand(name).ok_or_else(|| {
        let names: Vec<&str> = whole.get_subcommands().map(Command::get_name).collect();
        Failure::usage(format!("there is no command {name:?}")).with_hint(format!("there are {}", names.join(", ")))
    })
}

fn page(command: &Command) -> Result<Vec<u8>, Failure> {
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(|error| Failure::new(format!("the page of {} cannot be made: {error}", command.get_name())))?;
    Ok(page)
}
