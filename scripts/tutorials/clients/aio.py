"""The same calculator with grpc.aio."""

import asyncio
import functools

import calculator_pb2
import calculator_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, fails, target, true

suite = Suite()
ENDLESS = calculator_pb2.Number(value=1e15)


def check(function):
    """Registers a coroutine that gets a stub, on a channel of its own."""

    async def with_stub():
        async with grpc.aio.insecure_channel(target()) as channel:
            await function(calculator_pb2_grpc.CalculatorStub(channel))

    @functools.wraps(function)
    def run():
        asyncio.run(asyncio.wait_for(with_stub(), CALL_TIMEOUT_S))

    return suite.check(run)


def operation(a, b):
    return calculator_pb2.BinaryOperation(a=a, b=b)


async def numbers(*values):
    for value in values:
        yield calculator_pb2.Number(value=value)


async def code_of(call):
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error.code(), error.details()
    return grpc.StatusCode.OK, ""


@check
async def unary(stub):
    call = stub.Add(operation(1, 2), timeout=5, metadata=(("authorization", "Bearer token123"),))
    equal((await call).value, 3.0)
    equal(await call.code(), grpc.StatusCode.OK)


@check
async def an_error_with_chinese_details(stub):
    expected = (grpc.StatusCode.INVALID_ARGUMENT, "除数不能为零！")
    equal(await code_of(stub.Divide(operation(1, 0))), expected)


@check
async def replies_by_iteration(stub):
    squares = [result.value async for result in stub.GetSquares(calculator_pb2.Number(value=4))]
    equal(squares, [1.0, 4.0, 9.0, 16.0])


@check
async def replies_by_read(stub):
    call = stub.GetSquares(calculator_pb2.Number(value=2))
    equal([(await call.read()).value, (await call.read()).value], [1.0, 4.0])
    true(await call.read() is grpc.aio.EOF, "the stream does not end")


@check
async def requests_from_a_generator(stub):
    equal((await stub.SumNumbers(numbers(1, 2, 3.5))).value, 6.5)


@check
async def requests_by_write(stub):
    call = stub.SumNumbers()
    for value in (10, 20):
        await call.write(calculator_pb2.Number(value=value))
    await call.done_writing()
    equal((await call).value, 30.0)


@check
async def both_ways(stub):
    call = stub.Chat()
    for number in range(3):
        said = calculator_pb2.Message(user="aio", text=f"你好 {number}", sent_at_ms=number + 1)
        await call.write(said)
        equal(await call.read(), said)
    await call.done_writing()
    true(await call.read() is grpc.aio.EOF, "the stream does not end")
    equal(await call.code(), grpc.StatusCode.OK)


@check
async def a_deadline(stub):
    async def read_all():
        return [result async for result in stub.GetSquares(ENDLESS, timeout=0.5)]

    code, _ = await code_of(read_all())
    equal(code, grpc.StatusCode.DEADLINE_EXCEEDED)


@check
async def a_cancelled_stream(stub):
    call = stub.GetSquares(ENDLESS)
    equal((await call.read()).value, 1.0)
    true(call.cancel(), "the call could not be cancelled")
    equal(await call.code(), grpc.StatusCode.CANCELLED)
    equal((await stub.Add(operation(2, 2))).value, 4.0)


@check
async def fifty_calls_at_once(stub):
    results = await asyncio.gather(*(stub.Add(operation(number, 1)) for number in range(50)))
    equal([result.value for result in results], [number + 1.0 for number in range(50)])


@suite.check
def an_unknown_method():
    async def call():
        async with grpc.aio.insecure_channel(target()) as channel:
            await channel.unary_unary("/Calculator/NoSuchMethod")(b"")

    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: asyncio.run(call()))


if __name__ == "__main__":
    suite.run()
