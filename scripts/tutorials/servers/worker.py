"""grpc.testing.WorkerService: servers and clients of BenchmarkService by remote control."""

import concurrent.futures
import math
import os
import threading
import time

import grpc

from servers.serving import serve
from servers.testing import Benchmark
from testing_stubs import (
    benchmark_service_pb2_grpc,
    control_pb2,
    messages_pb2,
    stats_pb2,
    worker_service_pb2_grpc,
)

SERVER_THREADS = 8


class Load:
    """One thread that calls a target over and over and keeps the latencies."""

    def __init__(self, config):
        self._histogram = config.histogram_params
        self._latencies_ns = []
        self._started = time.monotonic()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(config,), daemon=True)
        self._thread.start()

    def status(self, reset):
        """The latencies so far, in buckets that grow by the resolution's factor."""
        latencies = self._latencies_ns[:]
        factor = math.log1p(self._histogram.resolution)
        buckets = [0] * (1 + int(math.log(self._histogram.max_possible) / factor))
        for latency in latencies:
            buckets[min(int(math.log(latency) / factor), len(buckets) - 1)] += 1
        data = stats_pb2.HistogramData(
            bucket=buckets,
            min_seen=min(latencies, default=0),
            max_seen=max(latencies, default=0),
            sum=sum(latencies),
            sum_of_squares=sum(latency * latency for latency in latencies),
            count=len(latencies),
        )
        elapsed = time.monotonic() - self._started
        if reset:
            self._latencies_ns = self._latencies_ns[len(latencies) :]
        return control_pb2.ClientStatus(stats=stats_pb2.ClientStats(latencies=data, time_elapsed=elapsed))

    def stop(self):
        self._stop.set()
        self._thread.join()

    def _run(self, config):
        sizes = config.payload_config.simple_params
        request = messages_pb2.SimpleRequest(
            response_size=sizes.resp_size, payload=messages_pb2.Payload(body=bytes(sizes.req_size))
        )
        with grpc.insecure_channel(config.server_targets[0]) as channel:
            stub = benchmark_service_pb2_grpc.BenchmarkServiceStub(channel)
            while not self._stop.is_set():
                before = time.monotonic_ns()
                stub.UnaryCall(request)
                self._latencies_ns.append(time.monotonic_ns() - before)


class Worker(worker_service_pb2_grpc.WorkerServiceServicer):
    def RunServer(self, request_iterator, context):
        started = time.monotonic()
        server = grpc.server(concurrent.futures.ThreadPoolExecutor(SERVER_THREADS))
        benchmark_service_pb2_grpc.add_BenchmarkServiceServicer_to_server(Benchmark(), server)
        port = server.add_insecure_port(f"127.0.0.1:{next(request_iterator).setup.port}")
        server.start()
        try:
            yield control_pb2.ServerStatus(port=port, cores=os.cpu_count())
            for _ in request_iterator:
                stats = stats_pb2.ServerStats(time_elapsed=time.monotonic() - started)
                yield control_pb2.ServerStatus(stats=stats, port=port, cores=os.cpu_count())
        finally:
            server.stop(None)

    def RunClient(self, request_iterator, context):
        load = Load(next(request_iterator).setup)
        try:
            yield load.status(reset=False)
            for arguments in request_iterator:
                yield load.status(arguments.mark.reset)
        finally:
            load.stop()

    def CoreCount(self, request, context):
        return control_pb2.CoreResponse(cores=os.cpu_count())

    def QuitWorker(self, request, context):
        print("asked to quit", flush=True)
        return control_pb2.Void()


if __name__ == "__main__":
    serve(lambda server: worker_service_pb2_grpc.add_WorkerServiceServicer_to_server(Worker(), server))
