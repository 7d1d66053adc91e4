//! Servers as processes of their own.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use seltzer_peers::load::Error;

use crate::server::LISTENING;

/// How a server is started.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) port: u16,
    pub(crate) name: String,
    /// Further words of its command line.
    pub(crate) options: Vec<String>,
}

/// A server that runs, and is killed at the latest when this is dropped.
#[derive(Debug)]
pub(crate) struct ServerProcess {
    child: Child,
    /// When it began to listen.
    pub(crate) listens_since: SystemTime,
}

impl ServerProcess {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// It ended before.
    pub(crate) async fn start(plan: &Plan) -> Result<Self, Error> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("server")
            .arg(plan.port.to_string())
            .args(["--name", &plan.name])
            .args(&plan.options)
            .stdout(Stdio::piped())
            .spawn()?;
        let output = child.stdout.take().ok_or("the server has no output")?;
        let line = tokio::task::spawn_blocking(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).map(|_| line)
        });
        let line = line.await??;
        let Some(nanoseconds) = line.trim().strip_prefix(LISTENING) else {
            let _ = child.kill();
            let _ = child.wait();
            return Err(format!("the server on port {} did not start: is the port free?", plan.port).into());
        };
        let listens_since = UNIX_EPOCH + Duration::from_nanos(nanoseconds.parse()?);
        Ok(ServerProcess { child, listens_since })
    }

    /// Ends it without a word to anybody, as `kill -9` does.
    pub(crate) fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.end();
    }
}
