"""Compression of requests, of replies, by channel and by call, counted on the wire."""

import os

import greeter_pb2
import greeter_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, target, true
from proxy import CountingProxy

suite = Suite()

# A megabyte that compresses well: every algorithm makes less than a twentieth of it.
NAME = "seltzer " * 131_072
NAME_BYTES = len(NAME)
COMPRESSED_BYTES_MAX = NAME_BYTES // 20
# Set where the server was told to compress its replies.
SERVER_COMPRESSES = os.environ.get("TUTORIALS_SERVER_COMPRESSION", "none") != "none"
GZIP, DEFLATE = grpc.Compression.Gzip, grpc.Compression.Deflate


def say_hello(channel_compression, call_compression=None):
    """One long greeting through the counting proxy: (bytes sent, bytes received)."""
    with CountingProxy(target()) as proxy:
        with grpc.insecure_channel(proxy.address, compression=channel_compression) as channel:
            reply = greeter_pb2_grpc.GreeterStub(channel).SayHello(
                greeter_pb2.HelloRequest(name=NAME), timeout=CALL_TIMEOUT_S, compression=call_compression
            )
            equal(reply.message == f"hello {NAME}", True, "the long greeting's equality")
            return proxy.sent_bytes, proxy.received_bytes


def check_reply(received_bytes):
    if SERVER_COMPRESSES:
        true(received_bytes < COMPRESSED_BYTES_MAX, f"the reply took {received_bytes} bytes")
    else:
        true(received_bytes > NAME_BYTES, f"the reply took only {received_bytes} bytes")


def check_compressed(channel_compression, call_compression=None):
    sent_bytes, received_bytes = say_hello(channel_compression, call_compression)
    true(sent_bytes < COMPRESSED_BYTES_MAX, f"the request took {sent_bytes} bytes")
    check_reply(received_bytes)


@suite.check
def a_plain_request():
    sent_bytes, received_bytes = say_hello(None)
    true(sent_bytes > NAME_BYTES, f"the request took only {sent_bytes} bytes")
    check_reply(received_bytes)


@suite.check
def gzip_for_the_channel():
    check_compressed(GZIP)


@suite.check
def deflate_for_the_channel():
    check_compressed(DEFLATE)


@suite.check
def gzip_for_one_call():
    check_compressed(None, GZIP)


@suite.check
def deflate_for_one_call():
    check_compressed(GZIP, DEFLATE)


@suite.check
def short_and_empty_messages():
    for compression in (GZIP, DEFLATE):
        with grpc.insecure_channel(target(), compression=compression) as channel:
            stub = greeter_pb2_grpc.GreeterStub(channel)
            for name in ("", "x", "world"):
                equal(stub.SayHello(greeter_pb2.HelloRequest(name=name)).message, f"hello {name}")


if __name__ == "__main__":
    suite.run()
