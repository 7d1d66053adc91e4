"""What `seltzer serve --otlp` sends, and when."""

import json
import os
import subprocess

import grpc
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from collector import PATIENCE_S, Collector, values

# So that no check has to wait for a minute.
SOON = {"OTEL_METRIC_EXPORT_INTERVAL": "100"}
CHECK = "Recv.grpc.health.v1.Health.Check"


def traced_check(address, tracer):
    """A health check within a span of OpenTelemetry's SDK; its context."""
    with tracer.start_as_current_span("caller") as span, grpc.insecure_channel(address) as channel:
        headers = {}
        TraceContextTextMapPropagator().inject(headers)
        request = health_pb2.HealthCheckRequest(service="")
        health_pb2_grpc.HealthStub(channel).Check(request, metadata=headers.items(), timeout=PATIENCE_S)
        return span.get_span_context()


def spans_are_children_of_their_callers(serve):
    with Collector() as collector, serve("--otlp", f"http://{collector.address}") as server:
        caller = traced_check(server.address(), TracerProvider().get_tracer("otlp.sh"))
        collector.wait(lambda it: it.spans)
        [span] = collector.spans
        assert (span.name, span.kind) == (CHECK, trace_pb2.Span.SPAN_KIND_SERVER), span
        assert span.trace_id == caller.trace_id.to_bytes(16), span
        assert span.parent_span_id == caller.span_id.to_bytes(8), span
        assert len(span.span_id) == 8 and span.span_id != span.parent_span_id, span
        # Sampled; the parent is in another process. W3C's flag of a random id is the caller's to set.
        assert span.flags & ~0x2 == 0x301, hex(span.flags)
        assert span.status.code == trace_pb2.Status.STATUS_CODE_OK, span.status
        assert 0 < span.end_time_unix_nano - span.start_time_unix_nano < PATIENCE_S * 10**9, span
        assert [event.name for event in span.events] == ["Inbound message", "Outbound message"], span.events
        assert collector.scopes[0][0] == "seltzer" and collector.scopes[0][1], collector.scopes


def unsampled_callers_stay_unsampled(serve):
    with Collector() as collector, serve("--otlp", f"http://{collector.address}") as server:
        address = server.address()
        with grpc.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
            stub.Check(health_pb2.HealthCheckRequest(), metadata=[("traceparent", parent)], timeout=PATIENCE_S)
        # What comes after it arrives, and so would it have.
        traced_check(address, TracerProvider().get_tracer("otlp.sh"))
        collector.wait(lambda it: it.spans)
        assert len(collector.spans) == 1, collector.spans


def metrics_come_again_and_again(serve):
    with Collector() as collector, serve("--otlp", f"http://{collector.address}", **SOON) as server:
        address = server.address()
        name = "grpc.server.call.duration"
        for calls in [1, 2]:
            traced_check(address, TracerProvider().get_tracer("otlp.sh"))

            def count(it):
                points = it.metrics[name].histogram.data_points if name in it.metrics else []
                of_check = [it for it in points if values(it.attributes)["grpc.method"] == "grpc.health.v1.Health/Check"]
                return sum(point.count for point in of_check)

            collector.wait(lambda it, calls=calls: count(it) == calls)
        duration = collector.metrics[name]
        assert duration.unit == "s" and duration.description, duration
        assert duration.histogram.aggregation_temporality == metrics_pb2.AGGREGATION_TEMPORALITY_CUMULATIVE
        [point] = duration.histogram.data_points
        assert sum(point.bucket_counts) == point.count == 2 and point.sum > 0, point
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1, point
        assert list(point.explicit_bounds) == sorted(point.explicit_bounds), point
        assert 0 < point.start_time_unix_nano < point.time_unix_nano, point
        assert values(point.attributes)["grpc.status"] == "OK", point
        started = collector.metrics["grpc.server.call.started"].sum
        assert started.is_monotonic and [point.as_int for point in started.data_points] == [2], started


def the_environment_is_heard(serve):
    environment = {
        "OTEL_SERVICE_NAME": "greeter",
        "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=test,team=caf%C3%A9",
        "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=shop,authorization=Bearer%20secret",
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        **SOON,
    }
    with Collector() as collector, serve("--otlp", f"http://{collector.address}", **environment) as server:
        traced_check(server.address(), TracerProvider().get_tracer("otlp.sh"))
        collector.wait(lambda it: it.spans and it.metrics)
        for resource in collector.resources:
            assert resource["service.name"] == "greeter", resource
            assert resource["deployment.environment.name"] == "test" and resource["team"] == "café", resource
            assert resource["telemetry.sdk.language"] == "rust", resource
        [head, *_] = collector.heads
        assert (head["x-tenant"], head["authorization"]) == ("shop", "Bearer secret"), head


def what_is_refused_at_first_comes_later(serve):
    details = status_pb2.Status(code=grpc.StatusCode.RESOURCE_EXHAUSTED.value[0])
    info = error_details_pb2.RetryInfo(retry_delay=duration_pb2.Duration(nanos=10**6))
    details.details.add().Pack(info)
    trailers = (("grpc-status-details-bin", details.SerializeToString()),)
    with Collector() as collector, serve("--otlp", f"http://{collector.address}") as server:
        collector.refusals = [
            (grpc.StatusCode.RESOURCE_EXHAUSTED, trailers),
            (grpc.StatusCode.UNAVAILABLE, ()),
        ]
        traced_check(server.address(), TracerProvider().get_tracer("otlp.sh"))
        collector.wait(lambda it: it.spans)
        assert (len(collector.spans), collector.refusals) == (1, []), collector.spans


def what_was_measured_last_is_sent(serve):
    far = {"OTEL_METRIC_EXPORT_INTERVAL": "100000000"}
    with Collector() as collector, serve("--otlp", f"http://{collector.address}", **far) as server:
        traced_check(server.address(), TracerProvider().get_tracer("otlp.sh"))
        server.signal()
        assert server.wait() == 0
        assert [span.name for span in collector.spans] == [CHECK], collector.spans
        assert "grpc.server.call.duration" in collector.metrics, collector.metrics


def nobody_listens(serve):
    with Collector() as gone:
        address = gone.address
    with serve("--otlp", f"http://{address}") as server:
        traced_check(server.address(), TracerProvider().get_tracer("otlp.sh"))
        server.signal()
        assert server.wait() == 0
        said = " ".join(server.errors_to_the_end())
        assert address in said and "is a collector listening there?" in said, said


def settings_that_cannot_be_used(_):
    table = [
        (["--otlp", "http://"], {}, "http://127.0.0.1:4317"),
        (["--otlp", "http://127.0.0.1:1"], {"OTEL_EXPORTER_OTLP_TIMEOUT": "soon"}, "OTEL_EXPORTER_OTLP_TIMEOUT"),
        (["--otlp", "http://127.0.0.1:1"], {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ]
    for flags, environment, expected in table:
        command = [os.environ["SELTZER_BIN"], "serve", "--listen", "127.0.0.1:0", *flags]
        ended = subprocess.run(
            command, env=os.environ | environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        assert ended.returncode != 0 and expected in ended.stderr, (flags, environment, ended)


def told(kind, status, message, attributes, events):
    """A span in words, whoever has recorded it."""
    return {"kind": kind, "status": status, "message": message, "attributes": attributes, "events": events}


def as_grpc_go_records_it(serve):
    """The same calls of grpc-go's client to its own server and to ours: spans alike but for ids and times."""
    go = subprocess.run([os.environ["OTLP_GO"]], capture_output=True, text=True, timeout=PATIENCE_S, check=True)
    theirs = [json.loads(line) for line in go.stdout.splitlines()]
    expected = [
        (span["name"], told("server", span["status"], span["message"], span["attributes"], span["events"]))
        for span in theirs
        if span["kind"] == "server"
    ]
    assert len(expected) >= 6, theirs
    with Collector() as collector, serve("--otlp", f"http://{collector.address}") as server:
        command = [os.environ["OTLP_GO"], server.address()]
        go = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=True)
        callers = {span["span_id"]: span for span in map(json.loads, go.stdout.splitlines())}
        collector.wait(lambda it: len(it.spans) >= len(expected))
    ours = sorted(collector.spans, key=lambda span: span.start_time_unix_nano)
    kinds = {trace_pb2.Span.SPAN_KIND_SERVER: "server"}
    statuses = {trace_pb2.Status.STATUS_CODE_OK: "Ok", trace_pb2.Status.STATUS_CODE_ERROR: "Error"}
    for span, (name, like) in zip(ours, expected, strict=True):
        events = [[event.name, values(event.attributes)] for event in span.events]
        words = told(
            kinds[span.kind], statuses[span.status.code], span.status.message, values(span.attributes), events
        )
        # How well gzip compresses is not for us to say, and whether answers are compressed is a server's own affair.
        for one in [words, like]:
            for event, attributes in one["events"]:
                size = attributes.pop("message-size-compressed", None)
                if size is not None and event == "Inbound message":
                    attributes["message-size-compressed"] = "some"
        assert (span.name, words) == (name, like), f"{span.name}: {words}\nis not as {name}: {like}"
        parent = callers[span.parent_span_id.hex()]
        assert parent["name"] == span.name.replace("Recv.", "Attempt."), (parent, span)
        assert parent["trace_id"] == span.trace_id.hex(), (parent, span)


CHECKS = [
    spans_are_children_of_their_callers,
    unsampled_callers_stay_unsampled,
    metrics_come_again_and_again,
    the_environment_is_heard,
    what_is_refused_at_first_comes_later,
    what_was_measured_last_is_sent,
    nobody_listens,
    settings_that_cannot_be_used,
    as_grpc_go_records_it,
]
