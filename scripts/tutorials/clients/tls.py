"""TLS with self-signed certificates, mutual where the server asks for it."""

import os
import ssl

import greeter_pb2
import greeter_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, certificate, equal, fails, target

suite = Suite()
UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
HOST, PORT = target().rsplit(":", 1)
# Which certificate the server has: a name in the folder, or `self-signed` for one it made itself.
SERVER_CERTIFICATE = os.environ["TUTORIALS_SERVER_CERTIFICATE"]
SELF_SIGNED = SERVER_CERTIFICATE == "self-signed"
MUTUAL = os.environ.get("TUTORIALS_SERVER_MUTUAL") == "1"


def root():
    if SELF_SIGNED:
        return ssl.get_server_certificate((HOST, int(PORT))).encode("ascii")
    return certificate(f"{SERVER_CERTIFICATE}.pem")


def credentials(client="client"):
    if MUTUAL and client:
        key, chain = certificate(f"{client}.key"), certificate(f"{client}.pem")
        return grpc.ssl_channel_credentials(root(), key, chain)
    return grpc.ssl_channel_credentials(root())


def say_hello(channel, name="world"):
    with channel:
        stub = greeter_pb2_grpc.GreeterStub(channel)
        return stub.SayHello(greeter_pb2.HelloRequest(name=name), timeout=CALL_TIMEOUT_S).message


@suite.check
def by_name():
    equal(say_hello(grpc.secure_channel(f"localhost:{PORT}", credentials())), "hello world")


@suite.check
def by_address():
    equal(say_hello(grpc.secure_channel(f"127.0.0.1:{PORT}", credentials())), "hello world")


@suite.check
def a_megabyte():
    greeting = say_hello(grpc.secure_channel(f"localhost:{PORT}", credentials()), "n" * 1_000_000)
    equal(greeting == "hello " + "n" * 1_000_000, True, "the long greeting's equality")


@suite.check
def another_name_is_refused():
    options = [("grpc.ssl_target_name_override", "elsewhere.example")]
    channel = grpc.secure_channel(f"localhost:{PORT}", credentials(), options)
    fails(UNAVAILABLE, lambda: say_hello(channel))


@suite.check
def a_stranger_as_root_is_refused():
    stranger = grpc.ssl_channel_credentials(certificate("stranger.pem"))
    fails(UNAVAILABLE, lambda: say_hello(grpc.secure_channel(f"localhost:{PORT}", stranger)))


@suite.check
def a_plain_client_is_refused():
    fails(UNAVAILABLE, lambda: say_hello(grpc.insecure_channel(f"localhost:{PORT}")))


@suite.check_if(MUTUAL)
def no_client_certificate_is_refused():
    fails(UNAVAILABLE, lambda: say_hello(grpc.secure_channel(f"localhost:{PORT}", credentials(None))))


@suite.check_if(MUTUAL)
def a_strange_client_certificate_is_refused():
    channel = grpc.secure_channel(f"localhost:{PORT}", credentials("stranger"))
    fails(UNAVAILABLE, lambda: say_hello(channel))


if __name__ == "__main__":
    suite.run()
