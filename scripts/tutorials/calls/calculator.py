"""`seltzer call` against Python's Calculator: every kind of call."""

import math

from calculator_pb2 import Message, Result
from cli import call, next_reply, start
from harness import Suite, equal, true
from processes import python_server

suite = Suite()
DIVIDE_BY_ZERO = "除数不能为零！"


@suite.check
def unary(address):
    call(address, "Calculator/Add", {"a": 1.5, "b": 2.25}).answered(Result(value=3.75))
    call(address, "Calculator/Subtract", {"a": 1, "b": 2}).answered(Result(value=-1))
    call(address, "Calculator/Multiply", {"a": -1e200, "b": 1e-100}).answered(Result(value=-1e100))
    call(address, "Calculator/Divide", {"a": 10, "b": 4}).answered(Result(value=2.5))


@suite.check
def values_are_numbers_in_json(address):
    outcome = call(address, "Calculator/Add", '{"a": 0.1, "b": 0.2}')
    equal(outcome.status, 0, "the exit status")
    equal(outcome.replies[0]["value"], 0.30000000000000004)


@suite.check
def infinity_and_nan_are_words_in_json(address):
    outcome = call(address, "Calculator/Add", {"a": "Infinity", "b": 1})
    equal(outcome.replies[0]["value"], "Infinity")
    outcome = call(address, "Calculator/Add", {"a": "Infinity", "b": "-Infinity"})
    equal(outcome.replies[0]["value"], "NaN")
    true(math.isnan(outcome.messages(Result)[0].value), "the value is not a NaN")


@suite.check
def a_default_request(address):
    call(address, "Calculator/Add", "{}").answered(Result(value=0))


@suite.check
def divide_by_zero_says_so_in_chinese(address):
    outcome = call(address, "Calculator/Divide", {"a": 1, "b": 0})
    outcome.failed("INVALID_ARGUMENT", DIVIDE_BY_ZERO)
    equal(outcome.replies, [], "the replies")


@suite.check
def a_stream_of_replies(address):
    squares = [Result(value=number * number) for number in range(1, 101)]
    call(address, "Calculator/GetSquares", {"value": 100}).answered(*squares)


@suite.check
def an_empty_stream_of_replies(address):
    call(address, "Calculator/GetSquares", {"value": 0}).succeeded()


@suite.check
def a_stream_that_fails(address):
    call(address, "Calculator/GetSquares", {"value": -1}).failed("INVALID_ARGUMENT")


@suite.check
def a_stream_of_requests(address):
    numbers = [{"value": 1.5}, {"value": 2.5}, {"value": -10}]
    call(address, "Calculator/SumNumbers", *numbers).answered(Result(value=-6))


@suite.check
def an_empty_stream_of_requests(address):
    call(address, "Calculator/SumNumbers", "").answered(Result(value=0))


@suite.check
def requests_in_any_layout(address):
    text = '{"value":1}{"value":2}\n\n{\n  "value": 3\n}\t{"value":4}'
    call(address, "Calculator/SumNumbers", text).answered(Result(value=10))


@suite.check
def requests_from_standard_input(address):
    lines = "".join(f'{{"value": {number}}}\n' for number in range(1000))
    call(address, "Calculator/SumNumbers", "@", stdin=lines).answered(Result(value=499_500))


@suite.check
def both_ways(address):
    said = [{"user": "seltzer", "text": f"你好 {number}", "sentAtMs": str(number + 1)} for number in range(3)]
    expected = [Message(user="seltzer", text=f"你好 {number}", sent_at_ms=number + 1) for number in range(3)]
    outcome = call(address, "Calculator/Chat", *said)
    outcome.answered(*expected)
    outcome.succeeded(*said)


@suite.check
def sixty_four_bits_are_a_string_in_json(address):
    sent = {"user": "u", "text": "t", "sentAtMs": 2**53 + 1}
    call(address, "Calculator/Chat", sent).succeeded({**sent, "sentAtMs": str(2**53 + 1)})


@suite.check
def replies_come_before_the_requests_end(address):
    with start(address, "Calculator/Chat", "@") as running:
        for number in range(3):
            running.send(f'{{"user": "u", "text": "{number}", "sentAtMs": "1"}}\n')
            equal(next_reply(running)["text"], str(number))
        running.close_input()
        equal(running.wait(), 0, "the exit status")


@suite.check
def an_endless_stream_ends_with_the_command(address):
    with start(address, "Calculator/GetSquares", {"value": 1e15}) as running:
        equal([next_reply(running)["value"] for _ in range(3)], [1.0, 4.0, 9.0])
    call(address, "Calculator/Add", {"a": 1, "b": 1}).answered(Result(value=2))


if __name__ == "__main__":
    with python_server("calculator") as server:
        suite.run(server.address())
