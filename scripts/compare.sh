#!/usr/bin/env bash
# Compares Seltzer's server with tonic's and with the least that could answer, in one run: processor time of the server
# for each call or message, memory of a connection, use of two cores, PINGs beside busy handlers.
#
#   scripts/compare.sh                        # the whole table, five times each: about twenty minutes
#   scripts/compare.sh --quick                # the same with short runs, once each, to try it out
#   scripts/compare.sh unary-10x100 down-100B # some rows
#   scripts/compare.sh --list                 # which there are
#   scripts/compare.sh --publish              # the whole table, into BENCHMARKING.md and docs/benchmarks/
#
#   --repeat N        runs of each; the median counts (5)
#   --load h2load     unary rows by h2load (Debian: nghttp2-client) instead of our own load generator. It counts answers
#                     and bytes; ours checks every byte. With h2load every server is checked by ours first.
#   --carrier NAME    what Seltzer carries HTTP/2 with
#   --no-build        with what was built before
#
# The servers run on core 0 and the load on core 1 (SERVER_CORE, LOAD_CORE); the rows that need two cores for the server
# say so. Processor time is the scheduler's own account of all the server's threads. Runs of the servers take turns. A
# wrong byte in an answer, or one answer fewer than calls, makes the run fail.
set -euo pipefail

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
programs=${COMPARE_BIN:-$target/release}
server_core=${SERVER_CORE:-0} load_core=${LOAD_CORE:-1}
# Below the ports that the system hands out by itself.
port=${COMPARE_PORT:-21100}
user_header='x-request-id:b9f3a7e0-5a52-4ad6-8b37-7d1f3ac4e2d1'

rows=(
    unary-1x1 unary-10x100 unary-10x100-header unary-100x10
    down-100B up-100B echo-100B
    down-10kB up-10kB
    down-1MB up-1MB
    memory-idle memory-active
    workers pings
)
refuse() {
    echo "compare.sh: $1" >&2
    exit "${2:-64}"
}

selected=() quick='' publish='' repeat='' load=own carrier=() build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --publish) publish=yes ;;
    --repeat) repeat=${2:?--repeat needs a number} && shift ;;
    --load) load=${2:?--load needs h2load or own} && shift ;;
    --carrier) carrier=(--carrier "${2:?--carrier needs a name}") && shift ;;
    --no-build) build='' ;;
    --list) printf '%s\n' "${rows[@]}" && exit ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    -*) refuse "$1 is not known; see --help" ;;
    *)
        printf '%s\n' "${rows[@]}" | grep -qx -- "$1" || refuse "there is no row $1; see --list"
        selected+=("$1")
        ;;
    esac
    shift
done
[ ${#selected[@]} -gt 0 ] || selected=("${rows[@]}")
[ -z "$publish" ] || [ ${#selected[@]} -eq ${#rows[@]} ] || refuse 'only a whole table is published'
[ -z "$publish" ] || [ -z "$quick" ] || refuse 'a quick run is not published'
repeat=${repeat:-$([ -n "$quick" ] && echo 1 || echo 5)}
case $load in
own) ;;
h2load) command -v h2load >/dev/null || refuse 'h2load is missing: install nghttp2-client, or leave --load out' 2 ;;
*) refuse '--load is h2load or own' ;;
esac
command -v taskset >/dev/null || refuse 'taskset is missing: install util-linux' 2
[ "$(nproc)" -ge 2 ] || refuse 'this needs two cores' 2

if [ -n "$build" ]; then
    # The profile `bench` optimises across crates. mimalloc serves all servers alike; it needs a C compiler.
    (cd "$repository" && cargo build --profile bench -p seltzer-peers --features mimalloc \
        --bin seltzer_bench_server --bin tonic_bench_server --bin floor --bin raw_tcp --bin load)
fi

work=$(mktemp -d)
results=${COMPARE_RESULTS:-$target/compare.jsonl}
: >"$results"
declare -A pids ports
trap 'stop_all; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

stop_all() {
    for name in "${!pids[@]}"; do
        kill "${pids[$name]}" 2>/dev/null || true
        wait "${pids[$name]}" 2>/dev/null || true
    done
    pids=() ports=()
}

# start NAME [on CORES] PROGRAM ARGUMENT...: the port is put behind the program.
start() {
    local name=$1 cores=$server_core
    shift
    if [ "$1" = on ]; then cores=$2 && shift 2; fi
    local program=$1
    shift
    port=$((port + 1))
    taskset -c "$cores" "$programs/$program" "$port" "$@" >>"$work/servers" 2>&1 &
    pids[$name]=$! ports[$name]=$port
    "$programs/load" wait "$port" >/dev/null
}

# start_peers WHICH...: the usual servers; `cubic` sets that congestion control on all that can.
start_peers() {
    local settings=() which
    for which; do
        case $which in
        cubic) settings=(--congestion cubic) ;;
        seltzer) start seltzer seltzer_bench_server "${settings[@]}" "${carrier[@]}" ;;
        seltzer-tonic) start seltzer-tonic seltzer_bench_server --tonic "${settings[@]}" "${carrier[@]}" ;;
        tonic) start tonic tonic_bench_server "${settings[@]}" ;;
        floor) start floor floor ;;
        raw) start raw raw_tcp "${settings[@]}" ;;
        esac
    done
}

# record ROW SERVER COMMAND...: runs it, keeps what it prints.
record() {
    local row=$1 name=$2 line
    shift 2
    if ! line=$("$@"); then
        echo "compare.sh: $row on $name failed: $line" >&2
        tail -n 5 "$work/servers" >&2
        exit 1
    fi
    printf '{"row":"%s","server":"%s","result":%s}\n' "$row" "$name" "$line" >>"$results"
}

on_load_core() { taskset -c "$load_core" "$@"; }

# measure ROW "SERVER..." WORK OPTIONS...: the servers take turns.
measure() {
    local row=$1 names=$2 name turn
    shift 2
    for turn in $(seq "$repeat"); do
        for name in $names; do
            record "$row" "$name" on_load_core "$programs/load" run "${ports[$name]}" "$@" --pid "${pids[$name]}"
        done
    done
}

processor_ns() { awk '{ sum += $1 } END { printf "%.0f", sum }' /proc/"$1"/task/*/schedstat; }

# The same by h2load, which counts only.
h2load_once() {
    local name=$1 connections=$2 lanes=$3 calls=$4 before after said
    shift 4
    on_load_core "$programs/load" run "${ports[$name]}" unary:100 --connections "$connections" --lanes "$lanes" \
        --calls $((connections * lanes)) >/dev/null
    before=$(processor_ns "${pids[$name]}")
    said=$(on_load_core h2load -n "$calls" -c "$connections" -m "$lanes" -d "$work/unary.bin" \
        -H 'content-type: application/grpc' -H 'te: trailers' "$@" "http://127.0.0.1:${ports[$name]}/bench.Bench/Unary")
    after=$(processor_ns "${pids[$name]}")
    python3 - "$calls" "$((after - before))" "$said" <<'P'
import json, re, sys
calls, nanoseconds, said = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
succeeded = int(re.search(r"done, (\d+) succeeded", said)[1])
data = int(re.search(r"\((\d+)\) data$", said, re.M)[1])
# Every answer is as long as its request.
assert succeeded == calls and data == calls * 109, said
print(json.dumps({"processor_us_per_call": nanoseconds / 1e3 / calls, "failed": 0,
                  "calls_per_second": float(re.search(r"finished in .*?, ([\d.]+) req/s", said)[1])}))
P
}

unary() {
    local row=$1 connections=$2 lanes=$3 calls=$4 header=() name turn
    [ -n "$quick" ] && calls=$((calls / 10))
    calls=$((calls / (connections * lanes) * connections * lanes))
    start_peers floor tonic seltzer-tonic seltzer
    if [ "$load" = h2load ]; then
        [[ $row == *-header ]] && header=(-H "${user_header/:/: }")
        printf '\0\0\0\0\150\12\144%s\20\52' "$(printf '\7%.0s' {1..100})" >"$work/unary.bin"
        for turn in $(seq "$repeat"); do
            for name in floor tonic seltzer-tonic seltzer; do
                record "$row" "$name" h2load_once "$name" "$connections" "$lanes" "$calls" "${header[@]}"
            done
        done
    else
        [[ $row == *-header ]] && header=(--header "$user_header")
        measure "$row" 'floor tonic seltzer-tonic seltzer' unary:100 --connections "$connections" --lanes "$lanes" \
            --calls "$calls" --warm-up $((calls / 10)) "${header[@]}"
    fi
    stop_all
}

# stream ROW WORK CALLS SETTING...: four connections with one stream each, again and again.
stream() {
    local row=$1 work_of_row=$2 calls=$3
    shift 3
    [ -n "$quick" ] && calls=$(((calls + 9) / 10))
    start_peers "$@" tonic seltzer-tonic seltzer
    measure "$row" 'tonic seltzer-tonic seltzer' "$work_of_row" --connections 4 --calls "$calls" --warm-up 4 \
        ${1:+--congestion "$1"}
    stop_all
}

# The same bytes as a stream of 1 MB, without a protocol.
raw() {
    local row=$1 way=$2 bytes=$3 turn
    [ -n "$quick" ] && bytes=$((bytes / 10))
    start_peers cubic raw
    for turn in $(seq "$repeat"); do
        record "$row" raw on_load_core "$programs/load" raw "${ports[raw]}" "$way" "$bytes" --pid "${pids[raw]}" \
            --congestion cubic
    done
    stop_all
}

# memory ROW CALLS: a fresh server for each run, without huge pages: they round up to 2 MiB.
memory() {
    local row=$1 calls=$2 connections=10000 turn name
    [ -n "$quick" ] && connections=2000
    for turn in $(seq "$([ "$repeat" -gt 3 ] && echo 3 || echo "$repeat")"); do
        for name in tonic seltzer; do
            MIMALLOC_ALLOW_THP=0 start_peers "$name"
            record "$row" "$name" on_load_core "$programs/load" crowd "${ports[$name]}" unary:100 \
                --connections "$connections" --calls "$calls" --pid "${pids[$name]}"
            stop_all
        done
    done
}

# Handlers of 200 us of processor time, both cores for the server and the load beside it.
workers() {
    local calls=20000 turn name
    [ -n "$quick" ] && calls=4000
    start seltzer-1 on 0,1 seltzer_bench_server --workers 1 "${carrier[@]}"
    start seltzer-2 on 0,1 seltzer_bench_server --workers 2 "${carrier[@]}"
    start tonic-2 on 0,1 tonic_bench_server --workers 2
    for turn in $(seq "$repeat"); do
        for name in seltzer-1 seltzer-2 tonic-2; do
            record workers "$name" "$programs/load" run "${ports[$name]}" burn:200 --connections 8 --lanes 8 \
                --calls "$calls" --warm-up $((calls / 10)) --pid "${pids[$name]}"
        done
    done
    stop_all
}

# 64 handlers of 5 ms each on one connection.
pings() {
    local seconds=5 turn name
    [ -n "$quick" ] && seconds=2
    start seltzer on 0,1 seltzer_bench_server --workers 2 "${carrier[@]}"
    start tonic on 0,1 tonic_bench_server --workers 2
    for turn in $(seq "$repeat"); do
        for name in seltzer tonic; do
            record pings "$name" "$programs/load" pings "${ports[$name]}" burn:5000 --lanes 64 --seconds "$seconds" \
                --pid "${pids[$name]}"
        done
    done
    stop_all
}

for row in "${selected[@]}"; do
    echo "compare.sh: $row" >&2
    case $row in
    unary-1x1) unary "$row" 1 1 30000 ;;
    unary-10x100*) unary "$row" 10 100 1000000 ;;
    unary-100x10) unary "$row" 100 10 500000 ;;
    down-100B) stream "$row" down:10000x100 400 ;;
    up-100B) stream "$row" up:10000x100 400 ;;
    echo-100B) stream "$row" echo:10000x100 400 ;;
    down-10kB) stream "$row" down:1000x10000 160 cubic ;;
    up-10kB) stream "$row" up:1000x10000 160 cubic ;;
    down-1MB) stream "$row" down:20x1000000 120 cubic && raw "$row" down 2400000000 ;;
    up-1MB) stream "$row" up:20x1000000 120 cubic && raw "$row" up 2400000000 ;;
    memory-idle) memory "$row" 0 ;;
    memory-active) memory "$row" 3 ;;
    workers) workers ;;
    pings) pings ;;
    esac
done
python3 "$repository/scripts/compare-report.py" "$results" --load "$load" ${publish:+--publish}
