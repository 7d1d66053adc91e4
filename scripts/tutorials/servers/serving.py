"""What every Python server here shares: its flags, its first line, its end.

The flags are those of `seltzer serve`, so that the runner can put either
behind the same clients.
"""

import argparse
import concurrent.futures
import os
import signal
import sys
import threading

import grpc

COMPRESSION = {
    "none": grpc.Compression.NoCompression,
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
}
# Fifty calls of the concurrency checks at once, and some that wait.
WORKERS = 80
DRAIN_GRACE_S = 10
CHUNK_BYTES = 4096


class RequireToken(grpc.ServerInterceptor):
    """Answers UNAUTHENTICATED to calls without the expected bearer token."""

    def __init__(self, token):
        self._expected = ("authorization", f"Bearer {token}")

        def refuse(request, context):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "a valid token is needed")

        self._refuse = grpc.unary_unary_rpc_method_handler(refuse)

    def intercept_service(self, continuation, handler_call_details):
        if self._expected in handler_call_details.invocation_metadata:
            return continuation(handler_call_details)
        return self._refuse


def serve(register, interceptors=()):
    """Serves what `register(server)` adds until SIGTERM or the end of standard input."""
    flags = _flags()
    if flags.token:
        interceptors = (RequireToken(flags.token), *interceptors)
    options = [("grpc.so_reuseport", 0)]
    if flags.max_message_bytes:
        options.append(("grpc.max_receive_message_length", flags.max_message_bytes))
    server = grpc.server(
        concurrent.futures.ThreadPoolExecutor(max_workers=WORKERS),
        interceptors=interceptors,
        options=options,
        compression=COMPRESSION[flags.compression],
    )
    register(server)
    addresses = [_listen(server, listen, flags) for listen in flags.listen]
    server.start()
    for address in addresses:
        print(f"listening on {address}", flush=True)
    _wait_for_the_end()
    server.stop(DRAIN_GRACE_S).wait()


def _flags():
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen", action="append", required=True)
    parser.add_argument("--compression", choices=COMPRESSION, default="none")
    parser.add_argument("--token")
    parser.add_argument("--max-message-bytes", type=int)
    parser.add_argument("--tls-cert")
    parser.add_argument("--tls-key")
    parser.add_argument("--tls-client-ca")
    parser.add_argument("--tls-self-signed", action="store_true")
    flags = parser.parse_args()
    if flags.tls_self_signed:
        certificate = os.path.join(os.environ["TUTORIALS_CERTS"], "ecdsa")
        flags.tls_cert, flags.tls_key = f"{certificate}.pem", f"{certificate}.key"
    return flags


def _listen(server, listen, flags):
    if flags.tls_cert:
        credentials = grpc.ssl_server_credentials(
            [(_read(flags.tls_key), _read(flags.tls_cert))],
            root_certificates=_read(flags.tls_client_ca) if flags.tls_client_ca else None,
            require_client_auth=flags.tls_client_ca is not None,
        )
        port = server.add_secure_port(listen, credentials)
    else:
        port = server.add_insecure_port(listen)
    if listen.startswith("unix:"):
        return listen
    return f"{listen.rsplit(':', 1)[0]}:{port}"


def _wait_for_the_end():
    end = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: end.set())
    signal.signal(signal.SIGINT, lambda *_: end.set())

    def watch_input():
        # The parent holds the other side: when it is gone, so are we.
        while os.read(sys.stdin.fileno(), CHUNK_BYTES):
            pass
        end.set()

    threading.Thread(target=watch_input, daemon=True).start()
    end.wait()


def _read(path):
    with open(path, "rb") as file:
        return file.read()
