"""`seltzer call` against Python's grpc.testing.WorkerService."""

import os

from cli import call
from harness import Suite, equal, true
from processes import python_server

suite = Suite()
SERVICE = "grpc.testing.WorkerService"
MARK = {"mark": {"reset": False}}


@suite.check
def core_count(server, address):
    call(address, f"{SERVICE}/CoreCount", "{}").succeeded({"cores": os.cpu_count()})


@suite.check
def a_server_by_remote_control(server, address):
    outcome = call(address, f"{SERVICE}/RunServer", {"setup": {"serverType": "ASYNC_SERVER"}}, MARK)
    equal((outcome.status, len(outcome.replies)), (0, 2), f"status and replies ({outcome.errors})")
    started, marked = outcome.replies
    equal(started["port"], marked["port"])
    true(marked["stats"]["timeElapsed"] > 0, "no time elapsed")


@suite.check
def quit_worker(server, address):
    call(address, f"{SERVICE}/QuitWorker", "{}").succeeded({})
    server.wait_for("asked to quit")


if __name__ == "__main__":
    with python_server("worker") as server:
        suite.run(server, server.address())
