"""Message limits of `seltzer call`, and what it says of those of a server."""

from cli import call
from harness import Suite, equal
from processes import python_server

suite = Suite()
METHOD = "grpc.testing.TestService/UnaryCall"
SIX_MEGABYTES = 6 << 20


@suite.check
def a_reply_beyond_four_megabytes(address):
    call(address, METHOD, {"responseSize": SIX_MEGABYTES}).failed("RESOURCE_EXHAUSTED")


@suite.check
def a_higher_limit_takes_it(address):
    flags = ("--max-message-bytes", 8 << 20)
    outcome = call(address, METHOD, {"responseSize": SIX_MEGABYTES}, flags=flags)
    equal((outcome.status, len(outcome.replies)), (0, 1), "the exit status and the number of replies")


@suite.check
def a_lower_limit_refuses(address):
    flags = ("--max-message-bytes", 1000)
    call(address, METHOD, {"responseSize": 2000}, flags=flags).failed("RESOURCE_EXHAUSTED")


@suite.check
def a_request_beyond_the_servers_limit(address):
    with python_server("testing", "--max-message-bytes", "1000") as server:
        request = {"payload": {"body": "AAAA" * 500}}
        call(server.address(), METHOD, request).failed("RESOURCE_EXHAUSTED")


if __name__ == "__main__":
    with python_server("testing") as server:
        suite.run(server.address())
