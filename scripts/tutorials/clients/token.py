"""An authenticating server: no call without the token."""

import collections

import calculator_pb2
import calculator_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, fails, target

suite = Suite()
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED
TOKEN = (("authorization", "Bearer token123"),)
ONE_AND_TWO = calculator_pb2.BinaryOperation(a=1, b=2)


class CallDetails(
    collections.namedtuple("CallDetails", ("method", "timeout", "metadata", "credentials")),
    grpc.ClientCallDetails,
):
    """What an interceptor hands on."""


class AddToken(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """Adds the token to each call, as clients do that have many."""

    def intercept_unary_unary(self, continuation, details, request):
        return continuation(self._with_token(details), request)

    intercept_unary_stream = intercept_unary_unary

    def _with_token(self, details):
        metadata = (*(details.metadata or ()), *TOKEN)
        return CallDetails(details.method, details.timeout, metadata, details.credentials)


@suite.check
def without_a_token(stub, channel):
    fails(UNAUTHENTICATED, lambda: stub.Add(ONE_AND_TWO, timeout=CALL_TIMEOUT_S))


@suite.check
def with_a_wrong_token(stub, channel):
    for header in ("Bearer token124", "Bearer token1234", "Bearer ", "token123", "Basic token123"):
        fails(UNAUTHENTICATED, lambda: stub.Add(ONE_AND_TWO, metadata=(("authorization", header),)))


@suite.check
def with_the_token(stub, channel):
    equal(stub.Add(ONE_AND_TWO, metadata=TOKEN, timeout=5).value, 3.0)


@suite.check
def streams_need_it_too(stub, channel):
    number = calculator_pb2.Number(value=3)
    fails(UNAUTHENTICATED, lambda: [result for result in stub.GetSquares(number)])
    fails(UNAUTHENTICATED, lambda: stub.SumNumbers(iter((number,))))
    equal([result.value for result in stub.GetSquares(number, metadata=TOKEN)], [1.0, 4.0, 9.0])
    equal(stub.SumNumbers(iter((number, number)), metadata=TOKEN).value, 6.0)


@suite.check
def an_interceptor_adds_it(stub, channel):
    intercepted = calculator_pb2_grpc.CalculatorStub(grpc.intercept_channel(channel, AddToken()))
    equal(intercepted.Add(ONE_AND_TWO, metadata=(("x-other", "1"),)).value, 3.0)
    equal([result.value for result in intercepted.GetSquares(calculator_pb2.Number(value=2))], [1.0, 4.0])


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(calculator_pb2_grpc.CalculatorStub(channel), channel)
