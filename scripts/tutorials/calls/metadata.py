"""What a Python server sees of the metadata, the peer and the agent of `seltzer call`."""

import re

from cli import call
from harness import Suite, equal, true
from processes import python_server

suite = Suite()


def ask(address, topic, headers=()):
    """What the witness answers."""
    outcome = call(address, "Greeter/SayHello", {"name": topic}, headers=headers)
    equal(outcome.status, 0, f"the exit status ({outcome.errors})")
    return outcome.replies[0].get("message", "")


@suite.check
def a_header_arrives(address):
    headers = ["authorization: Bearer token123"]
    equal(ask(address, "metadata authorization", headers), "Bearer token123")


@suite.check
def several_headers_of_one_name(address):
    equal(ask(address, "metadata x-demo", ["x-demo:1", "x-demo: 2", "x-other:3"]), "1,2")


@suite.check
def names_are_sent_in_lower_case(address):
    equal(ask(address, "metadata x-mixed-case", ["X-Mixed-Case:value"]), "value")


@suite.check
def a_value_may_hold_colons(address):
    equal(ask(address, "metadata x-url", ["x-url: http://host:80/?a=b"]), "http://host:80/?a=b")


@suite.check
def a_binary_value_is_given_in_base64(address):
    equal(ask(address, "metadata x-data-bin", ["x-data-bin: AP+A"]), "00ff80")


@suite.check
def no_header(address):
    equal(ask(address, "metadata x-demo"), "")


@suite.check
def the_user_agent_names_seltzer(address):
    agent = ask(address, "metadata user-agent")
    true("seltzer" in agent.lower(), f"the user agent is {agent!r}")


@suite.check
def the_peer_is_loopback(address):
    peer = ask(address, "peer")
    true(re.fullmatch(r"ipv4:127\.0\.0\.1:\d+", peer), f"the peer is {peer!r}")


@suite.check
def the_call_is_active(address):
    equal(ask(address, "active"), "True")


@suite.check
def initial_and_trailing_metadata_are_no_obstacle(address):
    equal(ask(address, "trailers"), "sent")


@suite.check
def a_generic_handler_answers(address):
    outcome = call(address, "Greeter/SayHelloAgain", {"name": "world"})
    outcome.succeeded({"message": "generic /Greeter/SayHelloAgain world"})


@suite.check
def a_server_that_wants_a_token(address):
    with python_server("calculator", "--token", "token123") as guarded:
        place = guarded.address()
        request = {"a": 1, "b": 2}
        call(place, "Calculator/Add", request).failed("UNAUTHENTICATED", "a valid token is needed")
        call(place, "Calculator/Add", request, headers=["authorization:Bearer wrong"]).failed(
            "UNAUTHENTICATED"
        )
        outcome = call(place, "Calculator/Add", request, headers=["authorization:Bearer token123"])
        outcome.succeeded({"value": 3.0})


if __name__ == "__main__":
    with python_server("witness") as server:
        suite.run(server.address())
