"""A token that grpcio adds by itself, which it does over secure channels only."""

import greeter_pb2
import greeter_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, certificate, equal, fails, target

suite = Suite()
PORT = target().rsplit(":", 1)[1]


def say_hello(credentials):
    with grpc.secure_channel(f"localhost:{PORT}", credentials) as channel:
        stub = greeter_pb2_grpc.GreeterStub(channel)
        return stub.SayHello(greeter_pb2.HelloRequest(name="world"), timeout=CALL_TIMEOUT_S).message


class BearerToken(grpc.AuthMetadataPlugin):
    """Gives grpcio the header of each call."""

    def __call__(self, context, callback):
        callback((("authorization", "Bearer token123"),), None)


@suite.check
def without_call_credentials(secure):
    fails(grpc.StatusCode.UNAUTHENTICATED, lambda: say_hello(secure))


@suite.check
def with_an_access_token(secure):
    token = grpc.access_token_call_credentials("token123")
    equal(say_hello(grpc.composite_channel_credentials(secure, token)), "hello world")


@suite.check
def with_a_wrong_access_token(secure):
    token = grpc.access_token_call_credentials("token124")
    both = grpc.composite_channel_credentials(secure, token)
    fails(grpc.StatusCode.UNAUTHENTICATED, lambda: say_hello(both))


@suite.check
def with_a_plugin(secure):
    token = grpc.metadata_call_credentials(BearerToken())
    equal(say_hello(grpc.composite_channel_credentials(secure, token)), "hello world")


if __name__ == "__main__":
    suite.run(grpc.ssl_channel_credentials(certificate("rsa.pem")))
