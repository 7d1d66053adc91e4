"""grpc.testing.TestService and BenchmarkService."""

import time

import grpc

from servers.serving import serve
from testing_stubs import benchmark_service_pb2_grpc, empty_pb2, messages_pb2, test_pb2_grpc

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
# grpc's codes by number: what a request may ask to be answered with.
CODES = {code.value[0]: code for code in grpc.StatusCode}


def echo_metadata(context):
    received = dict(context.invocation_metadata())
    if ECHO_INITIAL in received:
        context.send_initial_metadata(((ECHO_INITIAL, received[ECHO_INITIAL]),))
    if ECHO_TRAILING in received:
        context.set_trailing_metadata(((ECHO_TRAILING, received[ECHO_TRAILING]),))


def obey_status(request, context):
    if request.HasField("response_status") and request.response_status.code != 0:
        context.abort(CODES[request.response_status.code], request.response_status.message)


def payload(size):
    return messages_pb2.Payload(body=bytes(size))


class Test(test_pb2_grpc.TestServiceServicer):
    def EmptyCall(self, request, context):
        echo_metadata(context)
        return empty_pb2.Empty()

    def UnaryCall(self, request, context):
        echo_metadata(context)
        obey_status(request, context)
        return messages_pb2.SimpleResponse(payload=payload(request.response_size))

    def CacheableUnaryCall(self, request, context):
        body = str(time.time_ns()).encode()
        return messages_pb2.SimpleResponse(payload=messages_pb2.Payload(body=body))

    def StreamingOutputCall(self, request, context):
        obey_status(request, context)
        for parameters in request.response_parameters:
            # The pause that the caller asks for, not a wait for something to happen.
            time.sleep(parameters.interval_us / 1e6)
            yield messages_pb2.StreamingOutputCallResponse(payload=payload(parameters.size))

    def StreamingInputCall(self, request_iterator, context):
        size = sum(len(request.payload.body) for request in request_iterator)
        return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=size)

    def FullDuplexCall(self, request_iterator, context):
        echo_metadata(context)
        for request in request_iterator:
            yield from self.StreamingOutputCall(request, context)

    def HalfDuplexCall(self, request_iterator, context):
        for request in list(request_iterator):
            yield from self.StreamingOutputCall(request, context)


class Benchmark(benchmark_service_pb2_grpc.BenchmarkServiceServicer):
    def UnaryCall(self, request, context):
        return messages_pb2.SimpleResponse(payload=payload(request.response_size))

    def StreamingCall(self, request_iterator, context):
        for request in request_iterator:
            yield self.UnaryCall(request, context)

    def StreamingFromClient(self, request_iterator, context):
        reply = messages_pb2.SimpleResponse()
        for request in request_iterator:
            reply = self.UnaryCall(request, context)
        return reply

    def StreamingFromServer(self, request, context):
        while context.is_active():
            yield self.UnaryCall(request, context)

    StreamingBothWays = StreamingCall


def register(server):
    test_pb2_grpc.add_TestServiceServicer_to_server(Test(), server)
    benchmark_service_pb2_grpc.add_BenchmarkServiceServicer_to_server(Benchmark(), server)


if __name__ == "__main__":
    serve(register)
