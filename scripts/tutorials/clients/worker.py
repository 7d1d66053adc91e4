"""grpc.testing.WorkerService: a server and a client started by remote control."""

import queue

import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, target, true
from testing_stubs import (
    benchmark_service_pb2_grpc,
    control_pb2,
    messages_pb2,
    payloads_pb2,
    stats_pb2,
    worker_service_pb2_grpc,
)

suite = Suite()
HISTOGRAM = stats_pb2.HistogramParams(resolution=0.01, max_possible=60e9)
# Marks until a client that has just started has finished its first call.
MARKS = 2000


class Steered:
    """A stream of commands, with the status that answers each of them."""

    def __init__(self, method):
        self._outbox = queue.SimpleQueue()
        self._call = method(iter(self._outbox.get, None), timeout=CALL_TIMEOUT_S)

    def tell(self, command):
        self._outbox.put(command)
        return next(self._call)

    def finish(self):
        self._outbox.put(None)
        equal([status for status in self._call], [], "what comes after the last status")
        equal(self._call.code(), grpc.StatusCode.OK)


def start_server(stub):
    server = Steered(stub.RunServer)
    setup = control_pb2.ServerConfig(server_type=control_pb2.ASYNC_SERVER, port=0)
    status = server.tell(control_pb2.ServerArgs(setup=setup))
    true(status.port > 0, f"the server's port is {status.port}")
    return server, status


@suite.check
def there_is_at_least_one_core(stub):
    true(stub.CoreCount(control_pb2.CoreRequest()).cores >= 1, "no core")


@suite.check
def a_server_runs_until_the_stream_ends(stub):
    server, status = start_server(stub)
    true(status.cores >= 1, "the server has no core")
    with grpc.insecure_channel(f"127.0.0.1:{status.port}") as channel:
        benchmark = benchmark_service_pb2_grpc.BenchmarkServiceStub(channel)
        request = messages_pb2.SimpleRequest(response_size=99)
        equal(len(benchmark.UnaryCall(request, timeout=CALL_TIMEOUT_S).payload.body), 99)
    marked = server.tell(control_pb2.ServerArgs(mark=control_pb2.Mark(reset=True)))
    true(marked.stats.time_elapsed > 0, "no time elapsed")
    server.finish()


@suite.check
def a_client_measures_a_server(stub):
    server, status = start_server(stub)
    client = Steered(stub.RunClient)
    client.tell(control_pb2.ClientArgs(setup=client_config(status.port)))
    for _ in range(MARKS):
        marked = client.tell(control_pb2.ClientArgs(mark=control_pb2.Mark(reset=False)))
        if marked.stats.latencies.count > 0:
            break
    latencies = marked.stats.latencies
    true(latencies.count > 0, "the client finished no call")
    true(0 < latencies.min_seen <= latencies.max_seen, "the latencies are not in order")
    equal(sum(latencies.bucket), int(latencies.count), "what the buckets add up to")
    client.finish()
    server.finish()


def client_config(port):
    return control_pb2.ClientConfig(
        server_targets=[f"127.0.0.1:{port}"],
        client_type=control_pb2.ASYNC_CLIENT,
        outstanding_rpcs_per_channel=2,
        client_channels=1,
        rpc_type=control_pb2.UNARY,
        load_params=control_pb2.LoadParams(closed_loop=control_pb2.ClosedLoopParams()),
        payload_config=payloads_pb2.PayloadConfig(
            simple_params=payloads_pb2.SimpleProtoParams(req_size=10, resp_size=20)
        ),
        histogram_params=HISTOGRAM,
    )


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(worker_service_pb2_grpc.WorkerServiceStub(channel))
