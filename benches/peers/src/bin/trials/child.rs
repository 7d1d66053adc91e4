//! Programs that are started, listened to, told things, and ended.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use seltzer_peers::load::Error;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{sleep, timeout};

/// How often to look whether a program has ended: what its time to the end is exact to.
const LOOK: Duration = Duration::from_millis(2);

/// A program that runs. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: UnboundedReceiver<String>,
}

impl Program {
    /// Starts it.
    ///
    /// # Errors
    /// There is no such program.
    pub(crate) fn start<S: AsRef<OsStr>>(program: S, words: &[String]) -> Result<Self, Error> {
        let mut child = Command::new(&program)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.as_ref().to_string_lossy()))?;
        let output = BufReader::new(child.stdout.take().ok_or("the program has no output")?);
        let (said, lines) = unbounded_channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| said.send(line)));
        Ok(Program { input: child.stdin.take(), child, lines })
    }

    /// This program again, with other words.
    pub(crate) fn start_myself(words: &[String]) -> Result<Self, Error> {
        Program::start(std::env::current_exe()?, words)
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line that it prints.
    ///
    /// # Errors
    /// It prints none in this time, or has ended.
    pub(crate) async fn line(&mut self, patience: Duration) -> Result<String, Error> {
        let line = timeout(patience, self.lines.recv()).await;
        let line = line.map_err(|_| format!("a program was silent for {} s", patience.as_secs_f64()))?;
        line.ok_or_else(|| "a program ended before it said what was waited for; is its port free?".into())
    }

    /// Waits for a line that begins so, past others.
    ///
    /// # Errors
    /// As for [`line`](Self::line).
    pub(crate) async fn line_with(&mut self, beginning: &str, patience: Duration) -> Result<String, Error> {
        loop {
            let line = self.line(patience).await?;
            if line.starts_with(beginning) {
                return Ok(line);
            }
        }
    }

    /// Sends it a signal, by its name.
    pub(crate) fn signal(&self, name: &str) -> Result<(), Error> {
        let pid = self.child.id().to_string();
        // The shell's own `kill`: there need not be a program of this name.
        let status = Command::new("sh").args(["-c", "kill -s \"$1\" \"$2\"", "sh", name, &pid]).status()?;
        if status.success() { Ok(()) } else { Err(format!("SIG{name} cannot be sent").into()) }
    }

    /// Closes its standard input: for callers that means to come to an end.
    pub(crate) fn close_input(&mut self) {
        self.input = None;
    }

    /// Waits until it has ended; tells when. One that does not end in time is killed.
    pub(crate) async fn ended(&mut self, patience: Duration) -> Result<(Instant, ExitStatus), Error> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((Instant::now(), status));
            }
            if Instant::now() > deadline {
                return Err(format!("a program that was told to end has not, after {} s", patience.as_secs()).into());
            }
            sleep(LOOK).await;
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
