"""helloworld.Greeter, with the reply that streams."""

import grpc
import helloworld_pb2
import helloworld_pb2_grpc

from harness import Suite, equal, target

suite = Suite()


@suite.check
def say_hello(stub):
    equal(stub.SayHello(helloworld_pb2.HelloRequest(name="you")).message, "Hello, you!")


@suite.check
def ten_replies_each_with_its_number(stub):
    replies = stub.SayHelloStreamReply(helloworld_pb2.HelloRequest(name="you"))
    expected = [f"Hello number {number}, you!" for number in range(10)]
    equal([reply.message for reply in replies], expected)


@suite.check
def a_stream_left_early(stub):
    call = stub.SayHelloStreamReply(helloworld_pb2.HelloRequest(name="you"))
    next(call)
    call.cancel()
    equal(stub.SayHello(helloworld_pb2.HelloRequest(name="again")).message, "Hello, again!")


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(helloworld_pb2_grpc.GreeterStub(channel))
