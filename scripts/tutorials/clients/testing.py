"""grpc.testing.TestService: what gRPC's interoperability tests ask of a server."""

import queue

import grpc

from harness import CALL_TIMEOUT_S, SELF, Suite, ends, equal, fails, target, value, true
from proxy import CountingProxy
from testing_stubs import empty_pb2, messages_pb2, test_pb2_grpc

suite = Suite()

ECHO_INITIAL = ("x-grpc-test-echo-initial", "test_initial_metadata_value")
ECHO_TRAILING = ("x-grpc-test-echo-trailing-bin", b"\xab\xab\xab\x00\xff")
# The sizes that the interoperability tests use.
REQUEST_SIZES = (27182, 8, 1828, 45904)
RESPONSE_SIZES = (31415, 9, 2653, 58979)
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"


def simple(response_size, request_size=0):
    payload = messages_pb2.Payload(body=bytes(request_size))
    return messages_pb2.SimpleRequest(response_size=response_size, payload=payload)


def status(code, message):
    return messages_pb2.EchoStatus(code=code, message=message)


def output(*sizes, interval_us=0, **fields):
    parameters = [messages_pb2.ResponseParameters(size=size, interval_us=interval_us) for size in sizes]
    return messages_pb2.StreamingOutputCallRequest(response_parameters=parameters, **fields)


def sizes_of(replies):
    return [len(reply.payload.body) for reply in replies]


@suite.check
def empty_unary(stub):
    reply, call = stub.EmptyCall.with_call(empty_pb2.Empty(), timeout=CALL_TIMEOUT_S)
    equal((reply, call.code()), (empty_pb2.Empty(), grpc.StatusCode.OK))


@suite.check
def large_unary(stub):
    reply = stub.UnaryCall(simple(314159, 271828), timeout=CALL_TIMEOUT_S)
    equal(reply.payload.body, bytes(314159), "the payload")


@suite.check
def cacheable_unary(stub):
    # gRPC's own server answers with the time in digits, so that a repeated answer can be told from a new one.
    body = stub.CacheableUnaryCall(simple(10), timeout=CALL_TIMEOUT_S).payload.body
    true(body.isdigit(), f"the payload {body!r} is no time in digits")


@suite.check
def four_megabytes_less_a_little(stub):
    size = 4 * 1024 * 1024 - 1024
    equal(len(stub.UnaryCall(simple(size, size), timeout=CALL_TIMEOUT_S).payload.body), size)


@suite.check
def client_streaming(stub):
    requests = (
        messages_pb2.StreamingInputCallRequest(payload=messages_pb2.Payload(body=bytes(size)))
        for size in REQUEST_SIZES
    )
    equal(stub.StreamingInputCall(requests, timeout=CALL_TIMEOUT_S).aggregated_payload_size, 74922)


@suite.check
def server_streaming(stub):
    replies = stub.StreamingOutputCall(output(*RESPONSE_SIZES), timeout=CALL_TIMEOUT_S)
    equal(sizes_of(replies), list(RESPONSE_SIZES))


@suite.check
def ping_pong(stub):
    outbox = queue.SimpleQueue()
    call = stub.FullDuplexCall(iter(outbox.get, None), timeout=CALL_TIMEOUT_S)
    for request_size, response_size in zip(REQUEST_SIZES, RESPONSE_SIZES):
        outbox.put(output(response_size, payload=messages_pb2.Payload(body=bytes(request_size))))
        equal(len(next(call).payload.body), response_size)
    outbox.put(None)
    equal(sizes_of(call), [])
    equal(call.code(), grpc.StatusCode.OK)


@suite.check
def half_duplex(stub):
    requests = (output(size) for size in RESPONSE_SIZES)
    equal(sizes_of(stub.HalfDuplexCall(requests, timeout=CALL_TIMEOUT_S)), list(RESPONSE_SIZES))


@suite.check
def empty_stream(stub):
    equal(sizes_of(stub.FullDuplexCall(iter(()), timeout=CALL_TIMEOUT_S)), [])


@suite.check
def sixteen_megabytes_down_a_stream(stub):
    replies = stub.StreamingOutputCall(output(*[1 << 20] * 16), timeout=CALL_TIMEOUT_S)
    equal(sizes_of(replies), [1 << 20] * 16)


@suite.check
def metadata_of_a_unary_call_comes_back(stub):
    _, call = stub.UnaryCall.with_call(
        simple(1), metadata=(ECHO_INITIAL, ECHO_TRAILING), timeout=CALL_TIMEOUT_S
    )
    equal(value(call.initial_metadata(), ECHO_INITIAL[0]), ECHO_INITIAL[1])
    equal(value(call.trailing_metadata(), ECHO_TRAILING[0]), ECHO_TRAILING[1])


@suite.check
def metadata_of_a_stream_comes_back(stub):
    call = stub.FullDuplexCall(
        iter((output(1),)), metadata=(ECHO_INITIAL, ECHO_TRAILING), timeout=CALL_TIMEOUT_S
    )
    equal(sizes_of(call), [1])
    equal(value(call.initial_metadata(), ECHO_INITIAL[0]), ECHO_INITIAL[1])
    equal(value(call.trailing_metadata(), ECHO_TRAILING[0]), ECHO_TRAILING[1])


@suite.check
def status_code_and_message(stub):
    fails(
        grpc.StatusCode.UNKNOWN,
        lambda: stub.UnaryCall(messages_pb2.SimpleRequest(response_status=status(2, "test status message"))),
        "test status message",
    )
    request = output(response_status=status(2, "test status message"))
    call = stub.FullDuplexCall(iter((request,)), timeout=CALL_TIMEOUT_S)
    ends(call, grpc.StatusCode.UNKNOWN)
    equal(call.details(), "test status message")


@suite.check
def special_status_message(stub):
    request = messages_pb2.SimpleRequest(response_status=status(2, SPECIAL_MESSAGE))
    fails(grpc.StatusCode.UNKNOWN, lambda: stub.UnaryCall(request), SPECIAL_MESSAGE)


@suite.check
def every_status_code_arrives(stub):
    for code in grpc.StatusCode:
        if code is not grpc.StatusCode.OK:
            request = messages_pb2.SimpleRequest(response_status=status(code.value[0], f"as {code.name}"))
            fails(code, lambda: stub.UnaryCall(request), f"as {code.name}")


@suite.check
def unimplemented_method(stub):
    fails(grpc.StatusCode.UNIMPLEMENTED, lambda: stub.UnimplementedCall(empty_pb2.Empty()))


@suite.check
def cancel_after_begin(stub):
    outbox = queue.SimpleQueue()
    future = stub.StreamingInputCall.future(iter(outbox.get, None))
    future.cancel()
    equal(future.code(), grpc.StatusCode.CANCELLED)
    outbox.put(None)


@suite.check
def cancel_after_first_response(stub):
    outbox = queue.SimpleQueue()
    call = stub.FullDuplexCall(iter(outbox.get, None))
    outbox.put(output(31415, payload=messages_pb2.Payload(body=bytes(27182))))
    equal(len(next(call).payload.body), 31415)
    call.cancel()
    ends(call, grpc.StatusCode.CANCELLED)
    outbox.put(None)


@suite.check
def timeout_on_sleeping_server(stub):
    outbox = queue.SimpleQueue()
    call = stub.FullDuplexCall(iter(outbox.get, None), timeout=0.1)
    outbox.put(messages_pb2.StreamingOutputCallRequest(payload=messages_pb2.Payload(body=bytes(27182))))
    ends(call, grpc.StatusCode.DEADLINE_EXCEEDED)
    outbox.put(None)


@suite.check
def a_deadline_that_holds(stub):
    call = stub.StreamingOutputCall(output(1, 1, interval_us=50_000), timeout=CALL_TIMEOUT_S)
    equal(sizes_of(call), [1, 1])


@suite.check
def a_deadline_between_two_replies(stub):
    call = stub.StreamingOutputCall(output(1, 1, interval_us=2_000_000), timeout=1)
    ends(call, grpc.StatusCode.DEADLINE_EXCEEDED)


@suite.check
def compressed_replies_can_be_read(stub):
    for wanted in (True, False):
        flag = messages_pb2.BoolValue(value=wanted)
        reply = stub.UnaryCall(messages_pb2.SimpleRequest(response_size=314159, response_compressed=flag))
        equal(reply.payload.body, bytes(314159), "the payload")
        parameters = [messages_pb2.ResponseParameters(size=size, compressed=flag) for size in RESPONSE_SIZES]
        replies = stub.StreamingOutputCall(
            messages_pb2.StreamingOutputCallRequest(response_parameters=parameters)
        )
        equal(sizes_of(replies), list(RESPONSE_SIZES))


@suite.check_if(not SELF)
def compressed_requests_are_recognised(stub):
    # grpcio's server does not let a handler see whether its request was compressed.
    for expected in (True, False):
        request = messages_pb2.SimpleRequest(
            response_size=1,
            payload=messages_pb2.Payload(body=bytes(27182)),
            expect_compressed=messages_pb2.BoolValue(value=expected),
        )
        compression = grpc.Compression.Gzip if expected else None
        equal(len(stub.UnaryCall(request, compression=compression).payload.body), 1)
    request.expect_compressed.value = True
    fails(grpc.StatusCode.INVALID_ARGUMENT, lambda: stub.UnaryCall(request))


@suite.check_if(not SELF)
def replies_are_compressed_when_asked_for(stub):
    for wanted in (True, False):
        with CountingProxy(target()) as proxy, grpc.insecure_channel(proxy.address) as channel:
            request = messages_pb2.SimpleRequest(
                response_size=314159, response_compressed=messages_pb2.BoolValue(value=wanted)
            )
            test_pb2_grpc.TestServiceStub(channel).UnaryCall(request)
            small = proxy.received_bytes < 100_000
            equal(small, wanted, f"whether {proxy.received_bytes} bytes are few")


@suite.check
def unimplemented_service(stub):
    with grpc.insecure_channel(target()) as channel:
        other = test_pb2_grpc.UnimplementedServiceStub(channel)
        fails(grpc.StatusCode.UNIMPLEMENTED, lambda: other.UnimplementedCall(empty_pb2.Empty()))
        # The connection outlives the error.
        equal(test_pb2_grpc.TestServiceStub(channel).EmptyCall(empty_pb2.Empty()), empty_pb2.Empty())


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(test_pb2_grpc.TestServiceStub(channel))
