"""hello.Greeter."""

import grpc
import hello_pb2
import hello_pb2_grpc

from harness import Suite, equal, target

suite = Suite()


@suite.check
def say_hello(stub):
    equal(stub.SayHello(hello_pb2.HelloRequest(name="Alice")).message, "Hello, Alice")


@suite.check
def no_name(stub):
    equal(stub.SayHello(hello_pb2.HelloRequest()).message, "Hello, ")


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(hello_pb2_grpc.GreeterStub(channel))
