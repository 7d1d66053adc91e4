"""Runs the sections one after another and counts what they print.

Each section is a process of its own, because Python's descriptor pool cannot
hold two schemas that declare the same name without a package.
"""

import argparse
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import threading

import materials
import processes
from harness import HUNG, SOME_FAILED
from sections import SECTIONS

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
# The longest section takes a tenth of this on a busy machine.
SECTION_TIMEOUT_S = 300
# Schemas that Seltzer does not have built in.
SCHEMAS = HERE / "schemas"
STAND_IN = HERE / "stand_in.py"


class Servers:
    """The servers that sections call: one for each set of flags, started when first needed."""

    def __init__(self, stand_ins):
        self._stand_ins = stand_ins
        self._running = {}

    def get(self, section, flags):
        """The (process id, addresses) of the server for a section."""
        key = (section.stand_in if self._stand_ins else None, flags)
        if key not in self._running:
            if self._stand_ins:
                server = processes.python_server(section.stand_in, *flags)
            else:
                server = processes.seltzer_server(*flags)
            self._running[key] = (server, [])
            listeners = max(1, flags.count("--listen"))
            self._running[key][1].extend(server.address() for _ in range(listeners))
        server, addresses = self._running[key]
        return server.pid, addresses

    def stop(self):
        """Stops all and gives a line for each that did not end as it should."""
        problems = []
        for server, _ in self._running.values():
            died = server.process.poll() is not None
            status = server.stop()
            if died or status != 0:
                how = "ended before it was asked to" if died else "was asked to stop and ended"
                said = " / ".join(server.errors_to_the_end()[-10:])
                problems.append(f"{server.name()} {how} with status {status}: {said}")
        return problems


class Score:
    """Counts the lines `ok NAME` and `FAIL NAME: why` while passing them on."""

    def __init__(self):
        self.passed = 0
        self.failed = 0

    def line(self, line):
        """Passes on one line of a section."""
        self.passed += line.startswith("ok ")
        self.failed += line.startswith("FAIL ")
        print(line, flush=True)

    def fail(self, name, why):
        """Counts a failure that no section printed."""
        self.line(f"FAIL {name}: {why}")


def main():
    flags = parse_flags()
    if flags.list:
        print("\n".join(section.name for section in SECTIONS))
        return 0
    chosen = [section for section in SECTIONS if is_chosen(section, flags.only)]
    if not chosen:
        print(f"no section is called {' or '.join(flags.only)}; --list shows them", file=sys.stderr)
        return 2
    # An interrupted run must still stop what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    score = Score()
    with tempfile.TemporaryDirectory(prefix="tutorials-") as folder:
        prepare(pathlib.Path(folder), flags)
        servers = Servers(stand_ins=flags.self)
        try:
            for section in chosen:
                run_section(section, servers, folder, score)
        finally:
            for problem in servers.stop():
                score.fail("servers", problem)
    print(f"{score.passed} passed, {score.failed} failed")
    return 1 if score.failed else 0


def parse_flags():
    parser = argparse.ArgumentParser(prog="tutorials.sh", description=__doc__.splitlines()[0])
    parser.add_argument("--list", action="store_true", help="print the names of the sections")
    parser.add_argument("--only", action="append", metavar="NAME", help="run this section alone; repeatable")
    # Judges the judge: our clients against our own Python servers, and a stand-in for the command.
    parser.add_argument("--self", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def is_chosen(section, only):
    return not only or section.name in only or section.name.partition("-")[2] in only


def prepare(folder, flags):
    """Stubs, certificates, and the environment that every section sees."""
    stubs, certificates = folder / "stubs", folder / "certificates"
    materials.make_stubs([REPOSITORY / "proto", SCHEMAS], stubs)
    materials.make_certificates(certificates)
    os.environ.update(
        PYTHONPATH=os.pathsep.join((str(HERE), str(stubs))),
        PYTHONDONTWRITEBYTECODE="1",
        PYTHONIOENCODING="utf-8",
        # Refused handshakes are part of the checks, not news.
        GRPC_VERBOSITY="NONE",
        TUTORIALS_REPOSITORY=str(REPOSITORY),
        TUTORIALS_SCHEMAS=str(SCHEMAS),
        TUTORIALS_STUBS=str(stubs),
        TUTORIALS_CERTS=str(certificates),
        TUTORIALS_SELF="1" if flags.self else "0",
    )
    if flags.self:
        os.environ["SELTZER_BIN"] = str(STAND_IN)
        # The stand-in begins with `env python`, which must be the one with grpcio.
        os.environ["PATH"] = os.pathsep.join((os.path.dirname(sys.executable), os.environ["PATH"]))


def run_section(section, servers, folder, score):
    environment = {**os.environ, **section.environment, "TUTORIALS_SECTION": section.name}
    arguments = []
    if section.serve is not None:
        places = {"certificates": f"{folder}/certificates", "folder": folder}
        flags = tuple(flag.format(**places) for flag in section.serve)
        try:
            pid, addresses = servers.get(section, flags)
        except (RuntimeError, TimeoutError, OSError) as error:
            score.fail(section.name, f"the server did not start: {error}")
            return
        environment["TUTORIALS_SERVER_PID"] = str(pid)
        if len(addresses) > 1:
            environment["TUTORIALS_SECOND_TARGET"] = addresses[1]
        arguments = addresses[:1]
    run_module(section, arguments, environment, score)


def run_module(section, arguments, environment, score):
    """Runs one section to its end, or to the end of its time."""
    child = subprocess.Popen(
        [sys.executable, "-m", section.module, *arguments],
        cwd=HERE,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        # A group of its own: what it started and left behind ends with it.
        start_new_session=True,
    )
    timer = threading.Timer(SECTION_TIMEOUT_S, child.kill)
    timer.start()
    before = score.passed + score.failed
    try:
        for line in child.stdout:
            score.line(line.rstrip("\n"))
        status = child.wait()
    finally:
        timer.cancel()
        end_group(child)
    if status not in (0, SOME_FAILED, HUNG):
        score.fail(section.name, f"ended with status {status} before its last check")
    elif score.passed + score.failed == before:
        score.fail(section.name, "checked nothing")


def end_group(child):
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass  # Nobody is left.
    child.wait()


if __name__ == "__main__":
    sys.exit(main())
