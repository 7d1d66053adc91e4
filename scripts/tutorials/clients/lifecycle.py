"""How `seltzer serve` starts, what it says, how it drains and stops, how it fails."""

import re
import signal
import socket
import tempfile
import urllib.request

import grpc

from harness import CALL_TIMEOUT_S, SELF, Suite, equal, target, true
from processes import python_server, seltzer_server
from testing_stubs import empty_pb2, messages_pb2, test_pb2_grpc

suite = Suite()
SERVICES = (
    "Calculator", "user.User", "Greeter", "hello.Greeter", "helloworld.Greeter", "RouteGuide",
    "routeguide.RouteGuide", "compute.Compute", "Cal", "Contact", "grpc.testing.TestService",
    "grpc.testing.BenchmarkService", "grpc.testing.WorkerService",
    "xds.service.orca.v3.OpenRcaService",
)  # fmt: skip
REPLIES = 8
INTERVAL_US = 100_000
# The exit status for wrong usage.
USAGE = 64


def start(*flags):
    return python_server("testing", *flags) if SELF else seltzer_server(*flags)


def fails_to_start(*flags):
    """The exit status and the standard error of a server that cannot start."""
    with start(*flags) as server:
        status = server.wait()
        return status, "\n".join(server.errors_to_the_end())


@suite.check
def sigterm_lets_a_stream_finish():
    with start() as server, grpc.insecure_channel(server.address()) as channel:
        parameters = [messages_pb2.ResponseParameters(size=1, interval_us=INTERVAL_US)] * REPLIES
        call = test_pb2_grpc.TestServiceStub(channel).StreamingOutputCall(
            messages_pb2.StreamingOutputCallRequest(response_parameters=parameters), timeout=CALL_TIMEOUT_S
        )
        next(call)
        server.signal(signal.SIGTERM)
        equal(sum(1 for _ in call), REPLIES - 1, "the number of replies after the signal")
        equal(call.code(), grpc.StatusCode.OK)
        equal(server.wait(), 0, "the exit status")


@suite.check
def sigint_stops_it():
    with start() as server, grpc.insecure_channel(server.address()) as channel:
        test_pb2_grpc.TestServiceStub(channel).EmptyCall(empty_pb2.Empty(), timeout=CALL_TIMEOUT_S)
        server.signal(signal.SIGINT)
        equal(server.wait(), 0, "the exit status")


@suite.check_if(not SELF)
def the_first_line_is_the_address():
    with start() as server:
        line = server.line()
        true(re.fullmatch(r"listening on 127\.0\.0\.1:\d+", line), f"the first line is {line!r}")


@suite.check_if(not SELF)
def every_listener_has_a_line_and_answers():
    with tempfile.TemporaryDirectory() as folder:
        path = f"{folder}/seltzer.sock"
        with start(
            "--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0", "--listen", f"unix:{path}"
        ) as server:
            addresses = [server.address() for _ in range(3)]
            equal(addresses[2], f"unix:{path}", "the third address")
            # The C core's :authority for a socket's path is no host name, which hyper refuses.
            options = [("grpc.default_authority", "localhost")]
            for address in addresses:
                with grpc.insecure_channel(address, options) as channel:
                    stub = test_pb2_grpc.TestServiceStub(channel)
                    equal(stub.EmptyCall(empty_pb2.Empty(), timeout=CALL_TIMEOUT_S), empty_pb2.Empty())


@suite.check_if(not SELF)
def it_says_what_it_serves():
    with start() as server:
        missing = {*SERVICES}
        while missing:
            line = server.line()
            true(line is not None, f"it ended without naming {sorted(missing)}")
            missing -= {*re.findall(r"[\w.]+", line)}


@suite.check_if(not SELF)
def a_browser_gets_a_page():
    with urllib.request.urlopen(f"http://{target()}/", timeout=CALL_TIMEOUT_S) as page:
        equal(page.status, 200, "the status")
        text = page.read().decode("utf-8")
    equal([name for name in SERVICES if name not in text], [], "what the page does not name")


@suite.check_if(not SELF)
def a_port_in_use():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        status, said = fails_to_start("--listen", address)
    true(status not in (0, 101), f"the exit status is {status}")
    true(address in said, f"{said!r} does not name {address}")


@suite.check_if(not SELF)
def a_missing_certificate():
    missing = "/no/such/certificate.pem"
    status, said = fails_to_start("--tls-cert", missing, "--tls-key", missing)
    true(status not in (0, 101), f"the exit status is {status}")
    true(missing in said, f"{said!r} does not name {missing}")


@suite.check_if(not SELF)
def an_unknown_flag():
    status, said = fails_to_start("--no-such-flag")
    equal(status, USAGE, "the exit status")
    true("--no-such-flag" in said, f"{said!r} does not name the flag")


if __name__ == "__main__":
    suite.run()
