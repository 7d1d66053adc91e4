"""Child processes that say on a line of their own where they listen."""

import os
import queue
import signal
import subprocess
import sys
import threading

# A debug build on a busy machine starts in well under this.
START_TIMEOUT_S = 30
# What a server may take to drain and stop once it was asked to.
STOP_TIMEOUT_S = 15
HERE = os.path.dirname(os.path.abspath(__file__))


class Child:
    """A running program: its lines as they come, its end for certain."""

    def __init__(self, command, **options):
        self.command = [str(part) for part in command]
        self.process = subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            **options,
        )
        self._lines = queue.SimpleQueue()
        self.errors = []
        self._error_lines = queue.SimpleQueue()
        self._pumps = [
            _pump(self.process.stdout, self._lines.put, lambda: self._lines.put(None)),
            _pump(self.process.stderr, self._hear, lambda: self._error_lines.put(None)),
        ]

    def _hear(self, line):
        self.errors.append(line)
        self._error_lines.put(line)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def pid(self):
        """The process id."""
        return self.process.pid

    def line(self, timeout_s=START_TIMEOUT_S):
        """The next line of standard output, or None at its end."""
        try:
            return self._lines.get(timeout=timeout_s)
        except queue.Empty:
            raise TimeoutError(f"{self.name()} printed no line in {timeout_s} s") from None

    def wait_for(self, prefix, timeout_s=START_TIMEOUT_S):
        """Reads lines up to the first that begins with `prefix`, and gives its rest."""
        while True:
            line = self.line(timeout_s)
            if line is None:
                self.process.wait(STOP_TIMEOUT_S)
                said = " / ".join(self.errors_to_the_end()) or "nothing"
                raise RuntimeError(
                    f"{self.name()} ended with status {self.process.returncode} before the line "
                    f"'{prefix}...' and said: {said}"
                )
            if line.startswith(prefix):
                return line[len(prefix) :].strip()

    def wait_for_error(self, prefix, timeout_s=STOP_TIMEOUT_S):
        """Reads lines of standard error up to the first that begins with `prefix`."""
        line = ""
        while not line.startswith(prefix):
            try:
                line = self._error_lines.get(timeout=timeout_s)
            except queue.Empty:
                raise TimeoutError(f"{self.name()} did not say '{prefix}...' in {timeout_s} s") from None
            if line is None:
                raise RuntimeError(f"{self.name()} ended and did not say '{prefix}...'")

    def address(self):
        """The address in the next line `listening on ADDRESS`."""
        found = self.wait_for("listening on ").split()[0]
        return found.split("://", 1)[-1].rstrip("/") if "://" in found else found

    def send(self, text):
        """Writes to the program's standard input."""
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def close_input(self):
        """Ends the program's standard input."""
        try:
            self.process.stdin.close()
        except OSError:
            pass  # The program is gone already, which is as good.

    def signal(self, number=signal.SIGTERM):
        """Sends a signal to this process alone."""
        self.process.send_signal(number)

    def wait(self, timeout_s=STOP_TIMEOUT_S):
        """Waits for the end and gives the exit status."""
        return self.process.wait(timeout_s)

    def errors_to_the_end(self):
        """All lines of standard error, once the program has ended."""
        for pump in self._pumps:
            pump.join(STOP_TIMEOUT_S)
        return self.errors

    def stop(self):
        """Asks the program to end, insists if it does not, and gives the exit status."""
        if self.process.poll() is None:
            self.close_input()
            self.process.terminate()
        try:
            return self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def name(self):
        """The command, short enough for a message."""
        return " ".join(os.path.basename(part) for part in self.command[:4])


def python_server(module, *flags):
    """Starts one of the Python servers on a free port."""
    listen = () if "--listen" in flags else ("--listen", "127.0.0.1:0")
    return Child([sys.executable, "-m", f"servers.{module}", *listen, *flags], cwd=HERE)


def seltzer_server(*flags):
    """Starts `seltzer serve`, on a free port unless the flags say where."""
    listen = () if "--listen" in flags else ("--listen", "127.0.0.1:0")
    return Child([os.environ["SELTZER_BIN"], "serve", *listen, *flags])


def _pump(stream, put, end):
    def run():
        for line in stream:
            put(line.rstrip("\n"))
        end()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread
