//! The program as a child process, and what it says.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Long enough for anything that works, short enough to wait for once. A test that needs it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running `seltzer`; it is killed when this is dropped.
pub(crate) struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
}

/// A `seltzer` that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts `seltzer` with these arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Program::run(command(arguments))
    }

    /// Starts a command whose output streams are piped.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        Program {
            stdin: child.stdin.take(),
            stdout: lines(child.stdout.take().unwrap()),
            stderr: lines(child.stderr.take().unwrap()),
            child,
        }
    }

    /// The number of its process.
    #[cfg(target_os = "linux")]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The next line of standard output.
    pub(crate) fn line(&self) -> String {
        self.stdout.recv_timeout(PATIENCE).expect("one more line on standard output")
    }

    /// The next line of standard error.
    pub(crate) fn error_line(&self) -> String {
        self.stderr.recv_timeout(PATIENCE).expect("one more line on standard error")
    }

    /// Writes a line to its standard input.
    pub(crate) fn send(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("standard input is open");
        writeln!(stdin, "{line}").unwrap();
        stdin.flush().unwrap();
    }

    /// Ends its standard input.
    pub(crate) fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal by its name (`TERM`, `INT`).
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{name} {}", self.child.id())]).status().unwrap();
        assert!(status.success());
    }

    /// Waits for the end; gives the lines that were not taken yet.
    pub(crate) fn ended(mut self) -> Ended {
        self.close_stdin();
        let (stdout, stderr) = (rest(&self.stdout), rest(&self.stderr));
        Ended { code: self.child.wait().unwrap().code(), stdout, stderr }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A command with all three streams piped, and nothing of the tester's own settings.
pub(crate) fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seltzer"));
    command.args(arguments).env_remove("SELTZER_TOKEN").env("NO_COLOR", "1").env("COLUMNS", "100");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs `seltzer` to its end, with nothing on its standard input.
pub(crate) fn run(arguments: &[&str]) -> Ended {
    Program::start(arguments).ended()
}

fn lines(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines() {
            if line.is_err() || line.is_ok_and(|line| sender.send(line).is_err()) {
                return;
            }
        }
    });
    receiver
}

fn rest(lines: &Receiver<String>) -> String {
    let mut text = String::new();
    loop {
        match lines.recv_timeout(PATIENCE) {
            Ok(line) => text = text + &line + "\n",
            Err(RecvTimeoutError::Disconnected) => return text,
            Err(RecvTimeoutError::Timeout) => panic!("it did not end; until now it said {text:?}"),
        }
    }
}

/// A server of the demo services on free ports.
pub(crate) struct Server {
    pub(crate) program: Program,
    /// The first address.
    pub(crate) address: String,
}

impl Server {
    /// Serves on a free port of the loopback, with further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let program = Program::start(&[&["serve", "--listen", "127.0.0.1:0"], arguments].concat());
        let address = listening(&program);
        Server { program, address }
    }

    /// Runs `seltzer call` with this server's address in front of the arguments. It is the only call: the server is not
    /// asked for its schemas.
    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        run(&[&["call", &self.address, "--reflection", "never"], arguments].concat())
    }

    /// Starts the same.
    pub(crate) fn start_call(&self, arguments: &[&str]) -> Program {
        Program::start(&[&["call", &self.address, "--reflection", "never"], arguments].concat())
    }
}

/// The address of the next line, which must be `listening on ADDR`.
pub(crate) fn listening(program: &Program) -> String {
    let line = program.stdout.recv_timeout(PATIENCE).unwrap_or_else(|_| panic!("no server: {}", program.error_line()));
    line.strip_prefix("listening on ").unwrap_or_else(|| panic!("{line:?}")).to_owned()
}

/// Checks how a program ended: its exit status, its standard output, and a part of its standard error (all of it, if
/// that is to be empty).
#[track_caller]
pub(crate) fn check(ended: &Ended, code: i32, stdout: &str, stderr: &str) {
    assert_eq!(ended.code, Some(code), "{ended:#?}");
    assert_eq!(ended.stdout, stdout, "{ended:#?}");
    match stderr {
        "" => assert_eq!(ended.stderr, "", "{ended:#?}"),
        part => assert!(ended.stderr.contains(part), "{part:?} is not in {ended:#?}"),
    }
    for noise in ["panicked", "Error {", "RUST_BACKTRACE"] {
        assert!(!ended.stderr.contains(noise), "{ended:#?}");
    }
}
