#!/usr/bin/env python3
"""What a unary call costs its client in processor time, for three clients that take turns.

    scripts/client-cost.py [--rounds N] [--calls N] [--streams N] [--port N] [--bin FOLDER]

The clients are ours, the one that tonic generates on our channel, and the one that tonic generates on tonic's own.
All call the same server, which has the first processor to itself; the client has the second one. A round measures each
client once, so that whatever else the machine does falls on all of them. Prints a table with the median and the least
of the rounds, and what each client costs as a part of tonic's: by medians, by the median of the rounds' ratios, by the
least ones. The binaries are built unless --bin says where they are.

The exit status is 1 if tonic's client on our channel costs more than 1/2.5 of what it costs on tonic's.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import time

WAYS = ["seltzer", "tonic-on-seltzer", "tonic"]
RATIO_MIN = 2.5
SERVER_START_MAX_S = 10


def build(root):
    """Builds the two programs; returns the folder they are in."""
    subprocess.run(
        "cargo build --quiet --profile bench -p seltzer-peers --features mimalloc "
        "--bin seltzer_bench_server --bin bench_client".split(),
        cwd=root,
        check=True,
    )
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(root, "target"))
    return os.path.join(target, "release")


def cost_us(binaries, way, options):
    """The processor time of one call in microseconds."""
    command = ["taskset", "-c", "1", f"{binaries}/bench_client", way, str(options.port)]
    command += ["--streams", str(options.streams), "--calls", str(options.calls)]
    for _ in range(SERVER_START_MAX_S * 10):
        run = subprocess.run(command, capture_output=True, text=True)
        if run.returncode == 0:
            return float(re.search(r"([\d.]+) us of processor a call", run.stdout)[1])
        time.sleep(0.1)
    sys.exit(f"bench_client {way} failed: {run.stderr.strip()}")


def table(costs):
    print("| client | median, us | least, us | by medians | by pairs | by least |")
    print("|---|--:|--:|--:|--:|--:|")
    tonic = costs["tonic"]
    for way in WAYS:
        mine = costs[way]
        ratios = [
            statistics.median(tonic) / statistics.median(mine),
            statistics.median(theirs / ours for theirs, ours in zip(tonic, mine)),
            min(tonic) / min(mine),
        ]
        parts = " | ".join(f"1/{ratio:.2f}" for ratio in ratios)
        print(f"| {way} | {statistics.median(mine):.2f} | {min(mine):.2f} | {parts} |")


def main():
    parser = argparse.ArgumentParser(description="What a unary call costs its client.")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--calls", type=int, default=60_000)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--port", type=int, default=20551)
    parser.add_argument("--bin")
    options = parser.parse_args()
    binaries = options.bin or build(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    server = subprocess.Popen(["taskset", "-c", "0", f"{binaries}/seltzer_bench_server", str(options.port)])
    try:
        costs = {way: [] for way in WAYS}
        for _ in range(options.rounds):
            for way in WAYS:
                costs[way].append(cost_us(binaries, way, options))
    finally:
        server.terminate()
        server.wait()
    print(f"{options.rounds} rounds of {options.calls} calls, {options.streams} at once on one connection, 100 bytes\n")
    table(costs)
    pairs = statistics.median(theirs / ours for theirs, ours in zip(costs["tonic"], costs["tonic-on-seltzer"]))
    return 0 if pairs >= RATIO_MIN else 1


if __name__ == "__main__":
    sys.exit(main())
