"""`seltzer call` against Python's grpc.testing.BenchmarkService."""

from cli import call, next_reply, start
from harness import Suite, equal
from processes import python_server

suite = Suite()
SERVICE = "grpc.testing.BenchmarkService"
TWO_BYTES = {"payload": {"body": "AAA="}}


@suite.check
def unary_call(address):
    call(address, f"{SERVICE}/UnaryCall", {"responseSize": 2}).succeeded(TWO_BYTES)


@suite.check
def streaming_call(address):
    requests = [{"responseSize": 2}] * 3
    call(address, f"{SERVICE}/StreamingCall", *requests).succeeded(*[TWO_BYTES] * 3)
    call(address, f"{SERVICE}/StreamingBothWays", *requests).succeeded(*[TWO_BYTES] * 3)


@suite.check
def streaming_from_client(address):
    call(address, f"{SERVICE}/StreamingFromClient", *[{"responseSize": 2}] * 3).succeeded(TWO_BYTES)


@suite.check
def streaming_from_server(address):
    with start(address, f"{SERVICE}/StreamingFromServer", {"responseSize": 2}) as running:
        equal([next_reply(running) for _ in range(5)], [TWO_BYTES] * 5)


if __name__ == "__main__":
    with python_server("testing") as server:
        suite.run(server.address())
