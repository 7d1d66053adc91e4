"""Compression of streams in both directions."""

import calculator_pb2
import calculator_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, fails, target

suite = Suite()
COMPRESSIONS = (grpc.Compression.Gzip, grpc.Compression.Deflate)


@suite.check
def replies_in_a_stream(channels):
    for stub in channels:
        call = stub.GetSquares(calculator_pb2.Number(value=500), timeout=CALL_TIMEOUT_S)
        equal([result.value for result in call], [float(i * i) for i in range(1, 501)])


@suite.check
def requests_in_a_stream(channels):
    for stub in channels:
        numbers = (calculator_pb2.Number(value=number) for number in range(500))
        equal(stub.SumNumbers(numbers, timeout=CALL_TIMEOUT_S).value, 124_750.0)


@suite.check
def both_ways(channels):
    for stub in channels:
        said = [calculator_pb2.Message(user="u", text="t" * size, sent_at_ms=1) for size in (1, 100, 10_000)]
        equal([message for message in stub.Chat(iter(said), timeout=CALL_TIMEOUT_S)], said)


@suite.check
def errors_too(channels):
    for stub in channels:
        fails(
            grpc.StatusCode.INVALID_ARGUMENT,
            lambda: stub.Divide(calculator_pb2.BinaryOperation(a=1)),
            "除数不能为零！",
        )


if __name__ == "__main__":
    suite.run(
        [
            calculator_pb2_grpc.CalculatorStub(grpc.insecure_channel(target(), compression=compression))
            for compression in COMPRESSIONS
        ]
    )
