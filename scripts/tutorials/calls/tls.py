"""`seltzer call` over TLS to Python servers with self-signed certificates."""

import os

from cli import call, tls
from harness import Suite, equal, true
from processes import python_server

suite = Suite()
HELLO = {"message": "hello world"}


def serve(certificate, client=None):
    """A Python server with TLS; with `client`, it asks for that certificate."""
    folder = os.environ["TUTORIALS_CERTS"]
    flags = ["--tls-cert", f"{folder}/{certificate}.pem", "--tls-key", f"{folder}/{certificate}.key"]
    if client:
        flags += ["--tls-client-ca", f"{folder}/{client}.pem"]
    return python_server("greeter", *flags)


def say_hello(server_address, root, client=None, host="localhost"):
    address, flags = tls(server_address.rsplit(":", 1)[1], root, client)
    address = address.replace("localhost", host)
    return call(address, "Greeter/SayHello", {"name": "world"}, flags=flags)


@suite.check
def an_rsa_certificate():
    with serve("rsa") as server:
        say_hello(server.address(), "rsa").succeeded(HELLO)


@suite.check
def an_ecdsa_certificate():
    with serve("ecdsa") as server:
        say_hello(server.address(), "ecdsa").succeeded(HELLO)


@suite.check
def by_address():
    with serve("ecdsa") as server:
        say_hello(server.address(), "ecdsa", host="127.0.0.1").succeeded(HELLO)


@suite.check
def a_stranger_as_root_is_refused():
    with serve("rsa") as server:
        address = server.address()
        say_hello(address, "stranger").failed("UNAVAILABLE")
        say_hello(address, "ecdsa").failed("UNAVAILABLE")


@suite.check
def a_name_that_the_certificate_lacks_is_refused():
    with serve("elsewhere") as server:
        say_hello(server.address(), "elsewhere").failed("UNAVAILABLE")


@suite.check
def both_show_certificates():
    for client in ("client", "client-ecdsa"):
        with serve("rsa", client) as server:
            say_hello(server.address(), "rsa", client).succeeded(HELLO)


@suite.check
def no_client_certificate_is_refused():
    with serve("rsa", "client") as server:
        address = server.address()
        say_hello(address, "rsa").failed("UNAVAILABLE")
        say_hello(address, "rsa", "stranger").failed("UNAVAILABLE")


@suite.check
def plain_text_to_tls_is_refused():
    with serve("rsa") as server:
        call(server.address(), "Greeter/SayHello", {"name": "world"}).failed("UNAVAILABLE")


@suite.check
def tls_to_plain_text_is_refused():
    with python_server("greeter") as server:
        say_hello(server.address(), "rsa").failed("UNAVAILABLE")


@suite.check
def a_missing_root_is_named():
    with serve("rsa") as server:
        outcome = say_hello(server.address(), "no-such-root")
    true(outcome.status != 0, "the exit status is 0")
    equal(any("no-such-root.pem" in line for line in outcome.errors), True, "whether the file is named")


if __name__ == "__main__":
    suite.run()
