"""The table of sections: which module runs, and against which server."""

import dataclasses

# What gRPC servers take when nobody says otherwise.
DEFAULT_LIMIT_BYTES = 4 * 1024 * 1024
# A small limit of its own for the server of one section.
SMALL_LIMIT_BYTES = 65_536


@dataclasses.dataclass(frozen=True)
class Section:
    """One module that is run in a process of its own.

    `serve` holds the flags of the `seltzer serve` that it calls, None when it
    starts what it needs itself. `stand_in` is the Python server that can take
    that server's place. Flags may name `{certificates}` and `{folder}`.
    """

    name: str
    module: str
    serve: tuple | None
    stand_in: str | None = None
    environment: dict = dataclasses.field(default_factory=dict)


def _client(name, stand_in, module=None, serve=(), **environment):
    return Section(f"client-{name}", f"clients.{module or name}", serve, stand_in, environment)


def _tls(name, certificate, *more, module="tls", **environment):
    files = f"{{certificates}}/{certificate}"
    flags = ("--tls-cert", f"{files}.pem", "--tls-key", f"{files}.key", *more)
    environment["TUTORIALS_SERVER_CERTIFICATE"] = certificate
    return _client(name, "greeter", module, flags, **environment)


def _compressed(module, compression, stand_in):
    return _client(
        f"{module.replace('_', '-')}-{compression}",
        stand_in,
        module,
        () if compression == "none" else ("--compression", compression),
        TUTORIALS_SERVER_COMPRESSION=compression,
    )


def _limits(name, limit_bytes, serve=()):
    return _client(name, "testing", "limits", serve, TUTORIALS_SERVER_LIMIT_BYTES=str(limit_bytes))


def _call(name):
    return Section(f"call-{name}", f"calls.{name}", serve=None)


# Every plain section calls one and the same server, so the order is that of the
# services, then of what is around them.
SECTIONS = [
    *(
        _client(name, stand_in=name)
        for name in (
            "calculator",
            "user",
            "greeter",
            "hello",
            "helloworld",
            "routeguide",
            "route_guide",
            "compute",
            "simple_cal",
            "contact",
            "testing",
        )  # fmt: skip
    ),
    _client("benchmark", "testing"),
    _client("worker", "worker"),
    _client("aio", "calculator"),
    _client("generic", "greeter"),
    _client(
        "channel",
        "greeter",
        serve=("--listen", "127.0.0.1:0", "--listen", "unix:{folder}/seltzer.sock"),
    ),
    *(_compressed("compression", name, "greeter") for name in ("none", "gzip", "deflate")),
    *(_compressed("compressed_streams", name, "calculator") for name in ("none", "gzip", "deflate")),
    _limits("limits-default", DEFAULT_LIMIT_BYTES),
    _limits("limits-small", SMALL_LIMIT_BYTES, ("--max-message-bytes", str(SMALL_LIMIT_BYTES))),
    _client("token", "calculator", serve=("--token", "token123")),
    _tls("tls-rsa", "rsa"),
    _tls("tls-ecdsa", "ecdsa"),
    _tls("tls-token", "rsa", "--token", "token123", module="tls_token"),
    _tls("tls-mutual", "rsa", "--tls-client-ca", "{certificates}/client.pem", TUTORIALS_SERVER_MUTUAL="1"),
    _client(
        "tls-self-signed",
        "greeter",
        "tls",
        ("--tls-self-signed",),
        TUTORIALS_SERVER_CERTIFICATE="self-signed",
    ),
    _client("lifecycle", "testing"),
    *(
        _call(name)
        for name in (
            "calculator",
            "user",
            "greeter",
            "hello",
            "helloworld",
            "routeguide",
            "route_guide",
            "compute",
            "simple_cal",
            "contact",
            "testing",
            "benchmark",
            "worker",
            "metadata",
            "deadline",
            "compression",
            "limits",
            "tls",
            "schema",
            "usage",
        )  # fmt: skip
    ),
]
