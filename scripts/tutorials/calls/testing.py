"""`seltzer call` against Python's grpc.testing.TestService."""

import base64

from cli import CODES, call
from harness import Suite, equal
from processes import python_server

suite = Suite()
SERVICE = "grpc.testing.TestService"


def body_bytes(reply):
    return len(base64.b64decode(reply["payload"]["body"]))


@suite.check
def empty_call(address):
    call(address, f"{SERVICE}/EmptyCall", "{}").succeeded({})


@suite.check
def bytes_are_base64(address):
    outcome = call(address, f"{SERVICE}/UnaryCall", {"responseSize": 4, "payload": {"body": "AP8="}})
    outcome.succeeded({"payload": {"body": "AAAAAA=="}})


@suite.check
def a_large_payload(address):
    outcome = call(address, f"{SERVICE}/UnaryCall", {"responseSize": 3_000_000})
    equal([body_bytes(reply) for reply in outcome.replies], [3_000_000])


@suite.check
def sizes_in_a_stream(address):
    parameters = [{"size": size} for size in (31415, 9, 2653, 58979)]
    outcome = call(address, f"{SERVICE}/StreamingOutputCall", {"responseParameters": parameters})
    equal([body_bytes(reply) for reply in outcome.replies], [31415, 9, 2653, 58979])


@suite.check
def sizes_of_a_stream(address):
    payloads = [{"payload": {"body": base64.b64encode(bytes(size)).decode()}} for size in (27182, 8, 1828)]
    outcome = call(address, f"{SERVICE}/StreamingInputCall", *payloads)
    outcome.succeeded({"aggregatedPayloadSize": 29018})


@suite.check
def full_duplex(address):
    requests = [{"responseParameters": [{"size": size}]} for size in (1, 2, 3)]
    outcome = call(address, f"{SERVICE}/FullDuplexCall", *requests)
    equal([body_bytes(reply) for reply in outcome.replies], [1, 2, 3])


@suite.check
def every_code_is_an_exit_status(address):
    for number, code in enumerate(CODES[1:], start=1):
        outcome = call(
            address,
            f"{SERVICE}/UnaryCall",
            {"responseStatus": {"code": number, "message": f"为 {code} %41"}},
        )
        outcome.failed(code, f"为 {code} %41")


@suite.check
def replies_before_an_error_are_printed(address):
    requests = [
        {"responseParameters": [{"size": 7}]},
        {"responseStatus": {"code": 15, "message": "lost"}},
    ]
    outcome = call(address, f"{SERVICE}/FullDuplexCall", *requests)
    outcome.failed("DATA_LOSS", "lost")
    equal([body_bytes(reply) for reply in outcome.replies], [7])


@suite.check
def unimplemented(address):
    call(address, f"{SERVICE}/UnimplementedCall", "{}").failed("UNIMPLEMENTED")
    call(address, "grpc.testing.UnimplementedService/UnimplementedCall", "{}").failed("UNIMPLEMENTED")


if __name__ == "__main__":
    with python_server("testing") as server:
        suite.run(server.address())
