"""Greeter without a package."""

import greeter_pb2
import greeter_pb2_grpc
import grpc

from harness import Suite, equal, target

suite = Suite()


def request(name):
    return greeter_pb2.HelloRequest(name=name)


@suite.check
def say_hello(stub):
    equal(stub.SayHello(request("world")).message, "hello world")


@suite.check
def say_hello_again(stub):
    equal(stub.SayHelloAgain(request("world"), timeout=5).message, "hello world")


@suite.check
def any_script(stub):
    equal(stub.SayHello(request("世界 🌍 \u0000 é")).message, "hello 世界 🌍 \u0000 é")


@suite.check
def no_name(stub):
    equal(stub.SayHello(greeter_pb2.HelloRequest()).message, "hello ")


@suite.check
def a_name_of_three_megabytes(stub):
    name = "né" * 1_000_000
    equal(stub.SayHello(request(name)).message == f"hello {name}", True, "the long greeting's equality")


@suite.check
def a_hundred_calls_one_after_another(stub):
    greetings = [stub.SayHello(request(str(number))).message for number in range(100)]
    equal(greetings, [f"hello {number}" for number in range(100)])


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(greeter_pb2_grpc.GreeterStub(channel))
