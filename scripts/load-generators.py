#!/usr/bin/env python3
"""What a call costs the load generator, for `seltzer bench` and for ghz, and whether its latencies are right.

    scripts/load-generators.py [--rounds N] [--calls N] [--concurrency N] [--bin FOLDER] [--publish]

Both call the same server with the same message, as many at once, and take turns; the server has the first processor to
itself, they have the second one. Their processor time is the system's own account of the whole process. Then
`seltzer bench` calls tonic's server, whose core should be busy, and a server that waits 200 ms before each answer: the
median must be within 2 % of that, in a closed loop and at a rate. (Servers count milliseconds, and wait one or two more
than they are told: of a much shorter delay that would be more than 2 %.)

GHZ_BIN is a `ghz`; without it one is built by Go into the target directory. The other programs are built unless --bin
says where they are. --publish writes the figures into BENCHMARKING.md.

The exit status is 1 if ghz makes more than a twentieth of our calls a second and core, or a latency is wrong; 2 if a
tool is missing.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
GHZ = "github.com/bojand/ghz/cmd/ghz@v0.121.0"
RATIO_MIN = 20.0
DELAY_MS = 200.0
DELAY_TOLERANCE = 0.02
START_MAX_S = 10
PORT = 20591
# ghz is slower: as many calls as take about as long.
GHZ_SHARE = 20
TICKS = os.sysconf("SC_CLK_TCK")


def build():
    commands = [
        "cargo build --quiet --profile bench -p seltzer-cli",
        "cargo build --quiet --profile bench -p seltzer-peers --features mimalloc --bin tonic_bench_server",
    ]
    for command in commands:
        subprocess.run(command.split(), cwd=ROOT, check=True)
    return os.path.join(TARGET, "release")


def find_ghz():
    path = os.environ.get("GHZ_BIN") or os.path.join(TARGET, "judges", "ghz")
    if not os.path.exists(path):
        if not shutil.which("go"):
            print("load-generators.py needs ghz: install Go, which builds it, or set GHZ_BIN", file=sys.stderr)
            sys.exit(2)
        environment = {**os.environ, "GOBIN": os.path.dirname(path)}
        if subprocess.run(["go", "install", GHZ], env=environment).returncode != 0:
            print(f"load-generators.py needs ghz: go install {GHZ} failed", file=sys.stderr)
            sys.exit(2)
    return path


def start(command, port):
    """Starts a server on the first processor, and waits until it listens."""
    server = subprocess.Popen(["taskset", "-c", "0", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + START_MAX_S
    while server.poll() is None and time.monotonic() < end:
        with open("/proc/net/tcp", encoding="ascii") as table:
            if any(line.split()[1].endswith(f":{port:04X}") and line.split()[3] == "0A" for line in list(table)[1:]):
                return server
        time.sleep(0.05)
    sys.exit(f"load-generators.py: {command[0]} does not listen")


def stop(server):
    server.terminate()
    server.wait()


def run(command):
    """Runs a load generator on the second processor: what it printed, its processor time and how long it took."""
    begun = time.monotonic()
    child = subprocess.Popen(["taskset", "-c", "1", *command], stdout=subprocess.PIPE)
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    if status != 0:
        sys.exit(f"load-generators.py: {' '.join(command)} ended with {os.waitstatus_to_exitcode(status)}")
    return json.loads(printed), usage.ru_utime + usage.ru_stime, time.monotonic() - begun


def processor_s(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def by_seltzer(binaries, options, calls):
    command = [os.path.join(binaries, "seltzer"), "bench", f"127.0.0.1:{PORT}", "hello.Greeter/SayHello", "-d", '{"name": "world"}']
    report, processor, _ = run([*command, "-c", str(options.concurrency), "-n", str(calls), "--format", "json"])
    assert report["calls"] == calls and report["failed"] == 0, report["failures"]
    return report["calls_per_second"], processor / calls * 1e6, report["latency_ms"]["percentiles"]


def by_ghz(ghz, options, calls):
    command = [ghz, "--insecure", "--call", "hello.Greeter.SayHello", "-d", '{"name": "world"}', "-O", "json"]
    report, processor, _ = run([*command, "-c", str(options.concurrency), "-n", str(calls), f"127.0.0.1:{PORT}"])
    assert report["count"] == calls and report["statusCodeDistribution"] == {"OK": calls}, report
    percentiles = {f"p{each['percentage']}": each["latency"] / 1e6 for each in report["latencyDistribution"]}
    return report["rps"], processor / calls * 1e6, percentiles


def against_ghz(binaries, ghz, options):
    """The table's lines, and how many times ghz's calls ours makes for each second of a core."""
    server = start([os.path.join(binaries, "seltzer"), "serve", "--listen", f"127.0.0.1:{PORT}", "--workers", "1"], PORT)
    try:
        found = {"seltzer bench": [], "ghz": []}
        for number in range(options.rounds):
            print(f"load-generators.py: round {number + 1} of {options.rounds}", file=sys.stderr)
            found["seltzer bench"].append(by_seltzer(binaries, options, options.calls))
            found["ghz"].append(by_ghz(ghz, options, options.calls // GHZ_SHARE))
    finally:
        stop(server)
    lines = ["| load generator | calls a second | processor time a call, us | calls a second and core | median, ms | 99 %, ms |", "|---|--:|--:|--:|--:|--:|"]
    for name, rounds in found.items():
        rate, each = (statistics.median(figures[index] for figures in rounds) for index in (0, 1))
        middle, slow = (statistics.median(figures[2].get(key, 0) for figures in rounds) for key in ("p50", "p99"))
        lines.append(f"| {name} | {rate:,.0f} | {each:.2f} | {1e6 / each:,.0f} | {middle:.3f} | {slow:.3f} |")
    ratios = [theirs[1] / ours[1] for ours, theirs in zip(found["seltzer bench"], found["ghz"])]
    return lines, statistics.median(ratios)


def against_tonic(binaries, options):
    """How busy tonic's core is, and ours, while `seltzer bench` calls it."""
    server = start([os.path.join(binaries, "tonic_bench_server"), str(PORT)], PORT)
    try:
        schema = os.path.join(ROOT, "benches", "peers", "proto", "bench.proto")
        command = [os.path.join(binaries, "seltzer"), "bench", f"127.0.0.1:{PORT}", "bench.Bench/Unary", "--proto", schema]
        before = processor_s(server.pid)
        report, processor, elapsed = run([*command, "-c", "100", "-n", str(options.calls), "-d", '{"name": "world"}', "--format", "json"])
        busy = processor_s(server.pid) - before
    finally:
        stop(server)
    return busy / report["elapsed_s"], processor / elapsed, report["calls_per_second"]


def delays(binaries):
    """The medians of a server that waits, in a closed loop and at a rate."""
    server = start([os.path.join(binaries, "seltzer"), "serve", "--listen", f"127.0.0.1:{PORT}"], PORT)
    data = json.dumps({"responseParameters": [{"size": 1, "intervalUs": int(DELAY_MS * 1000)}]})
    command = [os.path.join(binaries, "seltzer"), "bench", f"127.0.0.1:{PORT}", "grpc.testing.TestService/StreamingOutputCall", "-d", data]
    try:
        ways = {"20 at once": ["-c", "20", "-z", "5"], "500 a second": ["--rate", "500", "-z", "5"]}
        return {way: run([*command, *more, "--format", "json"])[0]["latency_ms"]["percentiles"]["p50"] for way, more in ways.items()}
    finally:
        stop(server)


def publish(text):
    path = os.path.join(ROOT, "BENCHMARKING.md")
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split("<!-- begin load generators -->\n")
    _, after = rest.split("<!-- end load generators -->")
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}<!-- begin load generators -->\n{text}\n<!-- end load generators -->{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--concurrency", type=int, default=100)
    parser.add_argument("--bin")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    binaries, ghz = options.bin or build(), find_ghz()
    lines, ratio = against_ghz(binaries, ghz, options)
    server_busy, client_busy, rate = against_tonic(binaries, options)
    found = delays(binaries)
    lines.append("")
    lines.append(f"For a second of a core it makes {ratio:.1f} times the calls that ghz makes (median of the rounds' ratios; the aim is {RATIO_MIN:.0f}).")
    lines.append(f"Against tonic's server it makes {rate:,.0f} calls a second: tonic's core is {server_busy * 100:.0f} % busy, its own {client_busy * 100:.0f} %.")
    told = ", ".join(f"{value:.2f} ms at {way}" for way, value in found.items())
    lines.append(f"A server that waits {DELAY_MS:.0f} ms has a median latency of {told}.")
    text = "\n".join(lines)
    print(text)
    if options.publish:
        publish(text)
    wrong = [way for way, value in found.items() if not 0 <= value / DELAY_MS - 1 <= DELAY_TOLERANCE]
    sys.exit(1 if ratio < RATIO_MIN or wrong else 0)


if __name__ == "__main__":
    main()
