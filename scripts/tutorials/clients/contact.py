"""Contact: reports upwards, tasks downwards, for as long as the client likes."""

import queue

import contact_pb2
import contact_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, ends, equal, fails, target, true

suite = Suite()


@suite.check
def each_status_is_answered_once_and_at_once(stub):
    outbox = queue.SimpleQueue()
    call = stub.sendStatus(iter(outbox.get, None), timeout=CALL_TIMEOUT_S)
    for number in range(5):
        outbox.put(contact_pb2.ClientMsg(msg=f"status {number}"))
        # The next status is sent only after this answer: the server may not wait for more.
        true(next(call).ret != "", "an answer without content")
    outbox.put(None)
    equal([result for result in call], [], "what comes after the last answer")
    equal(call.code(), grpc.StatusCode.OK)


@suite.check
def a_thousand_statuses_have_a_thousand_answers(stub):
    statuses = (contact_pb2.ClientMsg(msg=str(number)) for number in range(1000))
    equal(sum(1 for _ in stub.sendStatus(statuses, timeout=CALL_TIMEOUT_S)), 1000)


@suite.check
def tasks_are_pushed_until_the_client_leaves(stub):
    call = stub.getTask(contact_pb2.Empty(), timeout=CALL_TIMEOUT_S)
    tasks = [next(call).task, next(call).task]
    true(all(tasks), "a task without content")
    true(call.is_active(), "the stream of tasks is not active")
    true(call.time_remaining() > 0, "no time remains")
    call.cancel()
    ends(call, grpc.StatusCode.CANCELLED)
    true(not call.is_active(), "a cancelled stream is active")


@suite.check
def tasks_end_with_the_deadline(stub):
    fails(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        lambda: [task for task in stub.getTask(contact_pb2.Empty(), timeout=0.5)],
    )


@suite.check
def results_are_taken(stub):
    results = (contact_pb2.Result(ret=f"result {number}") for number in range(3))
    reply, call = stub.tellResult.with_call(results, timeout=CALL_TIMEOUT_S)
    equal(reply, contact_pb2.Empty())
    equal(call.code(), grpc.StatusCode.OK)


@suite.check
def no_results_at_all(stub):
    equal(stub.tellResult(iter(()), timeout=CALL_TIMEOUT_S), contact_pb2.Empty())


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(contact_pb2_grpc.ContactStub(channel))
