"""Runs `seltzer call` and reads what it says.

All that is assumed of the command's flags stands here.
"""

import dataclasses
import json
import os
import subprocess

from google.protobuf import json_format

from harness import Failure, equal
from processes import Child

CALL_TIMEOUT_S = 30
# The names and numbers of gRPC's codes: the number is the exit status.
CODES = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND",
    "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED",
    "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)  # fmt: skip
# The exit status for wrong usage.
USAGE = 64
# How a Rust program ends that panics, which no input may cause.
PANIC = 101


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How one run of the command ended, and what it printed."""

    status: int
    replies: list
    errors: list

    def succeeded(self, *expected):
        """Fails unless the code is OK and the replies are these, as JSON."""
        self._has_status(0)
        equal(self.replies, list(expected), "the replies")

    def answered(self, *expected):
        """Fails unless the code is OK and the replies are these messages.

        Compared as messages: fields that hold their default may be printed or not.
        """
        self._has_status(0)
        equal(self.messages(type(expected[0])), list(expected), "the replies")

    def messages(self, kind):
        """The replies as messages of one type."""
        return [json_format.ParseDict(reply, kind()) for reply in self.replies]

    def failed(self, code, message=None, contains=None):
        """Fails unless the call ended with this code, in the exit status and in words."""
        self._has_status(CODES.index(code))
        words = [line.strip() for line in self.errors if line.strip().startswith(f"{code}:")]
        if not words:
            raise Failure(f"standard error has no line '{code}: ...': {self.errors}")
        if message is not None:
            equal(words[0], f"{code}: {message}", "the status in words")
        if contains is not None and contains not in words[0]:
            raise Failure(f"{words[0]!r} does not name {contains!r}")

    def refused(self):
        """Fails unless the command refused its input by itself, without a panic."""
        if self.status in (0, PANIC) or self.replies or not self.errors:
            raise Failure(
                f"the exit status is {self.status}, the replies {self.replies}, said: {self.errors}"
            )

    def _has_status(self, status):
        if self.status != status:
            errors = " / ".join(self.errors[-6:])
            raise Failure(f"the exit status is {self.status}, expected {status}; standard error: {errors}")


def call(address, method, *messages, headers=(), timeout_s=None, flags=(), stdin=None):
    """Runs `seltzer call` to its end; messages are dictionaries, or JSON text as it stands."""
    done = subprocess.run(
        command(address, method, *messages, headers=headers, timeout_s=timeout_s, flags=flags),
        input=stdin,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=CALL_TIMEOUT_S,
    )
    return Outcome(done.returncode, parse(done.stdout), done.stderr.splitlines())


def start(address, method, *messages, **options):
    """Starts `seltzer call` and leaves it running."""
    return Child(command(address, method, *messages, **options))


def next_reply(child):
    """The next reply that a running call prints, whatever its layout."""
    text = ""
    while True:
        line = child.line(CALL_TIMEOUT_S)
        if line is None:
            raise Failure(f"the call ended after {text!r}: {' / '.join(child.errors_to_the_end())}")
        text += line + "\n"
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            continue  # A reply may take several lines.


def run(*arguments):
    """Runs `seltzer` with any arguments."""
    done = subprocess.run(
        [os.environ["SELTZER_BIN"], *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=CALL_TIMEOUT_S,
    )
    return Outcome(done.returncode, [], done.stderr.splitlines())


def command(address, method, *messages, headers=(), timeout_s=None, flags=()):
    """The command line of one call; several messages stand one after another in one `-d`."""
    data = " ".join(text if isinstance(text, str) else to_json(text) for text in messages)
    line = [os.environ["SELTZER_BIN"], "call", address, method, "-d", data]
    for header in headers:
        line += ["-H", header]
    if timeout_s is not None:
        line += ["--timeout", str(timeout_s)]
    return line + [str(flag) for flag in flags]


def tls(port, root, client=None):
    """The address and the flags of a call over TLS."""
    folder = os.environ["TUTORIALS_CERTS"]
    flags = ["--tls-ca", f"{folder}/{root}.pem"]
    if client:
        flags += ["--tls-cert", f"{folder}/{client}.pem", "--tls-key", f"{folder}/{client}.key"]
    return f"https://localhost:{port}", flags


def parse(text):
    """All JSON values of a text, one after another, however they are laid out."""
    decoder, values, position = json.JSONDecoder(), [], 0
    while position < len(text):
        if text[position].isspace():
            position += 1
            continue
        value, position = decoder.raw_decode(text, position)
        values.append(value)
    return values


def to_json(message):
    """JSON with every script as it is written."""
    return json.dumps(message, ensure_ascii=False)
