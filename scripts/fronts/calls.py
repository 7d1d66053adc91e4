"""Calls of the test service by gRPC's own client, through whatever is in between."""

import queue
import time

import grpc
from schemas import MESSAGE

Empty = MESSAGE("Empty")
SimpleRequest, SimpleResponse = MESSAGE("SimpleRequest"), MESSAGE("SimpleResponse")
UploadRequest, UploadResponse = MESSAGE("StreamingInputCallRequest"), MESSAGE("StreamingInputCallResponse")
StreamRequest, StreamResponse = MESSAGE("StreamingOutputCallRequest"), MESSAGE("StreamingOutputCallResponse")

# How long a call may take that works.
PATIENCE = 30


def method(channel, kind, name, request, response):
    make = getattr(channel, kind)
    path = f"/grpc.testing.TestService/{name}"
    return make(path, request_serializer=request.SerializeToString, response_deserializer=response.FromString)


def unary_call(channel):
    return method(channel, "unary_unary", "UnaryCall", SimpleRequest, SimpleResponse)


def duplex_call(channel):
    return method(channel, "stream_stream", "FullDuplexCall", StreamRequest, StreamResponse)


def equal(found, expected):
    if found != expected:
        raise AssertionError(f"{found!r} instead of {expected!r}")


def error_of(call):
    """The error that a call ends with."""
    try:
        answer = call()
        answer = list(answer) if hasattr(answer, "__next__") else answer
    except grpc.RpcError as error:
        return error
    raise AssertionError(f"it went well: {str(answer)[:100]!r}")


def unary(channel, _):
    empty = method(channel, "unary_unary", "EmptyCall", Empty, Empty)
    equal(empty(Empty(), timeout=PATIENCE), Empty())
    answer = unary_call(channel)(SimpleRequest(response_size=1000), timeout=PATIENCE)
    equal(len(answer.payload.body), 1000)


def server_stream(channel, _):
    call = method(channel, "unary_stream", "StreamingOutputCall", StreamRequest, StreamResponse)
    request = StreamRequest()
    for size in range(1, 101):
        request.response_parameters.add(size=size)
    equal([len(answer.payload.body) for answer in call(request, timeout=PATIENCE)], list(range(1, 101)))


def client_stream(channel, _):
    call = method(channel, "stream_unary", "StreamingInputCall", UploadRequest, UploadResponse)
    requests = []
    for size in range(1, 101):
        request = UploadRequest()
        request.payload.body = bytes(size)
        requests.append(request)
    equal(call(iter(requests), timeout=PATIENCE).aggregated_payload_size, 5050)


def ping_pong(channel, _):
    """Each answer comes before the next question: nothing in between waits for more."""
    questions = queue.Queue()
    answers = duplex_call(channel)(iter(questions.get, None), timeout=PATIENCE)
    for size in [1, 10, 100_000, 7]:
        request = StreamRequest()
        request.response_parameters.add(size=size)
        questions.put(request)
        equal(len(next(answers).payload.body), size)
    questions.put(None)
    equal(list(answers), [])


def metadata_both_ways(channel, _):
    initial, trailing = ("x-grpc-test-echo-initial", "said"), ("x-grpc-test-echo-trailing-bin", b"\x00\xff\xab")
    _, call = unary_call(channel).with_call(SimpleRequest(), metadata=[initial, trailing], timeout=PATIENCE)
    assert initial in [tuple(item) for item in call.initial_metadata()], call.initial_metadata()
    assert trailing in [tuple(item) for item in call.trailing_metadata()], call.trailing_metadata()


def deadline(channel, backends):
    """It is the server's as well: that ends the call, too."""
    call = method(channel, "unary_stream", "StreamingOutputCall", StreamRequest, StreamResponse)
    request = StreamRequest()
    request.response_parameters.add(size=1, interval_us=600_000_000)
    begin = time.monotonic()
    equal(error_of(lambda: call(request, timeout=0.5)).code(), grpc.StatusCode.DEADLINE_EXCEEDED)
    took = time.monotonic() - begin
    assert took < 2, took
    backends.wait_for_log("StreamingOutputCall DEADLINE_EXCEEDED", "StreamingOutputCall CANCELLED")


def large_message(channel, backends):
    request = SimpleRequest(response_size=3_000_000)
    request.payload.body = bytes(3_000_000)
    equal(len(unary_call(channel)(request, timeout=PATIENCE).payload.body), 3_000_000)
    request.payload.body = bytes(5_000_000)
    equal(error_of(lambda: unary_call(channel)(request, timeout=PATIENCE)).code(), grpc.StatusCode.RESOURCE_EXHAUSTED)


def error_trailers(channel, _):
    """A status comes as the server said it: by itself, after headers, and after messages."""
    text = "\t\nnot good: \U0001f622 100 %"
    request = SimpleRequest()
    request.response_status.code, request.response_status.message = 2, text
    error = error_of(lambda: unary_call(channel)(request, timeout=PATIENCE))
    equal((error.code(), error.details()), (grpc.StatusCode.UNKNOWN, text))

    first, second = StreamRequest(), StreamRequest()
    first.response_parameters.add(size=9)
    second.response_status.code, second.response_status.message = 10, text
    answers = duplex_call(channel)(iter([first, second]), timeout=PATIENCE)
    equal(len(next(answers).payload.body), 9)
    error = error_of(lambda: answers)
    equal((error.code(), error.details()), (grpc.StatusCode.ABORTED, text))

    unknown = method(channel, "unary_unary", "NoSuchCall", Empty, Empty)
    equal(error_of(lambda: unknown(Empty(), timeout=PATIENCE)).code(), grpc.StatusCode.UNIMPLEMENTED)


def cancellation(channel, backends):
    """Whoever hangs up is not worked for any more."""
    questions = queue.Queue()
    answers = duplex_call(channel)(iter(questions.get, None), timeout=PATIENCE)
    request = StreamRequest()
    request.response_parameters.add(size=1)
    questions.put(request)
    next(answers)
    answers.cancel()
    questions.put(None)
    backends.wait_for_log("FullDuplexCall CANCELLED")


CHECKS = [
    unary,
    server_stream,
    client_stream,
    ping_pong,
    metadata_both_ways,
    deadline,
    large_message,
    error_trailers,
    cancellation,
]
