"""grpc.testing.BenchmarkService in its five shapes."""

import itertools
import queue

import grpc

from harness import CALL_TIMEOUT_S, Suite, ends, equal, target
from testing_stubs import benchmark_service_pb2_grpc, messages_pb2

suite = Suite()


def request(response_size, request_size=0):
    payload = messages_pb2.Payload(body=bytes(request_size))
    return messages_pb2.SimpleRequest(response_size=response_size, payload=payload)


def sizes_of(replies):
    return [len(reply.payload.body) for reply in replies]


@suite.check
def unary_call(stub):
    equal(len(stub.UnaryCall(request(1 << 20, 1 << 20), timeout=CALL_TIMEOUT_S).payload.body), 1 << 20)


@suite.check
def streaming_call(stub):
    outbox = queue.SimpleQueue()
    call = stub.StreamingCall(iter(outbox.get, None), timeout=CALL_TIMEOUT_S)
    for size in (0, 16, 1024, 65536):
        outbox.put(request(size, size))
        equal(len(next(call).payload.body), size)
    outbox.put(None)
    equal(sizes_of(call), [])


@suite.check
def streaming_from_client(stub):
    requests = (request(100, 1000) for _ in range(1000))
    equal(len(stub.StreamingFromClient(requests, timeout=CALL_TIMEOUT_S).payload.body), 100)


@suite.check
def streaming_from_server(stub):
    call = stub.StreamingFromServer(request(1024), timeout=CALL_TIMEOUT_S)
    equal(sizes_of(itertools.islice(call, 1000)), [1024] * 1000)
    call.cancel()
    ends(call, grpc.StatusCode.CANCELLED)


@suite.check
def streaming_both_ways(stub):
    outbox = queue.SimpleQueue()
    outbox.put(request(77))
    call = stub.StreamingBothWays(iter(outbox.get, None), timeout=CALL_TIMEOUT_S)
    equal(len(next(call).payload.body), 77)
    call.cancel()
    ends(call, grpc.StatusCode.CANCELLED)
    outbox.put(None)


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(benchmark_service_pb2_grpc.BenchmarkServiceStub(channel))
