//! What is printed, and what happens when nobody reads it any more.

use std::fmt::Display;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::thread;

use tokio::sync::{mpsc, oneshot};

use crate::error::Failure;

/// How many lines may wait to be written: a slow reader slows the server down instead of filling our memory.
const WAITING_LINES_MAX: usize = 16;

/// Says something on standard error. A reader who left does not matter.
pub(crate) fn tell(what: impl Display) {
    // One write a line, so that lines of several threads do not mix.
    let _ = io::stderr().write_all(format!("{what}\n").as_bytes());
}

/// Whether standard error is a terminal that shows colors, and its user wants them.
pub(crate) fn has_color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Writes a file, or with `-` standard output.
///
/// # Errors
/// It cannot be written.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    if path.as_os_str() == "-" {
        let mut stdout = io::stdout().lock();
        return match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
            // Whoever reads may have seen enough.
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::unwritable(&error)),
            _ => Ok(()),
        };
    }
    fs::write(path, bytes).map_err(|error| {
        Failure::new(format!("cannot write {}: {error}", path.display()))
            .with_hint("is there such a directory, and may this user write to it?")
    })
}

/// Prints text and the end of its line on standard output.
///
/// # Errors
/// It cannot be written, unless it is for its reader's leaving.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    write_file(Path::new("-"), format!("{text}\n").as_bytes())
}

/// Lines for standard output, each flushed at once.
///
/// A thread of its own writes them: while a reader is slow, the call's deadline and Ctrl-C still work.
pub(crate) struct Lines {
    queue: mpsc::Sender<String>,
    ended: oneshot::Receiver<io::Result<()>>,
}

/// Standard output takes no more; [`Lines::finish`] says why.
#[derive(Debug)]
pub(crate) struct Closed;

impl Lines {
    pub(crate) fn to_stdout() -> Self {
        Lines::to(io::stdout())
    }

    fn to(mut writer: impl Write + Send + 'static) -> Self {
        let (queue, mut lines) = mpsc::channel::<String>(WAITING_LINES_MAX);
        let (end, ended) = oneshot::channel();
        thread::spawn(move || {
            let mut result = Ok(());
            while let Some(mut line) = lines.blocking_recv() {
                line.push('\n');
                result = writer.write_all(line.as_bytes()).and_then(|()| writer.flush());
                if result.is_err() {
                    break;
                }
            }
            // Whoever asked for the lines may have ended first.
            let _ = end.send(result);
        });
        Lines { queue, ended }
    }

    /// Writes a line; waits while the reader is slow.
    pub(crate) async fn write(&self, line: String) -> Result<(), Closed> {
        self.queue.send(line).await.map_err(|_| Closed)
    }

    /// Waits until everything is written.
    ///
    /// # Errors
    /// Writing failed, unless it was for the reader's leaving: that is `Ok(Reader::Gone)`.
    pub(crate) async fn finish(self) -> Result<Reader, Failure> {
        drop(self.queue);
        match self.ended.await {
            Ok(Err(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Reader::Gone),
            Ok(Err(error)) => Err(Failure::unwritable(&error)),
            Ok(Ok(())) => Ok(Reader::There),
            Err(_) => Err(Failure::output("the thread that writes to standard output ended early")),
        }
    }
}

/// Whether somebody still reads standard output.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    There,
    /// As in `| head -1`: no mistake, but no reason to go on.
    Gone,
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(io::ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_reader_who_leaves_is_no_mistake_and_a_full_disk_is() {
        for (kind, expected) in [(io::ErrorKind::BrokenPipe, Some(Reader::Gone)), (io::ErrorKind::StorageFull, None)] {
            let lines = Lines::to(Failing(kind));
            while lines.write("x".to_owned()).await.is_ok() {}
            assert_eq!(lines.finish().await.ok(), expected, "{kind}");
        }
        assert_eq!(Lines::to(Vec::new()).finish().await.ok(), Some(Reader::There));
    }
}
