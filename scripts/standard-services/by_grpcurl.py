"""grpcurl, which knows of a server only what reflection tells."""

import json
import os
import subprocess

import reflection

TIMEOUT_S = 30
# What grpcurl adds to a status code for its exit status.
STATUS_BASE = 64


def grpcurl(address, *arguments, data=None, flags=()):
    """Runs it, and gives what it prints."""
    command = [os.environ["GRPCURL_BIN"], "-plaintext", *flags]
    if data is not None:
        command += ["-d", data]
    command += [address, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if run.returncode != 0:
        raise subprocess.CalledProcessError(run.returncode, arguments, run.stdout, run.stderr)
    return run.stdout


def replies(text):
    """The JSON messages in what it prints."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while text[at:].strip():
        at += len(text[at:]) - len(text[at:].lstrip())
        message, at = decoder.raw_decode(text, at)
        found.append(message)
    return found


def grpcurl_lists(_, address):
    listed = set(grpcurl(address, "list").split())
    assert reflection.SERVICES <= listed, reflection.SERVICES - listed
    methods = grpcurl(address, "list", "Calculator").split()
    assert methods == [f"Calculator.{name}" for name in ["Add", "Chat", "Divide", "GetSquares", "Multiply", "Subtract", "SumNumbers"]]


def grpcurl_describes(_, address):
    # Without a symbol it describes every service, which loads every schema.
    everything = grpcurl(address, "describe")
    for service in reflection.SERVICES:
        assert f"{service} is a service:" in everything, service
    message = grpcurl(address, "describe", "routeguide.RouteNote")
    assert "is a message:" in message and "string message = 2;" in message, message
    method = grpcurl(address, "describe", "helloworld.Greeter.SayHello")
    assert "rpc SayHello ( .helloworld.HelloRequest ) returns ( .helloworld.HelloReply )" in method, method
    value = grpcurl(address, "describe", "tutorial.Person") if "tutorial" in everything else ""
    assert not value or "message Person" in value


def grpcurl_calls_each_kind(_, address):
    table = [
        ("Calculator/Divide", '{"a": 1, "b": 4}', lambda found: found[0]["value"] == 0.25),
        ("Calculator/GetSquares", '{"value": 3}', lambda found: [each["value"] for each in found] == [1, 4, 9]),
        ("Calculator/SumNumbers", '{"value": 1} {"value": 2}', lambda found: found[0]["value"] == 3),
        ("routeguide.RouteGuide/RouteChat", 2 * '{"location": {"latitude": 1}, "message": "a"}', lambda found: len(found) == 1),
    ]
    for method, data, is_right in table:
        found = replies(grpcurl(address, method, data=data))
        assert is_right(found), (method, found)


def grpcurl_hears_of_errors(_, address):
    try:
        grpcurl(address, "Calculator/Divide", data='{"a": 1, "b": 0}')
    except subprocess.CalledProcessError as error:
        assert error.returncode == STATUS_BASE + 3, error.returncode
        assert "除数不能为零！" in error.stderr, error.stderr
    else:
        raise AssertionError("it divided by zero")


def grpcurl_checks_health(_, address):
    assert replies(grpcurl(address, "grpc.health.v1.Health/Check", data='{"service": "Calculator"}')) == [
        {"status": "SERVING"}
    ]


CHECKS = [grpcurl_lists, grpcurl_describes, grpcurl_calls_each_kind, grpcurl_hears_of_errors, grpcurl_checks_health]
