"""Compression between `seltzer call` and Python servers, counted on the wire."""

from cli import call
from harness import Suite, equal, true
from processes import python_server
from proxy import CountingProxy

suite = Suite()

NAME = "seltzer " * 65_536
COMPRESSED_BYTES_MAX = len(NAME) // 20


def say_hello(server_flags=(), call_flags=()):
    """One long greeting: (bytes sent, bytes received)."""
    with python_server("greeter", *server_flags) as server, CountingProxy(server.address()) as proxy:
        outcome = call(
            proxy.address, "Greeter/SayHello", "@", stdin=f'{{"name": "{NAME}"}}', flags=call_flags
        )
        equal(outcome.status, 0, f"the exit status ({outcome.errors})")
        equal(outcome.replies == [{"message": f"hello {NAME}"}], True, "the long greeting's equality")
        return proxy.sent_bytes, proxy.received_bytes


@suite.check
def nothing_is_compressed_by_itself():
    sent_bytes, received_bytes = say_hello()
    true(sent_bytes > len(NAME), f"the request took only {sent_bytes} bytes")
    true(received_bytes > len(NAME), f"the reply took only {received_bytes} bytes")


@suite.check
def compressed_replies_are_welcome():
    for name in ("gzip", "deflate"):
        _, received_bytes = say_hello(("--compression", name))
        true(received_bytes < COMPRESSED_BYTES_MAX, f"with {name} the reply took {received_bytes} bytes")


@suite.check
def requests_are_compressed_on_demand():
    for name in ("gzip", "deflate"):
        sent_bytes, _ = say_hello(call_flags=("--compression", name))
        true(sent_bytes < COMPRESSED_BYTES_MAX, f"with {name} the request took {sent_bytes} bytes")


@suite.check
def both_ways_in_streams():
    with python_server("calculator", "--compression", "gzip") as server:
        address = server.address()
        outcome = call(address, "Calculator/GetSquares", {"value": 50})
        equal([reply["value"] for reply in outcome.replies], [float(i * i) for i in range(1, 51)])
        numbers = [{"value": number} for number in range(50)]
        outcome = call(address, "Calculator/SumNumbers", *numbers, flags=("--compression", "gzip"))
        outcome.succeeded({"value": 1225.0})


if __name__ == "__main__":
    suite.run()
