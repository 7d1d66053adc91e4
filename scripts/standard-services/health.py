"""`grpc.health.v1.Health`, asked by grpcio-health-checking."""

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

TIMEOUT_S = 20
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


def stub(address):
    return health_pb2_grpc.HealthStub(grpc.insecure_channel(address))


def of(service):
    return health_pb2.HealthCheckRequest(service=service)


def code_of(call):
    """The code of a call that fails."""
    try:
        call()
    except grpc.RpcError as error:
        return error.code()
    raise AssertionError("the call succeeded")


def health_check(_, address):
    asked = stub(address)
    for service in ["", "Calculator", "helloworld.Greeter", "grpc.health.v1.Health"]:
        assert asked.Check(of(service), timeout=TIMEOUT_S).status == SERVING, service


def health_check_of_nobody(_, address):
    asked = stub(address)
    for service in ["nobody.Here", "/Calculator", "calculator"]:
        code = code_of(lambda service=service: asked.Check(of(service), timeout=TIMEOUT_S))
        assert code == grpc.StatusCode.NOT_FOUND, (service, code)


def health_list(_, address):
    statuses = stub(address).List(health_pb2.HealthListRequest(), timeout=TIMEOUT_S).statuses
    assert {"", "Calculator", "routeguide.RouteGuide", "grpc.health.v1.Health"} <= set(statuses), statuses
    assert all(status.status == SERVING for status in statuses.values()), statuses


def health_watch_until_the_server_stops(server, address):
    asked = stub(address)
    whole, unknown = (asked.Watch(of(service), timeout=TIMEOUT_S) for service in ["", "nobody.Here"])
    assert next(whole).status == SERVING
    assert next(unknown).status == SERVICE_UNKNOWN
    server.signal()
    assert next(whole).status == NOT_SERVING
    for watch in (whole, unknown):
        code = code_of(lambda watch=watch: next(watch))
        assert code == grpc.StatusCode.UNAVAILABLE, code
    assert server.wait() == 0


CHECKS = [health_check, health_check_of_nobody, health_list, health_watch_until_the_server_stops]
