#!/usr/bin/env python3
"""Puts one run's measurements into BENCHMARKING.md and docs/benchmarks/.

    scripts/bench-report.py CRITERION_DIRECTORY WEIGHT_FILE

The directory is what criterion wrote in one run of `throughput`, `codec` and `peers`; the file is what
scripts/weight.sh printed. Nothing is written unless all of it is there: scripts/bench-publish.sh makes it so.
"""

import datetime
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

from bench_plot import Line, Panel, Plot, svg

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "BENCHMARKING.md"
PLOT = ROOT / "docs" / "benchmarks" / "unary-against-streaming.svg"

SIZES = {"16B": 16, "1KiB": 1024, "64KiB": 64 * 1024, "1MiB": 1024 * 1024}
IN_FLIGHT = (1, 100)
# Each way to stream, the unary calls that do the same work, and how often a payload crosses the network.
COMPARISONS = (
    ("server-streaming", "unary-down", 1),
    ("client-streaming", "unary-up", 1),
    ("bidirectional", "unary-both", 2),
    ("ping-pong", "unary-both", 2),
)
KINDS = {"unary-down": 1, "server-streaming": 1, "unary-up": 1, "client-streaming": 1,
         "unary-both": 2, "bidirectional": 2, "ping-pong": 2}
CODEC = ("encode", "decode", "compression/identity", "compression/gzip", "compression/deflate")
VERSIONS = ("criterion", "h2", "hyper", "prost", "seltzer", "tokio", "tonic")


class Missing(Exception):
    """A measurement that the report needs was not taken."""


class Run:
    """What criterion measured: for each case the median time of an iteration and what an iteration does."""

    def __init__(self, directory: Path):
        self.cases = {}
        for file in directory.glob("**/new/benchmark.json"):
            case = json.loads(file.read_text())
            estimates = json.loads((file.parent / "estimates.json").read_text())
            median = estimates["median"]
            interval = median["confidence_interval"]
            half_width = (interval["upper_bound"] - interval["lower_bound"]) / 2
            self.cases[(case["group_id"], case["function_id"])] = (
                median["point_estimate"], half_width / median["point_estimate"], case["throughput"])
        if not self.cases:
            raise Missing(f"{directory} holds no measurements of criterion")

    def case(self, group: str, function: str):
        try:
            return self.cases[(group, function)]
        except KeyError:
            raise Missing(f"{group}/{function} was not measured") from None

    def per_second(self, group: str, function: str) -> float:
        """Messages a second, or bytes, whichever the case counts."""
        nanoseconds, _, throughput = self.case(group, function)
        (count,) = throughput.values()
        return count * 1e9 / nanoseconds

    def iteration_ns(self, group: str, function: str) -> float:
        return self.case(group, function)[0]

    def spread(self) -> tuple[float, float]:
        """Half the width of the medians' 95 % intervals, in parts of the median: of the middle case and the worst."""
        widths = sorted(width for _, width, _ in self.cases.values())
        return widths[len(widths) // 2], widths[-1]


def table(header: list[str], rows: list[list[str]], words: int) -> str:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * words + "--:|" * (len(header) - words)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def figure(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:.2f}" if value < 10 else f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def unary_rate(run: Run, kind: str, size: str, in_flight: int) -> float:
    return run.per_second(f"throughput/{kind}/{size}", f"{in_flight}-in-flight")


def throughput_table(run: Run) -> str:
    rows = []
    for size, size_bytes in SIZES.items():
        for in_flight in IN_FLIGHT:
            for streaming, unary, crossings in COMPARISONS:
                slow, fast = (unary_rate(run, kind, size, in_flight) for kind in (unary, streaming))
                megabytes = size_bytes * crossings / 1e6
                rows.append([size, str(in_flight), streaming, f"{slow:,.0f}", figure(slow * megabytes),
                             f"{fast:,.0f}", figure(fast * megabytes), f"**{figure(fast / slow)}**"])
    header = ["payload", "in flight", "streaming", "unary msg/s", "unary MB/s", "streaming msg/s", "streaming MB/s",
              "streaming / unary"]
    return table(header, rows, 3)


def peers_table(run: Run) -> str:
    rows = []
    for size, size_bytes in SIZES.items():
        for in_flight in IN_FLIGHT:
            for kind, crossings in KINDS.items():
                group = f"throughput/{kind}/{size}/{in_flight}-in-flight"
                ours, theirs = (run.per_second(group, peer) for peer in ("seltzer", "tonic"))
                megabytes = size_bytes * crossings / 1e6
                rows.append([size, str(in_flight), kind, f"{ours:,.0f}", figure(ours * megabytes), f"{theirs:,.0f}",
                             figure(theirs * megabytes), f"**{figure(ours / theirs)}**"])
    header = ["payload", "in flight", "kind", "seltzer msg/s", "seltzer MB/s", "tonic msg/s", "tonic MB/s",
              "seltzer / tonic"]
    return table(header, rows, 3)


def codec_table(run: Run) -> str:
    def cell(case: str, size: str) -> str:
        microseconds = run.iteration_ns(f"codec/{case}", size) / 1e3
        return f"{figure(microseconds)} µs, {figure(run.per_second(f'codec/{case}', size) / 1e6)} MB/s"

    rows = [[case.replace("compression/", "call, "), *(cell(case, size) for size in SIZES)] for case in CODEC]
    return table(["", *SIZES], rows, 1)


def plot(run: Run) -> Plot:
    directions = (("down: server-streaming", "unary-down", {"streaming": "server-streaming"}),
                  ("up: client-streaming", "unary-up", {"streaming": "client-streaming"}),
                  ("up and down: bidirectional", "unary-both",
                   {"streaming": "bidirectional", "ping-pong": "ping-pong"}))
    rows = []
    for in_flight in IN_FLIGHT:
        panels = []
        for title, unary, streams in directions:
            lines = [Line(name, [unary_rate(run, kind, size, in_flight) for size in SIZES])
                     for name, kind in {"unary": unary, **streams}.items()]
            panels.append(Panel(title, lines))
        rows.append((f"{in_flight} in flight", panels))
    return Plot([re.sub(r"(\d)(\D)", r"\1 \2", size, count=1) for size in SIZES], rows)


def machine(run: Run) -> str:
    lock = (ROOT / "Cargo.lock").read_text()
    versions = (f"{name} {found[1]}" for name in VERSIONS
                if (found := re.search(rf'name = "{name}"\nversion = "([^"]+)"', lock)))
    middle, worst = run.spread()
    rows = [
        ["date", datetime.date.today().isoformat()],
        ["processor", f"{processor()}, {os.cpu_count()} cores"],
        ["memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"],
        ["system", f"{platform.system()} {platform.release()}, TCP congestion control {congestion_control()}"],
        ["compiler", said_by("rustc", "--version")],
        ["versions", ", ".join(versions)],
        ["spread", f"95 % interval of the median: ± {middle:.1%} in the middle case, ± {worst:.1%} in the worst"],
        ["command", "`scripts/bench-publish.sh`"],
    ]
    return table(["", ""], rows, 2)


def processor() -> str:
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.M)
    except OSError:
        found = None
    return found[1] if found else platform.machine()


def congestion_control() -> str:
    try:
        return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()
    except OSError:
        return "unknown"


def said_by(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def put(document: str, section: str, content: str) -> str:
    """Replaces what stands between the markers of a section."""
    begin, end = f"<!-- begin {section} -->", f"<!-- end {section} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.S)
    document, times = pattern.subn(lambda _: f"{begin}\n{content}\n{end}", document)
    if times != 1:
        raise Missing(f"BENCHMARKING.md must have the markers {begin} and {end} once")
    return document


def main() -> int:
    if len(sys.argv) != 3:
        print(__doc__, file=sys.stderr)
        return 64
    try:
        run = Run(Path(sys.argv[1]))
        document = DOCUMENT.read_text()
        sections = {"machine": machine(run), "throughput": throughput_table(run), "peers": peers_table(run),
                    "codec": codec_table(run), "weight": Path(sys.argv[2]).read_text().strip()}
        for section, content in sections.items():
            document = put(document, section, content)
        picture = svg(plot(run))
    except (Missing, OSError) as error:
        print(f"bench-report: {error}; nothing was written", file=sys.stderr)
        return 1
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    PLOT.write_text(picture)
    DOCUMENT.write_text(document)
    print(f"wrote {DOCUMENT.relative_to(ROOT)} and {PLOT.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
