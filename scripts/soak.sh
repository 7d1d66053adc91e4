#!/bin/sh
# Long hours: calls of all kinds that are answered, cancelled, or end by their deadlines, for as long as told; then
# gRPC's own soak tests, against `seltzer serve`. Prints a table of figures, and what each had to be.
#
#   scripts/soak.sh                  # two minutes, 20,000 calls on one channel, 2,000 channels with a call
#   scripts/soak.sh --hours 2        # the same in full: a million calls, a hundred thousand channels
#   scripts/soak.sh --quick          # half a minute, and a tenth of the calls
#   scripts/soak.sh --no-build       # with what was built before
#
# SOAK_RATE    calls a second; 2000 unless set. About 60 % of the processors should be busy
# SOAK_PORT    the first of two ports, outside of those that outgoing connections get; 21720
# SELTZER_BIN  a `seltzer`; without it one is built
#
# The exit status is 0 when nothing is short, 1 when something is, 2 when a tool is missing or a server did not start.
set -eu

repository=$(cd "$(dirname "$0")/.." && pwd)
target=${CARGO_TARGET_DIR:-$repository/target}
minutes=2 calls=20000 channels=2000 build=yes
while [ $# -gt 0 ]; do
    case $1 in
    --quick) minutes=0.5 calls=2000 channels=200 ;;
    --hours) minutes=$((${2:?--hours needs a number} * 60)) calls=1000000 channels=100000 && shift ;;
    --no-build) build='' ;;
    -h | --help) sed -n '2,/^set/{s/^# \{0,1\}//;/^set/d;p;}' "$0" && exit ;;
    *) echo "soak.sh: $1 is not known; see --help" >&2 && exit 64 ;;
    esac
    shift
done
if [ -n "$build" ]; then
    command -v cargo >/dev/null || { echo 'soak.sh needs cargo: install Rust' >&2 && exit 2; }
    (cd "$repository" && cargo build --quiet --release -p seltzer-peers --features trials,interop \
        --bin trials --bin interop_client) >&2
    [ -n "${SELTZER_BIN:-}" ] || (cd "$repository" && cargo build --quiet --release -p seltzer-cli) >&2
fi
port=${SOAK_PORT:-21720}
log=$(mktemp)
server=
stop() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -f "$log"
}
trap stop EXIT
trap 'exit 130' INT TERM

status=0
"$target/release/trials" soak --minutes "$minutes" --rate "${SOAK_RATE:-2000}" --port "$port" || status=$?

port=$((port + 1))
"${SELTZER_BIN:-$target/release/seltzer}" serve --listen "127.0.0.1:$port" >"$log" 2>&1 &
server=$!
until grep -q '^listening on' "$log"; do
    kill -0 "$server" 2>/dev/null || { cat "$log" >&2 && exit 2; }
    sleep 0.1
done
# soak CASE ITERATIONS: no call may fail, or take longer than a second. Messages are short, or it were a trial of copying.
soak() {
    code=0
    "$target/release/interop_client" --server_host=127.0.0.1 --server_port="$port" --test_case="$1" \
        --soak_iterations="$2" --soak_num_threads=8 --soak_request_size=1000 --soak_response_size=1000 \
        --soak_overall_timeout_seconds=86400 --soak_max_failures=0 >"$log" 2>&1 || code=$?
    if [ "$code" -eq 0 ]; then
        echo "ok $1, $2 times"
    else
        echo "FAIL $1, $2 times: $(tail -n 3 "$log" | tr '\n' ' ')"
        status=1
    fi
}
soak rpc_soak "$calls"
soak channel_soak "$channels"
exit $status
