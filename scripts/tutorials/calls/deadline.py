"""Deadlines and cancellation of `seltzer call`, as the Python server sees them."""

import signal

from cli import call, start
from harness import Suite, equal, true
from processes import python_server

suite = Suite()
SLEEP = {"name": "sleep"}


def remaining(address, timeout_s):
    outcome = call(address, "Greeter/SayHello", {"name": "deadline"}, timeout_s=timeout_s)
    equal(outcome.status, 0, f"the exit status ({outcome.errors})")
    return outcome.replies[0]["message"]


@suite.check
def the_timeout_is_told_to_the_server(server, address):
    for timeout_s in (20, 2.5):
        seconds = float(remaining(address, timeout_s))
        true(timeout_s - 2 < seconds <= timeout_s, f"{seconds} s remain of {timeout_s}")


@suite.check
def an_hour_and_a_day(server, address):
    for timeout_s in (3600, 86_400):
        seconds = float(remaining(address, timeout_s))
        true(timeout_s - 60 < seconds <= timeout_s, f"{seconds} s remain of {timeout_s}")


@suite.check
def no_timeout(server, address):
    equal(remaining(address, None), "none")


@suite.check
def a_sleeping_server(server, address):
    call(address, "Greeter/SayHello", SLEEP, timeout_s=0.5).failed("DEADLINE_EXCEEDED")
    equal(server.wait_for("the caller left,"), "active: False")


@suite.check
def a_command_that_is_stopped(server, address):
    for number in (signal.SIGINT, signal.SIGTERM):
        with start(address, "Greeter/SayHello", SLEEP) as running:
            server.wait_for("a call sleeps")
            running.signal(number)
            true(running.wait() != 0, "the exit status is 0")
        equal(server.wait_for("the caller left,"), "active: False")


if __name__ == "__main__":
    with python_server("witness") as server:
        suite.run(server, server.address())
