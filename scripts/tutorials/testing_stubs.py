"""The stubs of grpc.testing, which live beside grpcio's own package `grpc`."""

import os

import grpc

# The generated modules say `from grpc.testing import ...`, but `grpc` is grpcio.
grpc.__path__.append(os.path.join(os.environ["TUTORIALS_STUBS"], "grpc"))

from grpc.testing import (  # noqa: E402  (after the path above)
    benchmark_service_pb2_grpc,
    control_pb2,
    empty_pb2,
    messages_pb2,
    payloads_pb2,
    stats_pb2,
    test_pb2_grpc,
    worker_service_pb2_grpc,
)

__all__ = [
    "benchmark_service_pb2_grpc",
    "control_pb2",
    "empty_pb2",
    "messages_pb2",
    "payloads_pb2",
    "stats_pb2",
    "test_pb2_grpc",
    "worker_service_pb2_grpc",
]
