"""A collector of OpenTelemetry's protocol that keeps what comes, by the official schemas."""

import concurrent.futures
import threading
import time

import grpc
from google.protobuf import unknown_fields
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

# Longer than anything takes that works.
PATIENCE_S = 20


class Collector(trace_service_pb2_grpc.TraceServiceServicer, metrics_service_pb2_grpc.MetricsServiceServicer):
    """Listens on a free port; a context."""

    def __init__(self):
        self.heads, self.resources, self.scopes, self.spans, self.metrics = [], [], [], [], {}
        # What the next requests for spans are answered with.
        self.refusals = []
        self._changed = threading.Condition()
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        trace_service_pb2_grpc.add_TraceServiceServicer_to_server(self, self._server)
        metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Metrics(self), self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(None)

    def Export(self, request, context):
        known(request)
        with self._changed:
            if self.refusals:
                code, trailers = self.refusals.pop(0)
                context.set_trailing_metadata(trailers)
                context.abort(code, "as told")
            self.heads.append(dict(context.invocation_metadata()))
            for resource in request.resource_spans:
                self.resources.append(values(resource.resource.attributes))
                for scope in resource.scope_spans:
                    self.scopes.append((scope.scope.name, scope.scope.version))
                    self.spans.extend(scope.spans)
            self._changed.notify_all()
        return trace_service_pb2.ExportTraceServiceResponse()

    def keep_metrics(self, request):
        known(request)
        with self._changed:
            for resource in request.resource_metrics:
                self.resources.append(values(resource.resource.attributes))
                for scope in resource.scope_metrics:
                    self.metrics.update({metric.name: metric for metric in scope.metrics})
            self._changed.notify_all()

    def wait(self, is_enough):
        """Waits until enough has come."""
        deadline = time.monotonic() + PATIENCE_S
        with self._changed:
            while not is_enough(self):
                left = deadline - time.monotonic()
                came = f"{sorted(span.name for span in self.spans)}, {sorted(self.metrics)}"
                assert left > 0, f"not all came that was to come, only {came}"
                self._changed.wait(left)


class _Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
    def __init__(self, collector):
        self._collector = collector

    def Export(self, request, _):
        self._collector.keep_metrics(request)
        return metrics_service_pb2.ExportMetricsServiceResponse()


def values(attributes):
    """Attributes as a dictionary."""
    return {it.key: getattr(it.value, it.value.WhichOneof("value")) for it in attributes}


def known(message):
    """Fails on a field that the official schema does not have."""
    assert not list(unknown_fields.UnknownFieldSet(message)), f"unknown fields in {type(message).__name__}"
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        for part in [value] if hasattr(value, "ListFields") else value:
            known(part)
