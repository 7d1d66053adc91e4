#!/usr/bin/env python3
"""gRPC against REST: the same handler, the same orders, the same machine; only what carries them differs.

    scripts/rest-bench.py [--rounds N] [--quick] [--bin FOLDER] [--publish]

Ways: JSON over HTTP/1.1 and over HTTP/2, Connect with protobuf, gRPC unary and gRPC streams against our server; JSON over
HTTP/1.1 against axum with serde_json. Orders of 1, 100 and 5,000 lines; one caller, and sixteen. The server has the
first processor to itself, the clients the second one. A round measures each once; figures are medians of the rounds.
Every answer is decoded and checked. --publish writes the table and the plot into BENCHMARKING.md and docs/benchmarks.

The exit status is 1 if a REST call costs our server more than 1.5 times what it costs axum.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
WAYS = [
    ("axum", "rest-http1", "JSON over HTTP/1.1, axum"),
    ("seltzer", "rest-http1", "JSON over HTTP/1.1"),
    ("seltzer", "rest-http2", "JSON over HTTP/2"),
    ("seltzer", "connect", "Connect, protobuf"),
    ("seltzer", "grpc", "gRPC, unary"),
    ("seltzer", "grpc-stream", "gRPC, a stream"),
]
SIZES = {1: "small", 100: "medium", 5000: "large"}
CALLS = {1: 20_000, 100: 4_000, 5000: 120}
LANES = [1, 16]
PORTS = {"seltzer": 20571, "axum": 20572}
START_MAX_S = 10
RATIO_MAX = 1.5


def build():
    command = "cargo build --quiet --profile bench -p seltzer-peers --features mimalloc,rest --bin rest_bench"
    subprocess.run(command.split(), cwd=ROOT, check=True)
    return os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release")


def load(program, way, port, lines, lanes, calls, pid):
    command = ["taskset", "-c", "1", program, "load", way, str(port), "--lines", str(lines), "--lanes", str(lanes)]
    run = subprocess.run([*command, "--calls", str(calls), "--pid", str(pid)], capture_output=True, text=True)
    if run.returncode != 0:
        sys.exit(f"rest-bench.py: {way}: {run.stderr.strip()}")
    return json.loads(run.stdout)


def start(program, name):
    server = subprocess.Popen(["taskset", "-c", "0", program, "serve", name, str(PORTS[name])])
    end = time.monotonic() + START_MAX_S
    probe = ["taskset", "-c", "1", program, "load", "rest-http1", str(PORTS[name]), "--calls", "1"]
    while subprocess.run(probe, capture_output=True).returncode != 0:
        if time.monotonic() > end or server.poll() is not None:
            sys.exit(f"rest-bench.py: the server {name} does not answer")
        time.sleep(0.05)
    return server


def measure(program, rounds, part):
    servers = {name: start(program, name) for name in PORTS}
    seen = {}
    try:
        for number in range(rounds):
            for lines in SIZES:
                for lanes in LANES:
                    for name, way, title in WAYS:
                        calls = max(CALLS[lines] // part, 4 * lanes)
                        report = load(program, way, PORTS[name], lines, lanes, calls, servers[name].pid)
                        seen.setdefault((lines, lanes, title), []).append(report)
            print(f"rest-bench.py: round {number + 1} of {rounds}", file=sys.stderr)
    finally:
        for server in servers.values():
            server.terminate()
            server.wait()
    return seen


def median(reports, key):
    return statistics.median(report[key] for report in reports)


def table(seen):
    rows = ["| order | callers | way | calls a second | median, us | 99 %, us | server, us a call | client, us a call |"]
    rows.append("|---|--:|---|--:|--:|--:|--:|--:|")
    for (lines, lanes, title), reports in seen.items():
        figures = [f"{median(reports, key):,.0f}" for key in ("calls_per_second", "p50_us", "p99_us")]
        figures += [f"{median(reports, key):,.1f}" for key in ("server_us", "client_us")]
        size = f"{SIZES[lines]}, {reports[0]['json_bytes']:,} B as JSON, {reports[0]['protobuf_bytes']:,} B as protobuf"
        rows.append(f"| {size} | {lanes} | {title} | " + " | ".join(figures) + " |")
    return "\n".join(rows)


def against_axum(seen):
    """What a REST call costs our server against axum, size by size, with sixteen callers; by the median of the pairs."""
    ratios = {}
    for lines, size in SIZES.items():
        ours, theirs = (seen[lines, LANES[-1], title] for title in ("JSON over HTTP/1.1", "JSON over HTTP/1.1, axum"))
        pairs = zip(ours, theirs)
        ratios[size] = statistics.median(one["server_us"] / other["server_us"] for one, other in pairs)
    return ratios


def plot(seen):
    """Bars: calls a second with sixteen callers, each size by itself, as a part of the fastest."""
    width, bar, gap, left = 720, 18, 34, 190
    lines = []
    y = 30
    for size_lines, size in SIZES.items():
        lines.append(f'<text x="8" y="{y}" font-weight="bold">{size} order</text>')
        y += 10
        rates = {title: median(seen[size_lines, LANES[-1], title], "calls_per_second") for _, _, title in WAYS}
        most = max(rates.values())
        for title, rate in rates.items():
            length = (width - left - 110) * rate / most
            colour = "#8a8f98" if "axum" in title else "#2f7ed8" if "JSON" in title else "#1aa179"
            lines.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">{title}</text>')
            lines.append(f'<rect x="{left}" y="{y}" width="{length:.1f}" height="{bar - 3}" fill="{colour}"/>')
            lines.append(f'<text x="{left + length + 6:.1f}" y="{y + 13}">{rate:,.0f} calls/s</text>')
            y += bar
        y += gap
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y - 16}" font-family="sans-serif" font-size="12">'
    return "\n".join([head, f'<rect width="{width}" height="{y - 16}" fill="white"/>', *lines, "</svg>"]) + "\n"


def publish(text, picture):
    path = os.path.join(ROOT, "BENCHMARKING.md")
    with open(path) as page:
        before, _, rest = page.read().partition("<!-- begin rest -->")
        _, _, after = rest.partition("<!-- end rest -->")
    if not after:
        sys.exit("rest-bench.py: BENCHMARKING.md has no place for the table")
    with open(path, "w") as page:
        page.write(f"{before}<!-- begin rest -->\n{text}\n<!-- end rest -->{after}")
    with open(os.path.join(ROOT, "docs/benchmarks/grpc-against-rest.svg"), "w") as file:
        file.write(picture)


def main():
    parser = argparse.ArgumentParser(description="gRPC against REST.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--bin")
    parser.add_argument("--publish", action="store_true")
    options = parser.parse_args()
    program = os.path.join(options.bin or build(), "rest_bench")
    rounds, part = (1, 20) if options.quick else (options.rounds, 1)
    seen = measure(program, rounds, part)
    ratios = against_axum(seen)
    said = ", ".join(f"{size} {ratio:.2f}" for size, ratio in ratios.items())
    text = f"{table(seen)}\n\nA REST call at our server against axum's, processor time with sixteen callers: {said}."
    print(text)
    if options.publish:
        publish(text, plot(seen))
    return 0 if max(ratios.values()) <= RATIO_MAX else 1


if __name__ == "__main__":
    sys.exit(main())
