//! Command lines of the form `PROGRAM WORD... --flag --option VALUE`.

use std::fmt::Display;
use std::str::FromStr;

/// What is wrong with a command line, in words for the person who wrote it.
pub type Error = String;

/// The words of a command line, and what has been asked of it.
#[derive(Debug)]
pub struct Arguments {
    words: Vec<String>,
}

impl Arguments {
    /// Those of this process.
    pub fn of_this_process() -> Self {
        Arguments { words: std::env::args().skip(1).collect() }
    }

    /// Those given.
    pub fn new(words: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Arguments { words: words.into_iter().map(Into::into).collect() }
    }

    /// Takes `--name` if it is there.
    pub fn flag(&mut self, name: &str) -> bool {
        let found = self.words.iter().position(|word| word == name);
        found.map(|at| self.words.remove(at)).is_some()
    }

    /// Takes `--name VALUE` if it is there.
    ///
    /// # Errors
    /// There is no value, or it cannot be read.
    pub fn option<T>(&mut self, name: &str) -> Result<Option<T>, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        let Some(at) = self.words.iter().position(|word| word == name) else { return Ok(None) };
        if at + 1 == self.words.len() {
            return Err(format!("{name} needs a value after it"));
        }
        self.words.remove(at);
        let value = self.words.remove(at);
        value.parse().map(Some).map_err(|error| format!("{name} {value}: {error}"))
    }

    /// Takes `--name VALUE`, or the default.
    ///
    /// # Errors
    /// As for [`Arguments::option`].
    pub fn or<T>(&mut self, name: &str, default: T) -> Result<T, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        Ok(self.option(name)?.unwrap_or(default))
    }

    /// Takes the first word that is left.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn word<T>(&mut self, what: &str) -> Result<T, Error>
    where
        T: FromStr,
        T::Err: Display,
    {
        let at = self.words.iter().position(|word| !word.starts_with("--")).ok_or(format!("{what} is missing"))?;
        let word = self.words.remove(at);
        word.parse().map_err(|error| format!("{what} {word}: {error}"))
    }

    /// Takes all words that are left and are not options.
    pub fn rest(&mut self) -> Vec<String> {
        let (options, words) = self.words.drain(..).partition(|word: &String| word.starts_with("--"));
        self.words = options;
        words
    }

    /// Makes sure that nothing is left.
    ///
    /// # Errors
    /// Something is.
    pub fn end(self) -> Result<(), Error> {
        match self.words.first() {
            Some(word) => Err(format!("{word} is not known here")),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // A failure is a failed test.

    use super::*;

    #[test]
    fn options_stand_anywhere() {
        let mut arguments = Arguments::new(["--workers", "2", "50051", "--tonic"]);
        assert!(arguments.flag("--tonic"));
        assert_eq!(arguments.option("--workers"), Ok(Some(2_usize)));
        assert_eq!(arguments.word("PORT"), Ok(50051_u16));
        assert_eq!(arguments.end(), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(Arguments::new(["--n"]).option::<u8>("--n"), Err("--n needs a value after it".to_owned()));
        assert_eq!(Arguments::new(["--x"]).end(), Err("--x is not known here".to_owned()));
        assert_eq!(Arguments::new([""; 0]).word::<u16>("PORT"), Err("PORT is missing".to_owned()));
        assert!(Arguments::new(["--n", "x"]).option::<u8>("--n").unwrap_err().starts_with("--n x: "));
    }
}
