"""Checks, and the one line that each of them prints.

A section is a module that makes one `Suite`, registers functions with
`@suite.check` and calls `suite.run(argument)`. Each function is one check: it
returns when all is well and raises when it is not.
"""

import contextlib
import os
import sys
import threading
import traceback

import grpc

# The exit status of a section in which every check ran and some failed.
SOME_FAILED = 3
# The exit status of a section that was given up because a check hung.
HUNG = 4
# Long enough for a busy machine, short enough to name the check that hangs.
CHECK_TIMEOUT_S = 60
# What a single call may take unless the check is about deadlines.
CALL_TIMEOUT_S = 20

# True when the clients run against the Python servers of this folder.
SELF = os.environ.get("TUTORIALS_SELF") == "1"
SECTION = os.environ.get("TUTORIALS_SECTION", "section")


class Failure(Exception):
    """What a check says when an answer is not the expected one."""


class Suite:
    """The checks of one section, run in the order of the file."""

    def __init__(self):
        self._checks = []

    def check(self, function):
        """Registers a check; its name is the function's."""
        self._checks.append(function)
        return function

    def check_if(self, condition):
        """Registers a check only where it makes sense."""
        return self.check if condition else lambda function: function

    def run(self, *arguments):
        """Runs every check with `arguments`, prints a line for each, and leaves with the result."""
        failed = 0
        for function in self._checks:
            name = f"{SECTION}.{function.__name__}"
            with _watchdog(name):
                why = _why_it_fails(function, arguments)
            failed += why is not None
            print(f"FAIL {name}: {why}" if why else f"ok {name}", flush=True)
        sys.exit(SOME_FAILED if failed else 0)


def equal(actual, expected, what="the answer"):
    """Fails unless both are equal."""
    if actual != expected:
        raise Failure(f"{what} is {_short(actual)}, expected {_short(expected)}")


def true(condition, why):
    """Fails with `why` unless the condition holds."""
    if not condition:
        raise Failure(why)


def fails(code, action, details=None, contains=None):
    """Fails unless `action` raises an RpcError of `code`; gives the error back."""
    try:
        answer = action()
    except grpc.RpcError as error:
        equal(error.code(), code, f"the code (details {error.details()!r})")
        if details is not None:
            equal(error.details(), details, "the details")
        if contains is not None:
            true(contains in error.details(), f"the details {error.details()!r} do not name {contains!r}")
        return error
    raise Failure(f"the answer is {_short(answer)}, expected {code.name}")


def ends(call, code):
    """Fails unless the streaming call, already under way, ends with `code`."""
    fails(code, lambda: [message for message in call])


def value(metadata, key):
    """The value of one metadata key, or None."""
    return next((entry[1] for entry in metadata or () if entry[0] == key), None)


def target():
    """The address that the runner gave to this section."""
    return sys.argv[1]


def certificate(name):
    """The bytes of one of the certificates or keys made for this run."""
    with open(os.path.join(os.environ["TUTORIALS_CERTS"], name), "rb") as file:
        return file.read()


def _why_it_fails(function, arguments):
    try:
        function(*arguments)
    except Failure as failure:
        return str(failure)
    except grpc.RpcError as error:
        return f"{error.code().name}: {error.details()} (at {_place(error)})"
    except Exception as error:  # Whatever a check raises is that check's failure.
        return f"{type(error).__name__}: {error} (at {_place(error)})".replace("\n", " ")
    return None


def _place(error):
    ours = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if "site-packages" not in frame.filename and not frame.filename.endswith("harness.py")
    ]
    return f"{os.path.basename(ours[-1].filename)}:{ours[-1].lineno}" if ours else "an unknown line"


@contextlib.contextmanager
def _watchdog(name):
    timer = threading.Timer(CHECK_TIMEOUT_S, _give_up, [name])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _give_up(name):
    print(f"FAIL {name}: no end after {CHECK_TIMEOUT_S} s", flush=True)
    os._exit(HUNG)


def _short(thing):
    text = repr(thing).replace("\n", " ")
    return text if len(text) <= 400 else f"{text[:400]}... ({len(text)} characters)"
