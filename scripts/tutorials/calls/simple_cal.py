"""`seltzer call` against Python's Cal."""

from cli import call
from harness import Suite
from processes import python_server

suite = Suite()


@suite.check
def both_operations(address):
    call(address, "Cal/Add", {"number1": 10, "number2": 20}).succeeded({"number": 30})
    call(address, "Cal/Multiply", {"number1": -6, "number2": 7}).succeeded({"number": -42})


@suite.check
def overflow(address):
    call(address, "Cal/Add", {"number1": 2**31 - 1, "number2": 1}).failed(
        "OUT_OF_RANGE", contains="2147483648"
    )


@suite.check
def a_number_beyond_32_bits_is_never_sent(address):
    call(address, "Cal/Add", {"number1": 2**31}).refused()


if __name__ == "__main__":
    with python_server("simple_cal") as server:
        suite.run(server.address())
