"""Calculator: the four kinds of call, errors, deadlines and cancellation."""

import concurrent.futures
import itertools
import math
import os
import queue
import time

import calculator_pb2
import calculator_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, SELF, Suite, ends, equal, fails, target, true
from processes import python_server, seltzer_server

suite = Suite()

# More squares than any server could send: 1e15 of them.
ENDLESS = calculator_pb2.Number(value=1e15)
# A thread that computes is seen running in nearly every look at it; this many looks in a row do not miss it.
IDLE_LOOKS = 100
IDLE_TIMEOUT_S = 10
# What the system says of the server process, where it says anything.
SERVER = f"/proc/{os.environ['TUTORIALS_SERVER_PID']}"
SERVER_IS_VISIBLE = os.path.exists(SERVER)
DIVIDE_BY_ZERO = "除数不能为零！"
INVALID = grpc.StatusCode.INVALID_ARGUMENT


def operation(a, b):
    return calculator_pb2.BinaryOperation(a=a, b=b)


def numbers(*values):
    for value in values:
        yield calculator_pb2.Number(value=value)


def squares(stub, number):
    return [result.value for result in stub.GetSquares(calculator_pb2.Number(value=number))]


@suite.check
def add(stub):
    equal(stub.Add(operation(1.5, 2.25)).value, 3.75)


@suite.check
def subtract(stub):
    equal(stub.Subtract(operation(1.5, 2.25)).value, -0.75)


@suite.check
def multiply(stub):
    equal(stub.Multiply(operation(1e200, 1e-100)).value, 1e100)


@suite.check
def divide(stub):
    equal(stub.Divide(operation(10, 4)).value, 2.5)


@suite.check
def doubles_keep_every_bit(stub):
    equal(stub.Add(operation(0.1, 0.2)).value, 0.30000000000000004)
    equal(stub.Multiply(operation(1e308, 10)).value, math.inf)
    true(math.isnan(stub.Subtract(operation(math.inf, math.inf)).value), "inf - inf is not a NaN")


@suite.check
def divide_by_zero_says_so_in_chinese(stub):
    try:
        stub.Divide(operation(1, 0))
    except grpc.RpcError as error:
        equal(error.code(), INVALID)
        equal(error.details(), DIVIDE_BY_ZERO)
        return
    raise AssertionError("1 / 0 was answered")


@suite.check
def zero_by_zero_and_negative_zero_too(stub):
    fails(INVALID, lambda: stub.Divide(operation(0, 0)), DIVIDE_BY_ZERO)
    fails(INVALID, lambda: stub.Divide(operation(1, -0.0)), DIVIDE_BY_ZERO)


@suite.check
def with_call_gives_the_status_too(stub):
    result, call = stub.Add.with_call(operation(1, 2), timeout=5)
    equal(result.value, 3.0)
    equal(call.code(), grpc.StatusCode.OK)
    equal(call.details(), "")
    true(not call.is_active(), "a call that has ended is active")


@suite.check
def metadata_and_a_timeout_are_taken(stub):
    result = stub.Add(
        operation(1, 2),
        timeout=5,
        metadata=(("authorization", "Bearer token123"), ("x-data-bin", b"\x00\xff")),
    )
    equal(result.value, 3.0)


@suite.check
def a_future_gives_the_result(stub):
    future = stub.Add.future(operation(20, 22))
    equal(future.result(timeout=CALL_TIMEOUT_S).value, 42.0)
    true(future.done() and not future.cancelled(), "the future is not done")


@suite.check
def a_future_gives_the_error(stub):
    finished = queue.SimpleQueue()
    future = stub.Divide.future(operation(1, 0))
    future.add_done_callback(finished.put)
    equal(finished.get(timeout=CALL_TIMEOUT_S).code(), INVALID)
    equal(future.exception().details(), DIVIDE_BY_ZERO)


@suite.check
def squares_come_in_order(stub):
    equal(squares(stub, 5), [1.0, 4.0, 9.0, 16.0, 25.0])
    equal(squares(stub, 3.9), [1.0, 4.0, 9.0])


@suite.check
def squares_of_nothing(stub):
    equal(squares(stub, 0), [])
    equal(squares(stub, 0.5), [])


@suite.check
def squares_of_ten_thousand(stub):
    equal(squares(stub, 10_000), [float(number * number) for number in range(1, 10_001)])


@suite.check
def squares_need_a_finite_number_of_at_least_zero(stub):
    for number in (-1, -math.inf, math.inf, math.nan):
        fails(INVALID, lambda: squares(stub, number))


@suite.check
def sum_of_a_stream(stub):
    equal(stub.SumNumbers(numbers(1.5, 2.5, -10)).value, -6.0)


@suite.check
def sum_of_an_empty_stream(stub):
    equal(stub.SumNumbers(numbers()).value, 0.0)


@suite.check
def sum_of_twenty_thousand(stub):
    equal(stub.SumNumbers(numbers(*range(20_000))).value, 199_990_000.0)


@suite.check
def sum_with_call_and_as_a_future(stub):
    result, call = stub.SumNumbers.with_call(numbers(1, 2), timeout=5)
    equal((result.value, call.code()), (3.0, grpc.StatusCode.OK))
    equal(stub.SumNumbers.future(numbers(3, 4)).result(timeout=CALL_TIMEOUT_S).value, 7.0)


@suite.check
def deadline_of_a_stream_of_replies(stub):
    error = fails(
        grpc.StatusCode.DEADLINE_EXCEEDED,
        lambda: [None for _ in stub.GetSquares(ENDLESS, timeout=0.5)],
    )
    true(error.details() != "", "a deadline without details")


@suite.check
def deadline_of_a_stream_of_requests(stub):
    held = queue.SimpleQueue()
    requests = iter(held.get, None)
    fails(grpc.StatusCode.DEADLINE_EXCEEDED, lambda: stub.SumNumbers(requests, timeout=0.5))
    held.put(None)


@suite.check
def cancel_of_a_stream_of_requests(stub):
    held = queue.SimpleQueue()
    held.put(calculator_pb2.Number(value=1))
    future = stub.SumNumbers.future(iter(held.get, None))
    true(future.cancel(), "the call could not be cancelled")
    equal(future.code(), grpc.StatusCode.CANCELLED)
    held.put(None)


@suite.check
def cancel_of_endless_squares_midway(stub):
    call = stub.GetSquares(ENDLESS)
    first = [result.value for result in itertools.islice(call, 1000)]
    equal(first, [float(number * number) for number in range(1, 1001)])
    true(call.is_active(), "an endless stream is not active")
    call.cancel()
    ends(call, grpc.StatusCode.CANCELLED)
    equal(stub.Add(operation(1, 1)).value, 2.0)


@suite.check_if(SERVER_IS_VISIBLE)
def endless_squares_take_constant_memory(stub):
    call = stub.GetSquares(ENDLESS)
    next(call)
    before = server_memory_kib()
    equal([next(call).value for _ in range(50_000)][-1], 50_001.0**2)
    grown = server_memory_kib() - before
    call.cancel()
    true(grown < 64 * 1024, f"the server grew by {grown} KiB during one stream")


@suite.check
def endless_squares_end_when_the_caller_leaves(_):
    # A server of its own, which says on a line what became of each call.
    server = python_server("calculator") if SELF else seltzer_server("-v")
    with server, grpc.insecure_channel(server.address()) as channel:
        stub = calculator_pb2_grpc.CalculatorStub(channel)
        calls = [stub.GetSquares(ENDLESS) for _ in range(4)]
        for call in calls:
            next(call)
            call.cancel()
        if not SELF:
            for _ in calls:
                server.wait_for_error("Calculator/GetSquares CANCELLED ")
        if SERVER_IS_VISIBLE:
            wait_until_idle(server.pid)


@suite.check
def chat_reaches_everybody_in_the_room(stub):
    # Who hears itself is in the room: only then may the next one enter.
    alice = Participant(stub, "alice")
    alice.say("first", 2**53 + 1)
    equal(alice.hears(), ("alice", "first", 2**53 + 1))
    bob = Participant(stub, "bob")
    bob.say("second", 2)
    equal(bob.hears(), ("bob", "second", 2))
    equal(alice.hears(), ("bob", "second", 2))
    alice.say("你好", 3)
    equal(alice.hears(), ("alice", "你好", 3))
    equal(bob.hears(), ("alice", "你好", 3))
    alice.leave()
    bob.say("alone", 4)
    equal(bob.hears(), ("bob", "alone", 4))
    bob.leave()


@suite.check
def fifty_calls_in_parallel(stub):
    def add_half(number):
        return stub.Add(operation(number, 0.5), timeout=CALL_TIMEOUT_S).value

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = pool.map(add_half, range(500))
        equal(list(results), [number + 0.5 for number in range(500)])


@suite.check
def fifty_streams_in_parallel(stub):
    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        results = pool.map(lambda number: sum(squares(stub, number)), range(50))
        equal(list(results), [sum(float(i * i) for i in range(1, number + 1)) for number in range(50)])


class Participant:
    """One side of a Chat call."""

    def __init__(self, stub, user):
        self._user = user
        self._outbox = queue.SimpleQueue()
        self._call = stub.Chat(iter(self._outbox.get, None), timeout=CALL_TIMEOUT_S)

    def say(self, text, sent_at_ms):
        self._outbox.put(calculator_pb2.Message(user=self._user, text=text, sent_at_ms=sent_at_ms))

    def hears(self):
        message = next(self._call)
        return message.user, message.text, message.sent_at_ms

    def leave(self):
        self._outbox.put(None)
        equal([message for message in self._call], [], f"what {self._user} hears at the end")
        equal(self._call.code(), grpc.StatusCode.OK, f"{self._user}'s code")


def server_memory_kib():
    with open(f"{SERVER}/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))


def wait_until_idle(pid):
    """Returns once no thread of a process computes any more."""
    until = time.monotonic() + IDLE_TIMEOUT_S
    looks = 0
    while looks < IDLE_LOOKS:
        true(time.monotonic() < until, "the server still computes after all callers left")
        looks = 0 if "R" in thread_states(pid) else looks + 1
        # On a single processor the server must get its turn.
        os.sched_yield()


def thread_states(pid):
    """A letter for each thread of a process: R for one that computes, S for one that waits."""
    return [thread_state(f"/proc/{pid}/task/{thread}/stat") for thread in os.listdir(f"/proc/{pid}/task")]


def thread_state(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"  # It has ended meanwhile.


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(calculator_pb2_grpc.CalculatorStub(channel))
