"""compute.Compute: characters are counted as Python counts them."""

import compute_pb2
import compute_pb2_grpc
import grpc

from harness import Suite, equal, target

suite = Suite()
# Bytes, UTF-16 units, graphemes and scalar values differ among these.
TEXTS = ("", "hello", "你好", "🌍🌍", "e\u0301", "👩\u200d👩\u200d👧", "a\u0000b", " \n")


@suite.check
def lengths_are_those_of_python(stub):
    for text in TEXTS:
        reply = stub.SayHello(compute_pb2.HelloRequest(helloworld=text))
        equal(reply.result, str(len(text)), f"the length of {text!r}")


@suite.check
def a_million_characters(stub):
    equal(stub.SayHello(compute_pb2.HelloRequest(helloworld="é" * 1_000_000)).result, "1000000")


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(compute_pb2_grpc.ComputeStub(channel))
