#!/usr/bin/env bash
# What interceptors cost a server: processor time of a unary call of 100 bytes without any, with each of those that come
# with the library, and with all of them. Prints a table.
#
#   scripts/interceptors.sh               # five rounds, of which the least disturbed counts: about three minutes
#   scripts/interceptors.sh --quick       # one short round, to try it out
#   scripts/interceptors.sh --no-build    # with what was built before
#
# The server has core 0 (SERVER_CORE) for itself and the load core 1 (LOAD_CORE). INTERCEPTORS_PORT is the server's
# port, 21730 unless set. The exit status is 2 when a tool is missing.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
programs=${INTERCEPTORS_BIN:-$target/release}
port=${INTERCEPTORS_PORT:-21730}
rounds=5 calls=200000 build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) rounds=1 calls=20000 ;;
    --no-build) build='' ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    *) echo "interceptors.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    esac
    shift
done
for tool in taskset python3; do
    command -v "$tool" >/dev/null || { echo "interceptors.sh needs $tool: install it" >&2 && exit 2; }
done
if [ -n "$build" ]; then
    (cd "$repository" && cargo build --profile bench -p seltzer-peers --features mimalloc \
        --bin seltzer_bench_server --bin load)
fi
server=
stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    server=
}
results=$(mktemp)
trap 'stop; rm -f "$results"' EXIT
trap 'exit 130' INT TERM

for round in $(seq "$rounds"); do
    for name in none logging request-id timeout authentication all; do
        intercept=()
        [ "$name" = none ] || intercept=(--intercept "$name")
        taskset -c "${SERVER_CORE:-0}" "$programs/seltzer_bench_server" "$port" "${intercept[@]}" >/dev/null &
        server=$!
        taskset -c "${LOAD_CORE:-1}" "$programs/load" wait "$port" >/dev/null
        report=$(taskset -c "${LOAD_CORE:-1}" "$programs/load" run "$port" unary:100 --connections 10 --lanes 10 \
            --calls "$calls" --warm-up $((calls / 10)) --pid "$server")
        echo "$name $report" >>"$results"
        stop
    done
    echo "interceptors.sh: round $round of $rounds, load of the machine $(cut -d ' ' -f 1-3 /proc/loadavg)" >&2
done
python3 - "$results" <<'P'
import json, sys

best = {}
for line in open(sys.argv[1]):
    name, report = line.split(" ", 1)
    cost = json.loads(report)["processor_us_per_call"]
    best[name] = min(cost, best.get(name, cost))
print("| interceptors | us of processor a call | more than without |")
print("|---|---|---|")
for name, cost in best.items():
    print(f"| {name} | {cost:.2f} | {cost - best['none']:.2f} |")
P
