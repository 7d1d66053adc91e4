"""Mistakes at the command line: a clear line, and an exit status that is not 0."""

import os
import socket
import tempfile

from cli import PANIC, USAGE, call, run
from harness import Suite, equal, true
from processes import python_server

suite = Suite()


def says(outcome, *words, status):
    """Fails unless the command ended with `status` and standard error has all the words."""
    equal(outcome.status, status, f"the exit status ({outcome.errors})")
    text = "\n".join(outcome.errors)
    for word in words:
        true(word in text, f"standard error does not say {word!r}: {text!r}")
    true(text.strip() != "", "standard error says nothing")
    equal(outcome.replies, [], "the replies")


def is_usage(outcome, *words):
    """Fails unless the command line itself was refused, in these words."""
    says(outcome, *words, status=USAGE)


def is_refused(outcome, *words):
    """Fails unless the command refused what it was given, in these words, whatever the status."""
    true(outcome.status not in (0, PANIC), f"the exit status is {outcome.status}")
    says(outcome, *words, status=outcome.status)


@suite.check
def nobody_listens(address):
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nowhere = f"127.0.0.1:{closed.getsockname()[1]}"
    outcome = call(nowhere, "Greeter/SayHello", {"name": "world"})
    outcome.failed("UNAVAILABLE")
    says(outcome, nowhere, status=14)


@suite.check
def json_that_is_none(address):
    for text in ('{"name": ', '{"name": "world"', "name", '{"name" "world"}', "[1"):
        is_refused(call(address, "Greeter/SayHello", text))


@suite.check
def a_field_that_is_not_there(address):
    is_refused(call(address, "Greeter/SayHello", {"nome": "world"}), "nome")


@suite.check
def a_field_of_another_type(address):
    is_refused(call(address, "Greeter/SayHello", {"name": 5}))


@suite.check
def two_messages_for_a_unary_call(address):
    is_refused(call(address, "Greeter/SayHello", {"name": "one"}, {"name": "two"}))


@suite.check
def an_unknown_service(address):
    is_refused(call(address, "NoSuchService/SayHello", "{}"), "NoSuchService")


@suite.check
def an_unknown_method(address):
    is_refused(call(address, "Greeter/NoSuchMethod", "{}"), "NoSuchMethod")


@suite.check
def a_method_without_a_service(address):
    is_refused(call(address, "SayHello", "{}"), "SayHello")


@suite.check
def a_header_without_a_value(address):
    is_usage(call(address, "Greeter/SayHello", "{}", headers=["no-colon-here"]), "no-colon-here")


@suite.check
def a_timeout_that_is_none(address):
    for timeout in ("soon", "-1"):
        is_usage(call(address, "Greeter/SayHello", "{}", flags=(f"--timeout={timeout}",)))


@suite.check
def a_schema_that_is_not_there(address):
    flags = ("--proto", "no-such.proto", "-I", os.environ["TUTORIALS_SCHEMAS"])
    is_refused(call(address, "Greeter/SayHello", "{}", flags=flags), "no-such.proto")


@suite.check
def a_broken_schema(address):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "broken.proto"), "w", encoding="utf-8") as file:
            file.write('syntax = "proto3";\nmessage Broken { string name = ; }\n')
        flags = ("--proto", "broken.proto", "-I", folder)
        is_refused(call(address, "Greeter/SayHello", "{}", flags=flags), "broken.proto:2:")


@suite.check
def no_arguments(address):
    is_usage(run("call"))
    is_usage(run("no-such-command"), "no-such-command")
    is_usage(run("call", address, "Greeter/SayHello", "--no-such-flag"), "--no-such-flag")


if __name__ == "__main__":
    with python_server("greeter") as server:
        suite.run(server.address())
