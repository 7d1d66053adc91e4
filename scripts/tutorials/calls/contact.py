"""`seltzer call` against Python's Contact."""

from cli import call, next_reply, start
from contact_pb2 import Empty
from harness import Suite, equal, true
from processes import python_server

suite = Suite()


@suite.check
def statuses_are_answered(server, address):
    outcome = call(address, "Contact/sendStatus", {"msg": "one"}, {"msg": "two"})
    outcome.succeeded({"ret": "received one"}, {"ret": "received two"})


@suite.check
def tasks_are_printed_as_they_arrive(server, address):
    with start(address, "Contact/getTask", "{}") as running:
        equal([next_reply(running)["task"] for _ in range(3)], ["task 1", "task 2", "task 3"])
        true(running.process.poll() is None, "the call ended by itself")
    # The command is gone, and the server was told.
    server.wait_for("the caller of getTask left")


@suite.check
def tasks_end_with_the_timeout(server, address):
    outcome = call(address, "Contact/getTask", "{}", timeout_s=1)
    outcome.failed("DEADLINE_EXCEEDED")
    true(len(outcome.replies) >= 1, "no task was printed before the deadline")
    server.wait_for("the caller of getTask left")


@suite.check
def results_are_taken(server, address):
    call(address, "Contact/tellResult", {"ret": "one"}, {"ret": "二"}).answered(Empty())
    equal(server.wait_for("result:"), "one")
    equal(server.wait_for("result:"), "二")


if __name__ == "__main__":
    with python_server("contact") as server:
        suite.run(server, server.address())
