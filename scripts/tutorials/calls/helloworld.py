"""`seltzer call` against Python's helloworld.Greeter."""

from cli import call
from harness import Suite
from processes import python_server

suite = Suite()


@suite.check
def say_hello(address):
    call(address, "helloworld.Greeter/SayHello", {"name": "you"}).succeeded({"message": "Hello, you!"})


@suite.check
def ten_replies(address):
    outcome = call(address, "helloworld.Greeter/SayHelloStreamReply", {"name": "you"})
    outcome.succeeded(*({"message": f"Hello number {number}, you!"} for number in range(10)))


if __name__ == "__main__":
    with python_server("helloworld") as server:
        suite.run(server.address())
