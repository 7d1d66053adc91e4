"""`grpc.testing.TestService` on grpcio, for the interoperability tests: grpcio ships none.

    python python_server.py --stubs DIRECTORY [--cert FILE --key FILE]

Says on standard output where it listens and serves until SIGTERM. `DIRECTORY` is where `grpc_tools.protoc` has put what
it makes of `proto/grpc/testing` and `proto/xds`.
"""

import argparse
import concurrent.futures
import os
import signal
import sys
import threading
import time
import uuid

import grpc

ECHO_INITIAL = "x-grpc-test-echo-initial"
ECHO_TRAILING = "x-grpc-test-echo-trailing-bin"
LOAD_REPORT = "endpoint-load-metrics-bin"
# grpc's codes by number: what a request may ask to be answered with.
CODES = {code.value[0]: code for code in grpc.StatusCode}
# A thousand calls at once wait for a place; a thread more would only wait for the interpreter.
WORKERS = 32
# As often as load is reported at most.
REPORT_INTERVAL_MIN_S = 1.0


def build(stubs):
    """The services, on the generated modules in `stubs`."""
    sys.path.insert(0, stubs)
    # The generated modules say `from grpc.testing import ...`, but `grpc` is grpcio.
    grpc.__path__.append(os.path.join(stubs, "grpc"))
    from grpc.testing import empty_pb2, messages_pb2, test_pb2_grpc
    from xds.data.orca.v3 import orca_load_report_pb2
    from xds.service.orca.v3 import orca_pb2_grpc

    report_type = orca_load_report_pb2.OrcaLoadReport

    def as_report(wanted):
        return report_type(
            cpu_utilization=wanted.cpu_utilization,
            mem_utilization=wanted.memory_utilization,
            request_cost=wanted.request_cost,
            utilization=wanted.utilization,
        )

    def payload(size):
        return messages_pb2.Payload(body=bytes(size))

    def echo_metadata(context, trailing=()):
        received = dict(context.invocation_metadata())
        if ECHO_INITIAL in received:
            context.send_initial_metadata(((ECHO_INITIAL, received[ECHO_INITIAL]),))
        if ECHO_TRAILING in received:
            trailing = (*trailing, (ECHO_TRAILING, received[ECHO_TRAILING]))
        if trailing:
            context.set_trailing_metadata(trailing)

    def obey_status(request, context):
        if request.response_status.code != 0:
            context.abort(CODES[request.response_status.code], request.response_status.message)

    class Load:
        """The load that calls set and listeners hear of."""

        def __init__(self):
            self.turn = threading.Lock()
            self.report = report_type()

    load = Load()

    class Test(test_pb2_grpc.TestServiceServicer):
        server_id = str(uuid.uuid4())

        def EmptyCall(self, request, context):
            echo_metadata(context)
            return empty_pb2.Empty()

        def UnaryCall(self, request, context):
            # Compression is announced in the headers, so it comes before them.
            if request.response_compressed.value:
                context.set_compression(grpc.Compression.Gzip)
            trailing = ()
            if request.HasField("orca_per_query_report"):
                trailing = ((LOAD_REPORT, as_report(request.orca_per_query_report).SerializeToString()),)
            echo_metadata(context, trailing)
            obey_status(request, context)
            server_id = self.server_id if request.fill_server_id else ""
            return messages_pb2.SimpleResponse(payload=payload(request.response_size), server_id=server_id)

        def StreamingOutputCall(self, request, context):
            if any(parameters.compressed.value for parameters in request.response_parameters):
                context.set_compression(grpc.Compression.Gzip)
            echo_metadata(context)
            yield from self._responses(request, context)

        def StreamingInputCall(self, request_iterator, context):
            size = sum(len(request.payload.body) for request in request_iterator)
            return messages_pb2.StreamingInputCallResponse(aggregated_payload_size=size)

        def FullDuplexCall(self, request_iterator, context):
            echo_metadata(context)
            is_loaded = False
            try:
                for request in request_iterator:
                    if request.HasField("orca_oob_report"):
                        is_loaded = is_loaded or load.turn.acquire()
                        load.report = as_report(request.orca_oob_report)
                    yield from self._responses(request, context)
            finally:
                if is_loaded:
                    load.report = report_type()
                    load.turn.release()

        def HalfDuplexCall(self, request_iterator, context):
            for request in list(request_iterator):
                yield from self._responses(request, context)

        def _responses(self, request, context):
            obey_status(request, context)
            for parameters in request.response_parameters:
                # The pause that the caller asks for, not a wait for something to happen.
                time.sleep(parameters.interval_us / 1e6)
                if not parameters.compressed.value:
                    context.disable_next_message_compression()
                yield messages_pb2.StreamingOutputCallResponse(payload=payload(parameters.size))

    class OpenRca(orca_pb2_grpc.OpenRcaServiceServicer):
        def StreamCoreMetrics(self, request, context):
            interval_s = request.report_interval.seconds + request.report_interval.nanos / 1e9
            over = threading.Event()
            context.add_callback(over.set)
            while not over.is_set():
                yield load.report
                over.wait(max(interval_s, REPORT_INTERVAL_MIN_S))

    def register(server):
        test_pb2_grpc.add_TestServiceServicer_to_server(Test(), server)
        orca_pb2_grpc.add_OpenRcaServiceServicer_to_server(OpenRca(), server)

    return register


def read(path):
    with open(path, "rb") as file:
        return file.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stubs", required=True, help="what grpc_tools.protoc has made")
    parser.add_argument("--cert", help="the certificate, for TLS")
    parser.add_argument("--key", help="its key")
    flags = parser.parse_args()
    executor = concurrent.futures.ThreadPoolExecutor(max_workers=WORKERS)
    server = grpc.server(executor, options=[("grpc.so_reuseport", 0)])
    build(flags.stubs)(server)
    if flags.cert:
        credentials = grpc.ssl_server_credentials([(read(flags.key), read(flags.cert))])
        port = server.add_secure_port("127.0.0.1:0", credentials)
    else:
        port = server.add_insecure_port("127.0.0.1:0")
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    server.start()
    print(f"listening on 127.0.0.1:{port}", flush=True)
    stopped.wait()
    server.stop(None).wait()


if __name__ == "__main__":
    main()
