"""Message size limits on either side."""

import os

import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, fails, target, true
from testing_stubs import messages_pb2, test_pb2_grpc

suite = Suite()
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
# What the server was told to take, or its default.
LIMIT_BYTES = int(os.environ["TUTORIALS_SERVER_LIMIT_BYTES"])
# The fields around a payload take a few bytes.
MARGIN_BYTES = 64


def stub_with(**options):
    pairs = [(f"grpc.{key}", size) for key, size in options.items()]
    return test_pb2_grpc.TestServiceStub(grpc.insecure_channel(target(), options=pairs))


def request(request_size, response_size=1):
    payload = messages_pb2.Payload(body=bytes(request_size))
    return messages_pb2.SimpleRequest(response_size=response_size, payload=payload)


def send(stub, size, **options):
    return len(stub.UnaryCall(request(size), timeout=CALL_TIMEOUT_S, **options).payload.body)


@suite.check
def a_request_within_the_servers_limit():
    equal(send(stub_with(), LIMIT_BYTES - MARGIN_BYTES), 1)


@suite.check
def a_request_beyond_the_servers_limit():
    stub = stub_with()
    fails(EXHAUSTED, lambda: send(stub, LIMIT_BYTES + 1))
    equal(send(stub, 10), 1, "the payload of the next call")


@suite.check
def a_compressed_request_beyond_the_servers_limit():
    stub = stub_with()
    for compression in (grpc.Compression.Gzip, grpc.Compression.Deflate):
        fails(EXHAUSTED, lambda: send(stub, 16 * LIMIT_BYTES, compression=compression))
    equal(send(stub, 10), 1, "the payload of the next call")


@suite.check
def a_stream_with_one_request_beyond_the_limit():
    stub = stub_with()
    requests = [
        messages_pb2.StreamingInputCallRequest(payload=messages_pb2.Payload(body=bytes(size)))
        for size in (10, LIMIT_BYTES + 1, 10)
    ]
    fails(EXHAUSTED, lambda: stub.StreamingInputCall(iter(requests), timeout=CALL_TIMEOUT_S))


@suite.check
def a_stream_beyond_the_limit_in_small_messages():
    stub = stub_with()
    count = 2 * LIMIT_BYTES // 16_384 + 1
    requests = (
        messages_pb2.StreamingInputCallRequest(payload=messages_pb2.Payload(body=bytes(16_384)))
        for _ in range(count)
    )
    reply = stub.StreamingInputCall(requests, timeout=CALL_TIMEOUT_S)
    equal(reply.aggregated_payload_size, count * 16_384)


@suite.check
def a_reply_beyond_the_clients_limit():
    fails(EXHAUSTED, lambda: stub_with().UnaryCall(request(1, 5 << 20), timeout=CALL_TIMEOUT_S))
    stub = stub_with(max_receive_message_length=1024)
    fails(EXHAUSTED, lambda: stub.UnaryCall(request(1, 1025), timeout=CALL_TIMEOUT_S))


@suite.check
def a_large_reply_for_a_client_that_takes_it():
    stub = stub_with(max_receive_message_length=-1)
    reply = stub.UnaryCall(request(1, 12 << 20), timeout=CALL_TIMEOUT_S)
    true(reply.payload.body == bytes(12 << 20), "the payload of 12 MiB is another")


@suite.check
def a_request_beyond_the_clients_own_limit():
    fails(EXHAUSTED, lambda: send(stub_with(max_send_message_length=1024), 1025))


if __name__ == "__main__":
    suite.run()
