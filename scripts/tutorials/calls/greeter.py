"""`seltzer call` against Python's Greeter without a package."""

import os
import tempfile

from cli import call
from harness import Suite
from processes import python_server

suite = Suite()


@suite.check
def both_methods(address):
    call(address, "Greeter/SayHello", {"name": "world"}).succeeded({"message": "hello world"})
    call(address, "Greeter/SayHelloAgain", {"name": "world"}).succeeded({"message": "hello world"})


@suite.check
def any_script(address):
    call(address, "Greeter/SayHello", {"name": "世界 🌍"}).succeeded({"message": "hello 世界 🌍"})
    call(address, "Greeter/SayHello", r'{"name": "\u4e16\ud83c\udf0d\u0000\""}').succeeded(
        {"message": 'hello 世🌍\u0000"'}
    )


@suite.check
def a_long_name_from_standard_input(address):
    name = "n" * 1_000_000
    outcome = call(address, "Greeter/SayHello", "@", stdin=f'{{"name": "{name}"}}')
    outcome.succeeded({"message": f"hello {name}"})


@suite.check
def a_unix_socket(address):
    with tempfile.TemporaryDirectory() as folder:
        with python_server("greeter", "--listen", f"unix:{os.path.join(folder, 'greeter.sock')}") as server:
            outcome = call(server.address(), "Greeter/SayHello", {"name": "world"})
            outcome.succeeded({"message": "hello world"})


if __name__ == "__main__":
    with python_server("greeter") as server:
        suite.run(server.address())
