"""`seltzer call` against Python's hello.Greeter."""

from cli import call
from harness import Suite
from processes import python_server

suite = Suite()


@suite.check
def say_hello(address):
    call(address, "hello.Greeter/SayHello", {"name": "Alice"}).succeeded({"message": "Hello, Alice"})


@suite.check
def another_package_is_unimplemented(address):
    call(address, "Greeter/SayHello", {"name": "Alice"}).failed("UNIMPLEMENTED")


if __name__ == "__main__":
    with python_server("hello") as server:
        suite.run(server.address())
