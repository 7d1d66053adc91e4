"""`seltzer call` against Python's user.User."""

from cli import call
from harness import Suite
from processes import python_server

suite = Suite()


@suite.check
def user_two_is_twtrubiks(address):
    outcome = call(address, "user.User/GetUser", {"id": 2})
    outcome.succeeded({"details": {"id": 2, "value": "twtrubiks"}})


@suite.check
def an_unknown_id_is_not_found_and_named(address):
    outcome = call(address, "user.User/GetUser", {"id": 404404})
    outcome.failed("NOT_FOUND", "there is no user with the id 404404")


if __name__ == "__main__":
    with python_server("user") as server:
        suite.run(server.address())
