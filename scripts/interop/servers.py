"""The servers that the interoperability tests run against: how each is started, and what each cannot do."""

import os
import socket
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
TLS = os.path.join(REPOSITORY, "tests", "support", "tls")
CERT, KEY = os.path.join(TLS, "server.pem"), os.path.join(TLS, "server.key")
# A Java machine on a busy computer takes a few seconds.
START_TIMEOUT_S = 60
STOP_TIMEOUT_S = 15
# What trusts the certificates of this project's tests, under a name that stands in them.
TRUST_OURS = ["--use_tls", "--use_test_ca", "--server_host_override=localhost"]

# The cases that begin by asking the server to refuse a request which is not compressed.
PROBING = ("client_compressed_unary", "client_compressed_streaming")
NAMELESS = {"pick_first_unary": "it has no name to answer with"}


class Server:
    """A server program. `unsupported` names cases that it was not made for, and why."""

    unsupported = {}
    # Whether it can tell if a request was compressed.
    can_probe = False
    trust = TRUST_OURS
    # The line that says where it listens begins so; without one the port is chosen here and tried until it answers.
    announces = None

    def command(self, port, use_tls):
        raise NotImplementedError

    def start(self, use_tls, log):
        """A running server and its port."""
        port = 0 if self.announces else free_port()
        process = subprocess.Popen(
            self.command(port, use_tls), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            return process, self._wait(process, port, log)
        except BaseException:
            stop(process)
            raise

    def _wait(self, process, port, log):
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline:
            if process.poll() is not None:
                raise RuntimeError(f"it ended with status {process.returncode}: {tail(log.name)}")
            if self.announces:
                port = announced(log.name, self.announces)
            if port and answers(port):
                return port
            time.sleep(0.05)
        raise RuntimeError(f"it did not listen within {START_TIMEOUT_S} s: {tail(log.name)}")


class Seltzer(Server):
    name = "seltzer"
    announces = "listening on "
    can_probe = True

    def command(self, port, use_tls):
        tls = ["--tls-cert", CERT, "--tls-key", KEY] if use_tls else []
        return [os.environ["SELTZER_BIN"], "serve", "--listen", "127.0.0.1:0", *tls]


class Go(Server):
    name = "grpc-go"
    unsupported = {
        **NAMELESS,
        **dict.fromkeys((*PROBING, "server_compressed_unary", "server_compressed_streaming"), "it is built without gzip"),
    }

    def command(self, port, use_tls):
        tls = ["-use_tls", "-tls_cert_file", CERT, "-tls_key_file", KEY] if use_tls else []
        return [os.environ["INTEROP_GO_SERVER"], "-port", str(port), *tls]


class Java(Server):
    name = "grpc-java"
    unsupported = {**NAMELESS, "server_compressed_streaming": "it compresses no single messages of a stream"}

    @property
    def trust(self):
        # Its certificate is its own, and so is the authority behind it.
        return ["--use_tls", f"--ca_file={os.environ['INTEROP_JAVA_CA']}", "--server_host_override=foo.test.google.fr"]

    def command(self, port, use_tls):
        program = "io.grpc.testing.integration.TestServiceServer"
        libraries = os.path.join(os.environ["INTEROP_JAVA_LIB"], "*")
        return ["java", "-cp", libraries, program, f"--port={port}", f"--use_tls={str(use_tls).lower()}"]


class Python(Server):
    name = "grpc-python"
    announces = "listening on "

    def command(self, port, use_tls):
        tls = ["--cert", CERT, "--key", KEY] if use_tls else []
        script = os.path.join(HERE, "python_server.py")
        return [os.environ["INTEROP_PYTHON"], script, "--stubs", os.environ["INTEROP_STUBS"], *tls]


class Http2(Server):
    """The scripted server: one process a case."""

    name = "http2"
    announces = "listening on "

    def __init__(self, case):
        self.case = case

    def command(self, port, use_tls):
        return [os.environ["INTEROP_PYTHON"], os.path.join(HERE, "http2_server.py"), self.case]


def stop(process):
    """Ends a process, and gives its exit status."""
    if process.poll() is None:
        process.terminate()
    try:
        return process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def answers(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


def announced(path, prefix):
    """The port on the first line that begins so."""
    with open(path, encoding="utf-8", errors="replace") as log:
        for line in log:
            if line.startswith(prefix) and line.endswith("\n"):
                return int(line.split("127.0.0.1:")[1].split()[0].rstrip("/"))
    return 0


def tail(path, lines=5):
    with open(path, encoding="utf-8", errors="replace") as log:
        return " / ".join(line.strip() for line in log.readlines()[-lines:])
