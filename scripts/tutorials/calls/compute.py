"""`seltzer call` against Python's compute.Compute."""

from cli import call
from harness import Suite
from processes import python_server

suite = Suite()


@suite.check
def lengths(address):
    for text in ("", "hello", "你好", "🌍🌍", "e\u0301"):
        outcome = call(address, "compute.Compute/SayHello", {"helloworld": text})
        outcome.succeeded({"result": str(len(text))})


if __name__ == "__main__":
    with python_server("compute") as server:
        suite.run(server.address())
