"""Compares what two libraries have measured of the same calls; see scripts/telemetry.sh."""

import json
import re
import sys
from collections import Counter

SERVER_ENDS = re.compile(r"grpc\.server\.call\.(duration|sent|rcvd)")

# (scenario, metric, attributes, which side lacks it): why it may differ. What is not among these must be equal.
EXPLAINED = {
    "grpc-go begins to count calls of methods that a server does not have, and never ends them":
        lambda point, side: side == "grpc-go" and point["scenario"] == "unknown"
        and SERVER_ENDS.match(point["name"]) and point["attributes"]["grpc.method"] == "other",
}


def read(path):
    points = {}
    for line in open(path):
        point = json.loads(line)
        attributes = point["attributes"]
        if "grpc.target" in attributes:
            # Each side has a port of its own.
            attributes["grpc.target"] = re.sub(r":\d\d+$", ":PORT", attributes["grpc.target"])
        if point["scenario"] == "deadline" and point["name"].startswith("grpc.server"):
            # Both sides keep the deadline, and whether the server's timer or the caller's reset is first, nobody knows.
            if attributes.get("grpc.status") in ("CANCELLED", "DEADLINE_EXCEEDED"):
                attributes["grpc.status"] = "CANCELLED or DEADLINE_EXCEEDED"
        key = (point["scenario"], point["name"], tuple(sorted(attributes.items())))
        if key in points:
            sys.exit(f"{path}: {key} is there twice")
        points[key] = point
    return points


def what_counts(point):
    """Of durations how many, of sizes how large: how long a call takes is each machine's own affair."""
    counted = {"kind": point["kind"], "unit": point["unit"]}
    counts = point.get("counts") or []
    if point["kind"] == "sum":
        counted["value"] = point["sum"]
    else:
        counted["bounds"], counted["count"] = point["bounds"], sum(counts)
        if point["unit"] != "s":
            counted["buckets"] = counts
            # Two implementations of gzip need not come to the same bytes.
            if point["scenario"] != "compressed":
                counted["sum"] = point["sum"]
    return counted


def main():
    theirs, ours = read(sys.argv[1]), read(sys.argv[2])
    rows, equal, explained, differing = Counter(), 0, Counter(), []
    for key in sorted(theirs.keys() | ours.keys()):
        scenario, name, attributes = key
        about = f"{scenario}: {name} " + " ".join(value for _, value in attributes)
        if key not in theirs or key not in ours:
            side, point = ("grpc-go", ours[key]) if key not in theirs else ("seltzer", theirs[key])
            why = next((why for why, fits in EXPLAINED.items() if fits(point, side)), None)
            if why:
                explained[why] += 1
            else:
                differing.append(f"{about}: not counted by {side}")
            continue
        one, other = what_counts(theirs[key]), what_counts(ours[key])
        for field in one:
            if one[field] != other[field]:
                differing.append(f"{about}: {field} is {one[field]} by grpc-go, {other[field]} by seltzer")
        equal += one == other
        rows[name, theirs[key]["unit"], theirs[key]["kind"], " ".join(label for label, _ in attributes)] += 1
    print(f"{'metric':56} {'unit':10} {'kind':10} {'labels':36} points")
    for (name, unit, kind, labels), points in sorted(rows.items()):
        print(f"{name:56} {unit:10} {kind:10} {labels:36} {points}")
    for why, points in explained.items():
        print(f"explained, {points} points: {why}")
    for difference in differing:
        print(f"DIFFERS {difference}")
    print(f"{equal} points equal, {sum(explained.values())} explained, {len(differing)} differences")
    return 1 if differing else 0


sys.exit(main())
