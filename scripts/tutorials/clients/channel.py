"""What channels of grpcio do besides calls: readiness, watching, several addresses, unix sockets."""

import json
import os
import queue
import socket

import greeter_pb2
import greeter_pb2_grpc
import grpc

from harness import CALL_TIMEOUT_S, Suite, equal, fails, target, true
from proxy import CountingProxy

suite = Suite()
# The same server's second listener, a socket in the file system.
UNIX_TARGET = os.environ.get("TUTORIALS_SECOND_TARGET")
ROUND_ROBIN = json.dumps({"loadBalancingConfig": [{"round_robin": {}}]})
# For a list of addresses and for a socket's path the C core sends an :authority that is no host name, which the HTTP/2
# stack of many servers refuses (hyper's among them): this is how one calls those.
PLAIN_AUTHORITY = ("grpc.default_authority", "localhost")


def say_hello(channel, **options):
    stub = greeter_pb2_grpc.GreeterStub(channel)
    return stub.SayHello(greeter_pb2.HelloRequest(name="world"), timeout=CALL_TIMEOUT_S, **options).message


@suite.check
def a_channel_becomes_ready():
    with grpc.insecure_channel(target()) as channel:
        grpc.channel_ready_future(channel).result(timeout=CALL_TIMEOUT_S)


@suite.check
def a_watcher_sees_ready():
    states = queue.SimpleQueue()
    with grpc.insecure_channel(target()) as channel:
        channel.subscribe(states.put, try_to_connect=True)
        while states.get(timeout=CALL_TIMEOUT_S) is not grpc.ChannelConnectivity.READY:
            pass
        channel.unsubscribe(states.put)


@suite.check
def a_call_that_waits_for_ready():
    with grpc.insecure_channel(target()) as channel:
        equal(say_hello(channel, wait_for_ready=True), "hello world")


@suite.check
def nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"
    with grpc.insecure_channel(address) as channel:
        fails(grpc.StatusCode.UNAVAILABLE, lambda: say_hello(channel))


@suite.check
def calls_go_round_two_addresses():
    with CountingProxy(target()) as one, CountingProxy(target()) as other:
        options = [("grpc.service_config", ROUND_ROBIN), PLAIN_AUTHORITY]
        with grpc.insecure_channel(f"ipv4:{one.address},{other.address}", options) as channel:
            # Until both connections stand, all calls go over the first.
            while not (one.connections and other.connections):
                equal(say_hello(channel), "hello world")
            equal([say_hello(channel) for _ in range(20)], ["hello world"] * 20)
        true(one.received_bytes > 0 and other.received_bytes > 0, "one of the two addresses had no answer")


@suite.check
def hundred_channels_at_once():
    channels = [
        grpc.insecure_channel(target(), options=[("grpc.use_local_subchannel_pool", 1)]) for _ in range(100)
    ]
    futures = [
        greeter_pb2_grpc.GreeterStub(channel).SayHello.future(greeter_pb2.HelloRequest(name=str(number)))
        for number, channel in enumerate(channels)
    ]
    equal(
        [future.result(timeout=CALL_TIMEOUT_S).message for future in futures],
        [f"hello {number}" for number in range(100)],
    )
    for channel in channels:
        channel.close()


@suite.check_if(UNIX_TARGET)
def a_unix_socket():
    with grpc.insecure_channel(UNIX_TARGET, [PLAIN_AUTHORITY]) as channel:
        equal(say_hello(channel), "hello world")


if __name__ == "__main__":
    suite.run()
