"""Runs the interoperability tests: every case of `interop_client` against every server, h2c and TLS.

    python run.py [--server NAME]... [--only h2c|tls] [--case NAME]... [--list]

`scripts/interop.sh` calls it and says in the environment where everything is.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time

import servers

CASES = (
    "empty_unary", "large_unary", "client_compressed_unary", "server_compressed_unary", "client_streaming",
    "client_compressed_streaming", "server_streaming", "server_compressed_streaming", "ping_pong", "empty_stream",
    "custom_metadata", "status_code_and_message", "special_status_message", "unimplemented_method",
    "unimplemented_service", "cancel_after_begin", "cancel_after_first_response", "timeout_on_sleeping_server",
    "concurrent_large_unary", "pick_first_unary", "rpc_soak", "channel_soak", "orca_per_rpc", "orca_oob",
)  # fmt: skip
HTTP2_CASES = (
    "goaway", "rst_after_header", "rst_during_data", "rst_after_data", "ping", "max_streams", "data_frame_padding",
    "no_df_padding_sanity_test",
)  # fmt: skip
SERVERS = {server.name: server for server in (servers.Seltzer, servers.Go, servers.Java, servers.Python, servers.Http2)}
# The client gives up sooner by itself.
CASE_TIMEOUT_S = 150
PASSED, UNPROBED, FAILED, UNSUPPORTED = "passed", "passed (1)", "FAILED", "-"


def judge(case, port, flags):
    """What came of a case, and what was said about it."""
    command = [
        os.environ["INTEROP_CLIENT"], "--server_host=127.0.0.1", f"--server_port={port}", f"--test_case={case}", *flags,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=CASE_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return FAILED, f"the client was not over after {CASE_TIMEOUT_S} s"
    return (PASSED if done.returncode == 0 else FAILED), (done.stdout + done.stderr).strip()


class Report:
    """Rows of what came out, printed as they come, and a table at the end."""

    def __init__(self):
        self.outcomes = {}
        self.columns = []
        self.rows = []
        self.reasons = {}
        self.failures = []

    def add(self, case, column, outcome, said):
        if column not in self.columns:
            self.columns.append(column)
        if case not in self.rows:
            self.rows.append(case)
        self.outcomes[case, column] = outcome
        if outcome == FAILED:
            self.failures.append(f"{case} against {column}: {said}")
            print(f"{case} against {column}: {said}", flush=True)

    def unsupported(self, case, column, server, reason):
        self.add(case, column, UNSUPPORTED, reason)
        self.reasons.setdefault((server, reason), [])
        if case not in self.reasons[server, reason]:
            self.reasons[server, reason].append(case)

    def print(self):
        width = max(len(case) for case in self.rows)
        print("\n" + " " * width, *(f"{column:>16}" for column in self.columns))
        for case in self.rows:
            cells = (self.outcomes.get((case, column), "") for column in self.columns)
            print(f"{case:<{width}}", *(f"{cell:>16}" for cell in cells))
        if self.reasons:
            print("\nNot run, because the server was not made for it:")
        for (server, reason), cases in self.reasons.items():
            print(f"  {server}: {', '.join(cases)}: {reason}")
        outcomes = list(self.outcomes.values())
        if UNPROBED in outcomes:
            print("\n(1) The server reads compressed requests, and cannot refuse those that are not.")
        executed = len(outcomes) - outcomes.count(UNSUPPORTED)
        passed = outcomes.count(PASSED) + outcomes.count(UNPROBED)
        print(
            f"\n{executed} cases executed: {passed} passed, {outcomes.count(FAILED)} failed; "
            f"{outcomes.count(UNSUPPORTED)} that a server does not support"
        )
        for failure in self.failures:
            print(f"failed: {failure}")


def judge_with(server, case, port, flags):
    """The same without the probe, where a server cannot tell whether a request was compressed."""
    if server.can_probe or case not in servers.PROBING:
        return judge(case, port, flags)
    outcome, said = judge(case, port, [*flags, "--compression_probe=false"])
    return (UNPROBED if outcome == PASSED else outcome), said


def run_server(server, use_tls, cases, report):
    column = f"{server.name} {'tls' if use_tls else 'h2c'}"
    start = time.monotonic()
    with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
        try:
            process, port = server.start(use_tls, log)
        except (OSError, RuntimeError) as error:
            for case in cases:
                report.add(case, column, FAILED, f"the server does not start: {error}")
            return
        try:
            flags = server.trust if use_tls else []
            for case in cases:
                if reason := server.unsupported.get(case):
                    report.unsupported(case, column, server.name, reason)
                else:
                    report.add(case, column, *judge_with(server, case, port, flags))
        finally:
            servers.stop(process)
    print(f"{column}: done after {time.monotonic() - start:.1f} s", flush=True)


def run_http2(cases, report):
    """The scripted server judges the client, too: by its exit status."""
    for case in cases:
        with tempfile.NamedTemporaryFile("w+", suffix=".log") as log:
            try:
                process, port = servers.Http2(case).start(False, log)
            except (OSError, RuntimeError) as error:
                report.add(case, "http2 h2c", FAILED, f"the server does not start: {error}")
                continue
            try:
                outcome, said = judge(case, port, [])
            finally:
                status = servers.stop(process)
            if status != 0:
                outcome, said = FAILED, f"{said}; the server: {servers.tail(log.name)}"
            report.add(case, "http2 h2c", outcome, said)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", action="append", choices=SERVERS, help="only this server")
    parser.add_argument("--only", choices=("h2c", "tls"), help="only without TLS, or only with it")
    parser.add_argument("--case", action="append", choices=(*CASES, *HTTP2_CASES), metavar="NAME", help="only this case")
    parser.add_argument("--list", action="store_true", help="name servers and cases")
    flags = parser.parse_args()
    if flags.list:
        print("servers:", *SERVERS)
        print("cases:", *CASES)
        print("cases of the server http2:", *HTTP2_CASES)
        return
    # Servers that could not be had were told already.
    absent = os.environ.get("INTEROP_ABSENT", "").split()
    report = Report()
    for name in flags.server or SERVERS:
        if name in absent:
            continue
        if name == "http2":
            if flags.only != "tls":
                run_http2([case for case in HTTP2_CASES if not flags.case or case in flags.case], report)
            continue
        cases = [case for case in CASES if not flags.case or case in flags.case]
        for use_tls in (False, True):
            if cases and flags.only != ("h2c" if use_tls else "tls"):
                run_server(SERVERS[name](), use_tls, cases, report)
    if not report.rows and absent:
        # The script says what is missing, with a status of its own.
        return
    if not report.rows:
        sys.exit("nothing was run: --list names servers and cases")
    report.print()
    sys.exit(1 if report.failures else 0)


if __name__ == "__main__":
    main()
