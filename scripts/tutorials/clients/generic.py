"""Bytes instead of stubs: what is on the wire, and what no method answers to."""

import grpc

from harness import CALL_TIMEOUT_S, SELF, Suite, equal, fails, target, true

suite = Suite()
UNIMPLEMENTED = grpc.StatusCode.UNIMPLEMENTED
# HelloRequest{name: "world"} and HelloReply{message: "hello world"}, byte by byte.
REQUEST = b"\x0a\x05world"
REPLY = b"\x0a\x0bhello world"


@suite.check
def the_bytes_of_a_reply(channel):
    equal(channel.unary_unary("/Greeter/SayHello")(REQUEST, timeout=CALL_TIMEOUT_S), REPLY)


@suite.check
def unknown_fields_are_passed_over(channel):
    equal(channel.unary_unary("/Greeter/SayHello")(REQUEST + b"\x78\x01", timeout=CALL_TIMEOUT_S), REPLY)


@suite.check
def the_last_of_two_values_counts(channel):
    twice = b"\x0a\x04moon" + REQUEST
    equal(channel.unary_unary("/Greeter/SayHello")(twice, timeout=CALL_TIMEOUT_S), REPLY)


@suite.check
def an_unknown_method_is_unimplemented(channel):
    for path in ("/Greeter/NoSuchMethod", "/Greeter/sayhello", "/Greeter/SayHello/", "/Greeter/"):
        fails(UNIMPLEMENTED, lambda: channel.unary_unary(path)(REQUEST, timeout=CALL_TIMEOUT_S))


@suite.check
def an_unknown_service_is_unimplemented(channel):
    for path in ("/NoSuchService/SayHello", "/greeter/SayHello", "/no.such.Greeter/SayHello"):
        fails(UNIMPLEMENTED, lambda: channel.unary_unary(path)(REQUEST, timeout=CALL_TIMEOUT_S))


@suite.check
def unknown_streams_are_unimplemented(channel):
    path = "/NoSuchService/Stream"
    fails(UNIMPLEMENTED, lambda: [*channel.unary_stream(path)(REQUEST, timeout=CALL_TIMEOUT_S)])
    fails(UNIMPLEMENTED, lambda: channel.stream_unary(path)(iter([REQUEST]), timeout=CALL_TIMEOUT_S))
    fails(UNIMPLEMENTED, lambda: [*channel.stream_stream(path)(iter([REQUEST]), timeout=CALL_TIMEOUT_S)])


@suite.check
def bytes_that_are_no_message_are_internal(channel):
    for garbage in (b"\x0a\xff", b"\x0a\x05wor", b"\xff" * 11, b"\x0a\x02\xff\xfe"):
        fails(
            grpc.StatusCode.INTERNAL,
            lambda: channel.unary_unary("/Greeter/SayHello")(garbage, timeout=CALL_TIMEOUT_S),
        )


@suite.check_if(not SELF)
def a_unary_method_wants_exactly_one_message(channel):
    call = channel.stream_unary("/Greeter/SayHello")
    for messages in ([], [REQUEST, REQUEST]):
        fails(UNIMPLEMENTED, lambda: call(iter(messages), timeout=CALL_TIMEOUT_S))


@suite.check
def the_channel_lives_on(channel):
    true(channel.unary_unary("/Greeter/SayHello")(REQUEST, timeout=CALL_TIMEOUT_S) == REPLY, "it does not")


if __name__ == "__main__":
    with grpc.insecure_channel(target()) as channel:
        suite.run(channel)
