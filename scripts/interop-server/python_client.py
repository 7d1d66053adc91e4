"""gRPC's interoperability tests by grpcio, as they are described for clients of all languages: grpcio's package has none.

    python python_client.py --stubs DIRECTORY --port PORT --case NAME [--ca FILE]
    python python_client.py --list

`DIRECTORY` is where `grpc_tools.protoc` has put what it makes of `proto/grpc/testing`. Ends with status 0 when the case
passed; what was wrong is on standard error.
"""

import argparse
import concurrent.futures
import os
import sys
import time

import grpc

LARGE_REQUEST = 271_828
LARGE_RESPONSE = 314_159
UPLOADS = (27_182, 8, 1_828, 45_904)
DOWNLOADS = (31_415, 9, 2_653, 58_979)
ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
INITIAL_VALUE = "test_initial_metadata_value"
TRAILING_VALUE = b"\x0a\x0b\x0a\x0b\x0a\x0b"
# With a tab, a line of its own, and letters that are not ASCII.
SPECIAL_MESSAGE = "\t\ntest with whitespace\r\nand Unicode BMP ☺ and non-BMP 😈\t\n"
# Patience with what must come.
TIMEOUT_S = 20
SLEEP_TIMEOUT_S = 0.001
CONCURRENT_CALLS = 1_000
SOAK_CALLS, SOAK_CHANNELS, SOAK_LATENCY_MAX_S = 1_000, 100, 1.0
# All messages of these tests fit, also those of a thousand calls at once.
MESSAGE_BYTES_MAX = 16 * 1024 * 1024


class Wrong(Exception):
    """Something is not as the test has it."""


def expect(found, wanted, what):
    if found != wanted:
        raise Wrong(f"{what} is {found!r} instead of {wanted!r}")


def status_of(call):
    """The status with which a call fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error
    raise Wrong("the call succeeded")


class Client:
    """The stubs, and a channel to the server."""

    def __init__(self, stubs, port, ca):
        sys.path.insert(0, stubs)
        # The generated modules say `from grpc.testing import ...`, but `grpc` is grpcio.
        grpc.__path__.append(os.path.join(stubs, "grpc"))
        from grpc.testing import empty_pb2, messages_pb2, test_pb2_grpc

        self.empty, self.messages, self.services = empty_pb2.Empty, messages_pb2, test_pb2_grpc
        self.target = f"localhost:{port}"
        self.credentials = None
        if ca:
            with open(ca, "rb") as file:
                self.credentials = grpc.ssl_channel_credentials(file.read())
        self.channel = self.connect()
        self.stub = test_pb2_grpc.TestServiceStub(self.channel)

    def connect(self):
        # Each channel with connections of its own: channels of one process share them unless told not to.
        options = (("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.use_local_subchannel_pool", 1))
        if self.credentials:
            return grpc.secure_channel(self.target, self.credentials, options)
        return grpc.insecure_channel(self.target, options)

    def payload(self, size):
        return self.messages.Payload(body=bytes(size))

    def large(self, **fields):
        return self.messages.SimpleRequest(
            response_size=LARGE_RESPONSE, payload=self.payload(LARGE_REQUEST), **fields
        )

    def turn(self, upload, download):
        return self.messages.StreamingOutputCallRequest(
            response_parameters=[self.messages.ResponseParameters(size=download)], payload=self.payload(upload)
        )

    def unary(self, request, **options):
        response = self.stub.UnaryCall(request, timeout=TIMEOUT_S, **options)
        expect(response.payload.body, bytes(LARGE_RESPONSE), "the payload")
        return response


def empty_unary(client):
    expect(client.stub.EmptyCall(client.empty(), timeout=TIMEOUT_S), client.empty(), "the response")


def large_unary(client):
    client.unary(client.large())


def client_compressed_unary(client):
    compressed, plain = (client.messages.BoolValue(value=value) for value in (True, False))
    # A server that cannot tell would take this, and what follows would prove less.
    status = status_of(lambda: client.unary(client.large(expect_compressed=compressed)))
    expect(status.code(), grpc.StatusCode.INVALID_ARGUMENT, "the status of what is not compressed as it says")
    client.unary(client.large(expect_compressed=compressed), compression=grpc.Compression.Gzip)
    client.unary(client.large(expect_compressed=plain))


def server_compressed_unary(client):
    # grpcio decompresses and does not say so: what is judged is that either response is right.
    for value in (True, False):
        client.unary(client.large(response_compressed=client.messages.BoolValue(value=value)))


def server_compressed_streaming(client):
    parameters = [
        client.messages.ResponseParameters(size=size, compressed=client.messages.BoolValue(value=value))
        for size, value in ((31_415, True), (92_653, False))
    ]
    request = client.messages.StreamingOutputCallRequest(response_parameters=parameters)
    responses = client.stub.StreamingOutputCall(request, timeout=TIMEOUT_S)
    expect([len(response.payload.body) for response in responses], [31_415, 92_653], "the sizes")


def client_streaming(client):
    requests = (client.messages.StreamingInputCallRequest(payload=client.payload(size)) for size in UPLOADS)
    response = client.stub.StreamingInputCall(requests, timeout=TIMEOUT_S)
    expect(response.aggregated_payload_size, sum(UPLOADS), "the sum of the sizes")


def server_streaming(client):
    parameters = [client.messages.ResponseParameters(size=size) for size in DOWNLOADS]
    request = client.messages.StreamingOutputCallRequest(response_parameters=parameters)
    responses = client.stub.StreamingOutputCall(request, timeout=TIMEOUT_S)
    expect([len(response.payload.body) for response in responses], list(DOWNLOADS), "the sizes")


class Turns:
    """Requests that are sent one by one, when they are given."""

    def __init__(self):
        import queue

        self.waiting = queue.Queue()

    def send(self, request):
        self.waiting.put(request)

    def close(self):
        self.waiting.put(None)

    def __iter__(self):
        return iter(self.waiting.get, None)


def ping_pong(client):
    turns = Turns()
    responses = client.stub.FullDuplexCall(iter(turns), timeout=TIMEOUT_S)
    for upload, download in zip(UPLOADS, DOWNLOADS):
        turns.send(client.turn(upload, download))
        expect(len(next(responses).payload.body), download, "the size of a response")
    turns.close()
    expect(list(responses), [], "what comes behind the last response")


def empty_stream(client):
    expect(list(client.stub.FullDuplexCall(iter(()), timeout=TIMEOUT_S)), [], "the responses")


def custom_metadata(client):
    metadata = ((ECHO_INITIAL, INITIAL_VALUE), (ECHO_TRAILING, TRAILING_VALUE))

    def judge(call):
        expect(dict(call.initial_metadata()).get(ECHO_INITIAL), INITIAL_VALUE, "the initial metadata")
        expect(dict(call.trailing_metadata()).get(ECHO_TRAILING), TRAILING_VALUE, "the trailing metadata")

    response, call = client.stub.UnaryCall.with_call(client.large(), timeout=TIMEOUT_S, metadata=metadata)
    expect(len(response.payload.body), LARGE_RESPONSE, "the size of the response")
    judge(call)
    turns = Turns()
    responses = client.stub.FullDuplexCall(iter(turns), timeout=TIMEOUT_S, metadata=metadata)
    turns.send(client.turn(LARGE_REQUEST, LARGE_RESPONSE))
    expect(len(next(responses).payload.body), LARGE_RESPONSE, "the size of the response")
    turns.close()
    expect(list(responses), [], "what comes behind the last response")
    judge(responses)


def echoed_status(client, message):
    wanted = client.messages.EchoStatus(code=2, message=message)
    unary = lambda: client.stub.UnaryCall(  # noqa: E731
        client.messages.SimpleRequest(response_status=wanted), timeout=TIMEOUT_S
    )
    request = client.messages.StreamingOutputCallRequest(response_status=wanted)
    stream = lambda: list(client.stub.FullDuplexCall(iter((request,)), timeout=TIMEOUT_S))  # noqa: E731
    for call in (unary, stream):
        status = status_of(call)
        expect((status.code(), status.details()), (grpc.StatusCode.UNKNOWN, message), "the status")


def status_code_and_message(client):
    echoed_status(client, "test status message")


def special_status_message(client):
    echoed_status(client, SPECIAL_MESSAGE)


def unimplemented_method(client):
    status = status_of(lambda: client.stub.UnimplementedCall(client.empty(), timeout=TIMEOUT_S))
    expect(status.code(), grpc.StatusCode.UNIMPLEMENTED, "the status")


def unimplemented_service(client):
    stub = client.services.UnimplementedServiceStub(client.channel)
    status = status_of(lambda: stub.UnimplementedCall(client.empty(), timeout=TIMEOUT_S))
    expect(status.code(), grpc.StatusCode.UNIMPLEMENTED, "the status")


def cancel_after_begin(client):
    turns = Turns()
    call = client.stub.StreamingInputCall.future(iter(turns), timeout=TIMEOUT_S)
    call.cancel()
    turns.close()
    expect((call.cancelled(), call.code()), (True, grpc.StatusCode.CANCELLED), "what became of the call")
    empty_unary(client)


def cancel_after_first_response(client):
    turns = Turns()
    responses = client.stub.FullDuplexCall(iter(turns), timeout=TIMEOUT_S)
    turns.send(client.turn(UPLOADS[0], DOWNLOADS[0]))
    expect(len(next(responses).payload.body), DOWNLOADS[0], "the size of the response")
    responses.cancel()
    status = status_of(lambda: next(responses))
    turns.close()
    expect(status.code(), grpc.StatusCode.CANCELLED, "the status")
    empty_unary(client)


def timeout_on_sleeping_server(client):
    turns = Turns()
    responses = client.stub.FullDuplexCall(iter(turns), timeout=SLEEP_TIMEOUT_S)
    turns.send(client.messages.StreamingOutputCallRequest(payload=client.payload(UPLOADS[0])))
    status = status_of(lambda: next(responses))
    turns.close()
    expect(status.code(), grpc.StatusCode.DEADLINE_EXCEEDED, "the status")


def concurrent_large_unary(client):
    with concurrent.futures.ThreadPoolExecutor(100) as threads:
        calls = [threads.submit(client.unary, client.large()) for _ in range(CONCURRENT_CALLS)]
        for call in calls:
            call.result(TIMEOUT_S)


def pick_first_unary(client):
    request = client.messages.SimpleRequest(fill_server_id=True)
    ids = {client.stub.UnaryCall(request, timeout=TIMEOUT_S).server_id for _ in range(100)}
    expect(len(ids - {""}), 1, "the number of servers that answered")


def soak(client, connects, times):
    for _ in range(times):
        stub, channel = client.stub, None
        began = time.monotonic()
        if connects:
            channel = client.connect()
            stub = client.services.TestServiceStub(channel)
        expect(len(stub.UnaryCall(client.large(), timeout=TIMEOUT_S).payload.body), LARGE_RESPONSE, "the size")
        took = time.monotonic() - began
        if channel:
            channel.close()
        if took > SOAK_LATENCY_MAX_S:
            raise Wrong(f"a call took {took:.3f} s")


def rpc_soak(client):
    soak(client, connects=False, times=SOAK_CALLS)


def channel_soak(client):
    soak(client, connects=True, times=SOAK_CHANNELS)


CASES = (
    empty_unary, large_unary, client_compressed_unary, server_compressed_unary, client_streaming, server_streaming,
    server_compressed_streaming, ping_pong, empty_stream, custom_metadata, status_code_and_message,
    special_status_message, unimplemented_method, unimplemented_service, cancel_after_begin,
    cancel_after_first_response, timeout_on_sleeping_server, concurrent_large_unary, pick_first_unary, rpc_soak,
    channel_soak,
)  # fmt: skip


def main():
    cases = {case.__name__: case for case in CASES}
    parser = argparse.ArgumentParser(description="gRPC's interoperability tests by grpcio")
    parser.add_argument("--stubs", help="where grpc_tools.protoc has put the generated modules")
    parser.add_argument("--port", type=int)
    parser.add_argument("--case", choices=cases)
    parser.add_argument("--ca", help="TLS, and whose signature the server's certificate has")
    parser.add_argument("--list", action="store_true", help="name all cases, and do nothing")
    arguments = parser.parse_args()
    if arguments.list:
        print(*cases)
        return 0
    try:
        cases[arguments.case](Client(arguments.stubs, arguments.port, arguments.ca))
    except (Wrong, grpc.RpcError, grpc.FutureTimeoutError) as error:
        print(f"{arguments.case}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
